# SPDX-License-Identifier: GPL-2.0-or-later
"""A trace as numbered steps: who, which action, and only what changed."""

from __future__ import annotations

from collections.abc import Sequence

from checker.text import UNBROKEN, text_of, wrapped
from checker.traces.changes import Change, changes_along
from checker.traces.fairness import in_words, loop_of
from checker.traces.trace import Trace
from model.language.machine import Machine, State, Variable

GHOST = "*"
_INDENT = " " * 18


def render_table(machine: Machine, trace: Trace) -> str:
    """Numbered steps: actor, action, and old -> new of what changed.

    Of a lasso also what goes on for ever, and what is put off.
    """
    steps = changes_along(machine, trace)
    every = [change for step in steps for change in step]
    width = max((len(_mark(c.name, c.ghost)) for c in every), default=0)
    lines = ["  0  initial state"]
    for number, (move, step) in enumerate(
        zip(trace.moves, steps, strict=True), 1
    ):
        if trace.loop == number - 1:
            lines.append("     --- from here on, for ever ---")
        lines += wrapped(move.label, f"{number:3}  {move.actor:12} ", _INDENT)
        lines += _changed(step, width) or [f"{_INDENT}(nothing changes)"]
    lines += _end(trace)
    loop = loop_of(machine, trace)
    if loop is not None:
        lines += ["", f"{loop.place}:", *in_words(loop)]
    if any(c.ghost for c in every):
        lines += ["", f"{GHOST} ghost: no host can see it"]
    return text_of(lines)


def _mark(name: str, ghost: bool) -> str:
    return f"{GHOST} {name}" if ghost else f"  {name}"


def _whole(text: str) -> str:
    """``text`` in which a message such as 'BITS(0: {1})' is one word."""
    return text.replace(": ", ":" + UNBROKEN)


def _changed(step: Sequence[Change], width: int) -> list[str]:
    lines = []
    for change in step:
        mark = _mark(change.name, change.ghost)
        lines += wrapped(
            _whole(f"{change.old} -> {change.new}"),
            f"{' ' * 16}{mark:{width}}  ",
            _INDENT + "    ",
        )
    return lines


def _end(trace: Trace) -> list[str]:
    if trace.loop is None:
        return []
    if trace.loop == len(trace.moves):
        return ["     --- and stays like this, for ever ---"]
    after = f"step {trace.loop}" if trace.loop else "the initial state"
    return [f"     --- the state is that after {after} again ---"]


def render_states(machine: Machine, trace: Trace) -> str:
    """Every state in full, one variable a line."""
    lines: list[str] = []
    width = max(len(v.name) for v in machine.variables) + 2
    titles = ["initial state"] + [f"{m.actor}: {m.label}" for m in trace.moves]
    for number, (title, state) in enumerate(
        zip(titles, trace.states, strict=True)
    ):
        lines += wrapped(title, f"{number:3}  ")
        for variable in machine.variables:
            lines += _full(machine, variable, state, width)
        lines.append("")
    lines += _end(trace)
    if any(v.ghost for v in machine.variables):
        lines.append(f"{GHOST} ghost: no host can see it")
    return text_of(lines)


def _full(
    machine: Machine, variable: Variable, state: State, width: int
) -> list[str]:
    mark = _mark(variable.name, variable.ghost)
    value = machine.show(variable, state)
    return wrapped(_whole(value), f"   {mark:{width}}  ", " " * 9)
