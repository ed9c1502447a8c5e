# SPDX-License-Identifier: GPL-2.0-or-later
"""What guest, backup client and user of a trace do.

The rule: a backup on the source is a job of QEMU's own that may not end by
itself (``auto-finalize`` off), so that it has the bitmap for as long as the
trace wants.  Its data go nowhere.  A merge needs a bitmap with that one bit:
one is made by a write that the bitmap itself does not record.
"""

from __future__ import annotations

from typing import Final

import attrs

from checker.qemu.harness import bitmaps, disk
from checker.qemu.harness.bitmaps import Bitmap
from checker.qemu.harness.process import Qemu, QemuError
from checker.qemu.harness.wakeup import Bell
from checker.qemu.traces.map import GRANULARITY, Geometry

WANTED: Final = Bitmap(granularity=GRANULARITY)
ON_SOURCE: Final = frozenset(
    {
        *("source_write_data", "source_merge", "source_clear"),
        *("source_backup_begins", "source_backup_succeeds"),
        *("source_backup_fails", "block_job_cancel"),
    }
)
ON_DESTINATION: Final = frozenset(
    {
        *("destination_write_data", "destination_backup"),
        *("destination_full_backup", "destination_remove"),
    }
)
_EXTRA: Final = Bitmap(name="dbmcheck-extra", granularity=GRANULARITY)
_TARGET: Final = "dbmcheck-target"
_FILTER: Final = "dbmcheck-filter"


async def on_destination(
    qemu: Qemu, geometry: Geometry, action: str, arguments: dict[str, str]
) -> None:
    """Do one of ``ON_DESTINATION``; QemuError if QEMU does not."""
    match action:
        case "destination_write_data":
            await _write(qemu, geometry, int(arguments["granule"]))
        case "destination_backup":
            await bitmaps.change(qemu, "clear", *WANTED.key)
        case "destination_remove":
            await bitmaps.change(qemu, "remove", *WANTED.key)
        case "destination_full_backup":
            await bitmaps.add(qemu, WANTED)


async def _write(
    qemu: Qemu, geometry: Geometry, granule: int, node: str = WANTED.node
) -> None:
    """Let the guest write to a granule of the model."""
    await disk.guest_write(qemu, node, geometry.offset(granule), GRANULARITY)


@attrs.define(eq=False)
class SourceClient:
    """The client of the source; ``patience``: seconds for a job to go on."""

    qemu: Qemu
    geometry: Geometry
    bell: Bell
    patience: float
    _jobs: int = 0
    _runs: bool = False

    async def act(self, action: str, arguments: dict[str, str]) -> None:
        """Do one of ``ON_SOURCE``; QemuError if QEMU does not."""
        granule = int(arguments.get("granule", "0"))
        match action:
            case "source_write_data":
                # during a job writes below its filter are not allowed
                node = _FILTER if self._runs else WANTED.node
                await _write(self.qemu, self.geometry, granule, node)
            case "source_merge":
                await self._merge(granule)
            case "source_clear":
                await bitmaps.change(self.qemu, "clear", *WANTED.key)
            case "source_backup_begins":
                await self._begin()
            case "source_backup_succeeds":
                await self._end("job-finalize")
            case "source_backup_fails" | "block_job_cancel":
                await self._end("job-cancel")

    async def _merge(self, granule: int) -> None:
        for verb in ("disable", "enable"):
            await bitmaps.change(self.qemu, verb, *WANTED.key)
            if verb == "disable":
                await bitmaps.add(self.qemu, _EXTRA)
                await _write(self.qemu, self.geometry, granule)
        await bitmaps.merge(self.qemu, *WANTED.key, _EXTRA.name)
        await bitmaps.change(self.qemu, "remove", *_EXTRA.key)

    @property
    def _job(self) -> str:
        return f"backup{self._jobs}"

    async def _begin(self) -> None:
        if not self._jobs:
            await self.qemu.call(
                "blockdev-add",
                {
                    "driver": "null-co",
                    "node-name": _TARGET,
                    "size": self.geometry.size,
                },
            )
        self._jobs += 1
        await self.qemu.call(
            "blockdev-backup",
            {
                "job-id": self._job,
                "device": WANTED.node,
                "target": _TARGET,
                "sync": "incremental",
                "bitmap": WANTED.name,
                "filter-node-name": _FILTER,
                "auto-finalize": False,
            },
        )
        self._runs = True
        await self._until("pending")

    async def _end(self, verb: str) -> None:
        await self.qemu.call(verb, {"id": self._job})
        await self._until("null")
        self._runs = False

    async def _until(self, status: str) -> None:
        """Wait until the job has come to ``status``."""
        wanted = {"id": self._job, "status": status}

        def came() -> bool:
            return any(
                event.name == "JOB_STATUS_CHANGE" and event.data == wanted
                for event in self.qemu.events
            )

        if not await self.bell.until(came, self.patience):
            raise QemuError(f"{self.qemu.name}: {self._job}: never {status}")
