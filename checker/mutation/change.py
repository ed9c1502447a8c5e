# SPDX-License-Identifier: GPL-2.0-or-later
"""What a mutant is: one change of one action, in all of its instances."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence

from attrs import frozen

from model.language import expression as ex
from model.language.expression import Expression, rebuilt
from model.language.machine import Action, Instance


class Kind(enum.Enum):
    """What is done to the action."""

    DROPPED = "conjunct dropped"
    NEGATED = "flag negated in a guard"
    GUARD = "constant changed in a guard"
    UPDATE = "update dropped"
    VALUE = "constant changed in an update"
    CONDITION = "constant changed in an update's condition"


@frozen(eq=False)
class Change:
    """One instance after a change; ``what`` names the change.

    ``what`` says the same in every instance of the action and in every
    configuration.
    """

    kind: Kind
    what: str
    instance: Instance


@frozen(eq=False)
class Mutant:
    """An action with one change, in one machine."""

    kind: Kind
    name: str
    action: Action


def exchanged(
    roots: Sequence[Expression], nodes: Mapping[Expression, Expression]
) -> tuple[Expression, ...]:
    """The expressions with some nodes exchanged for others."""
    done: dict[Expression, Expression] = {}
    for node in ex.walk(roots):
        if node in nodes:
            done[node] = nodes[node]
        else:
            inside = tuple(done[operand] for operand in node.operands)
            done[node] = rebuilt(node, inside)
    return tuple(done[root] for root in roots)
