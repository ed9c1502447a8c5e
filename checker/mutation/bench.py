# SPDX-License-Identifier: GPL-2.0-or-later
"""Trying all mutants of a design, in this process or in several."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context

from checker.input.errors import InputError, UndecidedError
from checker.input.nearest import meant
from checker.mutation.catalogue import Catalogue, catalogue
from checker.mutation.questions import Questions, questions
from checker.mutation.stages import demands
from checker.mutation.trial import Baseline, Outcome, baseline, tried


class Bench:
    """A design, its mutants and what they are run on.

    ``only``: the action whose mutants are tried; '' for all.  Raises
    InputError if there is no such design or action.
    """

    def __init__(self, design: str, only: str = "") -> None:
        self.design = design
        self.only = only
        self.questions: Questions = questions(design)
        machines = [c.machine() for c in self.questions.complete]
        variants = [c.machine() for c in self.questions.variants]
        names = dict.fromkeys(a.name for m in machines for a in m.actions)
        if only and only not in names:
            raise InputError(
                f"{design} has no action '{only}'; it has {', '.join(names)}"
                f"{meant(only, names)}"
            )
        self.actions = (only,) if only else tuple(names)
        self.properties = tuple(
            dict.fromkeys(p.name for m in machines for p in m.properties)
        )
        self.catalogue: Catalogue = catalogue(machines, variants, only)
        self._baselines: dict[int, Baseline] = {}

    def __len__(self) -> int:
        """Number of mutants."""
        return len(self.catalogue.planned)

    def tried(self, number: int) -> Outcome:
        """What becomes of one mutant.  Raises KeyboardInterrupt."""
        return tried(self.catalogue.planned[number], self._baseline)

    def _baseline(self, number: int) -> Baseline:
        if number not in self._baselines:
            configuration = self.questions.all[number]
            self._baselines[number] = baseline(
                configuration.name,
                configuration.machine(),
                demands(self.design),
            )
        return self._baselines[number]

    def outcomes(self, jobs: int) -> Iterator[tuple[int, Outcome]]:
        """What becomes of each mutant, with its number, in any order."""
        if jobs == 1:
            for number in range(len(self)):
                yield number, self.tried(number)
        else:
            yield from self._in_processes(jobs)

    def _in_processes(self, jobs: int) -> Iterator[tuple[int, Outcome]]:
        # a process that is forked would share the compiler's locks
        pool = ProcessPoolExecutor(
            jobs, get_context("spawn"), _begin, (self.design, self.only)
        )
        try:
            futures = [pool.submit(_tried, n) for n in range(len(self))]
            for future in as_completed(futures):
                yield future.result()
        except BrokenProcessPool:
            raise UndecidedError(
                "a process that tries mutants was ended from outside"
            ) from None
        finally:
            pool.shutdown(cancel_futures=True)


_bench: list[Bench] = []


def _begin(design: str, only: str) -> None:
    """In a new process: the parent hears Ctrl-C and ends us."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _bench.append(Bench(design, only))


def _tried(number: int) -> tuple[int, Outcome]:
    (bench,) = _bench
    return number, bench.tried(number)
