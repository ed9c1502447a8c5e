# SPDX-License-Identifier: GPL-2.0-or-later
"""Tasks done by several processes, until they are done or Ctrl-C comes.

A process gets one task after the other through a pipe and says through it how
far it is.  It is told to stop through the pipe, which it looks at where it
speaks, and by a signal, which ends what does not speak; the first one counts.
What it has found out until then is kept, and nothing new begins.  The terminal
sends the signal to all, ``kill`` only to the first process, which passes it
on.  A second Ctrl-C ends everything at once.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.connection import wait as wait_for
from multiprocessing.process import BaseProcess
from types import FrameType
from typing import Any

from attrs import define, evolve, field

from checker.answer.tasks import Outcome, Task, perform
from checker.engines.exploration import (
    INTERRUPTED,
    Limits,
    Progress,
    Report,
    default_memory,
)

PROCESSES = 2
DIED = "the process that did it has died"
#: seconds between two words of one process
_SPEAK_EVERY = 0.2
#: seconds after which a process that was told to stop is told again
_TELL_EVERY = 0.5
#: is told what is done, and how far a search is
Tell = Callable[[str, Progress | None], None]
Said = tuple[str, Progress | None]


def silent(text: str, progress: Progress | None) -> None:
    """Progress that is not reported."""


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
    return Pool(tasks, limits, tell, processes).run()


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


@define(eq=False)
class Helper:
    """Another process, and the task that it has; None: it is idle."""

    process: BaseProcess
    pipe: Connection
    task: Task | None = None

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal, if it is still there."""
        pid = self.process.pid
        if pid is not None and self.process.is_alive():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)


class Pool:
    """Gives tasks to other processes and hears what they say."""

    def __init__(
        self,
        tasks: Sequence[Task],
        limits: Limits,
        tell: Tell,
        processes: int,
    ) -> None:
        self._tell = tell
        self._waiting = list(tasks)
        self._found: list[Outcome] = []
        memory = limits.memory or default_memory()
        own = evolve(limits, memory=memory // processes)
        self.helpers: list[Helper] = []
        # a signal that comes while they begin waits until they can hear it
        with _signals_held():
            for _ in range(min(processes, len(tasks))):
                self.helpers.append(_begun(own))

    def run(self) -> list[Outcome]:
        """All outcomes; after Ctrl-C those of what was not done as well."""
        try:
            try:
                while self._give():
                    self._hear(None)
            except KeyboardInterrupt:
                self._end()
            return self._found
        finally:
            self._let_go()

    def _give(self) -> bool:
        """Give every idle process work; return whether any works."""
        for helper in self.helpers:
            if helper.task is None and self._waiting:
                helper.task = self._waiting.pop(0)
                with contextlib.suppress(OSError):
                    helper.pipe.send(helper.task)
        if not self.helpers:
            self._leave(DIED)
        return any(helper.task for helper in self.helpers)

    def _leave(self, reason: str) -> None:
        """Do not do what was not begun."""
        self._found += [Outcome(task=t, missing=reason) for t in self._waiting]
        self._waiting = []

    def _hear(self, timeout: float | None) -> None:
        """Hear everybody who has something to say."""
        pipes = {helper.pipe: helper for helper in self.helpers}
        for pipe in wait_for(list(pipes), timeout):
            assert isinstance(pipe, Connection)
            helper = pipes[pipe]
            try:
                said = pipe.recv()
            except (EOFError, OSError):
                self._mourn(helper)
                continue
            if isinstance(said, Outcome):
                helper.task = None
                self._found.append(said)
            elif isinstance(said, BaseException):
                raise said  # a mistake of ours ends everything
            else:
                self._tell(*said)

    def _mourn(self, helper: Helper) -> None:
        self.helpers.remove(helper)
        helper.pipe.close()
        if helper.task is not None:
            self._found.append(Outcome(task=helper.task, missing=DIED))

    def _end(self) -> None:
        """Have what runs end soon, and nothing else begin."""
        self._leave(INTERRUPTED)
        told = -_TELL_EVERY
        while any(helper.task for helper in self.helpers):
            if time.monotonic() - told >= _TELL_EVERY:
                told = time.monotonic()
                for helper in self.helpers:
                    with contextlib.suppress(OSError):
                        helper.pipe.send(None)
                    helper.signal(signal.SIGINT)
            self._hear(_TELL_EVERY)

    def _let_go(self) -> None:
        """Nobody is left behind, whatever happened."""
        for helper in self.helpers:
            if helper.task is not None:
                helper.signal(signal.SIGKILL)
            helper.pipe.close()
        for helper in self.helpers:
            helper.process.join()


@contextlib.contextmanager
def _signals_held() -> Iterator[None]:
    """What is started meanwhile starts with the signals held as well."""
    # multiprocessing starts this with the first process, and then lets the
    # signals go
    resource_tracker.ensure_running()
    held = signal.pthread_sigmask(signal.SIG_BLOCK, _HEARD)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, held)


def _begun(limits: Limits) -> Helper:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, limits))
    process.start()
    theirs.close()
    return Helper(process, ours)


# -- the other processes -----------------------------------------------------

_HEARD = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@define
class _Server:
    """What a process that does tasks knows."""

    pipe: Connection
    limits: Limits
    told: bool = False
    working: bool = False
    spoke: float = field(factory=time.monotonic)
    heard: float = -_TELL_EVERY

    def hear(self, number: int, frame: FrameType | None) -> None:
        """Stop what is being done; again, if that got lost somewhere.

        The terminal and the first process tell at the same time: that is one.
        """
        self.told, now = True, time.monotonic()
        if self.working and now - self.heard >= _TELL_EVERY / 2:
            self.heard = now
            raise KeyboardInterrupt

    def say(self, text: str, progress: Progress | None) -> None:
        """Tell the first process; stop here if that is what it wants."""
        # who works is sent nothing but that
        if not self.told and self.pipe.poll():
            self.told = True
            raise KeyboardInterrupt
        now = time.monotonic()
        if now - self.spoke >= _SPEAK_EVERY:
            self.spoke = now
            self.pipe.send((text, progress))

    def work(self, task: Task) -> Outcome:
        """The outcome of a task."""
        if self.told:
            return Outcome(task=task, missing=INTERRUPTED)
        self.working = True
        try:
            return perform(
                task, self.limits, _reports(self.say), _steps(self.say)
            )
        finally:
            self.working = False


def _serve(pipe: Connection, limits: Limits) -> None:
    """Do one task after the other, until no process is there to give any."""
    server = _Server(pipe, limits)
    _say_nothing_of_lost_interrupts()
    for number in _HEARD:
        signal.signal(number, server.hear)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _HEARD)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with contextlib.suppress(EOFError, OSError):
        while True:
            task = pipe.recv()
            if task is not None:
                pipe.send(_answer(server, task))


def _say_nothing_of_lost_interrupts() -> None:
    """One that cannot be raised comes again: the first process sees to it."""
    report = sys.unraisablehook

    def hook(lost: Any) -> None:
        if not issubclass(lost.exc_type, KeyboardInterrupt):
            report(lost)

    sys.unraisablehook = hook


def _answer(server: _Server, task: Task) -> Outcome | BaseException:
    try:
        return server.work(task)
    except KeyboardInterrupt:
        return Outcome(task=task, missing=INTERRUPTED)
    except Exception as error:
        return error


def _end_with_parent() -> None:
    """Nobody is left behind if the first process is killed."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait_for([parent.sentinel])
    os._exit(1)
