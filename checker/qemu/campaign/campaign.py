# SPDX-License-Identifier: GPL-2.0-or-later
"""Many cases on real QEMU, several at a time, with a record of them.

The rule: what the record holds is not run again, unless other programs are
to be run.  However a campaign ends, no process is left.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

import attrs

from checker.qemu.campaign import matrix
from checker.qemu.campaign.case import Case
from checker.qemu.campaign.guarantees import judge, last_status
from checker.qemu.campaign.matrix import Spot
from checker.qemu.campaign.record import Record
from checker.qemu.campaign.result import Result
from checker.qemu.campaign.runner import run
from checker.qemu.campaign.vm_outcome import outcome_of
from checker.qemu.harness.builds import Builds
from checker.qemu.harness.process import QemuError
from checker.qemu.harness.progress import Limits
from checker.qemu.harness.stopping import Work, run_until_stopped
from checker.stateful.adapter import Side

#: more than processors: what hangs waits, and costs them nothing
WORKERS: Final = 8
LIMITS: Final = Limits(quiet=1.0, steady=1.5)
#: for a second look at what took too long
PATIENT: Final = Limits(answer=10.0, quiet=3.0)
_TRIES: Final = 2  # to start QEMU

Report = Callable[[str], None]


async def run_case(
    case: Case,
    builds: Builds,
    limits: Limits = LIMITS,
    work: Path | None = None,
) -> Result:
    """Return what came of a case; try twice if QEMU does not start."""
    said = ""
    scenario = case.scenario
    begun = time.monotonic()
    for _ in range(_TRIES):
        try:
            seen = await run(scenario, builds, work, limits)
        except QemuError as error:
            said = str(error)
            continue
        ours, theirs = (last_status(seen, side) for side in Side)
        return Result(
            case=case,
            outcome=outcome_of(seen),
            struck=seen.struck,
            violations=tuple(judge(seen)),
            seconds=time.monotonic() - begun,
            last=(ours, theirs),
            recovery=seen.recovery,
            sequel=seen.sequel,
            spots=() if case.fault else matrix.spots_of(seen.passages),
        )
    return Result(case, error=said)


@attrs.define
class Campaign:
    """A list of cases that is worked off.

    ``wanted``: all the cases that belong to it, as far as they are known;
    ``complete``: is everything done?  ``interrupted``: did a person stop
    it?  ``fresh``: how many were run now.
    """

    builds: Builds
    record: Record
    report: Report
    workers: int = WORKERS
    limits: Limits = LIMITS
    work: Path | None = None
    wanted: list[Case] = attrs.field(factory=list)
    complete: bool = False
    interrupted: bool = False
    fresh: int = 0
    done: int = 0
    violated: int = 0
    seconds: float = 0.0

    @property
    def results(self) -> list[Result]:
        """Return the results of the wanted cases that are done, in order."""
        found = self.record.results
        return [found[c.id] for c in self.wanted if c.id in found]

    def spots(self) -> dict[Case, tuple[Spot, ...]]:
        """Return the items of every run without a fault, by its case."""
        return {
            result.case: result.spots
            for result in self.results
            if result.case.fault is None
        }

    def run_matrix(self, bases: Sequence[Case], quick: bool = False) -> None:
        """Run every fault on every base, and on the same without bitmaps."""
        self._run(self._matrix(list(bases), quick))

    def run_cases(self, cases: Sequence[Case]) -> None:
        """Run just these cases."""
        self._run(self._cases(list(cases)))

    def run_more(self, work: Work) -> None:
        """Run other work that takes long and may be stopped."""
        self._run(work)

    def _run(self, work: Work) -> None:
        begun = time.monotonic()
        self.complete = False
        try:
            self.interrupted = not run_until_stopped(work)
        except BaseExceptionGroup as group:
            # the first of the workers' troubles is the one to tell
            raise group.exceptions[0] from None
        finally:
            self.seconds += time.monotonic() - begun
        failed = any(result.error for result in self.results)
        self.complete = not (self.interrupted or failed)

    async def _matrix(self, bases: list[Case], quick: bool) -> None:
        await self._cases([*bases, *matrix.twins_of(bases)])
        spots = self.spots()
        cases = [
            case
            for base in bases
            for case in (
                *matrix.faults(base, spots.get(base, ()), quick),
                *matrix.sequels(base, () if quick else spots.get(base, ())),
            )
        ]
        await self._cases([*cases, *matrix.matching_twins(cases, spots)])

    async def _cases(self, cases: list[Case]) -> None:
        self.wanted += cases
        left = [c for c in cases if c.id not in self.record.results]
        self.done += len(cases) - len(left)
        self.violated += sum(
            bool(self.record.results[case.id].violations)
            for case in cases
            if case.id in self.record.results
        )
        queue = iter(left)
        async with asyncio.TaskGroup() as group:
            for _ in range(min(self.workers, len(left))):
                group.create_task(self._worker(queue))

    async def _worker(self, queue: Iterator[Case]) -> None:
        for case in queue:
            result = await run_case(case, self.builds, self.limits, self.work)
            self.record.add(result)
            self.fresh += 1
            self.violated += bool(result.violations)
            self.done += 1
            self.report(
                f"{self.done:,} of {len(self.wanted):,} scenarios, "
                f"{self.violated:,} violate something; {case.scenario}"
            )
