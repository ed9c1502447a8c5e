# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs a machine: a failure is shown when it is met, then made shorter.

To make a run shorter it is done again and again.  Of an implementation that
takes a second a run this takes minutes, and it may hang: so the first failure
is shown before, and there is a limit.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from hypothesis import settings
from hypothesis.internal.conjecture import engine
from hypothesis.stateful import run_state_machine_as_test

from checker.stateful.bitmap_machine import BitmapMachine
from checker.stateful.machine_state import FirstFailure

SHRINK_SECONDS = 60.0
_LIMIT = "MAX_SHRINKING_SECONDS"
Show = Callable[[str], None]


def drive(
    machine: type[BitmapMachine],
    profile: settings,
    seconds: float = SHRINK_SECONDS,
    show: Show | None = None,
) -> None:
    """Run ``machine``, made by ``machine_for``; raise what it finds broken.

    ``seconds``: how long a failing run is made shorter; 0: not at all, but
    for a run that is begun.  ``show`` is given the first failure, as text;
    if not given, it goes to standard error.
    """
    machine.first = FirstFailure(show or _to_standard_error)
    with _shrinking(seconds):
        run_state_machine_as_test(machine, settings=profile)


def _to_standard_error(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()


@contextmanager
def _shrinking(seconds: float) -> Iterator[None]:
    """Hypothesis has a limit of five minutes, and no setting for it."""
    before = getattr(engine, _LIMIT)
    setattr(engine, _LIMIT, seconds)
    try:
        yield
    finally:
        setattr(engine, _LIMIT, before)
