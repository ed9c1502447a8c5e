# SPDX-License-Identifier: GPL-2.0-or-later
"""Why a trace breaks or meets its property: each conjunct, at each step.

One column per conjunct of the premise and of the conclusion, + where it is
true, . where it is false, with a mark where it changes; the last column says
what that makes of the property.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from checker.engines.evaluate import Evaluator
from checker.engines.exploration import TYPE_INVARIANT
from checker.engines.verdict import DEADLOCK
from checker.text import (
    WIDTH,
    listed,
    shortened,
    text_of,
    wrapped,
)
from checker.traces.claim import first_met, met_after
from checker.traces.fairness import in_words, loop_of
from checker.traces.trace import Trace
from model.language.expression import fields_read
from model.language.machine import Conjunct, Machine, Property, State

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
KEY = "+ true   . false   > changed by this step"


def explain(machine: Machine, trace: Trace) -> str:
    """The property of ``trace`` in words and, step by step, in a table."""
    if trace.property_name == DEADLOCK:
        return text_of(_explain_deadlock(machine, trace))
    if trace.property_name == TYPE_INVARIANT:
        return text_of(_explain_types(machine, trace))
    prop = machine.property(trace.property_name)
    guarantee = f" ({prop.guarantee})" if prop.guarantee else ""
    lines = [*wrapped(f"{prop.name}{guarantee}: {prop.doc}"), ""]
    lines += [*_conjuncts(prop), "", *_table(machine, trace, prop), KEY]
    if prop.kind == "always":
        lines += ["", *_breaks(machine, trace, prop)]
    if prop.kind == "eventually":
        lines += ["", *_for_ever(machine, trace)]
    if prop.kind == "reachable":
        lines += ["", *_meets(machine, trace)]
    return text_of(lines)


def _conjuncts(prop: Property) -> list[str]:
    then = {"always": "then", "eventually": "later"}.get(prop.kind, "once")
    lines = []
    letters = iter(_LETTERS)
    for word, part in (("if", prop.when), (then, prop.then)):
        for number, conjunct in enumerate(part):
            first = word if number == 0 else "and"
            lines += wrapped(conjunct.text, f"  {first:>5}  {next(letters)}  ")
    if prop.by:
        lines += wrapped(f"a step by {' or '.join(prop.by)}", "         ")
    return lines


def _truth(
    machine: Machine, state: State, conjuncts: Iterable[Conjunct]
) -> list[bool]:
    here = Evaluator(machine, state)
    return [here.holds(c.expression) for c in conjuncts]


def _table(machine: Machine, trace: Trace, prop: Property) -> list[str]:
    columns = (*prop.when, *prop.then)
    border = len(prop.when)
    letters = _cells([f" {_LETTERS[i]}" for i in range(len(columns))], border)
    lines = [f"     {letters}"]
    before: list[bool] | None = None
    titles = ["initial state"] + [m.label for m in trace.moves]
    for number, (state, title) in enumerate(
        zip(trace.states, titles, strict=True)
    ):
        now = _truth(machine, state, columns)
        marks = [
            (">" if before is not None and before[i] != value else " ")
            + ("+" if value else ".")
            for i, value in enumerate(now)
        ]
        word = _word(machine, prop, trace, number, now)
        head = f"{number:3}  {_cells(marks, border)}  {word:10} "
        lines.append(head + shortened(title, WIDTH - len(head)))
        before = now
    return lines


def _cells(cells: Sequence[str], border: int) -> str:
    if border == 0:
        return "".join(cells)
    return "".join(cells[:border]) + " |" + "".join(cells[border:])


def _word(
    machine: Machine,
    prop: Property,
    trace: Trace,
    number: int,
    now: list[bool],
) -> str:
    """What the truth values of one state make of the property."""
    premise, goal = all(now[: len(prop.when)]), all(now[len(prop.when) :])
    if prop.kind == "always":
        if not premise:
            return ""
        return "holds" if goal else "VIOLATED"
    if prop.kind == "reachable":
        return "met" if met_after(machine, trace, prop, number) else ""
    if goal:
        return "met"
    if trace.loop is not None and number >= trace.loop:
        return "for ever"
    return "triggered" if premise else ""


def _breaks(machine: Machine, trace: Trace, prop: Property) -> list[str]:
    """The step that breaks it, and the values behind what is false."""
    last = trace.states[-1]
    breaker = (
        f"step {len(trace.moves)}, {trace.moves[-1].label}"
        if trace.moves
        else "the initial state"
    )
    columns = (*prop.when, *prop.then)
    false = [
        (letter, conjunct)
        for letter, conjunct, true in zip(
            _LETTERS, columns, _truth(machine, last, columns), strict=False
        )
        if not true
    ]
    lines = wrapped(f"Broken by {breaker}. Then:")
    for letter, conjunct in false:
        lines += wrapped(f"false: {conjunct.text}", f"  {letter}  ")
        lines += _values(machine, last, conjunct)
    return lines


def _meets(machine: Machine, trace: Trace) -> list[str]:
    """The first step that meets a reachable property."""
    number = first_met(machine, trace)
    step = (
        f"step {number}, {trace.moves[number - 1].label}"
        if number
        else "the initial state"
    )
    return wrapped(f"Met by {step}; that is not a violation.")


def _values(machine: Machine, state: State, conjunct: Conjunct) -> list[str]:
    read = fields_read([conjunct.expression])
    lines = []
    for variable in machine.variables:
        if not read.isdisjoint(variable.fields):
            value = machine.show(variable, state)
            lines += wrapped(value, f"       {variable.name} = ", " " * 9)
    return lines


def _for_ever(machine: Machine, trace: Trace) -> list[str]:
    """Why the loop is fair, and what is put off in it."""
    loop = loop_of(machine, trace)
    if loop is None:
        return []
    if loop.first is None:
        text = "The run stays in the last state for ever"
    elif loop.first == loop.last:
        text = f"The run repeats step {loop.last} for ever"
    else:
        text = f"The run repeats steps {loop.first} to {loop.last} for ever"
    if loop.fair_taken or loop.fair_at_times:
        text += ": no fair action stays enabled without being taken."
    else:
        text += ": no fair action is enabled there."
    return [*wrapped(text), *in_words(loop)]


def _explain_deadlock(machine: Machine, trace: Trace) -> list[str]:
    """What keeps each action, but for failures, from happening."""
    here = Evaluator(machine, trace.states[-1])
    lines = wrapped(
        f"{DEADLOCK}: after step {len(trace.moves)} nothing can happen any "
        "more, and a run may not end there. Each action waits for:"
    )
    lines.append("")
    for action in machine.actions:
        if action.fault:
            continue
        false = min(
            (
                [c.text for c in i.guard if not here.holds(c.expression)]
                for i in action.instances
            ),
            key=len,
        )
        lines += wrapped(f"{action.name}: {'; '.join(false)}", "  ", "      ")
    return lines


def _explain_types(machine: Machine, trace: Trace) -> list[str]:
    here = Evaluator(machine, trace.states[-1])
    bad = [
        f.name
        for f in machine.fields
        if not here.holds(f.type.is_valid(f.expression))
    ]
    return wrapped(
        f"{TYPE_INVARIANT}: after step {len(trace.moves)} a code that its "
        f"type does not use is in {listed(bad)}"
    )
