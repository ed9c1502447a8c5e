# SPDX-License-Identifier: GPL-2.0-or-later
"""Lemmas of what is seen at one chunk k and one granule c of it.

Each says that what an operation means on the disk, seen from k and c, is
among the values of the expression that is read there (``by_chunk``), for each
place where the action's parameter may lie.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import z3
from attrs import frozen

from checker.proof.lemmas.terms import (
    CHUNKS,
    SIZE,
    K,
    Lemma,
    Members,
    R,
    granules,
    in_disk,
    is_position,
    numbers,
)
from checker.proof.termination.disk_terms import (
    P,
    Q,
    counting,
    facts,
    known,
    lemma,
)
from checker.proof.termination.lemmas_count import ask, field_of, less
from model.language import expression as ex
from model.language.by_chunk import (
    OVER_CHUNKS,
    OVER_GRANULES,
    AtCursor,
    AtGranules,
    ByChunk,
    Where,
)
from model.language.expression import Expression
from model.language.schematic import Sort

#: the parameter (P, Q) as c = (K, R) and k = K see it
PLACES: dict[Where, z3.BoolRef] = {
    Where.NOWHERE: z3.BoolVal(True),
    Where.FOLLOWED: z3.And(P == K, Q == R),
    Where.NEIGHBOUR: z3.And(P == K, Q != R),
    Where.ELSEWHERE: P != K,
    Where.MINE: P == K,
    Where.OTHER: P != K,
}
DISK = z3.And(CHUNKS >= 1, SIZE >= 1, in_disk(K, R), in_disk(P, Q))
Kind = type[ByChunk]
Truths = list[tuple[Expression, z3.ExprRef]]


@frozen(eq=False)
class Seen:
    """A set of granules as k and c see it: c, another of k, and any at all.

    ``others`` with ``near``, an offset, so that no quantifier is needed.
    """

    members: Members
    others: z3.BoolRef
    near: Any
    some: z3.BoolRef
    at: tuple[Any, Any]


def seen(name: str, members: Members) -> Seen:
    """Return what k and c see of a set."""
    one = known(name, members)
    others, near = z3.Bool(f"others_{name}"), z3.Int(f"near_{name}")
    return Seen(members, others, near, one.some, one.at)


def said(*sets: Seen) -> z3.BoolRef:
    """Return what is known of the sets at each other's witnesses."""
    offsets = [Q, *(one.near for one in sets)]
    found = []
    for one in sets:
        at = z3.And(in_disk(K, one.near), one.near != R)
        found.append(
            z3.Implies(one.others, z3.And(at, one.members(K, one.near)))
        )
        for offset in offsets:
            here = z3.And(in_disk(K, offset), offset != R)
            inside = z3.And(here, one.members(K, offset))
            found.append(z3.Implies(inside, one.others))
        for point in ((K, R), (P, Q), *((K, o) for o in offsets)):
            inside = z3.And(in_disk(*point), one.members(*point))
            found.append(z3.Implies(inside, one.some))
        some = z3.And(in_disk(*one.at), one.members(*one.at))
        found.append(z3.Implies(one.some, some))
    return z3.And(found)


def fields_of(name: str, one: Seen) -> dict[str, z3.ExprRef]:
    """Return what the fields of a set of granules stand for."""
    return {
        name: one.some,
        f"?k: {name} has c": one.members(K, R),
        f"?k: {name} beside c": one.others,
    }


def truths(read: Any, one: Seen) -> Truths:
    """Return what is read of a set of granules, with what is true."""
    assert isinstance(read, AtGranules)
    return [(read.followed, one.members(K, R)), (read.others, one.others)]


def chunk_lemmas(kind: Kind = ByChunk) -> Iterator[Lemma]:
    """Yield all lemmas on what ``kind`` sees at one chunk and granule."""
    yield from _of_granules(kind)
    yield from _of_chunks(kind)
    yield from _of_parameters(kind)
    yield from _of_contents(kind)
    yield from _of_cursors(kind)
    yield from _of_names(kind)


def _of_granules(kind: Kind) -> Iterator[Lemma]:
    s, t = granules("S"), granules("T")
    one, other = (
        seen("A", lambda i, o: s[i][o]),
        seen("B", lambda i, o: t[i][o]),
    )
    a, b = (field_of(name, Sort.GRANULES) for name in "AB")
    flag, given = ex.field_value("F", 1), z3.Bool("F")
    nothing = ex.constant(0, int(Sort.GRANULES))
    full = ex.constant(ex.ones(int(Sort.GRANULES)), int(Sort.GRANULES))
    results: dict[str, tuple[Expression, Members]] = {
        "|": (ex.disjunction(a, b), lambda i, o: z3.Or(s[i][o], t[i][o])),
        "&": (ex.conjunction(a, b), lambda i, o: z3.And(s[i][o], t[i][o])),
        "-": (less(a, b), lambda i, o: z3.And(s[i][o], z3.Not(t[i][o]))),
        "choose": (
            ex.choice(flag, a, b),
            lambda i, o: z3.If(given, s[i][o], t[i][o]),
        ),
        "none": (
            ex.choice(flag, a, nothing),
            lambda i, o: z3.And(given, s[i][o]),
        ),
        "all": (
            ex.choice(flag, full, a),
            lambda i, o: z3.Or(given, s[i][o]),
        ),
    }
    fields = {**fields_of("A", one), **fields_of("B", other), "F": given}
    for name, (term, members) in results.items():
        result = seen("R", members)
        read = kind(counting(), Where.NOWHERE).of(term)
        yield lemma(
            f"{name}: granules at k",
            f"What is seen at k and c of '{name}' of granules.",
            z3.And(DISK, said(one, other, result)),
            truths(read, result),
            fields,
        )
    chunks = kind(counting(), Where.NOWHERE).of(
        ask("chunks_with", Sort.CHUNKS, a)
    )
    offset = z3.Int("offset")
    has = z3.Bool("has")
    yield lemma(
        "chunks_with at k",
        "Whether k has a member of a set of granules.",
        z3.And(
            DISK,
            said(one),
            z3.Implies(has, z3.And(in_disk(K, offset), s[K][offset])),
            *(
                z3.Implies(z3.And(in_disk(K, o), s[K][o]), has)
                for o in (R, one.near)
            ),
            z3.Implies(
                z3.And(in_disk(K, offset), offset != R, s[K][offset]),
                one.others,
            ),
        ),
        [(chunks, has)],
        fields,
    )
    read_a = kind(counting(), Where.NOWHERE)
    read_a.of(a)
    yield lemma(
        "links: granules",
        "A set with a member at k is not empty.",
        z3.And(DISK, said(one)),
        [(read_a.links("A"), z3.BoolVal(True))],
        fields,
    )


def _of_chunks(kind: Kind) -> Iterator[Lemma]:
    d, e = numbers("D"), numbers("E")
    a, b = (field_of(name, Sort.CHUNKS) for name in "AB")
    flag, given = ex.field_value("F", 1), z3.Bool("F")
    results = {
        "|": (ex.disjunction(a, b), z3.Or(d[K], e[K])),
        "&": (ex.conjunction(a, b), z3.And(d[K], e[K])),
        "-": (less(a, b), z3.And(d[K], z3.Not(e[K]))),
        "choose": (ex.choice(flag, a, b), z3.If(given, d[K], e[K])),
    }
    some = known("A", lambda i, _: d[i])
    fields = {
        "?k: A has k": d[K],
        "?k: B has k": e[K],
        "F": given,
        "A": some.some,
    }
    for name, (term, truth) in results.items():
        read = kind(counting(), Where.NOWHERE).of(term)
        yield lemma(
            f"{name}: chunks at k",
            f"What is seen at k of '{name}' of chunks.",
            DISK,
            [(read, truth)],
            fields,
        )
    reading = kind(counting(), Where.NOWHERE)
    reading.of(a)
    yield lemma(
        "links: chunks",
        "A set that has k is not empty.",
        z3.And(DISK, facts([some], (K, R))),
        [(reading.links("A"), z3.BoolVal(True))],
        fields,
    )


def _of_parameters(kind: Kind) -> Iterator[Lemma]:
    s, d = granules("S"), numbers("D")
    one = seen("A", lambda i, o: s[i][o])
    key = "granule in a"
    for where in OVER_GRANULES:
        reading = kind(counting(), where)
        alone = seen("R", lambda i, o: z3.And(i == P, o == Q))
        premise = z3.And(DISK, PLACES[where], said(one, alone))
        a = field_of("A", Sort.GRANULES)
        yield lemma(
            f"granule_member at {where.value}",
            "What is seen of the set of just the parameter.",
            premise,
            truths(
                reading.of(ask(f"granule_member|{key}", Sort.GRANULES)), alone
            ),
            {},
        )
        yield lemma(
            f"has_granule at {where.value}",
            "Whether the parameter is in a set.",
            premise,
            [(reading.of(ask(f"has_granule|{key}", 1, a)), s[P][Q])],
            fields_of("A", one),
        )
        yield lemma(
            f"chunk of a granule at {where.value}",
            "Whether the chunk of the parameter is k.",
            premise,
            [
                (
                    reading.of(
                        ask(f"chunk_member|chunk of {key}", Sort.CHUNKS)
                    ),
                    P == K,
                )
            ],
            {},
        )
    some = known("A", lambda i, _: d[i])
    for where in OVER_CHUNKS:
        reading = kind(counting(), where)
        premise = z3.And(DISK, PLACES[where], facts([some], (K, R)))
        a = field_of("A", Sort.CHUNKS)
        fields = {"?k: A has k": d[K], "A": some.some}
        yield lemma(
            f"chunk_member at {where.value}",
            "Whether the set of just the parameter has k.",
            premise,
            [
                (
                    reading.of(ask("chunk_member|chunk in a", Sort.CHUNKS)),
                    P == K,
                )
            ],
            {},
        )
        yield lemma(
            f"has_chunk at {where.value}",
            "Whether the parameter is in a set of chunks.",
            premise,
            [(reading.of(ask("has_chunk|chunk in a", 1, a)), d[P])],
            fields,
        )


def _of_contents(kind: Kind) -> Iterator[Lemma]:
    s, n = granules("S"), granules("N")
    a = field_of("A", Sort.GRANULES)
    b = field_of("B", Sort.CONTENTS)
    one = seen("A", lambda i, o: s[i][o])
    new = seen("B", lambda i, o: z3.And(i == P, n[i][o]))
    part = seen("R", lambda i, o: z3.And(i == P, s[i][o]))
    whole = seen("Z", lambda i, o: z3.If(i == P, n[i][o], s[i][o]))
    fields = {**fields_of("A", one), **fields_of("B", new)}
    for where in OVER_CHUNKS:
        reading = kind(counting(), where)
        premise = z3.And(DISK, PLACES[where], said(one, new, part, whole))
        yield lemma(
            f"contents at {where.value}",
            "What is seen of a set's part in the parameter.",
            premise,
            truths(
                reading.of(ask("contents|chunk in a", Sort.CONTENTS, a)), part
            ),
            fields,
        )
        term = ask("with_contents|chunk in a", Sort.GRANULES, a, b)
        yield lemma(
            f"with_contents at {where.value}",
            "What is seen of a set with a new part in the parameter.",
            premise,
            truths(reading.of(term), whole),
            fields,
        )


def _of_cursors(kind: Kind) -> Iterator[Lemma]:
    at = z3.Int("at")
    cursor = field_of("A", Sort.POSITION)
    fields = {
        "A": at == CHUNKS,
        "?k: A at k": at == K,
        "?k: A passed k": at > K,
    }
    premise = z3.And(DISK, is_position(at))
    reading = kind(counting(), Where.NOWHERE)
    yield lemma(
        "chunks_ahead at k",
        "Whether k is ahead of a cursor.",
        premise,
        [(reading.of(ask("chunks_ahead", Sort.CHUNKS, cursor)), at <= K)],
        fields,
    )
    yield lemma(
        "links: cursor",
        "What k sees of a cursor agrees with whether it is at the end.",
        premise,
        [(reading.links("A"), z3.BoolVal(True))],
        fields,
    )
    start = reading.of(ask("position_start", Sort.POSITION))
    yield lemma(
        "position_start at k",
        "What k sees of a cursor at the first chunk.",
        DISK,
        _positions(start, z3.IntVal(0)),
        {},
    )
    for where in OVER_CHUNKS:
        here = kind(counting(), where)
        given = z3.And(premise, PLACES[where])
        told = here.of(ask("position_at|chunk in a", 1, cursor))
        yield lemma(
            f"position_at at {where.value}",
            "Whether a cursor stands at the parameter.",
            given,
            [(told, at == P)],
            fields,
        )
        past = here.of(ask("position_past|chunk in a", Sort.POSITION, cursor))
        yield lemma(
            f"position_past at {where.value}",
            "What k sees of a cursor that stood at the parameter.",
            z3.And(given, at == P),
            _positions(past, P + 1),
            fields,
        )


def _positions(read: Any, at: Any) -> Truths:
    assert isinstance(read, AtCursor)
    return [(read.here, at == K), (read.passed, at > K)]


def _of_names(kind: Kind) -> Iterator[Lemma]:
    name = z3.Int("name")
    premise = z3.And(DISK, name >= 0, name <= CHUNKS)
    fields = {"A": name >= 1, "?k: A has k": name == K + 1}
    a = field_of("A", Sort.NAME)
    for where in OVER_CHUNKS:
        reading = kind(counting(), where)
        given = z3.And(premise, PLACES[where])
        yield lemma(
            f"names_chunk at {where.value}",
            "Whether a name is the parameter's.",
            given,
            [
                (
                    reading.of(ask("names_chunk|chunk in a", 1, a)),
                    name == P + 1,
                )
            ],
            fields,
        )
        yield lemma(
            f"chunk_code at {where.value}",
            "Whether the parameter's name is that of k.",
            given,
            [
                (
                    reading.of(ask("chunk_code|chunk in a", Sort.NAME)),
                    P + 1 == K + 1,
                )
            ],
            {},
        )
