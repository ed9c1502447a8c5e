# SPDX-License-Identifier: GPL-2.0-or-later
"""Lemmas of the count: each operation, on a disk of any size.

Each says that what an operation means on the disk, as far as the count keeps
it, is among the values of the count's own expression; and, where the count is
sure of a parameter, that there is one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import z3

from checker.proof.lemmas.terms import (
    CHUNKS,
    Lemma,
    Members,
    granules,
    in_disk,
    is_chunk,
    is_position,
    numbers,
)
from checker.proof.termination.disk_terms import (
    DISK,
    P,
    Q,
    counting,
    facts,
    known,
    lemma,
)
from model.language import expression as ex
from model.language.counted import Counting
from model.language.expression import Expression
from model.language.schematic import Sort

Kind = type[Counting]

_TOKEN = "chunk in a"
_GRANULE = "granule in a"
_CHUNK_OF = f"chunk of {_GRANULE}"


def field_of(name: str, sort: Sort) -> Expression:
    """Return a field of a schema."""
    return ex.field_value(name, int(sort))


def ask(name: str, width: int, *operands: Expression) -> Expression:
    """Return a question of a schema."""
    return ex.asked(name, int(width), operands)


def less(one: Expression, other: Expression) -> Expression:
    """Return the difference of two sets, as a schema has it."""
    return ex.conjunction(one, ex.complement(other))


def count_lemmas(kind: Kind = Counting) -> Iterator[Lemma]:
    """Yield all lemmas on the terms of a schema that ``kind`` counts."""
    for sort in (Sort.GRANULES, Sort.CHUNKS, Sort.CONTENTS):
        yield from _of_sets(sort, kind)
    yield from _of_members(kind)
    yield from _of_contents(kind)
    yield from _of_limits(kind)
    yield from _of_cursors(kind)
    yield from _of_names(kind)


def sets_of(sort: Sort) -> tuple[Members, Members]:
    """Return two arbitrary sets of a sort; contents are those of chunk P."""
    if sort is Sort.CHUNKS:
        d, e = numbers("D"), numbers("E")
        return (lambda i, _: d[i]), (lambda i, _: e[i])
    a, b = granules("S"), granules("T")
    if sort is Sort.GRANULES:
        return (lambda i, o: a[i][o]), (lambda i, o: b[i][o])
    return (
        lambda i, o: z3.And(i == P, a[i][o]),
        lambda i, o: z3.And(i == P, b[i][o]),
    )


def _of_sets(sort: Sort, kind: Kind) -> Iterator[Lemma]:
    left, right = sets_of(sort)
    one, other = known("A", left), known("B", right)
    a, b = field_of("A", sort), field_of("B", sort)
    given, flag = z3.Bool("F"), ex.field_value("F", 1)
    fields = {"A": one.some, "B": other.some, "F": given}
    nothing = ex.constant(0, int(sort))
    results: dict[str, tuple[Expression, Members]] = {
        "|": (
            ex.disjunction(a, b),
            lambda i, o: z3.Or(left(i, o), right(i, o)),
        ),
        "&": (
            ex.conjunction(a, b),
            lambda i, o: z3.And(left(i, o), right(i, o)),
        ),
        "-": (
            less(a, b),
            lambda i, o: z3.And(left(i, o), z3.Not(right(i, o))),
        ),
        "only_if": (
            ex.choice(flag, a, nothing),
            lambda i, o: z3.And(given, left(i, o)),
        ),
        "choose": (
            ex.choice(flag, a, b),
            lambda i, o: z3.If(given, left(i, o), right(i, o)),
        ),
        "all": (
            ex.constant(ex.ones(int(sort)), int(sort)),
            lambda i, o: z3.BoolVal(True),
        ),
        "none": (nothing, lambda i, o: z3.BoolVal(False)),
    }
    named = sort.name.lower()
    for name, (term, members) in results.items():
        result = known("R", members)
        yield lemma(
            f"{name}: {named}",
            f"Whether '{name}' of {named} is empty is an answer.",
            z3.And(DISK, facts([one, other, result])),
            [(counting(kind).of(term), result.some)],
            fields,
        )
    yield lemma(
        f"is_empty: {named}",
        f"Whether a set of {named} is empty is known.",
        z3.And(DISK, facts([one])),
        [(counting(kind).of(ask("is_empty", 1, a)), z3.Not(one.some))],
        fields,
    )


def _of_members(kind: Kind) -> Iterator[Lemma]:
    for sort, question, alone in (
        (
            Sort.GRANULES,
            f"has_granule|{_GRANULE}",
            f"granule_member|{_GRANULE}",
        ),
        (Sort.CHUNKS, f"has_chunk|{_TOKEN}", f"chunk_member|{_TOKEN}"),
    ):
        members, _ = sets_of(sort)
        one = known("A", members)
        named = sort.name.lower()
        told = counting(kind).of(ask(question, 1, field_of("A", sort)))
        yield lemma(
            f"{question.partition('|')[0]}",
            f"Whether the parameter is in a set of {named} is an answer.",
            z3.And(DISK, facts([one])),
            [(told, members(P, Q))],
            {"A": one.some},
        )
        yield Lemma(
            f"{question.partition('|')[0]}: sure",
            f"Of a set of {named} that is not empty some member is one that "
            "the parameter may be.",
            z3.And(DISK, facts([one]), one.some),
            z3.And(in_disk(*one.at), members(*one.at)),
        )
        chunks = sort is Sort.CHUNKS

        def just(i: Any, o: Any, chunks: bool = chunks) -> z3.BoolRef:
            return i == P if chunks else z3.And(i == P, o == Q)

        single = known("R", just)
        yield lemma(
            f"{alone.partition('|')[0]}",
            f"The set of just the parameter, of {named}, is not empty.",
            z3.And(DISK, facts([single])),
            [(counting(kind).of(ask(alone, sort)), single.some)],
            {},
        )
    members, _ = sets_of(Sort.GRANULES)
    chunks_ = numbers("C")
    of_granules = known("A", members)
    of_chunks = known("R", lambda i, _: chunks_[i])
    y = z3.Int("y_in")
    x = of_chunks.at[0]
    yield lemma(
        "chunks_with",
        "The chunks with a member of a set are some if it has a member.",
        z3.And(
            DISK,
            facts([of_granules]),
            facts([of_chunks]),
            z3.Implies(
                of_granules.some,
                z3.And(
                    chunks_[of_granules.at[0]],
                    z3.Or(of_chunks.some, z3.Not(chunks_[of_granules.at[0]])),
                ),
            ),
            z3.Implies(of_chunks.some, z3.And(in_disk(x, y), members(x, y))),
            z3.Implies(z3.And(in_disk(x, y), members(x, y)), of_granules.some),
        ),
        [
            (
                counting(kind).of(
                    ask(
                        "chunks_with",
                        Sort.CHUNKS,
                        field_of("A", Sort.GRANULES),
                    )
                ),
                of_chunks.some,
            )
        ],
        {"A": of_granules.some},
    )


def _of_contents(kind: Kind) -> Iterator[Lemma]:
    members, _ = sets_of(Sort.GRANULES)
    b = granules("N")

    def arrived(i: Any, o: Any) -> z3.BoolRef:
        return z3.And(i == P, b[i][o])

    one, other = known("A", members), known("B", arrived)
    a = field_of("A", Sort.GRANULES)
    inside = known("R", lambda i, o: z3.And(i == P, members(i, o)))
    part = ask(f"contents|{_CHUNK_OF}", Sort.CONTENTS, a)
    yield lemma(
        "contents",
        "Whether the part in the parameter's chunk is empty is an answer.",
        z3.And(DISK, facts([one, inside])),
        [(counting(kind).of(part), inside.some)],
        {"A": one.some},
    )
    replaced = known(
        "R", lambda i, o: z3.If(i == P, arrived(i, o), members(i, o))
    )
    both = (a, field_of("B", Sort.CONTENTS))
    term = ask(f"with_contents|{_TOKEN}", Sort.GRANULES, *both)
    yield lemma(
        "with_contents",
        "Whether a set with a new part in one chunk is empty is an answer.",
        z3.And(DISK, facts([one, other, replaced])),
        [(counting(kind).of(term), replaced.some)],
        {"A": one.some, "B": other.some},
    )


def _of_limits(kind: Kind) -> Iterator[Lemma]:
    number, limit = z3.Ints("number limit")
    some = number >= 1
    a = field_of("A", Sort.CHUNKS)
    sizes = z3.And(number >= 0, number <= CHUNKS, limit >= 0, DISK)
    cases = {
        "at_most: any": (counting(kind), "limit", sizes),
        "at_most: none": (counting(kind), "0", z3.And(sizes, limit == 0)),
        "at_most: all": (
            counting(kind, frozenset({"limit"})),
            "limit",
            z3.And(sizes, limit >= CHUNKS),
        ),
    }
    for name, (count, of, premise) in cases.items():
        told = count.of(ask(f"at_most|{of}", 1, a))
        yield lemma(
            name,
            "Whether a set keeps within a limit is an answer.",
            premise,
            [(told, number <= limit)],
            {"A": some},
        )
    after, kept = z3.Int("after"), z3.Bool("kept")
    yield Lemma(
        "at_most: remembered",
        "A limit that was kept is so after a step that adds nothing, one "
        "that was not is not after a step that takes nothing, and the empty "
        "set keeps any.",
        z3.And(sizes, kept == (number <= limit), after >= 0),
        z3.And(
            z3.Implies(z3.And(kept, after <= number), after <= limit),
            z3.Implies(
                z3.And(z3.Not(kept), after >= number), z3.Not(after <= limit)
            ),
            z3.Implies(after == 0, after <= limit),
        ),
    )


def _of_cursors(kind: Kind) -> Iterator[Lemma]:
    at = z3.Int("at")
    premise = z3.And(DISK, is_position(at))
    cursor = field_of("A", Sort.POSITION)
    fields = {"A": at == CHUNKS}
    questions: dict[str, tuple[Expression, z3.ExprRef, z3.BoolRef]] = {
        "position_at": (
            ask(f"position_at|{_TOKEN}", 1, cursor),
            at == P,
            premise,
        ),
        "position_at_end": (
            ask("position_at_end", 1, cursor),
            at == CHUNKS,
            premise,
        ),
        "position_start": (
            ask("position_start", Sort.POSITION),
            CHUNKS == 0,
            premise,
        ),
        "position_past": (
            ask(f"position_past|{_TOKEN}", Sort.POSITION, cursor),
            P + 1 == CHUNKS,
            z3.And(premise, at == P),
        ),
    }
    for name, (term, truth, given) in questions.items():
        yield lemma(
            name,
            f"What '{name}' means of a cursor is an answer.",
            given,
            [(counting(kind).of(term), truth)],
            fields,
        )
    yield Lemma(
        "position_at: sure",
        "A cursor that is not at the end stands at some chunk.",
        z3.And(premise, z3.Not(at == CHUNKS)),
        is_chunk(at),
    )
    ahead = known("R", lambda i, _: i >= at)
    yield lemma(
        "chunks_ahead",
        "Chunks are ahead of a cursor that is not at the end.",
        z3.And(premise, facts([ahead], (at, z3.IntVal(0)))),
        [
            (
                counting(kind).of(ask("chunks_ahead", Sort.CHUNKS, cursor)),
                ahead.some,
            )
        ],
        fields,
    )


def _of_names(kind: Kind) -> Iterator[Lemma]:
    name = z3.Int("name")
    premise = z3.And(DISK, name >= 0, name <= CHUNKS)
    fields = {"A": name >= 1}
    a = field_of("A", Sort.NAME)
    yield lemma(
        "chunk_code",
        "What names the parameter names some chunk.",
        premise,
        [
            (
                counting(kind).of(ask(f"chunk_code|{_TOKEN}", Sort.NAME)),
                P + 1 >= 1,
            )
        ],
        {},
    )
    told = counting(kind).of(ask(f"names_chunk|{_TOKEN}", 1, a))
    yield lemma(
        "names_chunk",
        "Whether a name is the parameter's is an answer.",
        premise,
        [(told, name == P + 1)],
        fields,
    )
    yield Lemma(
        "names_chunk: sure",
        "A name that is not none is that of some chunk.",
        z3.And(premise, name >= 1),
        is_chunk(name - 1),
    )
