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

    None where a machine lacks what is changed, says the same after it, or
    need not be asked.
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


def catalogue(
    machines: Sequence[Machine],
    variants: Sequence[Machine] = (),
    only: str = "",
) -> Catalogue:
    """The mutants of one design, whose ``machines`` differ in size.

    Mutants of ghosts alone are of the ``variants`` as well.  ``only``: of
    the action of this name alone.
    """
    every = (*machines, *variants)
    named: dict[str, tuple[Kind, str, list[Action | None]]] = {}
    for number, machine in enumerate(every):
        for mutant in mutants_of(machine):
            name = mutant.action.name
            if only not in ("", name):
                continue
            _, _, found = named.setdefault(
                mutant.name, (mutant.kind, name, [None] * len(every))
            )
            if number < len(machines) or _of_ghosts(machine, mutant.action):
                found[number] = mutant.action
    planned: list[Planned] = []
    known: set[_Meaning] = set()
    for name, (kind, action, found) in named.items():
        meanings = [
            _meaning_in(machine, changed)
            for machine, changed in zip(every, found, strict=True)
        ]
        key = (action, *meanings)
        if key in known or not any(meanings[: len(machines)]):
            continue
        known.add(key)
        actions = tuple(
            changed if meaning else None
            for changed, meaning in zip(found, meanings, strict=True)
        )
        planned.append(Planned(kind, name, action, actions))
    here = [found for _, _, found in named.values()]
    whole = sum(any(found[: len(machines)]) for found in here)
    return Catalogue(tuple(planned), whole - len(planned))


def _of_ghosts(machine: Machine, changed: Action) -> bool:
    """Whether ``changed`` differs in what no host can see, and only there."""
    ghosts = {field.name for field in machine.fields if field.ghost}
    original = machine.action(changed.name)
    return all(
        old.guard == new.guard
        and {name for name, _ in {*old.effect} ^ {*new.effect}} <= ghosts
        for old, new in zip(original.instances, changed.instances, strict=True)
    )


def _meaning_in(machine: Machine, changed: Action | None) -> _Meaning | None:
    """What ``changed`` says; None if that is what ``machine`` says."""
    if changed is None:
        return None
    meaning = _meaning(changed)
    same = meaning == _meaning(machine.action(changed.name))
    return None if same else meaning


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
