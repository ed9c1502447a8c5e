# SPDX-License-Identifier: GPL-2.0-or-later
"""Two processes of one build with a guest and a backup client.

The rule: a process that fails by itself breaks a guarantee: its monitor does
not answer, it dies of a signal, or it ends although it has the guest.  A
destination that ends since its migration has failed does as QEMU is built.
Both sides reach the same disks.  Backups are QEMU's own jobs, onto files.
"""

from __future__ import annotations

import json
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import attrs

from checker.qemu.harness import bitmaps
from checker.qemu.harness.pair import Pair
from checker.qemu.harness.process import (
    GoneError,
    HungError,
    Qemu,
    QemuError,
)
from checker.qemu.harness.progress import Limits
from checker.stateful.adapter import (
    Key,
    RefusedError,
    Side,
    Vm,
)
from checker.stateful.promise import promise

DISKS: Final[Mapping[str, int]] = {"drive0": 40 * 1024}
#: 30 seconds for anything, 5 in which nothing at all happens
LIMITS: Final = Limits(answer=30.0, settle=30.0, quiet=5.0, steady=30.0)
_TRIES: Final = 2  # to start QEMU
_VMS: Final = {"running": Vm.RUNNING, "inmigrate": Vm.WAITING}


@attrs.define(eq=False)
class GuestPair(Pair):
    """A pair with a guest and its backup client.

    ``count``: the number in the latest name of a process, attempt or job.
    """

    limits: Limits = LIMITS
    count: int = 0

    # -- processes ---------------------------------------------------------

    def path(self, node: str) -> Path:
        """Return the file of a disk, which both sides reach."""
        return self.room / node

    async def begin(self) -> None:
        """Start a guest with empty disks, and a waiting destination."""
        drives = []
        for node, size in DISKS.items():
            path = self.path(node)
            path.write_bytes(bytes(size))
            file = {"driver": "file", "filename": str(path)}
            drive = {"driver": "raw", "node-name": node, "file": file}
            drives.append(json.dumps(drive))
        self.drives = dict.fromkeys(Side, drives)
        for side in Side:
            await self.renew_side(side)

    async def renew_side(self, side: Side) -> None:
        """Start a fresh process for a side.

        Raises GoneError or HungError if it does not come up.
        """
        for left in reversed(range(_TRIES)):
            self.count += 1
            try:
                await self.start(side, f"{side.value}{self.count}")
            except QemuError:
                if not left:
                    raise
            else:
                return

    async def renew(self) -> None:
        """Make the side with the guest the source, with a new destination."""
        source, destination = self.source, self.destination
        if await self.vm(Side.DESTINATION) is Vm.RUNNING:
            await source.end()
            self.sides[Side.SOURCE] = destination
        else:
            await destination.end()
            if await self.vm(Side.SOURCE) is not Vm.RUNNING:
                await source.end()
                await self.renew_side(Side.SOURCE)
        await self.renew_side(Side.DESTINATION)

    # -- what can be seen --------------------------------------------------

    async def vm(self, side: Side) -> Vm:
        """Return what the side's VM does."""
        qemu = self.sides[side]
        try:
            return _VMS.get(await qemu.status(), Vm.STOPPED)
        except HungError:
            hangs(side, qemu)
        except GoneError:
            died(side, qemu)
        return Vm.GONE

    async def bitmaps(self, side: Side) -> tuple[bitmaps.ShownBitmap, ...]:
        """Return what a query shows of the side's bitmaps."""
        qemu = self.sides[side]
        try:
            return await bitmaps.look(qemu)
        except HungError:
            hangs(side, qemu)
        except GoneError:
            died(side, qemu)
        return ()

    async def running(self) -> Qemu:
        """Return the process that runs the guest; refused without one."""
        for side, qemu in self.sides.items():
            if await self.vm(side) is Vm.RUNNING:
                return qemu
        raise RefusedError("no guest runs")

    # -- the guest and the client ------------------------------------------

    async def io(self, node: str, command: str) -> None:
        """Let the guest read or write, in the words of ``qemu-io``."""
        qemu = await self.running()
        before = qemu.out.stat().st_size
        said = await qemu.human(f'qemu-io {node} "{command}"')
        said += qemu.out.read_bytes()[before:].decode()
        done = "rror" not in said and "ailed" not in said
        promise(done, "S3", f"the guest's write fails: {said.strip()}")

    async def full_backup(
        self, key: Key, granularity: int, image: bytearray
    ) -> None:
        """Copy the whole disk, and let the bitmap begin anew."""
        found = await bitmaps.look(await self.running())
        data: dict[str, object] = {"node": key[0], "name": key[1]}
        verb = "clear"
        if all(each.key != key for each in found):
            verb, data["granularity"] = "add", granularity
        first = {"type": f"block-dirty-bitmap-{verb}", "data": data}
        await self._backup(key, image, [first], {"sync": "full"})

    async def incremental_backup(self, key: Key, image: bytearray) -> None:
        """Copy the dirty ranges, and clear the bitmap."""
        more = {"sync": "incremental", "bitmap": key[1]}
        await self._backup(key, image, [], more)

    async def _backup(
        self,
        key: Key,
        image: bytearray,
        actions: Sequence[Mapping[str, object]],
        more: Mapping[str, str],
    ) -> None:
        """Run QEMU's job, in a transaction with ``actions`` before it."""
        qemu, path = await self.running(), self.room / "image"
        path.write_bytes(image)
        self.count += 1
        job = f"backup{self.count}"
        file = {"driver": "file", "filename": str(path)}
        await qemu.call(
            "blockdev-add",
            {"driver": "raw", "node-name": job, "file": file},
        )
        backup = {"device": key[0], "target": job, "job-id": job, **more}
        actions = [*actions, {"type": "blockdev-backup", "data": backup}]
        done = False
        try:
            await qemu.call("transaction", {"actions": actions})
            done = await self.bell.until(
                lambda: qemu.saw("BLOCK_JOB_COMPLETED", device=job),
                self.limits.settle,
            )
        finally:
            if qemu.alive and not qemu.hung:
                await qemu.call("blockdev-del", {"node-name": job})
        promise(done, "L1", "a backup job does not end")
        image[:] = path.read_bytes()


def hangs(side: Side, qemu: Qemu) -> None:
    """Raise the broken guarantee of a monitor that does not answer."""
    text = f"the monitor of the {side.value} does not answer {qemu.hung}"
    promise(False, "S3", text)


def died(side: Side, qemu: Qemu) -> None:
    """Raise S3 for a dead process, unless it was to end or may end so."""
    code = qemu.exit_code
    if code is None or qemu.killed:
        return
    if code < 0:
        name = signal.Signals(-code).name
        promise(False, "S3", f"the {side.value} died of {name}")
    quit_ = qemu.saw("SHUTDOWN", reason="host-qmp-quit")
    waits = side is Side.DESTINATION and not qemu.saw("RESUME")
    text = f"the {side.value} ended with exit code {code}"
    promise(quit_ or waits, "S3", text)
