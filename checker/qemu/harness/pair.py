# SPDX-License-Identifier: GPL-2.0-or-later
"""Two QEMU processes, their disks, and the proxy between them.

The rule: whatever a pair has started ends with its ``async with`` block:
first the proxies, then the processes, the latest first.  What happens
between start and end is the business of those who use a pair: campaigns,
traces of the model, random runs, and tests of one process alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import attrs

from checker.qemu.harness.binary import Build
from checker.qemu.harness.builds import Builds
from checker.qemu.harness.disk import Disk, Images, blockdev
from checker.qemu.harness.faults import Fault
from checker.qemu.harness.process import Qemu, QemuError
from checker.qemu.harness.progress import Limits, ended, passing, statuses
from checker.qemu.harness.proxy import Actor, Hold, Proxy, no_other
from checker.qemu.harness.wakeup import Bell
from checker.stateful.adapter import Side

_PASSING: Final = 0.003  # seconds between two looks at a state that passes


@contextlib.contextmanager
def fresh_room(work: Path | None = None) -> Iterator[Path]:
    """Yield a new directory below ``work``; it is removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="dbmq-", dir=work) as room:
        yield Path(room)


@attrs.define(eq=False)
class Pair:
    """Both sides, as far as they are started.

    ``room``: the directory of their files.  ``drives``: the values of a
    side's options ``-blockdev``.  ``sides``: the process that a side has
    now.  ``proxy``: the latest one.
    """

    builds: Builds
    room: Path
    limits: Limits = attrs.field(factory=Limits)
    bell: Bell = attrs.field(factory=Bell)
    drives: dict[Side, Sequence[str]] = attrs.field(factory=dict)
    sides: dict[Side, Qemu] = attrs.field(factory=dict)
    _proxy: Proxy | None = None
    _processes: contextlib.AsyncExitStack = attrs.field(
        factory=contextlib.AsyncExitStack
    )
    _proxies: contextlib.AsyncExitStack = attrs.field(
        factory=contextlib.AsyncExitStack
    )

    # -- start and end -----------------------------------------------------

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.end()

    async def end(self) -> None:
        """End every proxy and every process that was started."""
        try:
            await self.disconnect()
        finally:
            await self._processes.aclose()
            self.sides = {}

    def create_images(self, disks: Sequence[Disk], *sides: Side) -> None:
        """Give the ``sides`` fresh images, which they share."""
        images = Images(self.builds.source, self.room)
        drives = [
            blockdev(each, images.create(each, sides[0])) for each in disks
        ]
        self.drives |= dict.fromkeys(sides, drives)

    async def start(
        self,
        side: Side,
        name: str = "",
        *,
        options: Sequence[str] = (),
        incoming: bool | None = None,
    ) -> Qemu:
        """Start a process for a side and return it.

        ``name``: in messages and of files, the side's if not given.
        ``incoming``: does it wait for a migration?  A destination does.
        Raises GoneError or HungError if it does not come up; the side then
        keeps the process that it has.
        """
        ours, theirs = self.builds.of(side), self.builds.of(side.other)
        waits = side is Side.DESTINATION if incoming is None else incoming
        qemu = Qemu(
            *(name or side.value, ours, self.room, self.drives.get(side, ())),
            incoming=waits,
            # a destination may migrate back
            options=(*ours.options_towards(theirs), *options),
            bell=self.bell,
            limit=self.limits.answer,
        )
        self._processes.push_async_callback(qemu.end)
        await qemu.start()
        self.sides[side] = qemu
        return qemu

    async def start_both(self) -> None:
        """Start a process for each side, at the same time."""
        started = await asyncio.gather(
            *(self.start(side) for side in Side), return_exceptions=True
        )
        for error in started:
            if isinstance(error, BaseException):
                raise error

    @property
    def source(self) -> Qemu:
        """Return the process of the source."""
        return self.sides[Side.SOURCE]

    @property
    def destination(self) -> Qemu:
        """Return the process of the destination."""
        return self.sides[Side.DESTINATION]

    async def kill(self, side: Side) -> None:
        """End a side by SIGKILL and wait for its death."""
        qemu = self.sides[side]
        qemu.kill()
        # a kernel that is busy takes its time, in which nothing happens
        await self.bell.until(lambda: not qemu.alive, self.limits.settle)

    # -- the connection ----------------------------------------------------

    async def connect(
        self,
        mark: str = "",
        *,
        fault: Fault | None = None,
        holds: tuple[Hold, ...] = (),
        act: Actor = no_other,
    ) -> Proxy:
        """Put a new proxy before the destination, and return it.

        The destination waits for a migration from then on.  ``mark`` is part
        of the sockets' names: no two attempts have the same.
        """
        wire, inside = (self.room / f"{n}{mark}" for n in ("wire", "in"))
        await self.destination.call(
            "migrate-incoming", {"uri": f"unix:{inside}"}
        )
        made = Proxy(wire, inside, fault, holds, act, self.bell)
        self._proxy = await self._proxies.enter_async_context(made)
        return made

    async def disconnect(self) -> None:
        """End every proxy, with its connections."""
        await self._proxies.aclose()

    @property
    def proxy(self) -> Proxy:
        """Return the latest proxy."""
        assert self._proxy is not None
        return self._proxy

    async def migrate(self) -> None:
        """Tell the source to migrate through the proxy."""
        await self.source.call("migrate", {"uri": f"unix:{self.proxy.path}"})

    # -- settling ----------------------------------------------------------

    async def until(self, check: Callable[[], bool]) -> bool:
        """Wait until ``check`` holds; return whether it does.

        Given up when nothing at all happens for a while, or after long.
        """
        limits = self.limits
        return await self.bell.until(check, limits.settle, limits.quiet)

    @property
    def ended(self) -> bool:
        """Return whether the migration is over on both sides."""
        return ended(self.source) and ended(self.destination)

    async def steady(
        self, of: Callable[[Qemu], bool] = lambda qemu: True
    ) -> None:
        """Wait until no side passes from one run state to another.

        ``of``: which processes are looked at.
        """
        end = time.monotonic() + self.limits.steady
        while time.monotonic() < end:
            found = [
                await _passes(qemu) for qemu in self.sides.values() if of(qemu)
            ]
            if not any(found):
                return
            await self.bell.until(lambda: False, _PASSING)


async def _passes(qemu: Qemu) -> bool:
    """Return whether the process is in a run state that it passes through."""
    try:
        state = await qemu.status()
    except QemuError:
        return False
    return passing(state, statuses(qemu))


@contextlib.asynccontextmanager
async def alone(
    side: Side, build: Build, room: Path, disks: Sequence[Disk], limits: Limits
) -> AsyncIterator[Qemu]:
    """Yield the process of one side, with fresh images; it ends afterwards."""
    async with Pair(Builds(build, build), room, limits) as pair:
        pair.create_images(disks, side)
        yield await pair.start(side)
