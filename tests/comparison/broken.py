# SPDX-License-Identifier: GPL-2.0-or-later
"""Designs that are broken on purpose, compared without any model text.

What is wrong is put into the machine that the model's text has made, perhaps
only in some instances of it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import pytest
from attrs import evolve, frozen

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

    outcomes = [Outcome(task=Task(design, PROOF))]
    for task in tasks_of([design]):
        if task.part == PROOF:
            continue
        found = None
        if isinstance(change, Only) and limits is None:
            unchanged, built = _sound(task)
            if not any(change.where(options) for options in built):
                found = unchanged
        if found is None:
            with monkeypatch.context() as patch:
                found, _ = _performed(patch, task, change, limits)
        outcomes.append(found)
    return assembled(design, outcomes)


@cache
def _sound(task: Task) -> tuple[Outcome, tuple[Options, ...]]:
    """The outcome where nothing is changed, and whose machines it took."""
    with pytest.MonkeyPatch.context() as patch:
        return _performed(patch, task, sound, None)


def _performed(
    patch: pytest.MonkeyPatch,
    task: Task,
    change: Change,
    limits: Limits | None,
) -> tuple[Outcome, tuple[Options, ...]]:
    """The outcome, and the options of all machines that were made."""
    built: list[Options] = []

    def broken(options: Options, *domain: Domain) -> Machine:
        built.append(options)
        return change(build(options, *domain), options)

    patch.setattr(designs, "build", broken)
    patch.setattr(configuration, "build", broken)
    found = perform(task, limits or Limits(), lambda _: silent, lambda _: None)
    return found, tuple(built)


def alone(result: DesignResult) -> Comparison:
    """A comparison of one design."""
    return Comparison(results=(result,), seconds=0.0)


def sound(machine: Machine, options: Options) -> Machine:
    """No change."""
    return machine


@frozen
class Only:
    """A change of some instances."""

    where: Where
    change: Change

    def __call__(self, machine: Machine, options: Options) -> Machine:
        return (
            self.change(machine, options) if self.where(options) else machine
        )


def only(where: Where, change: Change) -> Change:
    """``change``, in some instances."""
    return Only(where, change)


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
