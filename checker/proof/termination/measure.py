# SPDX-License-Identifier: GPL-2.0-or-later
"""The check of a measure: that it falls, step by step, until the goal.

A measure gives each state outside the goal a value:

    (99, "chunks ahead", 2, "messages", 1, "dirty_bitmap_load_bits")

numbers and names of ranks in turn, and at the end a helpful action.  Values
are compared from the left.  Two states whose values agree up to a rank compare
by how much of that there is on the disk; so a step lowers a value if

* the first number in which they differ is smaller afterwards, and no rank
  before it was raised; or
* it lowers a rank up to which they agree, and raises none before that.

The justice rule of Manna and Pnueli (WELL): in each state the helpful action
can be taken, on every disk; each step lowers the value, or keeps it and is
not the helpful action.  Values are well founded: numbers and ranks are never
below 0, and of the forms of a value there are finitely many.  So a fair run
comes to the goal.

This is the whole rule.  It knows nothing of how the measure was found.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from attrs import frozen

#: numbers and ranks in turn, then the helpful action
Value = tuple[int | str, ...]


@frozen
class Edge:
    """A step between two states outside the goal, by their numbers.

    ``action``: its name.  ``rises``: the ranks that it may raise; ``falls``:
    those that it is sure to lower.
    """

    origin: int
    target: int
    action: str
    rises: frozenset[str]
    falls: frozenset[str]


def why_no_measure(
    values: Mapping[int, Value],
    sure: Mapping[int, frozenset[str]],
    steps: Iterable[Edge],
    ranks: frozenset[str],
) -> str:
    """Return why ``values`` is not a measure, or ''.

    ``sure``: the fair actions that can be taken in each state, whatever the
    disk is.  ``steps``: all of them, between states outside the goal.
    """
    forms = {_form(value) for value in values.values()}
    for form in forms:
        if any(name not in ranks for name in form):
            return f"'{', '.join(form)}' is not made of ranks"
    for state in sure:
        if state not in values:
            return f"state {state} has no value"
        helpful = values[state][-1]
        if helpful not in sure[state]:
            return f"'{helpful}' is not sure in state {state}"
    for step in steps:
        reason = _why_not(step, values[step.origin], values[step.target])
        if reason:
            return f"{step.action}, {step.origin} to {step.target}: {reason}"
    return ""


def _form(value: Value) -> tuple[str, ...]:
    """Return the ranks of a value; ('',) if it has not the form of one."""
    numbers, names = value[:-1:2], value[1:-1:2]
    whole = all(isinstance(n, int) and n >= 0 for n in numbers)
    if len(value) % 2 or not whole or not isinstance(value[-1], str):
        return ("",)
    return tuple(str(name) for name in names)


def _why_not(step: Edge, old: Value, new: Value) -> str:
    """Return why a step does not keep the rule, or ''."""
    for one, other in zip(old[:-1], new[:-1], strict=False):
        if isinstance(one, int) and isinstance(other, int):
            if other < one:
                return ""
            if other > one:
                return f"{one} rises to {other}"
        elif one != other:
            return f"'{one}' and '{other}' do not compare"
        elif one in step.falls:
            return ""
        elif one in step.rises:
            return f"'{one}' may rise"
    if old != new:
        return "the values do not compare"
    if old[-1] == step.action:
        return "the helpful action does not lower the value"
    return ""


def longest(values: Iterable[Value]) -> int:
    """Return how many ranks the longest value has."""
    return max((len(value) // 2 - 1 for value in values), default=0)


def phases(values: Iterable[Value]) -> int:
    """Return how many outermost numbers there are."""
    return len({value[0] for value in values})


def ranks_in(values: Iterable[Value]) -> list[str]:
    """Return the ranks that are used, in the order of their first use."""
    found: dict[str, None] = {}
    for value in values:
        found.update(dict.fromkeys(map(str, value[1:-1:2])))
    return list(found)
