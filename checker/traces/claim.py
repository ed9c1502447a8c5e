# SPDX-License-Identifier: GPL-2.0-or-later
"""Whether a run shows what its trace claims.

always: the last state violates the property.  reachable: the last state, or
the last step, meets it.  NoDeadlock: the last state has no successor and is
no place to end.  eventually: the run is a lasso that closes, is weakly fair,
and stays away from the goal for ever after the property was triggered.
"""

from __future__ import annotations

import enum

from checker.engines.evaluate import Evaluator
from checker.engines.exploration import TYPE_INVARIANT
from checker.engines.interpreter import is_stuck, successors
from checker.engines.verdict import CONFORMANCE, DEADLOCK, RUN
from checker.text import listed
from checker.traces.changes import changes
from checker.traces.trace import Trace
from model.language.machine import Action, Machine, Property, State


class Claim(enum.Enum):
    """What a trace that shows its property says of it."""

    VIOLATED = "violated"
    MET = "met"
    #: the reference parts from the model here, and nothing is violated
    DIFFERS = "differs"
    #: it is a run, and nothing is said of it
    NOTHING = "nothing"


def claim_of(machine: Machine, trace: Trace) -> Claim:
    """What ``trace`` says of its property, which it must show.

    A ``reachable`` property is met by a run that shows it: that is what the
    design is for, and no violation.
    """
    name = trace.property_name
    if name == CONFORMANCE:
        return Claim.DIFFERS
    if name == RUN:
        return Claim.NOTHING
    kinds = {p.name: p.kind for p in machine.properties}
    return Claim.MET if kinds.get(name) == "reachable" else Claim.VIOLATED


def first_met(machine: Machine, trace: Trace) -> int:
    """After how many moves a ``reachable`` property is met first.

    ``trace`` must show it.
    """
    prop = machine.property(trace.property_name)
    return next(
        number
        for number in range(len(trace.states))
        if met_after(machine, trace, prop, number)
    )


def met_after(
    machine: Machine, trace: Trace, prop: Property, number: int
) -> bool:
    """Whether so many moves of ``trace`` meet a ``reachable`` property."""
    if number and trace.moves[number - 1].action in prop.by:
        return True
    here = Evaluator(machine, trace.states[number])
    return bool(prop.then) and here.holds(prop.conclusion)


def why_not_shown(machine: Machine, trace: Trace) -> str:
    """Why ``trace`` does not show its property, or '' if it does."""
    name = trace.property_name
    prop = next((p for p in machine.properties if p.name == name), None)
    if prop is not None and prop.kind == "eventually":
        return _eventually(machine, trace, prop)
    if trace.loop is not None:
        return "a loop belongs to an eventually property only"
    last = trace.states[-1]
    if name in (CONFORMANCE, RUN):
        return ""  # the run alone: where the reference parted, or a walk
    if name == DEADLOCK:
        return _deadlock(machine, last)
    if name == TYPE_INVARIANT:
        good = Evaluator(machine, last).holds(machine.type_invariant)
        return "every field holds a code of its type" if good else ""
    if prop is None:
        return f"{machine.name} has no property '{name}'"
    if prop.kind == "reachable":
        return _reachable(machine, trace, prop)
    return _always(machine, last, prop)


def _always(machine: Machine, last: State, prop: Property) -> str:
    here = Evaluator(machine, last)
    for conjunct in prop.when:
        if not here.holds(conjunct.expression):
            return f"its premise '{conjunct.text}' is false in the last state"
    if here.holds(prop.conclusion):
        return "it holds in the last state"
    return ""


def _reachable(machine: Machine, trace: Trace, prop: Property) -> str:
    if met_after(machine, trace, prop, len(trace.moves)):
        return ""
    here = Evaluator(machine, trace.states[-1])
    reasons = [
        f"'{conjunct.text}' is false in the last state"
        for conjunct in prop.then
        if not here.holds(conjunct.expression)
    ]
    if prop.by:
        reasons.insert(0, f"the last step is not {' or '.join(prop.by)}")
    return reasons[0]


def _deadlock(machine: Machine, last: State) -> str:
    if is_stuck(machine, last):
        return ""
    if Evaluator(machine, last).holds(machine.may_end):
        return "the last state is one in which a run may end"
    labels = [machine.instances[n].label for n, _ in successors(machine, last)]
    return f"enabled in the last state: {listed(labels)}"


def _eventually(machine: Machine, trace: Trace, prop: Property) -> str:
    loop = trace.loop
    if loop is None:
        return "it takes a run for ever, and no loop is given"
    if not 0 <= loop <= len(trace.moves):
        return (
            f"the loop starts after move {loop}, but there are "
            f"{len(trace.moves)} moves"
        )
    states = trace.states
    open_ends = changes(machine, states[loop], states[-1])
    if open_ends:
        first = open_ends[0]
        return (
            f"the loop does not close: {first.name} is {first.old} at its "
            f"start and {first.new} at its end"
        )
    met = [
        i
        for i, state in enumerate(states)
        if Evaluator(machine, state).holds(prop.conclusion)
    ]
    if met and met[-1] >= loop:
        return f"its goal is met after step {met[-1]}, on the loop"
    since = met[-1] + 1 if met else 0
    if not any(
        Evaluator(machine, s).holds(prop.premise) for s in states[since:]
    ):
        return "nothing triggers it, or its goal is met afterwards"
    for action in machine.actions:
        if action.fair and not served(machine, trace, action):
            return (
                f"the loop is not fair: {action.name} is enabled all along "
                "it and never taken"
            )
    return ""


def served(machine: Machine, trace: Trace, action: Action) -> bool:
    """Whether weak fairness of ``action`` lets the loop go on for ever.

    It does if the loop takes the action, or if some state of the loop does
    not enable it.
    """
    assert trace.loop is not None
    if any(m.action == action.name for m in trace.moves[trace.loop :]):
        return True
    return any(
        not any(Evaluator(machine, state).enabled(i) for i in action.instances)
        for state in trace.states[trace.loop :]
    )
