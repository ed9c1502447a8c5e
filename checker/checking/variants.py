# SPDX-License-Identifier: GPL-2.0-or-later
"""The findings on many variants of a design: what ``check`` says of each.

They are explored together, by one search or, where they are many, by one in
each of several processes.
"""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from multiprocessing.process import BaseProcess

from attrs import evolve, frozen

from checker.engines.exploration import Limits, Progress
from checker.engines.family import Member, members_of
from checker.engines.verdict import Finding, Verdict, judge
from checker.input.configuration import KINDS
from model.designs import build
from model.language.machine import Machine, Property
from model.options import Options

Said = Callable[[str], None]
#: to start a process takes as long as to explore so many small variants
WORTH_A_PROCESS = 64


class InterruptedSearchError(KeyboardInterrupt):
    """Ctrl-C came; ``found`` is what was known by then, by place."""

    def __init__(self, found: Mapping[int, Variant]) -> None:
        super().__init__()
        self.found = found


def say_nothing(step: str) -> None:
    """For those who do not report."""


@frozen(kw_only=True)
class Variant:
    """What was found out about the machine of ``options``.

    ``findings`` are those of ``check``, but for the number of steps of a run
    that never ends.  ``stopped``: why the search did not finish, or ''.
    """

    options: Options
    findings: tuple[Finding, ...]
    states: int
    stopped: str
    seconds: float


def lacking(options: Options, names: Iterable[str]) -> Options:
    """The variant without the mechanisms called ``names`` as well."""
    return evolve(options, without=options.without | frozenset(names))


@frozen(kw_only=True)
class Choice:
    """Which properties are asked about: by name and by kind.

    ``names``: None is all but those of ``but``.
    """

    names: frozenset[str] | None = None
    but: frozenset[str] = frozenset()
    kinds: frozenset[str] = frozenset(KINDS)

    def chooses(self, prop: Property) -> bool:
        """Whether the property is asked about."""
        named = self.names is None or prop.name in self.names
        left_out = prop.name in self.but or prop.kind not in self.kinds
        return named and not left_out


EVERY_PROPERTY = Choice()
#: kinds of properties that only whole runs show to be broken
LASTING = frozenset({"eventually"})
AT_ONCE = frozenset(KINDS) - LASTING
Explore = Callable[[Sequence[Options], Choice, str], list[Variant]]


@contextmanager
def explorer(
    limits: Limits, said: Said = say_nothing, processes: int = 1
) -> Iterator[Explore]:
    """Gives ``explore(options, choice, title)``: one variant for each.

    ``title``: what progress is reported under.  Ctrl-C ends the processes,
    and is raised as InterruptedSearchError.
    """
    pool = _Pool(limits, processes)

    def explore(
        options: Sequence[Options], choice: Choice, title: str
    ) -> list[Variant]:
        if processes > 1 and len(options) >= WORTH_A_PROCESS:
            return pool.explore(options, choice, title, said)

        def report(progress: Progress) -> None:
            said(f"{title}: {progress.states:,} states")

        return _explore(options, choice, limits, report)

    try:
        yield explore
    finally:
        pool.close()


def _explore(
    options: Sequence[Options],
    choice: Choice,
    limits: Limits,
    report: Callable[[Progress], None],
) -> list[Variant]:
    found: dict[int, Variant] = {}
    try:
        machines = [_asked(build(o), choice) for o in options]
        for place, member in members_of(machines, limits, report):
            found[place] = _variant(options[place], member)
    except KeyboardInterrupt:
        raise InterruptedSearchError(found) from None
    return [found[place] for place in range(len(options))]


def _asked(machine: Machine, choice: Choice) -> Machine:
    chosen = tuple(p for p in machine.properties if choice.chooses(p))
    return evolve(machine, properties=chosen)


def _variant(options: Options, member: Member) -> Variant:
    return Variant(
        options=options,
        findings=tuple(
            _decided(f, member) for f in judge(member.machine, member.coverage)
        ),
        states=member.coverage.states,
        stopped=member.coverage.stopped,
        seconds=member.coverage.seconds,
    )


def _decided(finding: Finding, member: Member) -> Finding:
    """The finding, with what the graph says of an ``eventually``."""
    asked = finding.kind == "eventually"
    if not asked or finding.verdict is not Verdict.INCONCLUSIVE:
        return finding
    if member.undecided:
        return evolve(finding, reason=member.undecided)
    broken = finding.name in member.endless
    verdict = Verdict.VIOLATED if broken else Verdict.HOLDS
    return evolve(finding, verdict=verdict, reason="")


# -- processes ---------------------------------------------------------------


def _ignore_interrupts() -> None:
    """Ctrl-C goes to every process; only the first one answers it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _work(
    options: Sequence[Options], choice: Choice, limits: Limits
) -> list[Variant]:
    return _explore(options, choice, limits, lambda progress: None)


class _Pool:
    """Processes that are started when there is first something to do."""

    def __init__(self, limits: Limits, processes: int) -> None:
        share = limits.memory // processes
        self._limits = evolve(limits, memory=share, threads=1)
        self._processes = processes
        self._pool: ProcessPoolExecutor | None = None
        self._others: list[BaseProcess] = []

    def explore(
        self,
        options: Sequence[Options],
        choice: Choice,
        title: str,
        said: Said,
    ) -> list[Variant]:
        if self._pool is None:
            self._others = list(multiprocessing.active_children())
            self._pool = ProcessPoolExecutor(
                self._processes,
                multiprocessing.get_context("spawn"),
                _ignore_interrupts,
            )
        rounds = -(-len(options) // (self._processes * WORTH_A_PROCESS))
        pieces = self._processes * rounds
        jobs: dict[Future[list[Variant]], int] = {
            self._pool.submit(
                _work, options[first::pieces], choice, self._limits
            ): first
            for first in range(min(pieces, len(options)))
        }
        found: dict[int, Variant] = {}
        for job in as_completed(jobs):
            for place, variant in enumerate(job.result()):
                found[jobs[job] + place * pieces] = variant
            said(f"{title}: {len(found)} of {len(options)} variants")
        return [found[number] for number in range(len(options))]

    def close(self) -> None:
        """End the processes, also in the middle of their work."""
        if self._pool is None:
            return
        self._pool.shutdown(wait=False, cancel_futures=True)
        for process in multiprocessing.active_children():
            if process not in self._others:
                process.terminate()
