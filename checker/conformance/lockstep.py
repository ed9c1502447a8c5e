# SPDX-License-Identifier: GPL-2.0-or-later
"""Lockstep: model and reference side by side, through every run.

A pair is a state of the model and a state of the reference.  From every pair
that can be reached, every step that the model allows is taken on both sides;
the reference must allow it, and its state, seen through the abstraction
function, must be the model's.  Nor may the reference offer a step of the
protocol that the model does not allow.  Exhaustive: every pair is kept whole
and expanded once.  What the reference does in a state is remembered, as many
states of the model differ in budgets and ghosts only.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from attrs import define, field, frozen

from checker.conformance.abstraction import (
    AbstractionError,
    Codes,
    abstract,
    visible,
)
from checker.conformance.cut_variants import variants
from checker.conformance.rig import Rig, build
from checker.conformance.snapshot import Frozen, freeze, shared, thaw
from checker.conformance.steps import (
    RefusedStepError,
    enabled,
    perform,
)
from checker.engines.evaluate import Evaluator
from checker.engines.exploration import INTERRUPTED, Limits, Search
from checker.engines.graphs.graph import (
    GraphTooLargeError,
    StateGraph,
    graph_of,
)
from checker.input.configuration import Configuration
from checker.text import plural
from model.language.machine import Machine, State

REPORT_EVERY = 5000


@frozen
class Mismatch:
    """Where the two part: after ``path``, a list of instance numbers.

    ``state`` is the model's, ``codes`` the reference's (None if the
    reference has no counterpart in the model); ``reason`` is one sentence.
    """

    reason: str
    path: tuple[int, ...]
    states: tuple[State, ...]
    codes: Codes | None


@frozen
class Outcome:
    """What a lockstep run covered, and the first mismatch, if any.

    ``pairs`` were reached, ``steps`` taken on both sides;
    ``reference_states`` are the distinct states of the reference, ``met``
    those of the model that were met, out of ``model_states``.
    ``stopped`` is '' if every pair was expanded.
    """

    pairs: int
    steps: int
    reference_states: int
    met: int
    model_states: int
    seconds: float
    mismatch: Mismatch | None
    stopped: str


Report = Callable[[int, int, int], None]
Pair = tuple[int, int]  # number of a model state, of a reference state


@define
class _Known:
    """What is known of one state of the reference, by number."""

    frozen: Frozen
    codes: tuple[int, ...]
    error: str
    enabled: frozenset[int] | None = None
    after: dict[int, tuple[int, ...] | str] = field(factory=dict)


class _Reference:
    """The reference's states by number, and its steps, each taken once."""

    def __init__(self, machine: Machine, first: Rig) -> None:
        self.machine = machine
        self.names = visible(machine)
        self.numbers: dict[Frozen, int] = {}
        self.known: list[_Known] = []
        self.first = self.number(first)

    def number(self, rig: Rig) -> int:
        state = freeze(rig)
        found = self.numbers.get(state)
        if found is None:
            found = self.numbers[state] = len(self.known)
            codes: tuple[int, ...] = ()
            error = ""
            try:
                error = shared(rig)
                told = abstract(rig)
                codes = tuple([told[name] for name in self.names])
            except AbstractionError as problem:
                error = str(problem)
            except Exception as problem:
                error = f"{type(problem).__name__}: {problem}"
            self.known.append(_Known(state, codes, error))
        return found

    def enabled(self, number: int) -> frozenset[int]:
        known = self.known[number]
        if known.enabled is None:
            rig: Rig = thaw(known.frozen)
            known.enabled = enabled(rig, self.machine)
        return known.enabled

    def after(self, number: int, step: int) -> tuple[int, ...] | str:
        """The states after a step, or why the reference does not take it.

        Several where the step can be taken in several ways.
        """
        known = self.known[number]
        found = known.after.get(step)
        if found is None:
            instance = self.machine.instances[step]
            try:
                reached = []
                for rig in variants(thaw(known.frozen), instance):
                    perform(rig, instance)
                    reached.append(self.number(rig))
                found = tuple(dict.fromkeys(reached))
            except RefusedStepError as error:
                found = str(error)
            known.after[step] = found
        return found


def environment(machine: Machine) -> frozenset[int]:
    """Steps that happen to the reference, whenever the model says so.

    That a process is killed, and the writes of a guest that is throttled.
    All else the reference has to refuse by itself where it may not be.
    """
    outside = {"source_killed", "destination_killed"}
    if any(field.name.startswith("throttle.") for field in machine.fields):
        outside |= {"source_write_data"}
    return frozenset(
        n for n, i in enumerate(machine.instances) if i.action in outside
    )


class _Lockstep:
    def __init__(
        self,
        search: Search,
        graph: StateGraph,
        report: Report,
        first: Rig,
        limits: Limits,
    ) -> None:
        self.machine = search.machine
        self.graph = graph
        self.report = report
        self.limits = limits
        self.reference = _Reference(self.machine, first)
        self.outside = environment(self.machine)
        positions = [
            self.machine.position[name] for name in self.reference.names
        ]
        self.positions = positions
        self.budgets = [
            (place, self.machine.initials[0][place])
            for place, declared in enumerate(self.machine.fields)
            if declared.name.endswith("_left")
        ]
        self.codes: dict[int, tuple[int, ...]] = {}
        self.steps_of = _steps_by_state(graph)
        self.parent: dict[Pair, tuple[Pair, int] | None] = {}
        self.following: list[Pair] = []
        self.steps = 0

    def model_codes(self, number: int) -> tuple[int, ...]:
        found = self.codes.get(number)
        if found is None:
            state = self.graph.state(number)
            found = tuple([state[p] for p in self.positions])
            self.codes[number] = found
        return found

    def run(self) -> tuple[Mismatch | None, str]:
        """The first mismatch; why not every pair was expanded, or ''."""
        start = (0, self.reference.first)
        self.parent[start] = None
        problem = self._compare(start)
        if problem:
            return self._mismatch(start, problem), ""
        most = self.limits.max_states
        level = [start]
        try:
            while level:
                self.following = []
                for pair in level:
                    found = self._expand(pair)
                    if found is not None:
                        return found, ""
                    if most and len(self.parent) > most:
                        return None, f"more than {plural(most, 'pair')}"
                level = self.following
        except KeyboardInterrupt:
            return None, INTERRUPTED
        return None, ""

    def _expand(self, pair: Pair) -> Mismatch | None:
        state, mirror = pair
        try:
            offered = self.reference.enabled(mirror)
        except RefusedStepError as error:
            return self._mismatch(pair, str(error))
        instances, targets = self.steps_of(state)
        extra = offered.difference(instances) - self.outside
        extra = frozenset(n for n in extra if not self._spent(state, n))
        if extra:
            label = self.machine.instances[min(extra)].label
            return self._mismatch(
                pair,
                f"the reference would do {label}, the model does not allow it",
            )
        for step, target in zip(instances, targets, strict=True):
            label = self.machine.instances[step].label
            if step not in offered:
                return self._mismatch(
                    pair,
                    f"the model allows {label}, the reference does not",
                )
            after = self.reference.after(mirror, step)
            self.steps += 1
            if isinstance(after, str):
                return self._mismatch(pair, f"{label}: {after}")
            for mirrored in after:
                problem = self._reach(pair, step, (target, mirrored))
                if problem:
                    return self._mismatch(
                        (target, mirrored), f"{label}: {problem}"
                    )
        return None

    def _spent(self, number: int, step: int) -> bool:
        """Whether a spent budget alone keeps the model from this step."""
        state = list(self.graph.state(number))
        for place, full in self.budgets:
            state[place] = full
        instance = self.machine.instances[step]
        return Evaluator(self.machine, tuple(state)).enabled(instance)

    def _reach(self, pair: Pair, step: int, reached: Pair) -> str:
        """Note a pair; what is wrong with it, '' if nothing."""
        if reached in self.parent:
            return ""
        self.parent[reached] = (pair, step)
        self.following.append(reached)
        if len(self.parent) % REPORT_EVERY == 0:
            known = len(self.reference.known)
            self.report(len(self.parent), known, self.steps)
        return self._compare(reached)

    def _compare(self, pair: tuple[int, int]) -> str:
        state, mirror = pair
        known = self.reference.known[mirror]
        if known.error:
            return known.error
        wanted = self.model_codes(state)
        if known.codes == wanted:
            return ""
        names = [
            name
            for name, mine, other in zip(
                self.reference.names, wanted, known.codes, strict=True
            )
            if mine != other
        ]
        return f"the states differ in {', '.join(names)}"

    def _mismatch(self, pair: Pair, reason: str) -> Mismatch:
        path: list[int] = []
        states = [self.graph.state(pair[0])]
        before = self.parent[pair]
        while before is not None:
            here, step = before
            path.append(step)
            states.append(self.graph.state(here[0]))
            before = self.parent[here]
        known = self.reference.known[pair[1]]
        codes = None
        if not known.error:
            codes = dict(zip(self.reference.names, known.codes, strict=True))
        return Mismatch(
            reason, tuple(reversed(path)), tuple(reversed(states)), codes
        )


Steps = Callable[[int], tuple[list[int], list[int]]]


def _steps_by_state(graph: StateGraph) -> Steps:
    import numpy as np

    bounds = np.searchsorted(
        graph.origin, np.arange(int(graph.origin.max(initial=0)) + 2)
    ).tolist()

    def steps(state: int) -> tuple[list[int], list[int]]:
        if state + 1 >= len(bounds):
            return [], []
        part = slice(bounds[state], bounds[state + 1])
        return graph.instance[part].tolist(), graph.target[part].tolist()

    return steps


def _silent(pairs: int, states: int, steps: int) -> None:
    """A report that is not read."""


def conform(
    configuration: Configuration,
    limits: Limits | None = None,
    report: Report = _silent,
    first: Callable[[], Rig] | None = None,
) -> Outcome:
    """Run model and reference through ``configuration`` in lockstep.

    ``first`` builds the reference that is driven; default: ours.
    ``limits.max_states`` bounds the pairs.
    """
    from checker.engines.native.explicit import explore

    started = time.perf_counter()
    limits = limits or Limits()
    machine = configuration.machine()
    states, stopped = 0, ""
    try:
        search = explore(machine, Limits(memory=limits.memory))
        states, stopped = search.coverage.states, search.coverage.stopped
        if not stopped:
            graph = graph_of(search, limits)
    except GraphTooLargeError as error:
        stopped = str(error)
    except KeyboardInterrupt:
        stopped = INTERRUPTED
    if stopped:
        seconds = time.perf_counter() - started
        return Outcome(0, 0, 0, 0, states, seconds, None, stopped)
    rig = build(configuration.options) if first is None else first()
    lockstep = _Lockstep(search, graph, report, rig, limits)
    mismatch, stopped = lockstep.run()
    return Outcome(
        pairs=len(lockstep.parent),
        steps=lockstep.steps,
        reference_states=len(lockstep.reference.known),
        met=len({state for state, _ in lockstep.parent}),
        model_states=search.coverage.states,
        seconds=time.perf_counter() - started,
        mismatch=mismatch,
        stopped=stopped,
    )
