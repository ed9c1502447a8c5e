# SPDX-License-Identifier: GPL-2.0-or-later
"""Many variants of one machine, explored by one program.

Variants of a design differ in the text of a few actions.  Here they become
one machine: a state says, for each action that differs, which of its texts
the variant has; no step changes that.  So the code is compiled once, which is
most of the time that the search of a small machine takes, and each variant is
a search from its own initial states.  Variants that turn out to be the same
machine are explored once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from attrs import evolve, field, frozen

from checker.engines.exploration import (
    INTERRUPTED,
    Coverage,
    Limits,
    Progress,
    Report,
    Search,
    Watch,
    silent,
    watches,
)
from checker.engines.graphs.graph import GraphTooLargeError, graph_of
from checker.engines.graphs.liveness import starts_of_lassos
from checker.engines.native.explicit import explore
from checker.engines.native.program import Program
from checker.input.memory import OUT_OF_MEMORY
from model.language import expression as ex
from model.language.expression import Expression
from model.language.machine import Action, Conjunct, Field, Machine, State
from model.language.types import CounterType

States = tuple[State, ...]


@frozen(eq=False)
class Member:
    """The answer to one variant.

    ``coverage`` is that of a search of its machine alone.  ``endless``: its
    ``eventually`` properties that some fair run breaks; ``undecided``: why
    these were not looked for, or ''.
    """

    machine: Machine
    coverage: Coverage
    endless: frozenset[str]
    undecided: str


def explore_family(
    machines: Sequence[Machine],
    limits: Limits | None = None,
    report: Report = silent,
) -> list[Member]:
    """Return one member for each of ``machines``, in their order.

    They may be any machines at all; only those with the same fields save
    time.  The limits are those of each variant alone.  Ctrl-C is raised.
    """
    found = dict(members_of(machines, limits or Limits(), report))
    return [found[number] for number in range(len(machines))]


def members_of(
    machines: Sequence[Machine], limits: Limits, report: Report = silent
) -> Iterator[tuple[int, Member]]:
    """Yield each member as soon as it is known, with its machine's number."""
    alike: dict[object, list[int]] = {}
    for number, machine in enumerate(machines):
        fields = tuple(
            (f.name, str(f.type), f.type.width) for f in machine.fields
        )
        key = fields, machine.may_end
        alike.setdefault(key, []).append(number)
    for numbers in alike.values():
        family = _Family([machines[n] for n in numbers])
        for place, member in family.members(limits, report):
            yield numbers[place], member


@frozen(eq=False)
class _Texts:
    """The different texts of each action, numbered from 1."""

    numbers: dict[str, dict[object, int]] = field(factory=dict)
    actions: dict[tuple[str, int], Action] = field(factory=dict)

    def of(self, machine: Machine) -> dict[str, int]:
        """Return, for each action of ``machine``, the number of its text."""
        return {a.name: self._number(a) for a in machine.actions}

    def _number(self, action: Action) -> int:
        steps = [(i.label, i.enabled, i.effect) for i in action.instances]
        text = action.fair, tuple(steps)
        known = self.numbers.setdefault(action.name, {})
        number = known.setdefault(text, len(known) + 1)
        self.actions.setdefault((action.name, number), action)
        return number


class _Family:
    """Variants with the same fields, as one machine."""

    def __init__(self, machines: Sequence[Machine]) -> None:
        self._machines = machines
        texts = _Texts()
        found = [texts.of(machine) for machine in machines]
        choosers = {
            name: Field(f"text of {name}", CounterType(len(numbers)), 0)
            for name, numbers in texts.numbers.items()
            if any(of.get(name) != 1 for of in found)
        }
        #: the initial states of each variant, and the places of its machines
        self._places: dict[States, list[int]] = {}
        for place, (of, machine) in enumerate(
            zip(found, machines, strict=True)
        ):
            # 0: the variant has no such action
            chosen = tuple(of.get(name, 0) for name in choosers)
            begins = tuple((*state, *chosen) for state in machine.initials)
            self._places.setdefault(begins, []).append(place)
        self._joined = evolve(
            machines[0],
            fields=(*machines[0].fields, *choosers.values()),
            actions=tuple(
                _where(choosers[name], number, action)
                if name in choosers
                else action
                for (name, number), action in texts.actions.items()
            ),
            properties=(),
        )
        #: what each action is called in the variants
        self._called = {
            action.name: name
            for (name, _), action in zip(
                texts.actions, self._joined.actions, strict=True
            )
        }
        #: what some variant watches, by what is looked for
        self._watched = {
            watch.expression: Watch(str(number), watch.expression)
            for number, watch in enumerate(
                watch for machine in machines for watch in watches(machine)
            )
        }

    def members(
        self, limits: Limits, report: Report
    ) -> Iterator[tuple[int, Member]]:
        """Yield the members, with the places of their machines."""
        limits = evolve(limits, threads=1)
        program = Program(self._joined, watched=[*self._watched.values()])
        states = 0

        def report_all(progress: Progress) -> None:
            report(evolve(progress, states=states + progress.states))

        for begins, places in self._places.items():
            start = evolve(self._joined, initials=begins)
            search = explore(start, limits, report_all, program=program)
            if search.coverage.stopped == INTERRUPTED:
                raise KeyboardInterrupt
            states += search.coverage.states
            yield from self._of(places, search, limits)

    def _of(
        self, places: Sequence[int], search: Search, limits: Limits
    ) -> Iterator[tuple[int, Member]]:
        """Yield what one search says of each of its machines."""
        endless: dict[tuple[Expression, Expression], bool] = {}
        undecided = search.coverage.stopped
        asked = [
            prop
            for place in places
            for prop in self._machines[place].properties
            if prop.kind == "eventually"
        ]
        if asked and not undecided:
            try:
                graph = graph_of(search, limits, sort=False)
                for prop in asked:
                    key = prop.premise, prop.conclusion
                    if key not in endless:
                        machine = search.machine
                        found = starts_of_lassos(machine, graph, prop)
                        endless[key] = len(found) > 0
            except GraphTooLargeError as error:
                undecided = str(error)
            except MemoryError:
                undecided = OUT_OF_MEMORY
        for place in places:
            machine = self._machines[place]
            names = frozenset(
                p.name
                for p in machine.properties
                if endless.get((p.premise, p.conclusion))
                and p.kind == "eventually"
            )
            coverage = self._coverage(machine, search.coverage)
            yield place, Member(machine, coverage, names, undecided)

    def _coverage(self, machine: Machine, coverage: Coverage) -> Coverage:
        """Return the coverage in the words of the variant's machine."""
        fired = dict.fromkeys(self._called.values(), 0)
        for name, times in coverage.fired.items():
            fired[self._called[name]] += times
        levels = {
            watch.name: coverage.first_level.get(
                self._watched[watch.expression].name
            )
            for watch in watches(machine)
        }
        return evolve(
            coverage,
            first_level={k: n for k, n in levels.items() if n is not None},
            fired={a.name: fired[a.name] for a in machine.actions},
        )


def _where(chooser: Field, number: int, action: Action) -> Action:
    """Return the action as it is where the variant has text ``number`` of it.

    All texts that are fair keep one name, so that they are fair together: a
    variant has but one of them.
    """
    name = action.name if action.fair else f"{action.name}, not fair"
    has = ex.constant(number, chooser.type.width)
    guard = Conjunct(chooser.name, ex.equal(chooser.expression, has))
    instances = tuple(
        evolve(i, action=name, guard=(guard, *i.guard))
        for i in action.instances
    )
    return evolve(action, name=name, instances=instances)
