# SPDX-License-Identifier: GPL-2.0-or-later
"""A limit in bytes (or anything else) per second.

The rule: in any span of T seconds no more is spent than T times the limit,
plus what ``SPAN`` seconds save up, plus one piece: a piece is spent whole
and the debt is waited off before the next.  QEMU's counterpart:
``migration_rate_exceeded``, parameter max-bandwidth.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from attrs import define

SPAN = 0.1  # seconds


@define
class Rate:
    """``per_second`` may be spent; ``clock`` and ``sleep`` are in seconds."""

    per_second: float
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    saved: float = 0.0  # negative: a debt
    seen: float | None = None

    async def ready(self) -> None:
        """Wait until there is no debt."""
        self._renew()
        while self.saved < 0:
            await self.sleep(-self.saved / self.per_second)
            self._renew()

    def spend(self, amount: float) -> None:
        """This much is used now."""
        self.saved -= amount

    def _renew(self) -> None:
        now = self.clock()
        if self.seen is not None:
            earned = (now - self.seen) * self.per_second
            self.saved = min(self.saved + earned, self.per_second * SPAN)
        self.seen = now
