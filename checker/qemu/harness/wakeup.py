# SPDX-License-Identifier: GPL-2.0-or-later
"""Waiting for anything that happens in a scenario, without asking twice.

The rule: code that changes something rings the bell, and code that waits looks
again at every ring.  Nothing sleeps, and only what no event tells of is asked
for again, so a scenario is as fast as QEMU is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from attrs import define, field


@define
class Bell:
    """The bell of one scenario; everything in it rings and hears it."""

    rung: asyncio.Event = field(factory=asyncio.Event)

    def ring(self) -> None:
        """Wake everything that waits."""
        self.rung.set()
        self.rung = asyncio.Event()

    async def until(
        self,
        check: Callable[[], bool],
        limit: float,
        quiet: float | None = None,
    ) -> bool:
        """Wait until ``check`` holds; return whether it does.

        Given up after ``limit`` seconds, or if nothing at all happens for
        ``quiet`` seconds.
        """
        loop = asyncio.get_running_loop()
        end = loop.time() + limit
        while not check():
            left = end - loop.time()
            patience = left if quiet is None else min(left, quiet)
            try:
                async with asyncio.timeout(patience):
                    await self.rung.wait()
            except TimeoutError:
                return check()
        return True
