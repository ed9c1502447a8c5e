# SPDX-License-Identifier: GPL-2.0-or-later
"""Designs that are broken on purpose, compared without any model text.

What is wrong is put into the machine that the model's text has made, perhaps
only in some instances of it.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from attrs import evolve

from checker.answer.result import Comparison, DesignResult
from checker.answer.tasks import (
    PROOF,
    Outcome,
    Task,
    assembled,
    perform,
    tasks_of,
)
from checker.engines.exploration import Limits, silent
from checker.engines.interpreter import interpret
from checker.input import configuration
from model import designs
from model.designs import build
from model.language import (
    Action,
    Conjunct,
    Domain,
    Instance,
    Machine,
    Property,
)
from model.language import expression as ex
from model.language.machine import Kind
from model.options import Options

Change = Callable[[Machine, Options], Machine]
Where = Callable[[Options], bool]


def compared(
    monkeypatch: pytest.MonkeyPatch,
    change: Change,
    design: str = "drop",
    limits: Limits | None = None,
) -> DesignResult:
    """The column of a design whose machines are changed, without a proof."""

    def broken(options: Options, *domain: Domain) -> Machine:
        return change(build(options, *domain), options)

    monkeypatch.setattr(designs, "build", broken)
    monkeypatch.setattr(configuration, "build", broken)
    outcomes = [
        perform(task, limits or Limits(), lambda _: silent, lambda _: None)
        for task in tasks_of([design])
        if task.part != PROOF
    ]
    return assembled(design, [*outcomes, Outcome(task=Task(design, PROOF))])


def alone(result: DesignResult) -> Comparison:
    """A comparison of one design."""
    return Comparison(results=(result,), seconds=0.0)


def sound(machine: Machine, options: Options) -> Machine:
    """No change."""
    return machine


def only(where: Where, change: Change) -> Change:
    """``change``, in some instances."""
    return lambda machine, options: (
        change(machine, options) if where(options) else machine
    )


# -- what can be wrong -------------------------------------------------------


def stuck(machine: Machine, options: Options) -> Machine:
    """No run may end anywhere."""
    return evolve(machine, may_end=ex.FALSE)


def never_begins(machine: Machine, options: Options) -> Machine:
    """No migration is ever begun."""
    under_way = machine.notes["migration under way"]
    begins = {
        action.name
        for action in machine.actions
        for instance in action.instances
        if _leads_into(machine, instance, under_way)
    }
    actions = tuple(
        _never(a) if a.name in begins else a for a in machine.actions
    )
    return evolve(machine, actions=actions)


def _leads_into(
    machine: Machine, instance: Instance, target: ex.Expression
) -> bool:
    """Whether a step of it leads from an initial state there."""
    from checker.engines.evaluate import Evaluator

    for state in machine.initials:
        here = Evaluator(machine, state)
        if here.enabled(instance):
            there = Evaluator(machine, here.successor(instance))
            if there.holds(target):
                return True
    return False


def _never(action: Action) -> Action:
    never = Conjunct("never", ex.FALSE)
    return evolve(
        action,
        instances=tuple(
            evolve(i, guard=(*i.guard, never)) for i in action.instances
        ),
    )


def idle(machine: Machine, options: Options) -> Machine:
    """One action more, which never happens."""
    first = machine.actions[0]
    named = evolve(
        first,
        name="idle",
        silent="",
        instances=tuple(evolve(i, action="idle") for i in first.instances),
    )
    return evolve(machine, actions=(*machine.actions, _never(named)))


def ill_typed(machine: Machine, options: Options) -> Machine:
    """A type invariant that nothing keeps."""
    return evolve(machine, invariants=(*machine.invariants, ex.FALSE))


def with_property(
    name: str,
    kind: Kind,
    guarantee: str,
    when: ex.Expression = ex.TRUE,
    then: ex.Expression = ex.TRUE,
) -> Change:
    """One property more."""
    one = Property(
        name,
        kind,
        guarantee,
        "",
        when=(Conjunct("premise", when),),
        then=(Conjunct("conclusion", then),),
    )
    return lambda machine, options: evolve(
        machine, properties=(*machine.properties, one)
    )


def never_ends(machine: Machine, options: Options) -> Machine:
    """What should happen in the end never does."""
    return evolve(
        machine,
        properties=tuple(
            evolve(p, then=(Conjunct("never", ex.FALSE),))
            if p.kind == "eventually" and p.guarantee == "L1"
            else p
            for p in machine.properties
        ),
    )


def states(machine: Machine) -> int:
    """How many states it has."""
    return interpret(machine).coverage.states
