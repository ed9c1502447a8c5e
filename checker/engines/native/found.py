# SPDX-License-Identifier: GPL-2.0-or-later
"""What an explicit search found, and the questions it answers.

The states are numbered in the order of their levels, from 0; within a level,
part by part.
"""

from __future__ import annotations

from collections.abc import Iterator
from ctypes import addressof
from functools import cached_property

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from checker.engines.exploration import Coverage, StateSet
from checker.engines.native.columns import Column, column
from checker.engines.native.layout import Rows
from checker.engines.native.part import Part, address
from checker.engines.native.program import Program
from checker.engines.native.table import INDEX_BITS
from model.language.expression import Expression
from model.language.machine import Machine, State

Numbers = NDArray[np.int64]
_STATES_AT_ONCE = 1 << 12
_STEP_ROWS_AT_ONCE = 1 << 17


@frozen(eq=False)
class Steps:
    """Some steps, in the order of their origins, then of their instances.

    States are given by number; a target is -1 if the search was stopped
    before it found that state.
    """

    origin: Numbers
    instance: Numbers
    target: Numbers


@frozen(eq=False)
class FoundStates:
    """Some states of a search; ``numbers`` ascend."""

    search: ExplicitSearch
    numbers: Numbers

    def __len__(self) -> int:
        return len(self.numbers)

    def __contains__(self, state: State) -> bool:
        number = self.search.number_of(state)
        return number is not None and bool(self.includes(np.array(number)))

    def __iter__(self) -> Iterator[State]:
        return (self.search.state(int(number)) for number in self.numbers)

    def includes(self, numbers: Numbers) -> NDArray[np.bool_]:
        """Return, for each of ``numbers``, whether that state is here."""
        if not len(self):
            return np.zeros(numbers.shape, dtype=bool)
        place = np.searchsorted(self.numbers, numbers)
        place = np.minimum(place, len(self) - 1)
        return np.asarray(self.numbers[place] == numbers)


class ExplicitSearch:
    """A finished (or stopped) search; keeps every state."""

    def __init__(
        self,
        program: Program,
        machine: Machine,
        parts: list[Part],
        coverage: Coverage,
    ) -> None:
        self._program = program
        self.machine = machine
        self.layout = program.layout
        self.coverage = coverage
        self._parts = parts
        # row: level, column: part; where the part's states of a level begin,
        # in the numbers of the part and in those of the search
        self._local = np.array([part.offsets for part in parts]).T
        sizes = np.diff(self._local, axis=0)
        ends = np.cumsum(sizes.ravel()).reshape(sizes.shape)
        self._global = ends - sizes
        self.level_starts: Numbers = np.append(0, np.cumsum(sizes.sum(axis=1)))

    # -- the questions of every search -----------------------------------

    def meeting(self, level: int, predicate: Expression) -> FoundStates:
        """Return the states of ``level`` in which ``predicate`` is true."""
        return self._chosen(level, self.column(predicate, level))

    def stuck(self, level: int) -> FoundStates:
        """Return the states of ``level`` that are deadlocks."""
        stays = ~self.column(self.machine.may_end, level)
        start = self.level_starts[level]
        for steps in self.steps(level):
            stays[steps.origin - start] = False
        return self._chosen(level, stays)

    def before(self, level: int, targets: StateSet) -> FoundStates:
        """Return the states of ``level`` with a step into ``targets``.

        Raises TypeError if ``targets`` are not states of this search.
        """
        if not isinstance(targets, FoundStates) or (
            targets.search is not self
        ):
            raise TypeError("the targets are not states of this search")
        start, end = self.level_starts[level : level + 2]
        leads = np.zeros(end - start, dtype=bool)
        for steps in self.steps(level):
            leads[steps.origin[targets.includes(steps.target)] - start] = True
        return self._chosen(level, leads)

    def _chosen(self, level: int, chosen: Column) -> FoundStates:
        numbers = np.flatnonzero(chosen) + self.level_starts[level]
        return FoundStates(self, numbers)

    # -- states ----------------------------------------------------------

    def state(self, number: int) -> State:
        """Return the state with this number."""
        level = int(np.searchsorted(self.level_starts, number, "right")) - 1
        part = int(np.searchsorted(self._global[level], number, "right")) - 1
        local = self._local[level, part] + number - self._global[level, part]
        row = self._parts[part].rows(int(local), int(local) + 1)[0]
        return self.layout.unpack(row)

    def rows(self) -> Rows:
        """Return all states, packed, in the order of their numbers."""
        found = np.empty((len(self), self.layout.words), dtype=np.uint64)
        for number, part in enumerate(self._parts):
            local = np.arange(part.offsets[-1])
            found[self._numbers(number, local)] = part.rows(0, len(local))
        return found

    def blocks(self, size: int) -> Iterator[Rows]:
        """All states, packed, at most ``size`` at a time."""
        for part in self._parts:
            for start in range(0, part.offsets[-1], size):
                yield part.rows(start, min(start + size, part.offsets[-1]))

    def __len__(self) -> int:
        """Return the number of states."""
        return int(self.level_starts[-1])

    def number_of(self, state: State) -> int | None:
        """Return the number of ``state``, None if it was not found."""
        row = self.layout.pack([state])[0]
        for number, part in enumerate(self._parts):
            local = part.find(row)
            if local is not None and local < part.offsets[-1]:
                return int(self._numbers(number, np.array([local]))[0])
        return None

    def column(self, expression: Expression, level: int) -> Column:
        """Return the value of ``expression`` in each state of ``level``."""
        found = [
            column(self.layout, part.rows(*part.level(level)), expression)
            for part in self._parts
        ]
        return found[0] if len(found) == 1 else np.concatenate(found)

    def _numbers(self, part: int, local: Numbers) -> Numbers:
        """Return the numbers in the search of states of a part."""
        if len(self._parts) == 1:
            return local
        starts = self._local[:, part]
        level = np.searchsorted(starts, local, "right") - 1
        return np.asarray(self._global[level, part] + local - starts[level])

    # -- steps -----------------------------------------------------------

    def steps(self, level: int) -> Iterator[Steps]:
        """Yield the steps from states of ``level``, some at a time."""
        for number, part in enumerate(self._parts):
            first, end = part.level(level)
            for start in range(first, end, self._states_at_once):
                n = min(self._states_at_once, end - start)
                yield self._steps(number, start, n)

    @property
    def _states_at_once(self) -> int:
        most = _STEP_ROWS_AT_ONCE // max(1, len(self.machine.instances))
        return min(_STATES_AT_ONCE, max(64, most))

    @cached_property
    def _step_rows(self) -> NDArray[np.uint64]:
        most = self._states_at_once * max(1, len(self.machine.instances))
        return np.zeros((3, most), dtype=np.uint64)

    @cached_property
    def _controls(self) -> NDArray[np.uint64]:
        for part in self._parts:
            part.ensure_table()
        blocks = [addressof(part.control) for part in self._parts]
        return np.array(blocks, dtype=np.uint64)

    def _steps(self, part: int, start: int, n: int) -> Steps:
        addresses = [address(column) for column in self._step_rows]
        count = self._program.steps.call(
            "steps",
            address(self._controls),
            int(self._controls[part]),
            start,
            n,
            *addresses,
        )
        origins, instances, targets = self._step_rows[:, :count]
        # within a block the kernel goes instance by instance
        order = np.argsort(origins.astype(np.uint16), kind="stable")
        return Steps(
            self._numbers(part, origins[order].astype(np.int64) + start),
            instances[order].astype(np.int64),
            self._targets(targets[order].astype(np.int64)),
        )

    def _targets(self, codes: Numbers) -> Numbers:
        local = (codes & (1 << INDEX_BITS) - 1) - 1
        owner = codes >> INDEX_BITS
        result = np.full(len(codes), -1, dtype=np.int64)
        for number, part in enumerate(self._parts):
            known = (local >= 0) & (local < part.offsets[-1])
            mine = np.flatnonzero(known & (owner == number))
            result[mine] = self._numbers(number, local[mine])
        return result
