# SPDX-License-Identifier: GPL-2.0-or-later
"""What a move changes: the variables whose value is another one after it."""

from __future__ import annotations

from itertools import pairwise

from attrs import frozen

from checker.traces.trace import Trace
from model.language.machine import Machine, State


@frozen
class Change:
    """One variable, old and new value as people read them."""

    name: str
    old: str
    new: str
    ghost: bool


def changes(
    machine: Machine, before: State, after: State
) -> tuple[Change, ...]:
    """The variables that differ, in the order of the machine's variables."""
    found = []
    for variable in machine.variables:
        old = machine.show(variable, before)
        new = machine.show(variable, after)
        if old != new:
            found.append(Change(variable.name, old, new, variable.ghost))
    return tuple(found)


def changes_along(
    machine: Machine, trace: Trace
) -> tuple[tuple[Change, ...], ...]:
    """For each move of ``trace``, what it changes."""
    return tuple(
        changes(machine, before, after)
        for before, after in pairwise(trace.states)
    )
