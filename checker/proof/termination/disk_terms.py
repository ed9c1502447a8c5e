# SPDX-License-Identifier: GPL-2.0-or-later
"""Sets of a disk of any size and whether they are empty, without quantifiers.

"Some are in it" names a witness, of which nothing else is known.  "None is in
it" is used only at the witnesses and parameters at hand, which says less than
it means; so a lemma that is shown like this holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import z3
from attrs import frozen

from checker.proof.lemmas.terms import (
    CHUNKS,
    SIZE,
    Lemma,
    Members,
    in_disk,
    may_be,
)
from model.language.counted import Counting
from model.language.expression import Expression

#: any granule: the action's parameter, or where a parameter may lie
P, Q = z3.Ints("p q")
#: there is a disk, and the parameter lies in it
DISK = z3.And(CHUNKS >= 1, SIZE >= 1, in_disk(P, Q))
Point = tuple[Any, Any]


@frozen(eq=False)
class Known:
    """A set of granules, or of chunks (any offset), and what is known of it.

    ``some``: whether it has a member; ``at``: a member, if so.
    """

    some: z3.BoolRef
    members: Members
    at: Point


def known(name: str, members: Members) -> Known:
    """Return the set ``members``, of which it is told whether it is empty."""
    x, y = z3.Ints(f"x_{name} y_{name}")
    return Known(z3.Bool(f"some_{name}"), members, (x, y))


def facts(sets: Sequence[Known], *points: Point) -> z3.BoolRef:
    """Return what the sets' emptiness says at their witnesses and points."""
    at = [(P, Q), *points, *(one.at for one in sets)]
    said = []
    for one in sets:
        inside = z3.And(in_disk(*one.at), one.members(*one.at))
        said.append(z3.Implies(one.some, inside))
        for point in at:
            here = z3.And(in_disk(*point), one.members(*point))
            said.append(z3.Implies(here, one.some))
    return z3.And(said)


def counting(
    kind: type[Counting] = Counting, kept: frozenset[str] = frozenset()
) -> Counting:
    """Return a count without channels; ``kept``: limits always kept."""
    return kind({}, {}, kept, {})


def lemma(
    name: str,
    text: str,
    premise: z3.BoolRef,
    told: Sequence[tuple[Expression, z3.ExprRef]],
    fields: dict[str, z3.ExprRef],
) -> Lemma:
    """Return that what is read of terms allows what is true of the disk."""
    return Lemma(name, text, premise, may_be(told, fields))
