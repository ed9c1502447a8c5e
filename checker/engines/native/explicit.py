# SPDX-License-Identifier: GPL-2.0-or-later
"""The explicit engine: exact breadth-first search by compiled code.

Same answers as the interpreter, some hundred times faster.  Every distinct
state is kept, whole, so nothing is ever taken for known because of its hash.
Python only decides how far the kernel goes before it asks again: after some
ten thousand states it reports, looks at the limits, and hears Ctrl-C.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

from checker.engines.exploration import (
    INTERRUPTED,
    Coverage,
    Limits,
    Progress,
    Report,
    count_fired,
    default_memory,
    silent,
)
from checker.engines.native.found import ExplicitSearch
from checker.engines.native.part import (
    MOST_LOAD,
    ArenaFullError,
    Part,
    seen_in,
)
from checker.engines.native.post import Post
from checker.engines.native.program import Program
from checker.engines.native.table import INDEX_BITS
from checker.input.memory import OUT_OF_MEMORY, is_out_of_memory
from checker.text import plural
from model.language.machine import Machine

FIRST_SLOTS = 1 << 16
STATES_PER_CALL = 1 << 14
OUTBOX_ROWS = 1 << 15
MOST_THREADS = 64
#: to wake threads takes longer than to expand so many states
WORTH_A_THREAD = 1 << 12
_WorkOn = Callable[[Callable[[int], None], Iterable[int]], Any]


def explore(
    machine: Machine,
    limits: Limits | None = None,
    report: Report = silent,
    first_slots: int = FIRST_SLOTS,
    program: Program | None = None,
) -> ExplicitSearch:
    """Explore ``machine`` breadth first and remember every state.

    A search that does not finish (limits, Ctrl-C) says so in
    ``coverage.stopped``.  It may go beyond ``max_states`` by the successors
    of 64 states, on several threads of some ten thousand.  ``first_slots``
    is the size of the first hash table, a power of two.  ``program``: of a
    machine that differs from this one in its initial states at most.
    """
    limits = limits or Limits()
    if program is None:
        threads = min(max(1, limits.threads), MOST_THREADS)
        program = Program(machine, threads)
    return _Explorer(program, machine, limits, report, first_slots).run()


class _Explorer:
    def __init__(
        self,
        program: Program,
        machine: Machine,
        limits: Limits,
        report: Report,
        slots: int,
    ) -> None:
        self.program = program
        self.machine = machine
        self.limits = limits
        self.report = report
        self.watches = program.watches
        self.first_level: dict[str, int] = {}
        self.deadlock_level: int | None = None
        self.memory_limit = limits.memory or default_memory()
        self.layout = program.layout
        self.block = program.block
        threads = program.threads
        while slots * MOST_LOAD < 2 * self.block:
            slots *= 2
        # a slot numbers no more states than that
        most = min(limits.max_states or 1 << INDEX_BITS, 1 << INDEX_BITS)
        self.parts = [
            Part(
                program.search,
                self.layout.words,
                (len(machine.instances), len(self.watches)),
                self.block,
                slots=slots,
                memory=self.memory_limit // threads,
                most_states=most,
                number=number,
                parts=threads,
            )
            for number in range(threads)
        ]
        self.started = time.perf_counter()
        rows = max(OUTBOX_ROWS, 2 * self.block)
        self.post = Post(self.parts, rows, self.block) if threads > 1 else None

    def run(self) -> ExplicitSearch:
        stopped = ""
        try:
            if len(self.parts) == 1:
                stopped = self._search(_in_turn)
            else:
                with ThreadPoolExecutor(len(self.parts)) as pool:
                    stopped = self._search(
                        lambda work, parts: list(pool.map(work, parts))
                    )
        except KeyboardInterrupt:
            stopped = INTERRUPTED
        except ArenaFullError:
            stopped = f"more than {self.memory_limit} bytes of memory"
            if any(part.shortened for part in self.parts):
                stopped = OUT_OF_MEMORY
        except (MemoryError, OSError) as error:
            if not is_out_of_memory(error):
                raise
            stopped = OUT_OF_MEMORY
        if stopped:
            self._end_level()
        return ExplicitSearch(
            self.program, self.machine, self.parts, self._coverage(stopped)
        )

    def _search(self, work_on: _WorkOn) -> str:
        """Go on until nothing is left or there is a reason to stop."""
        self._begin()
        more = self._end_level()
        while more:
            stopped = self._reason_to_stop() or self._expand_level(work_on)
            if stopped:
                return stopped
            more = self._end_level()
        return ""

    def _begin(self) -> None:
        rows = self.layout.pack(self.machine.initials)
        for part in self.parts:
            part.begin(rows[0])
        for start in range(0, len(rows), self.block):
            self.parts[0].take(rows[start : start + self.block], True)
            if self.post:
                self.post.next_round()
                for number in range(len(self.parts)):
                    self._read_post(number, True)

    def _reason_to_stop(self) -> str:
        if self.limits.first_violation and any(
            name.endswith(" violated") for name in self.first_level
        ):
            return "a violation was found"
        return ""

    def _expand_level(self, work_on: _WorkOn) -> str:
        """Expand the last level, round by round."""
        everyone = range(len(self.parts))
        waiting = sum(p.offsets[-1] - p.next for p in self.parts)
        if waiting < WORTH_A_THREAD:
            work_on = _in_turn
        while True:
            if self.post:
                self.post.next_round()
            work_on(self._work, everyone)
            self._report()
            most = self.limits.max_states
            if most and self._states() > most:
                return f"more than {plural(most, 'state')}"
            expanded = all(p.next == p.offsets[-1] for p in self.parts)
            if expanded and (self.post is None or self.post.is_empty()):
                return ""

    def _work(self, number: int) -> None:
        """Do the work of one part in one round."""
        self._read_post(number)
        part = self.parts[number]
        part.advance(min(part.next + STATES_PER_CALL, part.offsets[-1]))

    def _read_post(self, number: int, unfiltered: bool = False) -> None:
        if self.post:
            for rows in self.post.received(number):
                self.parts[number].take(rows, unfiltered)

    def _end_level(self) -> bool:
        """Settle the levels so far; whether there is one to expand."""
        level = len(self.parts[0].offsets) - 1
        if self.deadlock_level is None and any(p.stuck[0] for p in self.parts):
            self.deadlock_level = level - 1
        if all(part.count == part.offsets[-1] for part in self.parts):
            return False
        for part in self.parts:
            part.end_level()
        seen = seen_in(self.parts)
        for bit, watch in enumerate(self.watches):
            if seen >> bit & 1:
                self.first_level.setdefault(watch.name, level)
        return True

    # -- what is reported ------------------------------------------------

    def _states(self) -> int:
        return sum(part.count for part in self.parts)

    def _fired(self) -> list[int]:
        return [
            sum(int(n) for n in counts)
            for counts in zip(*(p.fired for p in self.parts), strict=True)
        ]

    def _report(self) -> None:
        self.report(
            Progress(
                self._states(),
                sum(self._fired()),
                len(self.parts[0].offsets) - 1,
                self._states() - sum(part.next for part in self.parts),
                time.perf_counter() - self.started,
                sum(part.memory() for part in self.parts),
            )
        )

    def _coverage(self, stopped: str) -> Coverage:
        offsets = [part.offsets for part in self.parts]
        ends = [sum(at) for at in zip(*offsets, strict=True)]
        sent = self.post.memory() if self.post else 0
        return Coverage(
            states=ends[-1],
            transitions=sum(self._fired()),
            level_sizes=tuple(b - a for a, b in pairwise(ends)),
            first_level=self.first_level,
            deadlock_level=self.deadlock_level,
            fired=count_fired(self.machine, self._fired()),
            stopped=stopped,
            seconds=time.perf_counter() - self.started,
            memory=sum(part.peak for part in self.parts) + sent,
        )


def _in_turn(work: Callable[[int], None], parts: Iterable[int]) -> None:
    for part in parts:
        work(part)
