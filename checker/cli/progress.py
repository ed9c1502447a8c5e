# SPDX-License-Identifier: GPL-2.0-or-later
"""How far a search is, on standard error, while it runs.

On a terminal one line is rewritten; elsewhere a line is added now and then,
so that a log shows that something happens.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from checker.cli.streams import say
from checker.engines.exploration import Progress, Report

_TERMINAL_EVERY = 0.2
_LOG_EVERY = 5.0
_ERASE = "\r\x1b[K"


def describe(title: str, progress: Progress) -> str:
    """One line: states, rate, level, queue, memory."""
    rate = progress.states / progress.seconds if progress.seconds else 0.0
    return (
        f"{title}: {progress.states:,} states, {rate / 1e6:.2f} M/s, "
        f"level {progress.level}, queue {progress.queue:,}, "
        f"{progress.memory / (1 << 20):,.0f} MiB"
    )


@contextmanager
def _line() -> Iterator[Callable[[str], None]]:
    """Writes a line; on a terminal, in place of the one before."""
    terminal = sys.stderr.isatty()

    def write(line: str) -> None:
        say(_ERASE + line[:79] if terminal else line + "\n")

    try:
        yield write
    finally:
        if terminal:
            say(_ERASE)


@contextmanager
def shown() -> Iterator[Callable[[str], Report]]:
    """Gives a function from a title to the report of a search."""
    terminal = sys.stderr.isatty()
    every = _TERMINAL_EVERY if terminal else _LOG_EVERY
    last = time.monotonic()
    with _line() as write:

        def report_for(title: str) -> Report:
            def report(progress: Progress) -> None:
                nonlocal last
                if not terminal and progress.seconds < every:
                    return
                now = time.monotonic()
                if now - last >= every:
                    last = now
                    write(describe(title, progress))

            return report

        yield report_for


@contextmanager
def words_shown() -> Iterator[Callable[[str, Progress | None], None]]:
    """Gives a function that shows what is done and how far a search is."""
    terminal = sys.stderr.isatty()
    every = _TERMINAL_EVERY if terminal else _LOG_EVERY
    started = last = time.monotonic()
    with _line() as write:

        def tell(text: str, progress: Progress | None) -> None:
            nonlocal last
            now = time.monotonic()
            if now - last >= every:
                last = now
                said = describe(text, progress) if progress else text
                write(f"{now - started:6.1f} s  {said}")

        yield tell


@contextmanager
def depths_shown() -> Iterator[Callable[[str], Report]]:
    """The same for a bounded search: each depth, and the time it took."""
    terminal = sys.stderr.isatty()
    with _line() as write:

        def report_for(title: str) -> Report:
            def report(progress: Progress) -> None:
                if terminal or progress.seconds >= _LOG_EVERY:
                    write(
                        f"{title}: depth {progress.level}, "
                        f"{progress.seconds:.1f} s, "
                        f"{progress.memory / (1 << 20):,.0f} MiB"
                    )

            return report

        yield report_for


@contextmanager
def steps_shown() -> Iterator[Callable[[str], None]]:
    """Gives a report of what long work does next, one line at a time."""
    terminal = sys.stderr.isatty()
    every = _TERMINAL_EVERY if terminal else _LOG_EVERY
    started = last = time.monotonic()
    with _line() as write:

        def report(step: str) -> None:
            nonlocal last
            now = time.monotonic()
            if now - last >= every:
                last = now
                write(f"{now - started:6.1f} s  {step}")

        yield report
