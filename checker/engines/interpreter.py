# SPDX-License-Identifier: GPL-2.0-or-later
"""The oracle: breadth-first search in the plainest Python there is.

**Read this file first.**  It is the whole checker in 200 lines: a state is a
tuple, ``successors`` are the steps that its actions allow, and ``_expand``
finds the next level from the last one.  ``evaluate`` says what a guard and an
effect mean, ``verdict`` what the levels say of the properties.

It is slow.  Whatever another engine does for speed, its counts, levels and
verdicts are those of this file.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator

from checker.engines.evaluate import Evaluator
from checker.engines.exploration import (
    INTERRUPTED,
    Coverage,
    Limits,
    Progress,
    Report,
    Watch,
    count_fired,
    default_memory,
    silent,
    watches,
)
from checker.input.memory import OUT_OF_MEMORY
from checker.text import plural
from model.language.expression import Expression
from model.language.machine import Machine, State

REPORT_EVERY = 5000


class InterpretedSearch:
    """A finished (or stopped) search; keeps every level."""

    def __init__(
        self, machine: Machine, levels: list[list[State]], coverage: Coverage
    ) -> None:
        self.machine = machine
        self.levels = levels
        self.coverage = coverage

    def meeting(self, level: int, predicate: Expression) -> set[State]:
        """Return the states of ``level`` in which ``predicate`` is true."""
        return {
            state
            for state in self.levels[level]
            if Evaluator(self.machine, state).holds(predicate)
        }

    def stuck(self, level: int) -> set[State]:
        """Return the states of ``level`` that are deadlocks."""
        return {s for s in self.levels[level] if is_stuck(self.machine, s)}

    def before(self, level: int, targets: set[State]) -> set[State]:
        """Return the states of ``level`` with a step into ``targets``."""
        return {
            state
            for state in self.levels[level]
            if any(s in targets for _, s in successors(self.machine, state))
        }


def successors(machine: Machine, state: State) -> Iterator[tuple[int, State]]:
    """Yield every enabled instance's number, with the state it leads to."""
    here = Evaluator(machine, state)
    for number, instance in enumerate(machine.instances):
        if here.enabled(instance):
            yield number, here.successor(instance)


def is_stuck(machine: Machine, state: State) -> bool:
    """Return whether ``state`` has no successor and is no place to end."""
    if Evaluator(machine, state).holds(machine.may_end):
        return False
    return next(successors(machine, state), None) is None


class _Interpreter:
    """The search while it runs.

    level 0 := the initial states
    for each level, while it holds a state
        for each state of it, and each action instance
            if the guard is true
                the state after the effect joins the next level,
                unless it was seen before
        for each new state: which watched predicates are true of it?
    """

    def __init__(self, machine: Machine, limits: Limits, report: Report):
        self.machine = machine
        self.limits = limits
        self.report = report
        self.watches = watches(machine)
        self.fired = [0] * len(machine.instances)
        self.first_level: dict[str, int] = {}
        self.deadlock_level: int | None = None
        self.started = time.perf_counter()
        self.seen: set[State] = set()
        self.levels: list[list[State]] = []
        self.memory_limit = limits.memory or default_memory()
        # a tuple of small integers, once in the set and once in a level
        self.state_bytes = sys.getsizeof(machine.initials[0]) + 3 * 8

    def run(self) -> InterpretedSearch:
        stopped = ""
        try:
            frontier: list[State] = []
            for state in self.machine.initials:
                self._add(state, frontier, 0)
            self.levels.append(frontier)
            while frontier and not stopped:
                stopped = self._reason_to_stop()
                if stopped:
                    break
                following: list[State] = []
                stopped = self._expand(frontier, following)
                if following:
                    self.levels.append(following)
                frontier = following
        except KeyboardInterrupt:
            stopped = INTERRUPTED
        except MemoryError:
            stopped = OUT_OF_MEMORY
        return InterpretedSearch(
            self.machine, self.levels, self._coverage(stopped)
        )

    def _reason_to_stop(self) -> str:
        """Return why the search ends here, or '' if it goes on."""
        if self.limits.first_violation and any(
            name.endswith(" violated") for name in self.first_level
        ):
            return "a violation was found"
        return ""

    def _expand(self, frontier: list[State], following: list[State]) -> str:
        """Add to ``following`` what ``frontier`` leads to and is new.

        Return why the search stops here, or '' if it goes on.
        """
        level = len(self.levels)
        for state in frontier:
            found = False
            for number, successor in successors(self.machine, state):
                found = True
                self.fired[number] += 1
                self._add(successor, following, level)
            stuck = not found and is_stuck(self.machine, state)
            if stuck and self.deadlock_level is None:
                self.deadlock_level = level - 1
            if self.limits.max_states and (
                len(self.seen) > self.limits.max_states
            ):
                return f"more than {plural(self.limits.max_states, 'state')}"
            if len(self.seen) * self.state_bytes > self.memory_limit:
                return f"more than {self.memory_limit} bytes of memory"
        return ""

    def _add(self, state: State, level: list[State], number: int) -> None:
        """Add ``state`` to ``level``, the level ``number``, if it is new."""
        if state in self.seen:
            return
        self.seen.add(state)
        level.append(state)
        self._look(self.watches, state, number)
        if len(self.seen) % REPORT_EVERY == 0:
            self.report(
                Progress(
                    len(self.seen),
                    sum(self.fired),
                    number,
                    len(level),
                    time.perf_counter() - self.started,
                    len(self.seen) * self.state_bytes,
                )
            )

    def _look(
        self, watched: tuple[Watch, ...], state: State, level: int
    ) -> None:
        here = Evaluator(self.machine, state)
        for watch in watched:
            if watch.name not in self.first_level and here.holds(
                watch.expression
            ):
                self.first_level[watch.name] = level

    def _coverage(self, stopped: str) -> Coverage:
        return Coverage(
            states=len(self.seen),
            transitions=sum(self.fired),
            level_sizes=tuple(len(level) for level in self.levels),
            first_level=self.first_level,
            deadlock_level=self.deadlock_level,
            fired=count_fired(self.machine, self.fired),
            stopped=stopped,
            seconds=time.perf_counter() - self.started,
            memory=len(self.seen) * self.state_bytes,
        )


def interpret(
    machine: Machine, limits: Limits | None = None, report: Report = silent
) -> InterpretedSearch:
    """Explore ``machine`` breadth first and remember everything.

    A search that does not finish (limits, Ctrl-C) says so in
    ``coverage.stopped``.
    """
    return _Interpreter(machine, limits or Limits(), report).run()
