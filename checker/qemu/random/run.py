# SPDX-License-Identifier: GPL-2.0-or-later
"""Random runs of the stateful machine on real QEMU, from a seed.

The rule: the same seed with the same numbers does the same; ``digest`` says
whether it did.  The first violation that is not known ends the search;
Hypothesis then looks for a shorter run that breaks the same guarantee, for at
most ``SHRINK_LIMIT`` seconds.  Known deviations end their own run and
nothing else.  However it ends, no process and no file is left.
"""

from __future__ import annotations

import contextlib
import hashlib
import signal
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Final

import attrs
from hypothesis import HealthCheck, Phase, Verbosity, seed, settings
from hypothesis.configuration import set_hypothesis_home_dir
from hypothesis.errors import Flaky
from hypothesis.stateful import run_state_machine_as_test

from checker.qemu.campaign.case import Case
from checker.qemu.campaign.known import Deviation, Known
from checker.qemu.campaign.result import Result
from checker.qemu.campaign.summary import wording
from checker.qemu.campaign.violation import Violation
from checker.qemu.harness.binary import Build
from checker.qemu.harness.builds import Builds
from checker.qemu.random.adapter import HaltError, QemuAdapter
from checker.stateful.adapter import RefusedError
from checker.stateful.bitmap_machine import machine_for
from checker.stateful.draws import seed_only
from checker.stateful.promise import BrokenGuaranteeError

SHRINK_LIMIT: Final = 120.0  # seconds to look for a shorter run
#: without any of these a search has shown nothing
NEEDED: Final = (
    *("postcopy completed", "stop-copy completed", "cut", "cancelled"),
    *("source killed", "destination killed"),
    *("backup on the source", "backup on the destination"),
)
#: shown whether it was reached or not; a hundred runs may miss it
LOOKED_FOR: Final = ("declared lost", "full backup after a loss")
_INTERRUPTED: Final = "interrupted"
_SHRUNK: Final = "no more time to look for a shorter run"
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)

Report = Callable[[str], None]


@attrs.frozen
class Plan:
    """A search that is asked for; ``steps`` of one run at most."""

    seed: int
    examples: int
    steps: int


@attrs.frozen
class Failure:
    """A run that broke a guarantee: what was done, what was seen then."""

    violation: Violation
    steps: tuple[str, ...]
    sides: tuple[str, ...]
    known: Deviation | None = None

    @property
    def kind(self) -> tuple[str, str]:
        """Return the kind; two failures of one kind are taken for the same."""
        return self.violation.guarantee, wording(self.violation)


@attrs.frozen(kw_only=True)
class Outcome:
    """What a search came to.

    ``begun``: runs until a guarantee broke; Hypothesis gives up some on the
    way, for its own reasons.  ``tries``: more of them, to shorten a run.
    ``seen``, ``taken``: what was reached and which steps were taken, in
    these runs.  ``again``: did the failure come again in the end?
    ``shrunk``: can Hypothesis make it no shorter?  ``stopped``: why not all
    was done that was to be done; '' if it was.
    """

    builds: Builds
    plan: Plan
    begun: int
    tries: int
    seen: Counter[str]
    taken: Counter[str]
    known: tuple[tuple[Failure, int], ...]
    new: Failure | None
    first: Failure | None
    again: bool
    shrunk: bool
    stopped: str
    digest: str
    seconds: float

    @property
    def runs(self) -> int:
        """Return how many ended, or broke a guarantee."""
        broken = sum(count for _, count in self.known)
        return self.seen["ended"] + broken + (self.new is not None)

    @property
    def missing(self) -> tuple[str, ...]:
        """Return what a search has to reach, and this one did not."""
        return tuple(name for name in NEEDED if not self.seen[name])


@attrs.define
class _Watch:
    """Hears of every run and of every broken guarantee."""

    adapter: QemuAdapter
    plan: Plan
    known: Known
    report: Report
    limit: float
    counts: tuple[Counter[str], Counter[str]] = (Counter(), Counter())
    runs: int = 0
    tries: int = 0
    first: Failure | None = None
    best: Failure | None = None
    since: float = 0.0
    found: dict[str, list[Failure]] = attrs.field(factory=dict)
    digest: str = ""
    _kept: tuple[Counter[str], Counter[str]] | None = None

    def make(self) -> QemuAdapter:
        """Return the adapter for the run that begins."""
        if self.best is None:
            self._add_digest()
            self.runs += 1
            seen = self.counts[0]
            done = seen["ended"] + sum(map(len, self.found.values()))
            self.report(
                f"{done:,} of {self.plan.examples:,} runs; completed: "
                f"{seen['postcopy completed']:,} postcopy, "
                f"{seen['stop-copy completed']:,} stop-copy; "
                f"{seen['cut']:,} cut"
            )
            return self.adapter
        if time.monotonic() - self.since > self.limit:
            raise HaltError(_SHRUNK)
        self.tries += 1
        self.report(
            f"{self.best.violation.guarantee} is broken; shorter runs: "
            f"{len(self.best.steps)} steps so far, try {self.tries:,}"
        )
        return self.adapter

    def _add_digest(self) -> None:
        """Add the run before this one to the digest."""
        text = "\n".join((self.digest, *self.adapter.done))
        self.digest = hashlib.sha256(text.encode()).hexdigest()[:12]

    def broken(self, error: BrokenGuaranteeError) -> bool:
        """Note a failure; return whether it is to be passed over."""
        violation = Violation(error.guarantee, "", error.what)
        steps, sides = tuple(self.adapter.done), self._sides()
        case = self.adapter.case or Case(bitmaps=0)
        entry = self.known.of(Result(case), violation)
        failure = Failure(violation, steps, sides, entry)
        if entry is not None:
            if self.best is None:
                self.found.setdefault(entry.id, []).append(failure)
            return True
        if self.best is None:
            self.first = self.best = failure
            self.since = time.monotonic()
            self._add_digest()
            seen, taken = self.counts
            self._kept = Counter(seen), Counter(taken)
            return False
        if failure.kind != self.best.kind:
            return True
        self.best = min(self.best, failure, key=_length)
        return False

    def _sides(self) -> tuple[str, ...]:
        try:
            return self.adapter.describe()
        except (RefusedError, BrokenGuaranteeError):
            return ()

    def end(self) -> tuple[Counter[str], Counter[str]]:
        """Return the counts from before the first failure."""
        if self.best is None:
            self._add_digest()
        return self._kept or self.counts


def _length(failure: Failure) -> tuple[int, tuple[str, ...]]:
    return len(failure.steps), failure.steps


def search(
    build: Build,
    plan: Plan,
    known: tuple[Deviation, ...],
    report: Report,
    limit: float = SHRINK_LIMIT,
    driven: Callable[[Build], QemuAdapter] = QemuAdapter,
) -> Outcome:
    """Do so many random runs, or fewer if a guarantee breaks."""
    begun = time.monotonic()
    builds = Builds(build, build)
    with _stoppable() as stop, _no_traces(), seed_only():
        adapter = driven(build)
        watch = _Watch(adapter, plan, Known(known, builds), report, limit)
        try:
            stop.concerns(adapter)
            stopped, again = _drive(watch)
        finally:
            adapter.end()
    seen, taken = watch.end()
    return Outcome(
        builds=builds,
        plan=plan,
        begun=watch.runs,
        tries=watch.tries,
        seen=seen,
        taken=taken,
        known=tuple(
            (min(found, key=_length), len(found))
            for found in watch.found.values()
        ),
        new=watch.best,
        first=watch.first,
        again=again,
        shrunk=not stopped,
        stopped=stopped.removeprefix(_SHRUNK),
        digest=watch.digest,
        seconds=time.monotonic() - begun,
    )


def _drive(watch: _Watch) -> tuple[str, bool]:
    """Return why it was stopped, or '', and whether a failure came again."""
    machine = machine_for(watch.make, watch.broken)
    watch.counts = machine.seen, machine.taken
    try:
        run_state_machine_as_test(
            seed(watch.plan.seed)(machine), settings=_settings(watch.plan)
        )
    except HaltError as halt:
        return str(halt), True
    except BrokenGuaranteeError:
        return "", True  # the watch has heard of it
    except Flaky:
        if watch.best is None:
            return "QEMU did not do the same thing twice", False
        return "", False
    return "", True


def _settings(plan: Plan) -> settings:
    return settings(
        max_examples=plan.examples,
        stateful_step_count=plan.steps,
        derandomize=False,
        database=None,
        deadline=None,
        phases=(Phase.generate, Phase.shrink),
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
        verbosity=Verbosity.quiet,
        print_blob=False,
    )


@attrs.define
class _Stop:
    """Lets a person stop the search and get the results so far."""

    asked: bool = False
    adapter: QemuAdapter | None = None

    def hear(self, number: int, frame: FrameType | None) -> None:
        """Handle a signal."""
        self.asked = True
        if self.adapter is not None:
            self.adapter.halt(_INTERRUPTED)

    def concerns(self, adapter: QemuAdapter) -> None:
        """Register the adapter that a signal must halt."""
        self.adapter = adapter
        if self.asked:
            adapter.halt(_INTERRUPTED)


@contextlib.contextmanager
def _stoppable() -> Iterator[_Stop]:
    stop = _Stop()
    before = {number: signal.signal(number, stop.hear) for number in _SIGNALS}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def _no_traces() -> Iterator[None]:
    """Keep the files of Hypothesis out of the working directory."""
    with tempfile.TemporaryDirectory(prefix="dbmh-") as home:
        set_hypothesis_home_dir(home)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                yield
        finally:
            set_hypothesis_home_dir(None)
