# SPDX-License-Identifier: GPL-2.0-or-later
"""All mutants of a machine, and those of one design in several sizes.

A mutant is one change of one action, made in every instance.  A mutant that
says the same as the machine itself, or as a mutant before it, is left out:
expressions that are written alike are the same object, so that is exact and
costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from attrs import evolve, field, frozen

from checker.mutation.change import Change, Kind, Mutant
from checker.mutation.effects import Owners, effect_changes
from checker.mutation.guards import guard_changes
from checker.mutation.wording import Words
from model.language import expression as ex
from model.language.machine import Action, Instance, Machine

_Meaning = tuple[object, ...]


@frozen(eq=False)
class Planned:
    """A mutant of a design: the changed action in each of its machines.

    None where a machine lacks what is changed, or says the same after it.
    """

    kind: Kind
    name: str
    action: str
    actions: tuple[Action | None, ...]


@frozen(eq=False)
class Catalogue:
    """The mutants of one design; ``alike``: how many were left out."""

    planned: tuple[Planned, ...]
    alike: int = field(default=0)


def mutants_of(machine: Machine) -> Iterator[Mutant]:
    """Every mutant of ``machine``, whether it changes what is said or not."""
    words, owners = Words.of(machine), Owners.of(machine)
    for action in machine.actions:
        changes: dict[tuple[Kind, str], dict[int, Instance]] = {}
        for number, instance in enumerate(action.instances):
            for change in _changes(instance, words, owners):
                key = change.kind, change.what
                changes.setdefault(key, {})[number] = change.instance
        for (kind, what), changed in changes.items():
            instances = tuple(
                changed.get(number, instance)
                for number, instance in enumerate(action.instances)
            )
            yield Mutant(
                kind,
                f"{action.name}: {what}",
                evolve(action, instances=instances),
            )


def _changes(
    instance: Instance, words: Words, owners: Owners
) -> Iterator[Change]:
    yield from guard_changes(instance, words)
    yield from effect_changes(instance, words, owners)


def with_action(machine: Machine, changed: Action) -> Machine:
    """``machine`` with ``changed`` in place of the action of that name."""
    actions = tuple(
        changed if action.name == changed.name else action
        for action in machine.actions
    )
    return evolve(machine, actions=actions)


def catalogue(machines: Sequence[Machine], only: str = "") -> Catalogue:
    """The mutants of one design, whose ``machines`` differ in size.

    ``only``: of this action alone.
    """
    named: dict[str, tuple[Kind, str, dict[int, Action]]] = {}
    for number, machine in enumerate(machines):
        for mutant in mutants_of(machine):
            if only in ("", mutant.action.name):
                _, _, found = named.setdefault(
                    mutant.name, (mutant.kind, mutant.action.name, {})
                )
                found[number] = mutant.action
    planned: list[Planned] = []
    known: set[_Meaning] = set()
    originals = [{a.name: a for a in m.actions} for m in machines]
    for name, (kind, action, found) in named.items():
        meanings: list[_Meaning | None] = []
        for number in range(len(machines)):
            if number not in found:
                meanings.append(None)
                continue
            meaning = _meaning(found[number])
            same = meaning == _meaning(originals[number][action])
            meanings.append(None if same else meaning)
        key = (action, *meanings)
        if key in known or not any(meanings):
            continue
        known.add(key)
        actions = tuple(
            found[number] if meaning else None
            for number, meaning in enumerate(meanings)
        )
        planned.append(Planned(kind, name, action, actions))
    return Catalogue(tuple(planned), len(named) - len(planned))


def _meaning(action: Action) -> _Meaning:
    """What decides how the action behaves, whatever its conjuncts' order."""
    return tuple(map(_said, action.instances))


def _said(instance: Instance) -> _Meaning:
    asked = frozenset(
        part
        for conjunct in instance.guard
        for part in _asked(conjunct.expression)
    )
    if ex.FALSE in asked:
        return ("never",)
    stored = frozenset(
        (name, value)
        for name, value in instance.effect
        if not (value.operator == "field" and value.name == name)
    )
    return (asked - {ex.TRUE}, stored)


def _asked(node: ex.Expression) -> Iterator[ex.Expression]:
    if node.operator == "and" and node.width == 1:
        for operand in node.operands:
            yield from _asked(operand)
    else:
        yield node
