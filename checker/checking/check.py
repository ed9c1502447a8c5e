# SPDX-License-Identifier: GPL-2.0-or-later
"""Check one configuration: explore, judge, find lassos and traces."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import TYPE_CHECKING

from attrs import evolve, frozen

from checker.engines.exploration import (
    INTERRUPTED,
    TYPE_INVARIANT,
    Coverage,
    Limits,
    Report,
    Search,
    premise,
    reached,
    silent,
    violated,
)
from checker.engines.graphs.liveness import Lasso, find_lasso
from checker.engines.verdict import (
    DEADLOCK,
    Finding,
    Verdict,
    exit_code,
    gravest,
    judge,
    overall,
)
from checker.input.configuration import Configuration
from checker.input.exit_codes import ExitCode
from checker.input.memory import OUT_OF_MEMORY
from checker.input.own_properties import OWN
from checker.text import plural
from checker.traces.shortest import (
    move_of,
    shortest_to,
    shortest_to_deadlock,
)
from checker.traces.trace import Move, Trace
from model.language import expression as ex
from model.language.machine import Machine, State

if TYPE_CHECKING:
    from checker.checking.conjunct_counts import Counts
    from checker.engines.graphs.graph import StateGraph

EngineFunction = Callable[[Machine, Limits, Report], Search]
Graph = Callable[[], "StateGraph"]
BOUNDED = "smt"
#: the plain engine that the others are compared with
ORACLE = "interpreter"
ENGINES = ("explicit", ORACLE, BOUNDED)


@frozen(kw_only=True)
class Answer:
    """All that a check found out; ``counts``: if they were asked for."""

    configuration: Configuration
    machine: Machine
    engine: str
    coverage: Coverage
    findings: tuple[Finding, ...]
    traces: dict[str, Trace]
    counts: Counts | None = None

    @property
    def verdict(self) -> Verdict:
        """The verdict on the whole."""
        return overall(self.findings)

    @property
    def exit_code(self) -> ExitCode:
        """What the process should return."""
        return exit_code(self.findings)

    @property
    def interrupted(self) -> bool:
        """Whether Ctrl-C came before everything was decided."""
        reasons = {f.reason for f in self.findings}
        return INTERRUPTED in (self.coverage.stopped, *reasons)

    @property
    def gravest(self) -> Finding | None:
        """The finding to show first, if not everything holds."""
        return gravest(self.findings)

    def _steps_to(self, name: str | None) -> int | None:
        """Return the fewest steps to a violation of the property ``name``."""
        return next((f.steps for f in self.findings if f.name == name), None)

    def surprises(self) -> list[str]:
        """Where the answer differs from the configuration's [expect]."""
        expect = self.configuration.expect
        if self.coverage.stopped:
            return []
        found = {
            "verdict": self.verdict.value,
            "steps": self._steps_to(expect.property),
            "states": self.coverage.states,
            "transitions": self.coverage.transitions,
            "levels": self.coverage.levels,
        }
        surprises = [
            f"{key} is {value}, expected {getattr(expect, key)}"
            for key, value in found.items()
            if getattr(expect, key) not in (None, value)
        ]
        if expect.property is not None:
            broken = [
                f.name for f in self.findings if f.verdict is Verdict.VIOLATED
            ]
            if expect.property not in broken:
                surprises.append(
                    f"{expect.property} is not violated, expected it to be"
                )
        return surprises


def engine_named(name: str) -> EngineFunction:
    """The engine called ``name``, one of those that explore states."""
    if name == ORACLE:
        from checker.engines.interpreter import interpret

        return interpret
    from checker.engines.native.explicit import explore

    return explore


def check(
    configuration: Configuration,
    engine: str = "explicit",
    limits: Limits | None = None,
    report: Report = silent,
    traces: bool = True,
    count: bool = False,
) -> Answer:
    """Check ``configuration``; with ``traces``, show each violation.

    A run to each own property that is reached is shown as well.

    ``engine`` is one of ENGINES.  The bounded one finds the same violations
    after as many steps, and the same traces, if ``limits.depth`` lets it;
    what it does not find is INCONCLUSIVE.  ``count``: how often each conjunct
    was met, which the bounded engine does not know.
    """
    limits = limits or Limits()
    if engine == BOUNDED:
        return _check_bounded(configuration, limits, report, traces)
    machine = configuration.machine()
    search = engine_named(engine)(machine, limits, report)
    found = answer(configuration, search, limits, engine, traces)
    if not count or found.interrupted:
        return found
    from checker.checking.conjunct_counts import counts_of

    return evolve(found, counts=counts_of(search))


def answer(
    configuration: Configuration,
    search: Search,
    limits: Limits,
    engine: str = "explicit",
    traces: bool = True,
    graph: Graph | None = None,
) -> Answer:
    """What ``search``, of the configuration's machine, has found out.

    ``graph``: gives the graph of the search, if somebody else needs it too;
    it may raise GraphTooLargeError and MemoryError.
    """
    findings = judge(search.machine, search.coverage)
    found: dict[str, Trace] = {}
    try:
        if traces:
            _show(configuration, search, findings, found)
        if not search.coverage.stopped:
            asked = graph or cache(partial(_graph_of, search, limits))
            for number, finding in enumerate(findings):
                if _needs_graph(finding):
                    findings[number] = _decide_by_graph(
                        configuration, search, asked, finding, found
                    )
    except KeyboardInterrupt:
        # what a state or a step shows is known
        findings = [
            evolve(f, reason=INTERRUPTED) if _needs_graph(f) else f
            for f in findings
        ]
    return Answer(
        configuration=configuration,
        machine=search.machine,
        engine=engine,
        coverage=search.coverage,
        findings=tuple(findings),
        traces=found,
    )


def _graph_of(search: Search, limits: Limits) -> StateGraph:
    from checker.engines.graphs.graph import graph_of

    return graph_of(search, limits)


def _check_bounded(
    configuration: Configuration,
    limits: Limits,
    report: Report,
    traces: bool,
) -> Answer:
    from checker.engines.smt.bounded import STUCK, search

    machine = configuration.machine()
    found = search(machine, limits, report)
    findings = judge(machine, found.coverage)
    shown = {}
    for finding in findings:
        if not traces or not _is_shown(finding):
            continue
        run = found.runs[_watched(finding, STUCK)]
        shown[finding.name] = Trace(
            configuration.options,
            finding.name,
            run.states[0],
            tuple(
                move_of(machine, number, state)
                for number, state in zip(
                    run.instances, run.states[1:], strict=True
                )
            ),
            own=configuration.own_named(finding.name),
        )
    return Answer(
        configuration=configuration,
        machine=machine,
        engine=BOUNDED,
        coverage=found.coverage,
        findings=tuple(_within(f, found.coverage) for f in findings),
        traces=shown,
    )


def _within(finding: Finding, coverage: Coverage) -> Finding:
    """The finding, with what a bounded search can say of it."""
    if finding.verdict is not Verdict.INCONCLUSIVE:
        return finding
    if finding.kind == "eventually":
        reason = "a bounded search does not decide it"
    elif coverage.depth is None or coverage.depth < 0:
        reason = f"{coverage.stopped} before the first step"
    elif finding.kind == "reachable":
        reason = f"not met within {plural(coverage.depth, 'step')}"
    else:
        reason = f"no violation within {plural(coverage.depth, 'step')}"
        if premise(finding.name) not in coverage.first_level:
            reason += " (premise not met)"
    return evolve(finding, reason=reason)


def _needs_graph(finding: Finding) -> bool:
    return (
        finding.kind == "eventually"
        and finding.verdict is Verdict.INCONCLUSIVE
    )


def _show(
    configuration: Configuration,
    search: Search,
    findings: list[Finding],
    found: dict[str, Trace],
) -> None:
    """Add the shortest trace of each finding that a state shows."""
    for finding in findings:
        if not _is_shown(finding):
            continue
        try:
            initial, moves = _shortest(search, finding)
        except MemoryError:
            continue  # it is violated; there is no memory to show how
        found[finding.name] = Trace(
            configuration.options,
            finding.name,
            initial,
            moves,
            own=configuration.own_named(finding.name),
        )


def _is_shown(finding: Finding) -> bool:
    """Whether a state shows it: a violation, or what the user asks for."""
    if finding.steps is None:
        return False
    met = finding.kind == "reachable" and finding.guarantee == OWN
    return met or finding.verdict is Verdict.VIOLATED


def _watched(finding: Finding, stuck: str) -> str:
    """The watch that tells of a finding that is shown."""
    if finding.name == DEADLOCK:
        return stuck
    if finding.kind == "reachable":
        return reached(finding.name)
    return violated(finding.name)


def _shortest(
    search: Search, finding: Finding
) -> tuple[State, tuple[Move, ...]]:
    assert finding.steps is not None
    if finding.name == DEADLOCK:
        return shortest_to_deadlock(search, finding.steps)
    if finding.name == TYPE_INVARIANT:
        target = ex.complement(search.machine.type_invariant)
    elif finding.kind == "reachable":
        target = search.machine.property(finding.name).conclusion
    else:
        target = search.machine.property(finding.name).violated
    return shortest_to(search, finding.steps, target)


def _decide_by_graph(
    configuration: Configuration,
    search: Search,
    graph_of: Graph,
    finding: Finding,
    found: dict[str, Trace],
) -> Finding:
    from checker.engines.graphs.graph import GraphTooLargeError

    try:
        graph = graph_of()
        machine = search.machine
        lasso = find_lasso(machine, graph, machine.property(finding.name))
    except GraphTooLargeError as error:
        return evolve(finding, reason=str(error))
    except MemoryError:
        return evolve(finding, reason=OUT_OF_MEMORY)
    if lasso is None:
        return evolve(finding, verdict=Verdict.HOLDS, reason="")

    def trace(lasso: Lasso) -> Trace:
        edges = (*lasso.stem, *lasso.cycle)
        start = graph.origin[edges[0]] if edges else lasso.start
        moves = tuple(
            move_of(
                machine,
                int(graph.instance[edge]),
                graph.state(int(graph.target[edge])),
            )
            for edge in edges
        )
        return Trace(
            configuration.options,
            finding.name,
            graph.state(int(start)),
            moves,
            len(lasso.stem),
        )

    found[finding.name] = trace(lasso)
    steps = len(lasso.stem) + len(lasso.cycle)
    return evolve(finding, verdict=Verdict.VIOLATED, steps=steps, reason="")
