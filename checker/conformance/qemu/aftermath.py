# SPDX-License-Identifier: GPL-2.0-or-later
"""What comes after a migration: management, the guest, the images.

The rule: management does what it would do.  If the destination did not take
the VM, it is fenced, and the source goes on; what QEMU refuses then is part
of the result.  In the end both are told to quit, and whoever had the VM
starts again from its images.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import attrs

from checker.conformance.qemu import disk
from checker.conformance.qemu import observation as seen
from checker.conformance.qemu.bell import Bell
from checker.conformance.qemu.binary import Build
from checker.conformance.qemu.look import Looks
from checker.conformance.qemu.process import Qemu, QemuError, RefusedError
from checker.conformance.qemu.progress import Limits, ended, passing, statuses
from checker.conformance.qemu.scenario import Scenario, Side, Storage, When

_PASSING: Final = 0.003  # seconds between two looks at a state that passes


@attrs.define(eq=False)
class Aftermath:
    """The end of one run."""

    scenario: Scenario
    builds: tuple[Build, Build]
    room: Path
    limits: Limits
    bell: Bell
    looks: Looks
    #: what QEMU refused, so far
    refused: list[str]
    recovery: str = ""
    quits: tuple[bool, bool] = (True, True)
    stored: tuple[seen.Stored, ...] = ()

    @property
    def source(self) -> Qemu:
        """Where the VM was."""
        return self.looks.source

    @property
    def destination(self) -> Qemu:
        """Where it is to go."""
        return self.looks.destination

    async def run(self, settled: bool) -> None:
        """What is left, what management does, what the guest does then."""
        if settled:
            await self._steady()
        await self.looks.take(seen.SETTLED)
        await self._recover()
        for qemu in (self.source, self.destination):
            with contextlib.suppress(QemuError):
                await self.looks.write(qemu, When.AFTER)
        await self.looks.take(seen.END, contents=True)

    async def _steady(self) -> None:
        """Until no side is on its way from one state to another."""
        end = time.monotonic() + self.limits.steady
        while time.monotonic() < end:
            ours = await self.looks.state(self.source)
            theirs = await self.looks.state(self.destination)
            if not passing(ours, statuses(self.source)) and not passing(
                theirs, statuses(self.destination)
            ):
                return
            await self.bell.until(lambda: False, _PASSING)

    async def _recover(self) -> None:
        """The VM goes on here if the destination did not take it."""
        last = self.looks.moments[-1]
        if last.source.runs or not last.source.alive:
            return
        if self.destination.saw("RESUME"):
            return
        if last.destination.alive:
            self.destination.kill()
            await self._until(lambda: not self.destination.alive)
            self.recovery = "destination fenced, "
        self.recovery += "cont on the source"
        if await self._try("cont"):
            return
        self.recovery += ", migrate_cancel, cont"
        if await self._try("migrate_cancel"):
            await self._until(lambda: ended(self.source))
            await self._steady()
            await self._try("cont")

    async def _try(self, command: str) -> bool:
        return await told(self.source, self.refused, command)

    async def _until(self, check: Callable[[], bool]) -> bool:
        limits = self.limits
        return await self.bell.until(check, limits.settle, limits.quiet)

    async def close(self) -> None:
        """An orderly end, as far as it goes; what do the images hold then?"""
        quits = [await _quit(qemu) for qemu in (self.source, self.destination)]
        self.quits = quits[0], quits[1]
        if self.scenario.persistent:
            await self._look_at_images()
            await self._restart()

    async def _look_at_images(self) -> None:
        sides = [Side.SOURCE]
        if self.scenario.storage is Storage.SEPARATE:
            sides.append(Side.DESTINATION)
        for side in sides:
            held: list[disk.StoredBitmap] = []
            for each in self.scenario.disks:
                image = self.room / f"{side.value}-{each.node}"
                held += await disk.stored_bitmaps(
                    self.builds[0], each.node, image
                )
            self.stored += (seen.Stored(side, tuple(held)),)

    async def _restart(self) -> None:
        """Whoever had the VM starts again from its images."""
        last = self.looks.moments[-1]
        side = next((each for each in Side if last.of(each).runs), None)
        if side is None:
            return
        before = self.source if side is Side.SOURCE else self.destination
        if before.exit_code:
            return
        again = Qemu(
            *("restarted", before.build, self.room, before.blockdevs),
            bell=self.bell,
            limit=self.limits.answer,
        )
        async with again:
            await self.looks.take_one(seen.RESTARTED, side, again)


async def _quit(qemu: Qemu) -> bool:
    """Is there an orderly end?"""
    if not qemu.alive:
        return True
    done = not qemu.hung and await qemu.quit()
    await qemu.end()
    return done and not qemu.exit_code


async def told(
    qemu: Qemu,
    refused: list[str],
    command: str,
    arguments: dict[str, object] | None = None,
) -> bool:
    """Say it; what QEMU refuses is noted and is part of the result."""
    try:
        await qemu.call(command, arguments)
    except RefusedError as error:
        refused.append(str(error))
        return False
    except QemuError:
        return False
    return True
