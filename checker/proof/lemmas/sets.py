# SPDX-License-Identifier: GPL-2.0-or-later
"""Lemmas on sets of granules and chunks, for a disk of any size.

Each says of one operation of the domain, or of one operator of the sets: what
it means on a disk, seen from the granule that is followed, is among the
values that the domain's own expression can take.  The meaning is written here
in terms of arrays and integers; the expression is the product's.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import z3
from attrs import frozen

from checker.proof.lemmas.terms import (
    CHUNK_PARAMETERS,
    CHUNKS,
    DISK,
    GRANULE_PARAMETERS,
    J,
    K,
    Lemma,
    Members,
    R,
    among,
    granules,
    in_disk,
    is_chunk,
    none_is,
    numbers,
    seen_chunks,
    seen_contents,
    seen_granules,
)
from model.language import expression as ex
from model.language.per_granule import at_one_granule
from model.language.projected import MINE, Projected
from model.language.sets import (
    ChunkSet,
    Contents,
    GranuleSet,
    chunk_alone,
    every_chunk,
    every_granule,
    single,
)
from model.language.types import (
    ChunkSetType,
    ContentsType,
    Disk,
    FlagType,
    GranuleSetType,
)
from model.language.values import Flag, choose

#: limits on a number that the expression is asked for; the number and the
#: limit in the lemma are any
LIMITS: Final = (0, 1, 2)


@frozen(eq=False)
class _Sets:
    """Two sets of one kind: in the model, seen from c, and on the disk."""

    kind: str
    left: Any
    right: Any
    seen: tuple[z3.BoolRef, z3.BoolRef]
    members: tuple[Members, Members]
    premise: z3.BoolRef

    @property
    def fields(self) -> dict[str, z3.ExprRef]:
        """The two sets as they are seen, and a condition."""
        left, right = self.seen
        return {"A": left, "B": right, "F": z3.Bool("F")}


def set_lemmas(domain: Projected) -> Iterator[Lemma]:
    """Yield all lemmas about the sets of one domain."""
    disk = Disk("disk", domain)
    kinds = list(_kinds(disk))
    for sets in kinds:
        yield from _pointwise(sets)
        yield from _questions(sets)
    yield from _parameters(domain)
    yield from _single_sets(disk)
    yield from _membership(disk)
    yield from _counting(disk)
    yield from _contents(disk)


def _value(class_: Any, type_: Any, name: str) -> Any:
    return class_(type_, ex.field_value(name, type_.width), name)


def _kinds(disk: Disk) -> Iterator[_Sets]:
    a, b = granules("S"), granules("T")
    yield _Sets(
        "granules",
        _value(GranuleSet, GranuleSetType(disk), "A"),
        _value(GranuleSet, GranuleSetType(disk), "B"),
        (seen_granules(a), seen_granules(b)),
        (lambda i, o: a[i][o], lambda i, o: b[i][o]),
        DISK,
    )
    d, e = numbers("D"), numbers("E")
    yield _Sets(
        "chunks",
        _value(ChunkSet, ChunkSetType(disk), "A"),
        _value(ChunkSet, ChunkSetType(disk), "B"),
        (seen_chunks(d), seen_chunks(e)),
        (lambda i, _: d[i], lambda i, _: e[i]),
        DISK,
    )
    # of the same chunk j, which may be k
    p, q = numbers("P"), numbers("Q")
    yield _Sets(
        "contents",
        _value(Contents, ContentsType(disk), "A"),
        _value(Contents, ContentsType(disk), "B"),
        (seen_contents(p, J), seen_contents(q, J)),
        (
            lambda i, o: z3.And(i == J, p[o]),
            lambda i, o: z3.And(i == J, q[o]),
        ),
        z3.And(DISK, is_chunk(J)),
    )


def _pointwise(sets: _Sets) -> Iterator[Lemma]:
    """Yield lemmas on operators that act on each granule alone."""
    a, b = sets.left, sets.right
    left, right = (of(K, R) for of in sets.members)
    condition = Flag(FlagType(), ex.field_value("F", 1), "F")
    given = z3.Bool("F")
    results = {
        "|": (a | b, z3.Or(left, right)),
        "&": (a & b, z3.And(left, right)),
        "-": (a - b, z3.And(left, z3.Not(right))),
        "only_if": (a.only_if(condition), z3.And(given, left)),
        "choose": (
            choose(condition, a, b),
            z3.If(given, left, right),
        ),
        "empty": (a.becomes(frozenset()), z3.BoolVal(False)),
    }
    for name, (value, truth) in results.items():
        yield among(
            f"{name}: {sets.kind}",
            f"What is seen of '{name}' of {sets.kind} is '{name}' of what is "
            "seen.",
            sets.premise,
            [(value.expression, truth)],
            sets.fields,
        )


def _questions(sets: _Sets) -> Iterator[Lemma]:
    """Yield lemmas: is a set empty, does it lie within another?"""
    a, b = sets.left, sets.right
    left, right = sets.members
    asked = {"<=": ((a <= b), _without(left, right))}
    if not isinstance(a, Contents):
        asked["is_empty"] = (a.is_empty(), left)
    for name, (value, members) in asked.items():
        told = value.expression
        truth = z3.Bool("truth")
        yield among(
            f"{name}: {sets.kind}",
            f"Whether '{name}' is true of sets of {sets.kind} is an answer.",
            z3.And(sets.premise, none_is(truth, members)),
            [(told, truth)],
            sets.fields,
        )
        (alone,) = at_one_granule([told])
        yield among(
            f"{name}: {sets.kind}, true of all",
            f"If '{name}' is true of sets of {sets.kind}, it is so at c.",
            z3.And(sets.premise, z3.Not(members(K, R))),
            [(alone, z3.BoolVal(True))],
            sets.fields,
        )
        yield among(
            f"{name}: {sets.kind}, false somewhere",
            f"If '{name}' is false of sets of {sets.kind}, it is so at some "
            "granule alone.",
            z3.And(sets.premise, members(K, R)),
            [(alone, z3.BoolVal(False))],
            sets.fields,
        )


def _without(left: Members, right: Members) -> Members:
    return lambda i, o: z3.And(left(i, o), z3.Not(right(i, o)))


def _parameters(domain: Projected) -> Iterator[Lemma]:
    """Yield lemmas: a parameter of a disk's action is a projected one."""
    x, y = z3.Ints("x y")
    mine = x == K
    yield Lemma(
        "chunks",
        "Every chunk of the disk is k or another chunk.",
        z3.And(DISK, is_chunk(x)),
        z3.Or([mine if c is MINE else z3.Not(mine) for c in domain.chunks]),
    )
    here = {
        "c": z3.And(mine, y == R),
        "neighbour": z3.And(mine, y != R),
        "elsewhere": z3.Not(mine),
    }
    yield Lemma(
        "granules",
        "Every granule of the disk is c, in k beside c, or elsewhere.",
        z3.And(DISK, in_disk(x, y)),
        z3.Or(
            [
                z3.And(here[str(g)], mine == (g.chunk is MINE))
                for g in domain.granules
            ]
        ),
    )


def _single_sets(disk: Disk) -> Iterator[Lemma]:
    """Yield lemmas about the sets that hold one member, or all."""
    for granule, (chunk, offset, known) in GRANULE_PARAMETERS.items():
        alone = z3.Store(
            z3.K(z3.IntSort(), z3.K(z3.IntSort(), z3.BoolVal(False))),
            chunk,
            z3.Store(
                z3.K(z3.IntSort(), z3.BoolVal(False)), offset, z3.BoolVal(True)
            ),
        )
        yield among(
            f"granule_member: {granule}",
            f"What is seen of the set of just '{granule}'.",
            z3.And(DISK, known),
            [(single(disk, granule).expression, seen_granules(alone))],
            {},
        )
    for parameter, (chunk, known) in CHUNK_PARAMETERS.items():
        alone = z3.Store(
            z3.K(z3.IntSort(), z3.BoolVal(False)), chunk, z3.BoolVal(True)
        )
        one = chunk_alone(disk, parameter).expression
        yield among(
            f"chunk_member: {parameter}",
            f"What is seen of the set of just the chunk '{parameter}'.",
            z3.And(DISK, known),
            [(one, seen_chunks(alone))],
            {},
        )
    for name, value in (
        ("every_granule", every_granule(disk)),
        ("every_chunk", every_chunk(disk)),
    ):
        yield among(
            name,
            "The set of all holds what is seen.",
            DISK,
            [(value.expression, z3.BoolVal(True))],
            {},
        )


def _membership(disk: Disk) -> Iterator[Lemma]:
    a = granules("S")
    members = _value(GranuleSet, GranuleSetType(disk), "A")
    for granule, (chunk, offset, known) in GRANULE_PARAMETERS.items():
        told = members.contains(granule).expression
        yield among(
            f"has_granule: {granule}",
            f"Whether '{granule}' is in a set is an answer.",
            z3.And(DISK, known),
            [(told, a[chunk][offset])],
            {"A": seen_granules(a)},
        )
    d = numbers("D")
    some = _value(ChunkSet, ChunkSetType(disk), "A")
    for parameter, (chunk, known) in CHUNK_PARAMETERS.items():
        told = some.contains(parameter).expression
        yield among(
            f"has_chunk: {parameter}",
            f"Whether the chunk '{parameter}' is in a set is an answer.",
            z3.And(DISK, known),
            [(told, d[chunk])],
            {"A": seen_chunks(d)},
        )


def _counting(disk: Disk) -> Iterator[Lemma]:
    """Yield lemmas: of a number only what k shows is known."""
    d = numbers("D")
    some = _value(ChunkSet, ChunkSetType(disk), "A")
    number, limit = z3.Ints("number limit")
    known = z3.And(
        number >= 0,
        number <= CHUNKS,
        z3.Implies(d[K], number >= 1),
        limit >= 0,
    )
    for asked in LIMITS:
        told = some.at_most(asked).expression
        yield among(
            f"at_most: {asked}",
            "Whether a set of chunks keeps within any limit is an answer "
            f"where the model's limit is {asked}.",
            z3.And(DISK, known),
            [(told, number <= limit)],
            {"A": seen_chunks(d)},
        )
    a = granules("S")
    total = z3.Int("total")
    members = _value(GranuleSet, GranuleSetType(disk), "A")
    known = z3.And(
        total >= 0,
        z3.Implies(a[K][R], total >= 1),
        limit >= 0,
    )
    for asked in LIMITS:
        told = members.at_most(asked).expression
        yield among(
            f"at_most: {asked} granules",
            "Whether a set of granules keeps within any limit is an answer "
            f"where the model's limit is {asked}.",
            z3.And(DISK, known),
            [(told, total <= limit)],
            {"A": seen_granules(a)},
        )


def _contents(disk: Disk) -> Iterator[Lemma]:
    a, p = granules("S"), numbers("P")
    members = _value(GranuleSet, GranuleSetType(disk), "A")
    contents = _value(Contents, ContentsType(disk), "B")
    for parameter, (chunk, known) in CHUNK_PARAMETERS.items():
        fields = {"A": seen_granules(a), "B": seen_contents(p, chunk)}
        part = members.contents(parameter).expression
        yield among(
            f"contents: {parameter}",
            f"What is seen of a set's part in the chunk '{parameter}'.",
            z3.And(DISK, known),
            [(part, seen_contents(a[chunk], chunk))],
            fields,
        )
        replaced = members.with_contents(parameter, contents).expression
        truth = seen_granules(z3.Store(a, chunk, p))
        yield among(
            f"with_contents: {parameter}",
            f"What is seen of a set with a new part in '{parameter}'.",
            z3.And(DISK, known),
            [(replaced, truth)],
            fields,
        )
    has, y = z3.Bool("has"), z3.Int("y")
    yield among(
        "chunks_with",
        "Whether k is a chunk with a member of a set is an answer.",
        z3.And(
            DISK,
            z3.Implies(z3.Not(has), z3.Not(a[K][R])),
            z3.Implies(has, z3.And(in_disk(K, y), a[K][y])),
        ),
        [(members.chunks().expression, has)],
        {"A": seen_granules(a)},
    )
