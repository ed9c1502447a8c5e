# SPDX-License-Identifier: GPL-2.0-or-later
"""How often each conjunct of a guard or of a property was met.

Counted over all states that a search has found.  A conjunct of a guard
decides where it alone is false: there the action does not happen for its
sake.  One that is never false, or never alone, decides nothing in the states
that were looked at; that is no mistake, but worth to know.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from attrs import frozen

from checker.engines.exploration import Search
from checker.engines.truths import count_true
from model.language import expression as ex
from model.language.expression import Expression
from model.language.machine import Action, Conjunct, Instance, Property


@frozen
class ConjunctCount:
    """How often a conjunct was true, false, and alone in being false.

    Of a guard: in pairs of a state and an instance of the action.  Of a
    property: in states; of a conclusion, in those that meet the premise.
    """

    text: str
    true: int
    false: int
    alone: int


@frozen
class ActionCount:
    """One action: how often it fired, and what its guard decided."""

    name: str
    actor: str
    fired: int
    guard: tuple[ConjunctCount, ...]


@frozen
class PropertyCount:
    """One property: ``met`` is in how many states its premise was met.

    Of ``reachable``: in how many states all of it was, or how often the
    actions fired that meet it.
    """

    name: str
    kind: str
    met: int
    when: tuple[ConjunctCount, ...]
    then: tuple[ConjunctCount, ...]


@frozen
class Counts:
    """What was counted in ``states`` states; ``stopped``: as of a search."""

    states: int
    stopped: str
    actions: tuple[ActionCount, ...]
    properties: tuple[PropertyCount, ...]


def counts_of(search: Search) -> Counts:
    """The counts of a search that keeps its states."""
    machine, coverage = search.machine, search.coverage
    asked = dict.fromkeys(
        [
            *(
                expression
                for instance in machine.instances
                for expression in _of_conjuncts(instance.guard, ex.TRUE)
            ),
            *(e for p in machine.properties for e in _of_property(p)),
        ]
    )
    numbers = count_true(search, list(asked))
    known = dict(zip(asked, numbers, strict=True))
    return Counts(
        coverage.states,
        coverage.stopped,
        tuple(
            ActionCount(
                action.name,
                action.actor,
                coverage.fired[action.name],
                _guard(action, coverage.states, known),
            )
            for action in machine.actions
        ),
        tuple(
            _property(prop, coverage.states, coverage.fired, known)
            for prop in machine.properties
        ),
    )


def _of_conjuncts(
    conjuncts: Sequence[Conjunct], among: Expression
) -> Iterator[Expression]:
    """For each conjunct two expressions: that it is true; false alone.

    ``among``: in the states that meet this.
    """
    for number, conjunct in enumerate(conjuncts):
        others = ex.all_of(
            other.expression
            for place, other in enumerate(conjuncts)
            if place != number
        )
        yield ex.conjunction(among, conjunct.expression)
        alone = ex.conjunction(others, ex.complement(conjunct.expression))
        yield ex.conjunction(among, alone)


def _of_property(prop: Property) -> Iterator[Expression]:
    yield prop.conclusion if prop.kind == "reachable" else prop.premise
    yield from _of_conjuncts(prop.when, ex.TRUE)
    yield from _of_conjuncts(prop.then, prop.premise)


def _counted(
    conjuncts: Sequence[Conjunct],
    among: Expression,
    total: int,
    known: Mapping[Expression, int],
) -> tuple[ConjunctCount, ...]:
    asked = iter(_of_conjuncts(conjuncts, among))
    found = []
    for conjunct in conjuncts:
        true, alone = known[next(asked)], known[next(asked)]
        found.append(ConjunctCount(conjunct.text, true, total - true, alone))
    return tuple(found)


def _guard(
    action: Action, states: int, known: Mapping[Expression, int]
) -> tuple[ConjunctCount, ...]:
    """The guard, the counts of all instances added up."""
    rows: dict[str, ConjunctCount] = {}
    for instance in action.instances:
        for one in _counted(instance.guard, ex.TRUE, states, known):
            text = _general(one.text, instance, action)
            before = rows.get(text, ConjunctCount(text, 0, 0, 0))
            rows[text] = ConjunctCount(
                text,
                before.true + one.true,
                before.false + one.false,
                before.alone + one.alone,
            )
    return tuple(rows.values())


def _general(text: str, instance: Instance, action: Action) -> str:
    """``text`` with the parameter's name where other instances differ."""
    if all(text in _texts(other) for other in action.instances):
        return text
    for name, value in instance.arguments:
        text = re.sub(rf"\b{re.escape(value)}\b", name, text)
        text = text.replace(f"{name} {name}", name)
    return text


def _texts(instance: Instance) -> list[str]:
    return [conjunct.text for conjunct in instance.guard]


def _property(
    prop: Property,
    states: int,
    fired: Mapping[str, int],
    known: Mapping[Expression, int],
) -> PropertyCount:
    met = known[next(_of_property(prop))]
    among = known[prop.premise] if prop.kind != "reachable" else states
    return PropertyCount(
        prop.name,
        prop.kind,
        sum(fired[name] for name in prop.by) if prop.by else met,
        _counted(prop.when, ex.TRUE, states, known),
        _counted(prop.then, prop.premise, among, known),
    )
