# SPDX-License-Identifier: GPL-2.0-or-later
"""Where two traces part: their steps side by side, and their states.

Steps are the same if action and parameters are.  The longest common runs of
them are put beside each other; what is left over is in one trace only.
"""

from __future__ import annotations

from collections.abc import Iterator
from difflib import SequenceMatcher

from attrs import frozen

from checker.traces.trace import Trace
from model.language import Machine
from model.language.machine import State

Values = dict[str, tuple[str, str]]


@frozen(kw_only=True)
class Row:
    """A step of one trace or of both.

    ``first`` and ``second``: its number in each, from 1; None: not there.
    ``states``: of a step of both, the variables that differ after it, with
    both values.
    """

    first: int | None
    second: int | None
    actor: str
    label: str
    states: Values | None = None


@frozen(kw_only=True)
class Difference:
    """What differs between two traces.

    ``prefix``: how many steps both begin with.  ``initial`` and ``last``:
    the variables that differ in these states.  ``fields``: the names of the
    variables that only the first has, and only the second.
    """

    prefix: int
    rows: tuple[Row, ...]
    initial: Values
    last: Values
    fields: tuple[tuple[str, ...], tuple[str, ...]]


def compared(first: Trace, second: Trace) -> Difference:
    """The two traces side by side."""
    one, other = first.machine(), second.machine()
    rows = tuple(_rows(one, first, other, second))
    prefix = 0
    while (
        prefix < len(rows)
        and rows[prefix].first == rows[prefix].second == prefix + 1
    ):
        prefix += 1
    names = [[v.name for v in machine.variables] for machine in (one, other)]
    return Difference(
        prefix=prefix,
        rows=rows,
        initial=_differing(one, first.initial, other, second.initial),
        last=_differing(one, first.states[-1], other, second.states[-1]),
        fields=(
            tuple(name for name in names[0] if name not in names[1]),
            tuple(name for name in names[1] if name not in names[0]),
        ),
    )


def _rows(
    one: Machine, first: Trace, other: Machine, second: Trace
) -> Iterator[Row]:
    mine, theirs = ([m.label for m in t.moves] for t in (first, second))
    matcher = SequenceMatcher(None, mine, theirs, autojunk=False)
    for tag, start, end, begin, stop in matcher.get_opcodes():
        if tag == "equal":
            for i, j in zip(
                range(start, end), range(begin, stop), strict=True
            ):
                move, there = first.moves[i], second.moves[j]
                yield Row(
                    first=i + 1,
                    second=j + 1,
                    actor=move.actor,
                    label=move.label,
                    states=_differing(one, move.state, other, there.state),
                )
            continue
        for i in range(start, end):
            move = first.moves[i]
            yield Row(
                first=i + 1, second=None, actor=move.actor, label=move.label
            )
        for j in range(begin, stop):
            move = second.moves[j]
            yield Row(
                first=None, second=j + 1, actor=move.actor, label=move.label
            )


def _differing(
    one: Machine, state: State, other: Machine, state_there: State
) -> Values:
    """The variables of both machines that people read differently."""
    theirs = {v.name: other.show(v, state_there) for v in other.variables}
    mine = {v.name: one.show(v, state) for v in one.variables}
    return {
        name: (value, theirs[name])
        for name, value in mine.items()
        if theirs.get(name, value) != value
    }
