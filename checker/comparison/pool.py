# SPDX-License-Identifier: GPL-2.0-or-later
"""Tasks done by several processes, until they are done or Ctrl-C comes.

Each process is told to stop by an event, which it sees where it reports, and
by a signal, which ends what does not report; the first one counts.  What it
has found out until then is kept, and nothing new begins.  The terminal sends
the signal to all, ``kill`` only to the first process, which passes it on.  A
second Ctrl-C ends everything at once.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait as wait_for
from types import FrameType
from typing import Any

from attrs import define, evolve, field

from checker.comparison.explorations import INTERRUPTED
from checker.comparison.tasks import Outcome, Task, perform
from checker.engines.exploration import (
    Limits,
    Progress,
    Report,
    default_memory,
)

PROCESSES = 2
DIED = "the process that did it has died"
#: seconds between two looks at what the others say; between two words of one
_LOOK_EVERY, _SPEAK_EVERY = 0.1, 0.2
#: seconds after which a process that was told to stop is told again
_TELL_EVERY = 0.5
#: is told what is done, and how far a search is
Tell = Callable[[str, Progress | None], None]


def silent(text: str, progress: Progress | None) -> None:
    """What is told to nobody."""


def do_all(
    tasks: Sequence[Task],
    limits: Limits,
    tell: Tell = silent,
    processes: int = PROCESSES,
) -> list[Outcome]:
    """The outcome of every task, in the order in which they ended.

    With one process everything is done in this one.
    """
    if processes == 1:
        return list(_one_by_one(tasks, limits, tell))
    return _Pool(tasks, limits, tell, processes).run()


def _one_by_one(
    tasks: Sequence[Task], limits: Limits, tell: Tell
) -> Iterator[Outcome]:
    stopped = False
    for task in tasks:
        if stopped:
            yield Outcome(task=task, missing=INTERRUPTED)
            continue
        found = perform(task, limits, _reports(tell), _steps(tell))
        stopped = _was_interrupted(found)
        yield found


def _was_interrupted(found: Outcome) -> bool:
    """Whether a task, or a search of it, was cut short by Ctrl-C."""
    return found.missing == INTERRUPTED or any(
        one.coverage.stopped == INTERRUPTED for one in found.explored
    )


def _reports(tell: Tell) -> Callable[[str], Report]:
    def report_for(title: str) -> Report:
        return lambda progress: tell(title, progress)

    return report_for


def _steps(tell: Tell) -> Callable[[str], None]:
    return lambda text: tell(text, None)


# -- the first process -------------------------------------------------------


class _Pool:
    """Gives tasks to other processes and hears what they say."""

    def __init__(
        self,
        tasks: Sequence[Task],
        limits: Limits,
        tell: Tell,
        processes: int,
    ) -> None:
        context = multiprocessing.get_context("spawn")
        memory = limits.memory or default_memory()
        self._tasks = tasks
        self._tell = tell
        self._voice = context.SimpleQueue()
        self._stop = context.Event()
        self._pids: set[int] = set()
        self._executor = ProcessPoolExecutor(
            processes,
            context,
            initializer=_begin,
            initargs=(
                self._voice,
                self._stop,
                evolve(limits, memory=memory // processes),
            ),
        )

    def run(self) -> list[Outcome]:
        """All outcomes; after Ctrl-C those of what was not done as well."""
        futures = {self._executor.submit(_work, t): t for t in self._tasks}
        try:
            try:
                self._hear(futures, lambda: None)
            except KeyboardInterrupt:
                self._end(futures)
            return [_outcome(f, task) for f, task in futures.items()]
        except BaseException:
            self._kill()
            raise
        finally:
            self._executor.shutdown(wait=True, cancel_futures=True)

    def _hear(
        self, futures: dict[Future[Outcome], Task], again: Callable[[], None]
    ) -> None:
        """Wait until all is done; ``again`` is called all the time."""
        open_ = set(futures)
        while open_:
            done, open_ = wait(open_, timeout=_LOOK_EVERY)
            while not self._voice.empty():
                pid, text, progress = self._voice.get()
                self._pids.add(pid)
                if text:
                    self._tell(text, progress)
            for future in done:
                _raise_mistakes(future)
            again()

    def _end(self, futures: dict[Future[Outcome], Task]) -> None:
        """Have what runs end soon, and nothing else begin."""
        self._stop.set()
        for future in futures:
            future.cancel()
        last = 0.0

        def tell_again() -> None:
            nonlocal last
            if time.monotonic() - last >= _TELL_EVERY:
                last = time.monotonic()
                self._signal(signal.SIGINT)

        tell_again()
        self._hear(futures, tell_again)

    def _signal(self, number: signal.Signals) -> None:
        for pid in self._pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def _kill(self) -> None:
        self._stop.set()
        self._signal(signal.SIGKILL)


def _raise_mistakes(future: Future[Outcome]) -> None:
    """A mistake of ours in one task ends everything."""
    error = None if future.cancelled() else future.exception()
    if error is not None and not isinstance(error, BrokenProcessPool):
        raise error


def _outcome(future: Future[Outcome], task: Task) -> Outcome:
    if future.cancelled():
        return Outcome(task=task, missing=INTERRUPTED)
    try:
        return future.result()
    except BrokenProcessPool:
        return Outcome(task=task, missing=DIED)


# -- the other processes -----------------------------------------------------


@define
class _Worker:
    """What a process that does tasks knows; there is one in each."""

    voice: Any
    stop: Any
    limits: Limits
    told: bool = False
    working: bool = False
    spoke: float = field(factory=time.monotonic)

    def hear(self, number: int, frame: FrameType | None) -> None:
        """Stop what is being done, the first time."""
        first, self.told = not self.told, True
        if first and self.working:
            raise KeyboardInterrupt

    def say(self, text: str, progress: Progress | None) -> None:
        """Tell the first process; stop here if that is what it wants."""
        if self.stop.is_set() and not self.told:
            self.told = True
            raise KeyboardInterrupt
        now = time.monotonic()
        if now - self.spoke >= _SPEAK_EVERY:
            self.spoke = now
            self.voice.put((os.getpid(), text, progress))

    def work(self, task: Task) -> Outcome:
        """The outcome of a task."""
        if self.told or self.stop.is_set():
            return Outcome(task=task, missing=INTERRUPTED)
        self.working = True
        try:
            return perform(
                task, self.limits, _reports(self.say), _steps(self.say)
            )
        except KeyboardInterrupt:
            return Outcome(task=task, missing=INTERRUPTED)
        finally:
            self.working = False


_worker: _Worker | None = None


def _begin(voice: Any, stop: Any, limits: Limits) -> None:
    """What a process does first."""
    global _worker  # noqa: PLW0603
    _worker = _Worker(voice, stop, limits)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _worker.hear)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    voice.put((os.getpid(), "", None))


def _end_with_parent() -> None:
    """Nobody is left behind if the first process is killed."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait_for([parent.sentinel])
    os._exit(1)


def _work(task: Task) -> Outcome:
    assert _worker is not None
    return _worker.work(task)
