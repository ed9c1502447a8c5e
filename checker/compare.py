# SPDX-License-Identifier: GPL-2.0-or-later
"""The reviewers' question, answered: which design is tenable, at what price.

Each design is explored at its main configuration (all failures) for the
safety guarantees, at a smaller one with three kinds of guests for whether it
ends, and without failures at several sizes for what it costs.  Then its
safety is proved for every size.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from itertools import product
from typing import Any

from attrs import evolve, frozen

from checker.check import Answer, check
from checker.configuration import load
from checker.engines.costs import most, share_at_risk
from checker.engines.explicit import explore
from checker.engines.exploration import (
    Coverage,
    Limits,
    Report,
    Search,
    silent,
)
from checker.engines.graph import GraphTooLargeError, StateGraph, graph_of
from checker.engines.interpreter import interpret
from checker.engines.liveness import find_lasso
from checker.proof.prove import Proof, prove
from checker.verdict import Finding, Verdict
from model.designs import build
from model.language import Machine
from model.mechanisms import DESIGNS, LIVE
from model.options import Bounds, Failures, Options

HOLDS = Verdict.HOLDS.value
NOT_PROMISED = "NOT PROMISED"
NEVER_STOPS = Bounds(chunks=2, granules=1)
#: instances that a design is asked about that need not end with the first
EASIER: tuple[tuple[str, Bounds], ...] = (
    ("L1 D >= M", Bounds(chunks=2, downtime=2)),
    ("L1 throttled", Bounds(chunks=2, writes="throttled")),
    ("L1 bounded", Bounds(chunks=2, writes=2)),
)
#: chunks M and downtime limit D, with a guest that never stops
STOPPED_POINTS = ((2, 0), (2, 1), (3, 0), (2, 2), (1, 1))
#: chunks M, each with W = 1 and W = 2 writes, D = 0
TOTAL_CHUNKS = (1, 2)
TOTAL_WRITES = (1, 2)
#: steps that are failures for the question "would a failure now lose it?":
#: the death of the side that runs the guest takes the VM itself with it
LOSING = ("channel_cut", "source_killed")
#: the interpreter has explored so many states before code is compiled
INTERPRETED = 400
TOTAL, STOPPED = "chunks sent", "chunks sent while stopped"


@frozen(kw_only=True)
class Plane:
    """``x * X + y * Y + constant``, exact on all points that were explored.

    ``names``: what X and Y are called; ``capped``: never more than X.
    """

    names: tuple[str, str]
    x: int
    y: int
    constant: int
    capped: bool = False

    def at(self, x: int, y: int) -> int:
        """The value at a point."""
        value = self.x * x + self.y * y + self.constant
        return min(x, value) if self.capped else value

    def __str__(self) -> str:
        text = self._sum()
        return f"min({self.names[0]}, {text})" if self.capped else text

    def _sum(self) -> str:
        terms = [
            f"{factor} {name}" if factor != 1 else name
            for factor, name in zip((self.x, self.y), self.names, strict=True)
            if factor
        ]
        if self.constant or not terms:
            terms.append(str(self.constant))
        return " + ".join(terms)


@frozen(kw_only=True)
class Costs:
    """What a migration costs at most, without failures.

    ``total``: chunks sent, by chunks M and guest writes W.  ``stopped``:
    chunks sent while nobody runs, by chunks M and the downtime limit D in
    chunks, with a guest that never stops.  None: no plane goes through the
    points.  ``total_never_stops``: chunks sent with such a guest and two
    chunks; None is "no most".  ``at_risk``: states, of all states in which a
    migration is under way and nothing has failed, in which one failure may
    lose the bitmap.
    """

    total: Plane | None
    total_points: dict[tuple[int, int], int | None]
    total_never_stops: int | None
    stopped: Plane | None
    stopped_points: dict[tuple[int, int], int | None]
    at_risk: tuple[int, int]

    @property
    def share_at_risk(self) -> float:
        """``at_risk`` as a fraction."""
        some, of = self.at_risk
        return some / of if of else 0.0


@frozen(kw_only=True)
class DesignResult:
    """One column of the table.

    ``guarantees``: name to verdict; "L1" is asked with a guest that never
    stops.  ``ends``: the options with which each kind of L1 was explored.
    ``proof``: what was shown for every size.
    """

    design: str
    options: Options
    coverage: Coverage
    guarantees: dict[str, str]
    not_promised: dict[str, str]
    unmet: tuple[Finding, ...]
    loses_when_refused: bool
    ends: dict[str, Options]
    costs: Costs
    proof: Proof
    seconds: float

    @property
    def proved(self) -> frozenset[str]:
        """Guarantees that hold for every disk size, proved."""
        held = {k for k, v in self.guarantees.items() if v == HOLDS}
        return self.proof.proved_guarantees & held

    @property
    def converges(self) -> bool:
        """Whether it ends whatever the guest does."""
        return self.guarantees["L1"] == HOLDS


@frozen(kw_only=True)
class Comparison:
    """The whole table."""

    results: tuple[DesignResult, ...]
    seconds: float


def compare(
    limits: Limits | None = None,
    report: Callable[[str], Report] = lambda _: silent,
) -> Comparison:
    """Explore all designs; ``report`` gets a title for each search."""
    started = time.perf_counter()
    asked = limits or Limits()
    results = tuple(_design(name, asked, report) for name in DESIGNS)
    return Comparison(results=results, seconds=time.perf_counter() - started)


def _design(
    design: str, limits: Limits, report: Callable[[str], Report]
) -> DesignResult:
    started = time.perf_counter()
    main = load(design)
    answer = check(main, limits=limits, report=report(design), traces=False)
    guarantees = _summarise(answer)
    graphs = _Graphs(limits, report)
    ends = {"L1": evolve(main.options, bounds=NEVER_STOPS)}
    guarantees["L1"] = graphs.ends(ends["L1"])
    for title, bounds in EASIER:
        implied = guarantees["L1"] == HOLDS
        if implied or (bounds.writes == "throttled" and design != LIVE):
            # what never stops may do anything that these may do; and a
            # throttle does nothing where the guest is stopped to send
            guarantees[title] = guarantees["L1"]
            continue
        ends[title] = evolve(main.options, bounds=bounds)
        guarantees[title] = graphs.ends(ends[title])
    return DesignResult(
        design=design,
        options=main.options,
        coverage=answer.coverage,
        guarantees=guarantees,
        not_promised=dict(answer.machine.not_promised),
        unmet=tuple(
            f
            for f in answer.findings
            if f.kind == "reachable" and f.verdict is not Verdict.HOLDS
        ),
        loses_when_refused=_loses_when_refused(main.options, limits),
        ends=ends,
        costs=_costs(graphs, ends["L1"]),
        proof=prove(main.options, limits),
        seconds=time.perf_counter() - started,
    )


def _loses_when_refused(options: Options, limits: Limits) -> bool:
    """Whether a refused START alone can make a loss."""
    refused = evolve(
        options, bounds=Bounds(chunks=1), failures=Failures(refuse=1)
    )
    machine = build(refused)
    lost = machine.notes["bitmap lost"]
    search = interpret(machine, limits)
    levels = range(search.coverage.levels)
    return any(len(search.meeting(level, lost)) for level in levels)


def _summarise(answer: Answer) -> dict[str, str]:
    """The worst verdict of each guarantee."""
    worst: dict[str, Verdict] = {}
    order = [Verdict.HOLDS, Verdict.INCONCLUSIVE, Verdict.VIOLATED]
    for finding in answer.findings:
        key = finding.guarantee
        if key:
            before = worst.get(key, Verdict.HOLDS)
            worst[key] = max(before, finding.verdict, key=order.index)
    found = {key: verdict.value for key, verdict in sorted(worst.items())}
    for key in answer.machine.not_promised:
        found[key] = NOT_PROMISED
    return found


class _Graphs:
    """State graphs of small instances; each machine is explored once."""

    def __init__(
        self, limits: Limits, report: Callable[[str], Report]
    ) -> None:
        self._limits = limits
        self._report = report
        self._known: dict[str, tuple[Machine, StateGraph | None]] = {}

    def of(self, options: Options) -> tuple[Machine, StateGraph | None]:
        """The machine and its graph; None if a limit was in the way."""
        machine = build(options)
        if machine.digest not in self._known:
            title = f"{options.name}, {options.bounds.chunks} chunks"
            search = self._search(machine, self._report(title))
            graph = None
            if not search.coverage.stopped:
                with contextlib.suppress(GraphTooLargeError):
                    graph = graph_of(search, self._limits)
            self._known[machine.digest] = machine, graph
        return self._known[machine.digest]

    def _search(self, machine: Machine, report: Report) -> Search:
        """By the interpreter if it is small: compiling takes longer."""
        small = evolve(self._limits, max_states=INTERPRETED)
        search = interpret(machine, small, report)
        if not search.coverage.stopped:
            return search
        return explore(machine, self._limits, report)

    def ends(self, options: Options) -> str:
        """The verdict on L1."""
        machine, graph = self.of(options)
        if graph is None:
            return Verdict.INCONCLUSIVE.value
        lassos = [
            find_lasso(machine, graph, prop)
            for prop in machine.properties
            if prop.kind == "eventually"
        ]
        found = any(lasso is not None for lasso in lassos)
        verdict = Verdict.VIOLATED if found else Verdict.HOLDS
        return str(verdict.value)

    def most(self, options: Options, cost: str) -> int | None:
        """The most that a run without failures costs; None: no most."""
        machine, graph = self.of(options)
        if graph is None:
            return None
        found = next(c for c in machine.costs if c.name == cost)
        return most(machine, graph, found)


def _costs(graphs: _Graphs, ends: Options) -> Costs:
    calm = evolve(ends, failures=Failures())

    def sized(chunks: int, **bounds: Any) -> Options:
        return evolve(calm, bounds=Bounds(chunks=chunks, **bounds))

    total = {
        (m, w): graphs.most(sized(m, writes=w, downtime=0), TOTAL)
        for m, w in product(TOTAL_CHUNKS, TOTAL_WRITES)
    }
    stopped = {
        (m, d): graphs.most(sized(m, downtime=d), STOPPED)
        for m, d in STOPPED_POINTS
    }
    machine, graph = graphs.of(ends)
    at_risk = (0, 0)
    if graph is not None:
        at_risk = share_at_risk(
            machine,
            graph,
            machine.notes["migration under way"],
            machine.notes["bitmap lost"],
            LOSING,
        )
    return Costs(
        total=_plane(("M", "W"), total, base=(1, 1)),
        total_points=total,
        total_never_stops=graphs.most(sized(2), TOTAL),
        stopped=_plane(("M", "D"), stopped, base=(2, 0)),
        stopped_points=stopped,
        at_risk=at_risk,
    )


def _plane(
    names: tuple[str, str],
    points: dict[tuple[int, int], int | None],
    base: tuple[int, int],
) -> Plane | None:
    """The plane through all points, or None if there is none.

    It is laid through ``base`` and its two neighbours, which no cap touches;
    the other points are the test.
    """
    if None in points.values():
        return None
    values = {key: value or 0 for key, value in points.items()}
    x, y = base
    across = values[x + 1, y] - values[x, y]
    along = values[x, y + 1] - values[x, y]
    constant = values[x, y] - across * x - along * y
    plane = Plane(names=names, x=across, y=along, constant=constant)
    for candidate in (plane, evolve(plane, capped=True)):
        if all(candidate.at(*key) == value for key, value in values.items()):
            return candidate
    return None
