# SPDX-License-Identifier: GPL-2.0-or-later
"""Take out one mechanism after the other and see what breaks.

A design is explored without each of its mechanisms, at the smallest size at
which the guarantee that the mechanism protects breaks.  If it breaks at none
of the sizes, the mechanism is redundant here: a finding, with its reason.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

from attrs import evolve, frozen

from checker.check import Answer, check
from checker.configuration import Configuration
from checker.engines.exploration import Limits, Report, silent
from checker.verdict import DEADLOCK, Finding, Verdict
from model.mechanisms import Mechanism, mechanisms_of
from model.options import Bounds, Failures, Options

ALL_ONCE = Failures(
    cut=1,
    source_killed=1,
    destination_killed=1,
    refuse=1,
    cancel=1,
    retry=1,
)
#: smallest first; all failures, a guest that never stops writing
SIZES = (
    Bounds(chunks=1, granules=1, downtime=0),
    Bounds(chunks=2, granules=1),
)


@frozen(kw_only=True)
class Removal:
    """What happened without one mechanism.

    ``finding``: the violation of the protected guarantee, None if it held at
    every size.  ``also``: other guarantees that broke.
    """

    mechanism: Mechanism
    answer: Answer
    finding: Finding | None
    also: tuple[str, ...]
    seconds: float

    @property
    def redundant(self) -> bool:
        """Whether nothing at all broke."""
        return self.finding is None and not self.also


def ablate(
    design: str, limits: Limits | None = None, report: Report = silent
) -> Iterator[Removal]:
    """Each mechanism of ``design`` taken out, in the table's order."""
    for mechanism in mechanisms_of(design):
        yield remove(design, mechanism, limits or Limits(), report)


def remove(
    design: str, mechanism: Mechanism, limits: Limits, report: Report
) -> Removal:
    """``design`` without ``mechanism``, at growing sizes until it breaks."""
    started = time.perf_counter()
    for bounds in SIZES:
        configuration = without(design, mechanism, bounds)
        answer = check(configuration, limits=limits, report=report)
        finding = _protected(mechanism, answer)
        if finding is not None or answer.coverage.stopped:
            break
    broken = {
        f.guarantee
        for f in answer.findings
        if f.verdict is Verdict.VIOLATED and f.guarantee
    }
    if finding is not None:
        broken.discard(mechanism.protects)
    return Removal(
        mechanism=mechanism,
        answer=answer,
        finding=finding,
        also=tuple(sorted(broken)),
        seconds=time.perf_counter() - started,
    )


def without(
    design: str, mechanism: Mechanism, bounds: Bounds
) -> Configuration:
    """The configuration that shows ``design`` without ``mechanism``.

    Liveness is asked only of what is there for it, and with a guest that
    stops writing: otherwise the live design need not end, with or without
    its mechanisms.
    """
    liveness: tuple[str, ...] = ()
    if mechanism.protects == "L1":
        liveness = ("eventually",)
        bounds = evolve(bounds, writes=2)
    return Configuration(
        name=f"{design} without {mechanism.name}",
        options=Options(
            design=design,
            bounds=bounds,
            failures=ALL_ONCE,
            without=frozenset({mechanism.name}),
        ),
        properties=("always", "reachable", *liveness),
    )


def _protected(mechanism: Mechanism, answer: Answer) -> Finding | None:
    """The shortest violation of what ``mechanism`` protects."""
    broken = [
        f
        for f in answer.findings
        if f.verdict is Verdict.VIOLATED
        and f.guarantee == mechanism.protects
        and f.steps is not None
        and f.name != DEADLOCK
    ]
    if not broken:
        return None
    return min(broken, key=lambda f: f.steps or 0)
