# SPDX-License-Identifier: GPL-2.0-or-later
"""What ``python -m reference`` returns.

The rule: a number that ``dbmcheck`` has too means the same there.
"""

from __future__ import annotations

import enum


class ExitCode(enum.IntEnum):
    """From 70 to 74: who has the bitmap now."""

    DONE = 0
    USAGE = 2
    LOST = 70  # the VM runs at the destination, a bitmap is declared lost
    IN_DOUBT = 71  # after the hand-over: the destination may run
    DEGRADED = 72  # the VM runs there, a bitmap is kept and is not exact
    TRANSPORT = 74  # before it: the source has, and keeps, everything
    BROKEN_STREAM = 75  # inspect: truncated or corrupt
    INTERRUPTED = 130
    BROKEN_PIPE = 141
    CONFIGURATION = 151
    OUR_BUG = 255
