# SPDX-License-Identifier: GPL-2.0-or-later
"""The reviewers' question, answered: which design is tenable, at what price.

Each design is explored at its main configuration (all failures) for the
safety guarantees, at a smaller one with three kinds of guests for whether it
ends, and without failures at several sizes for what it costs.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import product

from attrs import evolve, frozen

from checker.check import Answer, check
from checker.configuration import Configuration, load
from checker.engines.costs import most, share_at_risk
from checker.engines.exploration import Limits, Report, silent
from checker.engines.explicit import explore
from checker.engines.graph import graph_of
from checker.verdict import Finding, Verdict
from model.designs import build
from model.mechanisms import DESIGNS
from model.options import Bounds, Failures, Options, Writes

NOT_PROMISED = "NOT PROMISED"
GUESTS: tuple[tuple[str, Writes], ...] = (
    ("L1", "unbounded"),
    ("L1 throttled", "throttled"),
    ("L1 bounded", 2),
)
COST_CHUNKS = (1, 2, 3)
COST_WRITES = (1, 2)
#: steps that are failures for the question "would a failure now lose it?":
#: the death of the side that runs the guest takes the VM itself with it
LOSING = ("channel_cut", "source_killed")
TOTAL, STOPPED = "chunks sent", "chunks sent while stopped"


@frozen(kw_only=True)
class Plane:
    """``chunks * M + writes * W + constant``, exact on all that was explored.

    ``M``: chunks of the bitmap; ``W``: writes of the guest.  None in place
    of a plane means that there is no most: unlimited.
    """

    chunks: int
    writes: int
    constant: int

    def at(self, chunks: int, writes: int) -> int:
        """The value for a disk of ``chunks`` and ``writes`` writes."""
        return self.chunks * chunks + self.writes * writes + self.constant

    def __str__(self) -> str:
        terms = [
            f"{factor} {letter}" if factor != 1 else letter
            for factor, letter in ((self.chunks, "M"), (self.writes, "W"))
            if factor
        ]
        if self.constant or not terms:
            terms.append(str(self.constant))
        return " + ".join(terms)


@frozen(kw_only=True)
class Costs:
    """What a migration costs at most, without failures.

    ``points`` are the explored values: (chunks, writes) to (in all, while
    stopped).  ``unbounded``: the same with a guest that writes for ever; None
    is "no most".  ``at_risk``: states, of all states in which a migration is
    under way and nothing has failed, in which one failure may lose the
    bitmap.
    """

    points: dict[tuple[int, int], tuple[int, int]]
    total: Plane | None
    stopped: Plane | None
    unbounded_total: int | None
    unbounded_stopped: int | None
    at_risk: tuple[int, int]

    @property
    def share_at_risk(self) -> float:
        """``at_risk`` as a fraction."""
        some, of = self.at_risk
        return some / of if of else 0.0


@frozen(kw_only=True)
class DesignResult:
    """One column of the table."""

    design: str
    answer: Answer
    guarantees: dict[str, str]
    not_promised: dict[str, str]
    ends: dict[str, Answer]
    costs: Costs
    seconds: float

    @property
    def converges(self) -> bool:
        """Whether it ends whatever the guest does."""
        return self.guarantees["L1"] == Verdict.HOLDS.value


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
    limits = limits or Limits()
    results = tuple(_design(name, limits, report) for name in DESIGNS)
    return Comparison(results=results, seconds=time.perf_counter() - started)


def _design(
    design: str, limits: Limits, report: Callable[[str], Report]
) -> DesignResult:
    started = time.perf_counter()
    main = load(design)
    answer = check(main, limits=limits, report=report(design))
    guarantees = _summarise(answer)
    ends: dict[str, Answer] = {}
    for title, writes in GUESTS:
        small = _ending(main, writes)
        ends[title] = check(
            small, limits=limits, report=report(f"{design}, {title}")
        )
        guarantees[title] = _summarise(ends[title])["L1"]
    return DesignResult(
        design=design,
        answer=answer,
        guarantees=guarantees,
        not_promised=dict(answer.machine.not_promised),
        ends=ends,
        costs=_costs(design, limits),
        seconds=time.perf_counter() - started,
    )


def _ending(main: Configuration, writes: Writes) -> Configuration:
    """A smaller configuration with all failures, for ``eventually``."""
    bounds = Bounds(chunks=2, granules=1, writes=writes)
    return Configuration(
        name=f"{main.options.design} ends, writes {writes}",
        options=evolve(main.options, bounds=bounds),
        properties=("L1",),
    )


def _summarise(answer: Answer) -> dict[str, str]:
    """The worst verdict of each guarantee."""
    worst: dict[str, Verdict] = {}
    order = [Verdict.HOLDS, Verdict.INCONCLUSIVE, Verdict.VIOLATED]
    for finding in answer.findings:
        key = finding.guarantee
        if not key:
            continue
        before = worst.get(key, Verdict.HOLDS)
        worst[key] = max(before, finding.verdict, key=order.index)
    found = {key: verdict.value for key, verdict in sorted(worst.items())}
    for key in answer.machine.not_promised:
        found[key] = NOT_PROMISED
    return found


def unmet(result: DesignResult) -> list[Finding]:
    """Reachable properties and actions that the main search did not meet."""
    return [
        f
        for f in result.answer.findings
        if f.kind == "reachable" and f.verdict is not Verdict.HOLDS
    ]


def _costs(design: str, limits: Limits) -> Costs:
    points: dict[tuple[int, int], tuple[int, int]] = {}
    for chunks, writes in product(COST_CHUNKS, COST_WRITES):
        total, stopped = _most(design, chunks, writes, limits)
        assert total is not None and stopped is not None
        points[chunks, writes] = total, stopped
    unbounded = _most(design, 2, "unbounded", limits)
    return Costs(
        points=points,
        total=_plane({k: v[0] for k, v in points.items()}),
        stopped=_plane({k: v[1] for k, v in points.items()}),
        unbounded_total=unbounded[0],
        unbounded_stopped=unbounded[1],
        at_risk=_at_risk(design, limits),
    )


def _most(
    design: str, chunks: int, writes: Writes, limits: Limits
) -> tuple[int | None, int | None]:
    options = Options(
        design=design, bounds=Bounds(chunks=chunks, writes=writes)
    )
    machine = build(options)
    graph = graph_of(explore(machine, limits), limits)
    costs = {c.name: c for c in machine.costs}
    return (
        most(machine, graph, costs[TOTAL]),
        most(machine, graph, costs[STOPPED]),
    )


def _plane(points: dict[tuple[int, int], int]) -> Plane | None:
    """The plane through all points, or None if there is none."""
    first = min(points)
    origin = points[first]
    across = points[first[0] + 1, first[1]] - origin
    along = points[first[0], first[1] + 1] - origin
    plane = Plane(
        chunks=across,
        writes=along,
        constant=origin - across * first[0] - along * first[1],
    )
    exact = all(plane.at(*key) == value for key, value in points.items())
    return plane if exact else None


def _at_risk(design: str, limits: Limits) -> tuple[int, int]:
    failures = Failures(cut=1, source_killed=1)
    options = Options(design=design, failures=failures)
    machine = build(options)
    graph = graph_of(explore(machine, limits), limits)
    return share_at_risk(
        machine,
        graph,
        machine.notes["migration under way"],
        machine.notes["bitmap lost"],
        LOSING,
    )
