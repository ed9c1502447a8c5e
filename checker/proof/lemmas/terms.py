# SPDX-License-Identifier: GPL-2.0-or-later
"""A disk of any size in the terms of z3, and what a lemma is.

M chunks of G granules, the granule c = (k, r) that is followed, another
chunk j and another offset s: all of them integers of which only the ranges
are known.  A set of granules is an array (chunk -> offset -> is a member), a
set of chunks and the contents of a chunk are arrays of truth values.

No formula has a quantifier.  "No granule is in S" is used only as far as it
says something about the terms at hand, which is less than it says; "some
granule is in S" names one, of which nothing else is known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import z3
from attrs import frozen

from checker.engines.smt.formula import Formulas
from model.language.domain import NO_CHUNK, Chunk, Granule
from model.language.expression import Expression
from model.language.projected import (
    AFTER,
    AT,
    BEFORE,
    ELSEWHERE,
    FOLLOWED,
    MINE,
    NAME_MINE,
    NAME_OTHER,
    NEIGHBOUR,
    OTHER,
)
from model.language.unknown import combinations, replaced, unknowns


@frozen(eq=False)
class Lemma:
    """``text``, one sentence: where ``premise`` holds, ``conclusion`` does.

    ``name`` begins with the operation that the lemma is about.  ``meaning``:
    what that means on the disk, as seen from c, where it is a value.
    """

    name: str
    text: str
    premise: z3.BoolRef
    conclusion: z3.BoolRef
    meaning: tuple[z3.ExprRef, ...] = ()

    @property
    def refutation(self) -> z3.BoolRef:
        """What nothing may satisfy."""
        return z3.And(self.premise, z3.Not(self.conclusion))


def may_be(
    truths: Sequence[tuple[Expression, z3.ExprRef]],
    fields: Mapping[str, z3.ExprRef],
) -> z3.BoolRef:
    """Return that some combination of answers gives every true value.

    ``fields``: what each field that the expressions read is.
    """
    formulas = Formulas(fields)
    roots = [expression for expression, _ in truths]
    return z3.Or(
        [
            z3.And(
                [
                    value(formulas, root) == truth
                    for root, (_, truth) in zip(
                        replaced(roots, answers), truths, strict=True
                    )
                ]
            )
            for answers in combinations(unknowns(roots))
        ]
    )


def among(
    name: str,
    text: str,
    premise: z3.BoolRef,
    truths: Sequence[tuple[Expression, z3.ExprRef]],
    fields: Mapping[str, z3.ExprRef],
) -> Lemma:
    """Return the lemma that the expressions allow the true values."""
    meaning = tuple(truth for _, truth in truths)
    return Lemma(name, text, premise, may_be(truths, fields), meaning)


def value(formulas: Formulas, expression: Expression) -> z3.ExprRef:
    """Return ``expression``: a Boolean for one bit, else a vector."""
    if expression.width == 1:
        return formulas.holds(expression)
    return formulas.term(expression)


# -- the disk ----------------------------------------------------------------

CHUNKS, SIZE = z3.Ints("M G")
K, R = z3.Ints("k r")
J, S = z3.Ints("j s")

Members = Callable[[z3.ArithRef, z3.ArithRef], z3.BoolRef]


def in_disk(chunk: z3.ArithRef, offset: z3.ArithRef) -> z3.BoolRef:
    """Return whether (``chunk``, ``offset``) is a granule of the disk."""
    return z3.And(is_chunk(chunk), offset >= 0, offset < SIZE)


def is_chunk(chunk: z3.ArithRef) -> z3.BoolRef:
    """Return whether ``chunk`` is the number of a chunk of the disk."""
    return z3.And(chunk >= 0, chunk < CHUNKS)


def is_position(position: z3.ArithRef) -> z3.BoolRef:
    """Return whether a cursor may stand there: at a chunk or past the last."""
    return z3.And(position >= 0, position <= CHUNKS)


#: there is a disk, and the granule that is followed lies in it
DISK: Final = z3.And(CHUNKS >= 1, SIZE >= 1, in_disk(K, R))

#: the number of the chunk that a parameter stands for, and what is known
#: of it
CHUNK_PARAMETERS: Final[Mapping[Chunk, tuple[z3.ArithRef, z3.BoolRef]]] = {
    MINE: (K, z3.BoolVal(True)),
    OTHER: (J, z3.And(is_chunk(J), J != K)),
}

#: the same for a granule: chunk, offset, and what is known of them
GRANULE_PARAMETERS: Final[
    Mapping[Granule, tuple[z3.ArithRef, z3.ArithRef, z3.BoolRef]]
] = {
    FOLLOWED: (K, R, z3.BoolVal(True)),
    NEIGHBOUR: (K, S, z3.And(in_disk(K, S), S != R)),
    ELSEWHERE: (J, S, z3.And(in_disk(J, S), J != K)),
}


# -- what is seen of a value from the granule (k, r): the projection ---------


def granules(name: str) -> z3.ArrayRef:
    """Return an arbitrary set of granules."""
    inside = z3.ArraySort(z3.IntSort(), z3.BoolSort())
    return z3.Array(name, z3.IntSort(), inside)


def numbers(name: str) -> z3.ArrayRef:
    """Return an arbitrary set of chunks, or of offsets in a chunk."""
    return z3.Array(name, z3.IntSort(), z3.BoolSort())


def seen_granules(members: z3.ArrayRef) -> z3.BoolRef:
    """Return what is seen of a set of granules: whether c is in it."""
    return members[K][R]


def seen_chunks(members: z3.ArrayRef) -> z3.BoolRef:
    """Return what is seen of a set of chunks: whether k is in it."""
    return members[K]


def seen_contents(members: z3.ArrayRef, chunk: z3.ArithRef) -> z3.BoolRef:
    """Return what is seen of the contents of ``chunk``: c, if it is there."""
    return z3.And(chunk == K, members[R])


def seen_position(position: z3.ArithRef, width: int) -> z3.BitVecRef:
    """Return what is seen of a cursor: before k, at k or after k."""
    return z3.If(
        position < K,
        z3.BitVecVal(BEFORE, width),
        z3.If(
            position == K, z3.BitVecVal(AT, width), z3.BitVecVal(AFTER, width)
        ),
    )


def seen_name(name: z3.ArithRef, width: int) -> z3.BitVecRef:
    """Return what is seen of a name (chunk n is n + 1): none, k, another."""
    return z3.If(
        name == NO_CHUNK,
        z3.BitVecVal(NO_CHUNK, width),
        z3.If(
            name == K + 1,
            z3.BitVecVal(NAME_MINE, width),
            z3.BitVecVal(NAME_OTHER, width),
        ),
    )


# -- facts about all members of a set, without quantifiers -------------------


def none_is(truth: z3.BoolRef, members: Members) -> z3.BoolRef:
    """Return the formula: ``truth`` is whether no granule is a member.

    If it is true, then c is none; if it is false, then the granule (x, y) is
    one, wherever that is.
    """
    x, y = z3.Ints("x y")
    return z3.And(
        z3.Implies(truth, z3.Not(members(K, R))),
        z3.Implies(z3.Not(truth), z3.And(in_disk(x, y), members(x, y))),
    )
