# SPDX-License-Identifier: GPL-2.0-or-later
"""What comes after a migration: management, the guest, the images.

The rule: management does what it would do.  If the destination did not take
the VM, it is fenced, and the source goes on; what QEMU refuses then is part
of the result.  In the end both are told to quit, or they are killed, and the
side that had the VM starts again from its images.
"""

from __future__ import annotations

import contextlib
from collections.abc import Coroutine
from typing import Any

import attrs

from checker.qemu.harness import disk
from checker.qemu.harness import observation as seen
from checker.qemu.harness.pair import Pair
from checker.qemu.harness.process import Qemu, QemuError, QemuRefusedError
from checker.qemu.harness.progress import ended, ran
from checker.qemu.harness.sampling import Looks
from checker.qemu.harness.scenario import Scenario, Storage, Then, When
from checker.qemu.harness.settings import configure, switch_over, waits
from checker.stateful.adapter import Side


@attrs.define(eq=False)
class Aftermath:
    """Does what follows the migration of one run."""

    scenario: Scenario
    pair: Pair
    looks: Looks
    #: what QEMU refused, so far
    refused: list[str]
    recovery: str = ""
    #: what came of the next migration, if there is one
    sequel: str = ""
    quits: tuple[bool, bool] = (True, True)
    stored: tuple[seen.Stored, ...] = ()
    settled_again: bool = True
    ran_again: seen.Ran = ((), ())

    async def run(self, settled: bool) -> None:
        """Let management and the guest act, and look at both sides."""
        if settled:
            await self.pair.steady()
        await self.looks.take(seen.SETTLED)
        self.recovery = await self._recover(Side.SOURCE)
        await self._write(When.AFTER)
        await self.looks.take(seen.END, contents=True)

    async def _write(self, when: When) -> None:
        for side in Side:
            with contextlib.suppress(QemuError):
                await self.looks.write(side, when)

    async def _recover(self, giver: Side) -> str:
        """Resume the VM on ``giver`` unless the other side took it.

        Returns what was done for that, '' if nothing.
        """
        last = self.looks.moments[-1]
        ours, theirs = self.pair.sides[giver], self.pair.sides[giver.other]
        if last.of(giver).runs or not last.of(giver).alive:
            return ""
        if theirs.saw("RESUME"):
            return ""
        done = ""
        if last.of(giver.other).alive:
            await self.pair.kill(giver.other)
            done = f"{giver.other.value} fenced, "
        done += f"cont on the {giver.value}"
        if await self._accepted(ours.call("cont")):
            return done
        done += ", migrate_cancel, cont"
        if await self._accepted(ours.call("migrate_cancel")):
            await self.pair.until(lambda: ended(ours))
            await self.pair.steady()
            await self._accepted(ours.call("cont"))
        return done

    async def _accepted(self, told: Coroutine[Any, Any, object]) -> bool:
        return await accepted(told, self.refused)

    # -- the next migration ------------------------------------------------

    async def migrate_again(self) -> None:
        """Migrate the VM once more, to a fresh process on the other side.

        That process has the side's images, and nothing goes wrong: a second
        attempt, or the way back.
        """
        giver = self._holder
        if giver is None:
            return
        pair = self.pair
        ours = pair.sides[giver]
        taker = await self._replace(giver.other)
        ours.events.clear()
        place = {"uri": f"unix:{pair.room / 'again'}"}
        await self._accepted(taker.call("migrate-incoming", place))
        if await self._accepted(ours.call("migrate", place)):
            if waits(self.scenario):
                told = switch_over(ours, self.scenario.mode)
                await self._accepted(told)
            await pair.until(lambda: pair.ended)
            self.settled_again = pair.ended
        await pair.steady()
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
            ran(pair.source, giver is Side.SOURCE),
            ran(pair.destination, giver is Side.DESTINATION),
        )

    @property
    def _holder(self) -> Side | None:
        """Return the side that has the VM; None if neither or both have it."""
        last = self.looks.moments[-1]
        sides = [side for side in Side if last.of(side).runs]
        return sides[0] if len(sides) == 1 else None

    async def _replace(self, side: Side) -> Qemu:
        """Return a fresh process for a side, ready for a migration."""
        await self._end(side)
        name = f"next-{side.value}"
        fresh = await self.pair.start(side, name, incoming=True)
        await configure(self.scenario, fresh)
        return fresh

    # -- the end -----------------------------------------------------------

    async def close(self) -> None:
        """End both sides, and look at what the images hold then."""
        for side in Side:
            if self.scenario.then is Then.CRASH:
                await self.pair.sides[side].end()
            else:
                await self._end(side)
        if self.scenario.persistent:
            await self._look_at_images()
            await self._restart()

    async def _end(self, side: Side) -> None:
        """Tell a side to quit, and note whether it does in good order."""
        done = await _quit(self.pair.sides[side])
        ours, theirs = self.quits
        if side is Side.SOURCE:
            self.quits = ours and done, theirs
        else:
            self.quits = ours, theirs and done

    async def _look_at_images(self) -> None:
        sides = [Side.SOURCE]
        if self.scenario.storage is Storage.SEPARATE:
            sides.append(Side.DESTINATION)
        build = self.pair.builds.source
        images = disk.Images(build, self.pair.room)
        for side in sides:
            held: list[disk.StoredBitmap] = []
            for each in self.scenario.disks:
                image = images.path(each, side)
                held += await disk.stored_bitmaps(build, each.node, image)
            self.stored += (seen.Stored(side, tuple(held)),)

    async def _restart(self) -> None:
        """Start the side that had the VM again from its images."""
        last = self.looks.moments[-1]
        side = next((each for each in Side if last.of(each).runs), None)
        if side is None:
            return
        before = self.pair.sides[side]
        if before.exit_code and not before.killed:
            return
        await self.pair.start(side, "restarted", incoming=False)
        await self.looks.take_one(seen.RESTARTED, side)


async def _quit(qemu: Qemu) -> bool:
    """Return whether the process ends in good order when told to."""
    if not qemu.alive:
        return True
    done = not qemu.hung and await qemu.quit()
    await qemu.end()
    return done and not qemu.exit_code


async def accepted(
    told: Coroutine[Any, Any, object], refused: list[str]
) -> bool:
    """Return whether QEMU does what it is told; note what it refuses."""
    try:
        await told
    except QemuRefusedError as error:
        refused.append(str(error))
        return False
    except QemuError:
        return False
    return True
