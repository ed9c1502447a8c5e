# SPDX-License-Identifier: GPL-2.0-or-later
"""What comes after a migration: management, the guest, the images.

The rule: management does what it would do.  If the destination did not take
the VM, it is fenced, and the source goes on; what QEMU refuses then is part
of the result.  In the end both are told to quit, or they crash, and whoever
had the VM starts again from its images.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import attrs

from checker.qemu.harness import disk
from checker.qemu.harness import observation as seen
from checker.qemu.harness.binary import Build
from checker.qemu.harness.process import Qemu, QemuError, RefusedError
from checker.qemu.harness.progress import (
    Limits,
    ended,
    passing,
    ran,
    statuses,
)
from checker.qemu.harness.sampling import Looks
from checker.qemu.harness.scenario import Mode, Scenario, Storage, Then, When
from checker.qemu.harness.settings import LONG, configure, waits
from checker.qemu.harness.wakeup import Bell
from checker.stateful.adapter import Side

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
    #: ends every process that is started here
    stack: contextlib.AsyncExitStack
    recovery: str = ""
    #: what came of the next migration, if there is one
    sequel: str = ""
    quits: tuple[bool, bool] = (True, True)
    stored: tuple[seen.Stored, ...] = ()
    settled_again: bool = True
    ran_again: seen.Ran = ((), ())

    async def run(self, settled: bool) -> None:
        """What is left, what management does, what the guest does then."""
        if settled:
            await self._steady()
        await self.looks.take(seen.SETTLED)
        self.recovery = await self._recover(Side.SOURCE)
        await self._write(When.AFTER)
        await self.looks.take(seen.END, contents=True)

    async def _write(self, when: When) -> None:
        for side in Side:
            with contextlib.suppress(QemuError):
                await self.looks.write(self.looks.of(side), when)

    async def _steady(self) -> None:
        """Until no side is on its way from one state to another."""
        end = time.monotonic() + self.limits.steady
        while time.monotonic() < end:
            still = [
                passing(await self.looks.state(qemu), statuses(qemu))
                for qemu in map(self.looks.of, Side)
            ]
            if not any(still):
                return
            await self.bell.until(lambda: False, _PASSING)

    async def _recover(self, giver: Side) -> str:
        """The VM goes on here if the other side did not take it.

        What was done for that.
        """
        last = self.looks.moments[-1]
        ours, theirs = self.looks.of(giver), self.looks.of(giver.other)
        if last.of(giver).runs or not last.of(giver).alive:
            return ""
        if theirs.saw("RESUME"):
            return ""
        done = ""
        if last.of(giver.other).alive:
            theirs.kill()
            await self.bell.until(lambda: not theirs.alive, self.limits.settle)
            done = f"{giver.other.value} fenced, "
        done += f"cont on the {giver.value}"
        if await self._try(ours, "cont"):
            return done
        done += ", migrate_cancel, cont"
        if await self._try(ours, "migrate_cancel"):
            await self._until(lambda: ended(ours))
            await self._steady()
            await self._try(ours, "cont")
        return done

    async def _try(
        self,
        qemu: Qemu,
        command: str,
        arguments: dict[str, object] | None = None,
    ) -> bool:
        return await told(qemu, self.refused, command, arguments)

    async def _until(self, check: Callable[[], bool]) -> bool:
        limits = self.limits
        return await self.bell.until(check, limits.settle, limits.quiet)

    # -- the next migration ------------------------------------------------

    async def migrate_again(self) -> None:
        """Whoever has the VM migrates it, to a fresh process over there.

        It is given the images that the side has, and nothing goes wrong: a
        second attempt, or the way back.
        """
        giver = self._holder
        if giver is None:
            return
        ours = self.looks.of(giver)
        taker = await self._replace(giver.other)
        ours.events.clear()
        path = self.room / "again"
        await self._try(taker, "migrate-incoming", {"uri": f"unix:{path}"})
        if await self._try(ours, "migrate", {"uri": f"unix:{path}"}):
            if self.scenario.mode is Mode.POSTCOPY:
                await self._try(ours, "migrate-start-postcopy")
            elif waits(self.scenario):
                longest: dict[str, object] = {"downtime-limit": LONG}
                await self._try(ours, "migrate-set-parameters", longest)
            await self._until(lambda: ended(ours) and ended(taker))
            self.settled_again = ended(ours) and ended(taker)
        await self._steady()
        await self.looks.take(seen.RESETTLED)
        done = await self._recover(giver)
        await self._write(When.AGAIN)
        await self.looks.take(seen.AGAIN, contents=True)
        holder = self._holder
        self.sequel = f"migrated again from the {giver.value}: " + (
            f"runs on the {holder.value}" if holder else "not on one side"
        )
        self.sequel += f", after {done}" if done else ""
        self.ran_again = (
            ran(self.looks.source, giver is Side.SOURCE),
            ran(self.looks.destination, giver is Side.DESTINATION),
        )

    @property
    def _holder(self) -> Side | None:
        """Who has the VM; None if nobody has, or both."""
        last = self.looks.moments[-1]
        sides = [side for side in Side if last.of(side).runs]
        return sides[0] if len(sides) == 1 else None

    async def _replace(self, side: Side) -> Qemu:
        """A fresh process for a side, ready for a migration."""
        old = self.looks.of(side)
        await self._end(side)
        fresh = Qemu(
            *(f"next-{side.value}", old.build, self.room, old.blockdevs),
            incoming=True,
            options=old.options,
            bell=self.bell,
            limit=self.limits.answer,
        )
        await self.stack.enter_async_context(fresh)
        self.looks.put(side, fresh)
        await configure(self.scenario, fresh)
        return fresh

    # -- the end -----------------------------------------------------------

    async def close(self) -> None:
        """The end of both; what do the images hold then?"""
        for side in Side:
            if self.scenario.then is Then.CRASH:
                await self.looks.of(side).end()
            else:
                await self._end(side)
        if self.scenario.persistent:
            await self._look_at_images()
            await self._restart()

    async def _end(self, side: Side) -> None:
        """An orderly end, as far as it goes."""
        done = await _quit(self.looks.of(side))
        ours, theirs = self.quits
        if side is Side.SOURCE:
            self.quits = ours and done, theirs
        else:
            self.quits = ours, theirs and done

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
        before = self.looks.of(side)
        if before.exit_code and not before.killed:
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
