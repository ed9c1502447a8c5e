# SPDX-License-Identifier: GPL-2.0-or-later
"""How far a migration is on one side, by what QEMU says.

The rule: the last event counts.  A state that QEMU only passes
through is not looked at.
"""

from __future__ import annotations

import math
from typing import Final

import attrs

from checker.qemu.harness.process import Qemu

_ENDED: Final = frozenset({"completed", "failed", "cancelled"})
_ENDING: Final = frozenset({"failing", "cancelling"})


@attrs.frozen
class Limits:
    """Seconds after which something is given up.

    ``answer``: one call; ``settle``: the migration; ``quiet``: nothing at
    all happens; ``steady``: a state that QEMU passes through; ``stall``: how
    long a stalled wire is looked at.
    """

    answer: float = 5.0
    settle: float = 60.0
    quiet: float = 3.0
    steady: float = 3.0
    stall: float = 0.2


def statuses(qemu: Qemu) -> tuple[str, ...]:
    """Return what the MIGRATION events said, in their order."""
    return tuple(
        str(event.data.get("status"))
        for event in qemu.events
        if event.name == "MIGRATION"
    )


def ended(qemu: Qemu) -> bool:
    """Return whether the migration is over on this side."""
    return not qemu.alive or bool(_ENDED & set(statuses(qemu)[-1:]))


def asleep(qemu: Qemu) -> bool:
    """Return whether it may sleep on its way to failed or cancelled.

    11.1 says failing or cancelling, then may sleep until its monitor is asked
    anything: the end of the migration is due in its main loop, which sleeps.
    """
    return qemu.alive and bool(_ENDING & set(statuses(qemu)[-1:]))


def passing(state: str, said: tuple[str, ...]) -> bool:
    """Return whether QEMU only passes through the run state."""
    if state == "finish-migrate":
        return True
    return state == "inmigrate" and said[-1:] in (("failed",), ("completed",))


def ran(qemu: Qemu, runs: bool = False) -> tuple[tuple[float, float], ...]:
    """Return from when to when the guest ran, in seconds of the epoch.

    By QEMU's events; ``runs``: did it run from the beginning?  A process that
    died ran until its last event, as far as is known: its death is seen later
    than it was.
    """
    found: list[tuple[float, float]] = []
    since = 0.0
    for event in qemu.events:
        if event.name == "RESUME" and not runs:
            runs, since = True, event.seconds
        elif event.name in ("STOP", "SHUTDOWN") and runs:
            runs = False
            found.append((since, event.seconds))
    if runs:
        last = max((event.seconds for event in qemu.events), default=since)
        found.append((since, math.inf if qemu.alive else max(since, last)))
    return tuple(found)
