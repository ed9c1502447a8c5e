# SPDX-License-Identifier: GPL-2.0-or-later
"""A host: a VM, the nodes of its disks, their bitmaps, writes in flight.

What a QEMU process holds beside a migration.  A guest write is two steps:
the data reach the disk, then the bit is set in every bitmap of that node
that records; in-flight writes end before the VM counts as stopped.  The disk
itself is not the host's: both hosts may reach the same one.
"""

from __future__ import annotations

import enum
from typing import Any

from attrs import define, field, frozen

from reference.bitmap import DirtyBitmap
from reference.disk import Disk
from reference.errors import BitmapError, BusyError, UnknownBitmapError


class RunState(enum.Enum):
    """What the VM does (QEMU: RunState)."""

    RUNNING = "running"
    STOPPING = "stopping"  # no new writes; those in flight go on
    STOPPED = "stopped"
    INMIGRATE = "inmigrate"
    PRELAUNCH = "prelaunch"
    GONE = "gone"  # there is no process any more


@frozen
class Write:
    """A guest write whose data are on the disk and whose bit is not set.

    ``offset`` and ``length`` in bytes.
    """

    node: str
    offset: int
    length: int


@frozen
class Job:
    """A backup job: it holds a bitmap, whose successor records."""

    node: str
    name: str


@define
class Node:
    """A disk of ``size`` bytes by its node name, and its bitmaps."""

    name: str
    size: int
    bitmaps: dict[str, DirtyBitmap] = field(factory=dict)


@define
class Host:
    """One side's process, without its part in a migration."""

    vm: RunState
    nodes: dict[str, Node] = field(factory=dict)
    in_flight: list[Write] = field(factory=list)
    jobs: list[Job] = field(factory=list)

    # -- nodes and bitmaps -------------------------------------------------

    def add_node(self, name: str, size: int) -> Node:
        """A disk of ``size`` bytes."""
        self.nodes[name] = Node(name, size)
        return self.nodes[name]

    def node(self, name: str) -> Node:
        """The node, or UnknownBitmapError."""
        if name not in self.nodes:
            known = ", ".join(sorted(self.nodes)) or "none"
            raise UnknownBitmapError(f"no node '{name}'; there is {known}")
        return self.nodes[name]

    def bitmap(self, node: str, name: str) -> DirtyBitmap:
        """The bitmap, or UnknownBitmapError."""
        bitmaps = self.node(node).bitmaps
        if name not in bitmaps:
            known = ", ".join(sorted(bitmaps)) or "none"
            raise UnknownBitmapError(
                f"no bitmap '{name}' on node '{node}'; there is {known}"
            )
        return bitmaps[name]

    def has_bitmap(self, node: str, name: str) -> bool:
        """Whether a query shows a bitmap of that name."""
        return node in self.nodes and name in self.nodes[node].bitmaps

    def add_bitmap(
        self,
        node: str,
        name: str,
        granularity: int = 65536,
        recording: bool = True,
        persistent: bool = False,
    ) -> DirtyBitmap:
        """A new, empty bitmap.  QEMU: block-dirty-bitmap-add."""
        where = self.node(node)
        if name in where.bitmaps:
            raise BitmapError(f"bitmap '{name}' exists on node '{node}'")
        bitmap = DirtyBitmap.create(
            name, where.size, granularity, recording, persistent
        )
        where.bitmaps[name] = bitmap
        return bitmap

    def remove_bitmap(self, node: str, name: str) -> None:
        """Forget a bitmap that is not busy.

        QEMU: block-dirty-bitmap-remove, which takes inconsistent ones too.
        """
        if self.bitmap(node, name).busy:
            raise BusyError(f"bitmap '{name}' of node '{node}' is busy")
        del self.nodes[node].bitmaps[name]

    def query(self) -> dict[str, list[dict[str, Any]]]:
        """What a query shows, by node."""
        return {
            name: [bitmap.query() for bitmap in node.bitmaps.values()]
            for name, node in self.nodes.items()
        }

    # -- the guest ---------------------------------------------------------

    @property
    def may_write(self) -> bool:
        """Whether the guest, or another writer, may write now."""
        return self.vm is RunState.RUNNING

    def begin_write(
        self, disk: Disk, node: str, offset: int, data: bytes
    ) -> Write:
        """The data of a guest write reach the disk.

        Raises BitmapError unless the VM runs and the range is on the disk.
        """
        size = self.node(node).size
        if not self.may_write:
            raise BitmapError(f"the VM is {self.vm.value}: it cannot write")
        if not data or offset < 0 or offset + len(data) > size:
            raise BitmapError(
                f"write of {len(data)} bytes at {offset}: node '{node}' has "
                f"{size} bytes"
            )
        disk.write(offset, data)
        write = Write(node, offset, len(data))
        self.in_flight.append(write)
        return write

    def finish_write(self, write: Write) -> None:
        """The write's bit is set; only then is the write acknowledged.

        QEMU: bdrv_co_write_req_finish(), bdrv_set_dirty().
        """
        self.in_flight.remove(write)
        for bitmap in self.node(write.node).bitmaps.values():
            bitmap.record(write.offset, write.length)

    def discard(
        self, disk: Disk, node: str, offset: int, length: int
    ) -> Write:
        """A discard counts as a write (of zeroes)."""
        return self.begin_write(disk, node, offset, bytes(length))

    @property
    def drained(self) -> bool:
        """Whether no write is in flight."""
        return not self.in_flight

    # -- the VM ------------------------------------------------------------

    def stop(self) -> None:
        """The guest issues no more writes.  QEMU: vm_stop()."""
        if self.vm is RunState.RUNNING:
            self.vm = RunState.STOPPING

    def stopped(self) -> None:
        """What was in flight has ended.  QEMU: bdrv_drain_all()."""
        self.vm = RunState.STOPPED

    def cont(self) -> None:
        """The guest goes on.  QEMU: vm_start()."""
        self.vm = RunState.RUNNING

    def die(self) -> None:
        """The process is gone, and with it all that was in memory."""
        self.vm = RunState.GONE
        self.in_flight.clear()
        self.jobs.clear()
        for node in self.nodes.values():
            node.bitmaps.clear()
