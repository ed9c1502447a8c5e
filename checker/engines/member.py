# SPDX-License-Identifier: GPL-2.0-or-later
"""What one search of many variants says of each of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from checker.engines.columns import Column, column
from checker.engines.explicit import explore
from checker.engines.exploration import Coverage, Limits, Report, watches
from checker.engines.found import ExplicitSearch
from checker.engines.graph import GraphTooLargeError, StateGraph, graph_of
from checker.engines.liveness import starts_of_lassos
from model.language.expression import Expression
from model.language.machine import Field, Machine, Property

Numbers = NDArray[np.int64]
Mask = NDArray[np.bool_]
_NEVER = np.iinfo(np.int64).max


@frozen(eq=False)
class Member:
    """The answer to one variant.

    ``endless``: its ``eventually`` properties that some fair run breaks;
    ``undecided``: why these were not looked for, or ''.
    """

    machine: Machine
    coverage: Coverage
    endless: frozenset[str]
    undecided: str


def alone(machine: Machine, limits: Limits, report: Report) -> Member:
    """The answer to a machine from a search of its own.  Ctrl-C is raised."""
    search = explore(machine, limits, report)
    if search.coverage.stopped == "interrupted":
        raise KeyboardInterrupt
    endless: list[str] = []
    undecided = search.coverage.stopped
    asked = _eventually(machine)
    if asked and not undecided:
        try:
            graph = graph_of(search, limits, sort=False)
            endless = [
                p.name
                for p in asked
                if len(starts_of_lassos(machine, graph, p))
            ]
        except GraphTooLargeError as error:
            undecided = str(error)
    return Member(machine, search.coverage, frozenset(endless), undecided)


class Shares:
    """A finished search of a family, dealt out to its variants.

    ``variant``: the field that numbers them; ``called``: for each instance,
    what its action is called in the variants.
    """

    def __init__(
        self, search: ExplicitSearch, variant: Field, called: Sequence[str]
    ) -> None:
        self._search = search
        self._rows = search.rows()
        sizes = np.diff(search.level_starts)
        levels = len(sizes)
        self._level = np.repeat(np.arange(levels), sizes)
        self._variant = self._column(variant.expression).astype(np.int64)
        self._variants = int(self._variant.max()) + 1
        #: row: variant, column: level
        self._states = np.bincount(
            self._variant * levels + self._level,
            minlength=self._variants * levels,
        ).reshape(-1, levels)
        self._called = sorted(set(called))
        place = {name: number for number, name in enumerate(self._called)}
        actions = np.array([place[n] for n in called], dtype=np.int64)
        self._fired, self._moves = self._steps(actions)
        #: the first level of each variant, by what is true there
        self._first: dict[Expression, Numbers] = {}
        self._stuck: dict[Expression, Numbers] = {}
        self._endless: dict[tuple[Expression, Expression], set[int]] = {}
        self._graph: StateGraph | None = None

    def states(self, number: int) -> int:
        """How many states the variant has."""
        return int(self._states[number].sum())

    def member(self, number: int, machine: Machine, limits: Limits) -> Member:
        """The answer to ``machine``, which is the variant ``number``."""
        endless, undecided = [], ""
        try:
            endless = [
                p.name
                for p in _eventually(machine)
                if number in self._need_not_end(p, limits)
            ]
        except GraphTooLargeError as error:
            undecided = str(error)
        coverage = self._coverage(number, machine)
        return Member(machine, coverage, frozenset(endless), undecided)

    def _coverage(self, number: int, machine: Machine) -> Coverage:
        whole = self._search.coverage
        share = self.states(number) / whole.states
        fired = dict(zip(self._called, self._fired[number], strict=True))
        levels = np.trim_zeros(self._states[number], "b")
        first = {
            watch.name: self._first_true(watch.expression)[number]
            for watch in watches(machine)
        }
        stuck = self._first_stuck(machine.may_end)[number]
        return Coverage(
            states=self.states(number),
            transitions=int(self._fired[number].sum()),
            level_sizes=tuple(int(size) for size in levels),
            first_level={k: int(n) for k, n in first.items() if n != _NEVER},
            deadlock_level=None if stuck == _NEVER else int(stuck),
            fired={a.name: int(fired[a.name]) for a in machine.actions},
            stopped="",
            seconds=whole.seconds * share,
            memory=int(whole.memory * share),
        )

    def _steps(self, actions: Numbers) -> tuple[Numbers, Mask]:
        """How often each variant takes each action; which states move."""
        kinds = len(self._called)
        fired = np.zeros(self._variants * kinds, dtype=np.int64)
        moves = np.zeros(len(self._rows), dtype=bool)
        for level in range(len(self._search.level_starts) - 1):
            for steps in self._search.steps(level):
                moves[steps.origin] = True
                owner = self._variant[steps.origin]
                kind = owner * kinds + actions[steps.instance]
                fired += np.bincount(kind, minlength=len(fired))
        return fired.reshape(-1, kinds), moves

    def _column(self, expression: Expression) -> Column:
        return column(self._search.layout, self._rows, expression)

    def _first_level(self, chosen: Mask) -> Numbers:
        """For each variant the first level with a chosen state."""
        first = np.full(self._variants, _NEVER, dtype=np.int64)
        np.minimum.at(first, self._variant[chosen], self._level[chosen])
        return first

    def _first_true(self, expression: Expression) -> Numbers:
        if expression not in self._first:
            found = self._first_level(self._column(expression))
            self._first[expression] = found
        return self._first[expression]

    def _first_stuck(self, may_end: Expression) -> Numbers:
        if may_end not in self._stuck:
            stuck = ~self._moves & ~self._column(may_end)
            self._stuck[may_end] = self._first_level(stuck)
        return self._stuck[may_end]

    def _need_not_end(self, prop: Property, limits: Limits) -> set[int]:
        """The variants that break the ``eventually`` property."""
        key = prop.premise, prop.conclusion
        if key not in self._endless:
            if self._graph is None:
                self._graph = graph_of(self._search, limits, sort=False)
            starts = starts_of_lassos(self._search.machine, self._graph, prop)
            found = np.unique(self._variant[starts])
            self._endless[key] = {int(number) for number in found}
        return self._endless[key]


def _eventually(machine: Machine) -> list[Property]:
    return [p for p in machine.properties if p.kind == "eventually"]
