# SPDX-License-Identifier: GPL-2.0-or-later
"""Many cases on real QEMU, several at a time, with a record of them.

The rule: what a run says is written down the moment it is known, one line
each, so that whoever stops the campaign loses nothing and goes on later.
What the record holds is not run again, unless other programs are to be
run.  However it ends, no process is left.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import shlex
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, Self, TextIO

import attrs

from checker.input.errors import InputError
from checker.qemu.campaign import matrix
from checker.qemu.campaign.case import Case
from checker.qemu.campaign.guarantees import judge, last_status
from checker.qemu.campaign.matrix import Spot
from checker.qemu.campaign.runner import run
from checker.qemu.campaign.violation import Violation
from checker.qemu.campaign.vm_outcome import outcome_of
from checker.qemu.harness.binary import Build
from checker.qemu.harness.process import QemuError
from checker.qemu.harness.progress import Limits
from checker.qemu.harness.scenario import Side
from checker.qemu.harness.stopping import Work, run_until_stopped

#: more than processors: what hangs waits, and costs them nothing
WORKERS: Final = 8
LIMITS: Final = Limits(quiet=1.0, steady=1.5)
#: for a second look at what took too long
PATIENT: Final = Limits(answer=10.0, quiet=3.0)
_FORMAT: Final = 1
_TRIES: Final = 2  # to start QEMU

Report = Callable[[str], None]


@attrs.frozen
class Result:
    """What one case came to.

    ``outcome``: where the VM is in the end.  ``last``: the last status of
    the migration on each side.  ``sequel``: what came of the next one.
    ``spots``: the items, if there was no fault.  ``error``: why it could
    not be run at all.
    """

    case: Case
    outcome: str = ""
    struck: bool = False
    violations: tuple[Violation, ...] = ()
    seconds: float = 0.0
    last: tuple[str, str] = ("", "")
    recovery: str = ""
    sequel: str = ""
    spots: tuple[Spot, ...] = ()
    error: str = ""

    @property
    def missed(self) -> bool:
        """Did the fault not happen, since there was no such place?"""
        return self.case.fault is not None and not self.struck

    @property
    def data(self) -> dict[str, Any]:
        """As plain data, the line of a record."""
        return {
            "id": self.case.id,
            "scenario": self.case.data,
            "outcome": self.outcome,
            "struck": self.struck,
            "violations": [attrs.asdict(each) for each in self.violations],
            "seconds": round(self.seconds, 3),
            "last": list(self.last),
            "recovery": self.recovery,
            "sequel": self.sequel,
            "spots": [str(spot) for spot in self.spots],
            "error": self.error,
        }

    @classmethod
    def of(cls, data: dict[str, Any]) -> Result:
        """What ``data`` was made of; KeyError, ValueError, TypeError."""
        first, second = data["last"]
        return cls(
            case=Case.of(data["scenario"]),
            outcome=str(data["outcome"]),
            struck=bool(data["struck"]),
            violations=tuple(Violation(**one) for one in data["violations"]),
            seconds=float(data["seconds"]),
            last=(str(first), str(second)),
            recovery=str(data["recovery"]),
            sequel=str(data.get("sequel", "")),
            spots=tuple(Spot.parse(spot) for spot in data["spots"]),
            error=str(data["error"]),
        )


@attrs.frozen
class Pair:
    """The builds of the two sides."""

    source: Build
    destination: Build

    @property
    def label(self) -> str:
        """The versions, for people."""
        ours, theirs = self.source.label, self.destination.label
        return ours if ours == theirs else f"{ours} to {theirs}"

    @property
    def options(self) -> tuple[str, ...]:
        """What makes a command run the same builds."""
        words: tuple[str, ...] = ()
        if self.source.given:
            words += ("--qemu", self.source.given)
        if self.destination.given not in ("", self.source.given):
            words += ("--destination", self.destination.given)
        return words

    def command(self, case: Case) -> str:
        """What repeats a case, as a shell reads it."""
        command, options = "dbmcheck qemu scenario", shlex.join(self.options)
        return " ".join(filter(None, [command, options, *case.options]))

    @property
    def data(self) -> dict[str, Any]:
        """The line of a record that stands before the results."""
        return {
            "record": _FORMAT,
            "source": _identity(self.source),
            "destination": _identity(self.destination),
        }


def _identity(build: Build) -> dict[str, Any]:
    size = Path(build.program[-1]).stat().st_size
    return {"version": build.label, "bytes": size}


# -- the record --------------------------------------------------------------


@attrs.define
class Record:
    """A file with a line for each finished case; or none at all.

    A line that names two builds says whose results follow, so that one file
    holds those of several pairs.  ``results``: those of one pair.
    """

    path: Path | None = None
    results: dict[str, Result] = attrs.field(factory=dict)
    _last: object = None
    _file: TextIO | None = None

    @classmethod
    @contextlib.contextmanager
    def opened(cls, path: Path | None, pair: Pair) -> Iterator[Self]:
        """The record at ``path``, which need not exist.

        Raises InputError if it is none.
        """
        record = cls(path)
        if path is None:
            yield record
            return
        record._load(path, pair)
        with path.open("a", encoding="utf-8") as file:
            record._file = file
            if record._last != pair.data:
                record._write(pair.data)
            yield record

    def _load(self, path: Path, pair: Pair) -> None:
        if not path.exists():
            return
        text = path.read_bytes()
        whole, _, rest = text.rpartition(b"\n")
        for number, line in enumerate(whole.splitlines(), 1):
            self._take(path, pair, number, line)
        if rest:
            if not whole:
                raise InputError(f"{path}: is no record of dbmcheck")
            # the end of a campaign that was killed while it wrote
            with path.open("r+b") as file:
                file.truncate(len(whole) + 1)

    def _take(self, path: Path, pair: Pair, number: int, line: bytes) -> None:
        try:
            data = json.loads(line)
            if isinstance(data, dict) and "record" in data:
                self._last = data
                return
            result = Result.of(data) if number > 1 else None
        except (ValueError, KeyError, TypeError, InputError):
            raise InputError(
                f"{path}: line {number} is no line of a record"
            ) from None
        if result is None:
            raise InputError(f"{path}: is no record of dbmcheck")
        if self._last == pair.data:
            self.results[result.case.id] = result

    def add(self, result: Result) -> None:
        """One more; what could not be run may be tried again later."""
        self.results[result.case.id] = result
        if not result.error:
            self._write(result.data)

    def _write(self, data: dict[str, Any]) -> None:
        if self._file is not None:
            self._file.write(json.dumps(data) + "\n")
            self._file.flush()


# -- running -----------------------------------------------------------------


async def run_case(
    case: Case, pair: Pair, limits: Limits = LIMITS, work: Path | None = None
) -> Result:
    """Run it and judge it; a second try if QEMU does not start."""
    said = ""
    scenario = case.scenario
    begun = time.monotonic()
    for _ in range(_TRIES):
        try:
            seen = await run(
                scenario, pair.source, pair.destination, work, limits
            )
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
    ``complete``: is everything done?  ``interrupted``: did somebody stop
    it?  ``fresh``: how many were run now.
    """

    pair: Pair
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
        """Of the wanted cases, in their order, those that are done."""
        found = self.record.results
        return [found[c.id] for c in self.wanted if c.id in found]

    def spots(self) -> dict[Case, tuple[Spot, ...]]:
        """The items of every run without a fault."""
        return {
            result.case: result.spots
            for result in self.results
            if result.case.fault is None
        }

    def run_matrix(self, bases: Sequence[Case], quick: bool = False) -> None:
        """Every fault on every base, and on the same without bitmaps."""
        self._run(self._matrix(list(bases), quick))

    def run_cases(self, cases: Sequence[Case]) -> None:
        """Just these."""
        self._run(self._cases(list(cases)))

    def run_more(self, work: Work) -> None:
        """Anything else that takes long and may be stopped."""
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
            result = await run_case(case, self.pair, self.limits, self.work)
            self.record.add(result)
            self.fresh += 1
            self.violated += bool(result.violations)
            self.done += 1
            self.report(
                f"{self.done:,} of {len(self.wanted):,} scenarios, "
                f"{self.violated:,} violate something; {case.scenario}"
            )
