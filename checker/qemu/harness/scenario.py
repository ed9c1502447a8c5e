# SPDX-License-Identifier: GPL-2.0-or-later
"""One scenario, as plain data.

The rule: two runs of equal scenarios do the same in the same order; what a
run may add is only time.  Everything has a default, so that a scenario says
what is special about it.
"""

from __future__ import annotations

import enum
from typing import Final

import attrs

from checker.qemu.harness.bitmaps import Bitmap
from checker.qemu.harness.disk import Disk
from checker.qemu.harness.faults import Fault

KIB: Final = 1024
MIB: Final = 1024 * KIB


class Mode(enum.Enum):
    """When the bitmaps' content is sent."""

    PRECOPY = "precopy"
    POSTCOPY = "postcopy"


class Storage(enum.Enum):
    """Whether both sides have the same images."""

    SEPARATE = "separate"
    SHARED = "shared"


class Then(enum.Enum):
    """What comes after the migration and its fault."""

    QUIT = "quit"  # both end in good order, the VM starts again
    CRASH = "crash"  # the same, but both end by SIGKILL
    AGAIN = "again"  # the VM migrates once more, then as QUIT


class When(enum.Enum):
    """When the guest writes."""

    BEFORE = "before"  # before the migration
    DURING = "during"  # on the source, after START, before the switchover
    ARRIVED = "arrived"  # on the destination, before any content (postcopy)
    AFTER = "after"  # at the end, wherever the VM runs
    AGAIN = "again"  # after the next migration, wherever the VM runs


@attrs.frozen
class GuestWrite:
    """The guest writes or discards ``length`` bytes."""

    when: When
    offset: int
    length: int
    node: str = "drive0"
    discard: bool = False


@attrs.frozen
class Alias:
    """The names by which a node and some of its bitmaps are migrated."""

    node: str
    alias: str
    bitmaps: tuple[tuple[str, str], ...]


#: one granule, two adjacent ones and the last, then others
WRITES: Final = (
    GuestWrite(When.BEFORE, 0, 64 * KIB),
    GuestWrite(When.BEFORE, 5 * MIB, 128 * KIB),
    GuestWrite(When.DURING, 20 * MIB, 4 * KIB),
    GuestWrite(When.ARRIVED, 30 * MIB, 4 * KIB),
    GuestWrite(When.AFTER, 40 * MIB, 4 * KIB),
    GuestWrite(When.AGAIN, 50 * MIB, 4 * KIB),
)


@attrs.frozen
class Scenario:
    """A migration, what the guest does, and what goes wrong.

    ``carried``: are bitmaps migrated at all (``dirty-bitmaps``)?
    ``bandwidth``: bytes a second before the switchover; how many parts
    without content a source that waits sends.  ``hold_arrival``: in
    postcopy, does content come only after the destination's VM runs?  A
    bitmap that is ``disabled`` records no more after the writes BEFORE.
    """

    mode: Mode = Mode.PRECOPY
    return_path: bool = False
    storage: Storage = Storage.SEPARATE
    disks: tuple[Disk, ...] = (Disk(),)
    bitmaps: tuple[Bitmap, ...] = (Bitmap(),)
    writes: tuple[GuestWrite, ...] = WRITES
    aliases: tuple[Alias, ...] = ()
    fault: Fault | None = None
    carried: bool = True
    bandwidth: int = 20_000
    hold_arrival: bool = True
    then: Then = Then.QUIT

    def __attrs_post_init__(self) -> None:
        nodes = {disk.node: disk.size for disk in self.disks}
        for bitmap in self.bitmaps:
            if bitmap.node not in nodes:
                raise ValueError(f"{bitmap.name!r}: no disk {bitmap.node!r}")
        for write in self.writes:
            size = nodes.get(write.node, 0)
            if write.offset + write.length > size:
                raise ValueError(f"{write}: {write.node!r} has {size} bytes")

    @property
    def persistent(self) -> bool:
        """Return whether any bitmap is to be stored in an image."""
        return any(bitmap.persistent for bitmap in self.bitmaps)

    def at(self, when: When) -> list[GuestWrite]:
        """Return the guest's writes at that time."""
        return [write for write in self.writes if write.when is when]

    def without_bitmaps(self) -> Scenario:
        """Return the scenario of the same VM with nothing but its disks."""
        return attrs.evolve(self, bitmaps=(), aliases=(), carried=False)

    def size_of(self, node: str) -> int:
        """Return the size of a disk, in bytes."""
        return next(disk.size for disk in self.disks if disk.node == node)

    def __str__(self) -> str:
        words = [self.mode.value, self.storage.value]
        words += ["return-path"] if self.return_path else []
        words += [str(self.fault)] if self.fault else ["no fault"]
        words += [] if self.then is Then.QUIT else [f"then {self.then.value}"]
        return ", ".join(words)
