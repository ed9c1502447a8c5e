# SPDX-License-Identifier: GPL-2.0-or-later
"""What is true of a set, seen from one chunk k and one granule c of it.

As in ``disk_terms`` there is no quantifier: that another granule of k is in a
set names one, and that none is says so of the offsets at hand.
"""

from __future__ import annotations

from typing import Any

import z3
from attrs import frozen

from checker.proof.lemmas.terms import (
    CHUNKS,
    SIZE,
    K,
    Members,
    R,
    in_disk,
)
from checker.proof.termination.disk_terms import P, Q, known
from model.language.by_chunk import AtGranules, Where
from model.language.expression import Expression

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
