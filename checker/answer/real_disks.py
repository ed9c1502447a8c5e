# SPDX-License-Identifier: GPL-2.0-or-later
"""From chunks to seconds: what the explored costs mean for real disks.

The formulas are shown with their results.  Sizes of the wire format are those
of QEMU's dirty-bitmap section: a chunk is 8192 bits in 1024 bytes, with a
header of 21 bytes (flags, first sector, sector count, buffer size; names are
left out where they repeat).
"""

from __future__ import annotations

from math import ceil, exp

from attrs import frozen

from checker.answer.costs import CHUNKS, DOWNTIME, IN_FLIGHT, Cost
from checker.text import in_bytes

CHUNK_BITS = 8192
CHUNK_WIRE_BYTES = 1024 + 1 + 8 + 4 + 8
#: QEMU's default downtime-limit, in seconds
DOWNTIME_LIMIT = 0.3
GBIT = 10**9 / 8
#: F: what one queue of QEMU's virtio-blk holds (queue-size, 5.0 on)
WRITES_IN_FLIGHT = 256


@frozen(kw_only=True)
class Disk:
    """A disk of ``size`` bytes with a bitmap of this ``granularity``."""

    size: int
    granularity: int

    def __str__(self) -> str:
        return f"{in_bytes(self.size)} at {in_bytes(self.granularity)}"

    @property
    def granules(self) -> int:
        """Bits of the bitmap."""
        return -(-self.size // self.granularity)

    @property
    def bitmap_bytes(self) -> int:
        """Bytes of the bitmap."""
        return -(-self.granules // 8)

    @property
    def chunks(self) -> int:
        """Chunks of the bitmap: M."""
        return -(-self.granules // CHUNK_BITS)


EXAMPLE = Disk(size=16 << 40, granularity=64 << 10)
RATES_GBIT = (1, 10, 25)
#: new bits a second that a guest sets, at random places
NEW_BITS = (1000, 20000)


def send_seconds(chunks: int, gbit: float) -> float:
    """Time to send so many chunks."""
    return chunks * CHUNK_WIRE_BYTES / (gbit * GBIT)


def downtime_chunks(gbit: float) -> int:
    """D: chunks that may be pending when QEMU stops the VM."""
    return int(DOWNTIME_LIMIT * gbit * GBIT / CHUNK_WIRE_BYTES)


def full_backup_seconds(disk: Disk, gbit: float) -> float:
    """Time to copy the whole disk: the price of a lost bitmap."""
    return disk.size / (gbit * GBIT)


def chunk_rate(gbit: float) -> float:
    """Chunks a second that fit the link: what a writing guest must stay
    below for the live design to converge."""
    return gbit * GBIT / CHUNK_WIRE_BYTES


def stopped_seconds(cost: Cost, disk: Disk, gbit: float) -> float | None:
    """Return the seconds for the chunks sent while the guest stands still.

    By the formula of ``cost``.  None: there is no formula, or the bitmap is
    too large for the downtime limit and no migration gets to its end.
    """
    values = {
        CHUNKS: disk.chunks,
        DOWNTIME: downtime_chunks(gbit),
        IN_FLIGHT: WRITES_IN_FLIGHT,
    }
    if cost.plane is None:
        return None
    if cost.where and values[DOWNTIME] < values[CHUNKS]:
        return None
    chunks = cost.plane.at(*(values[name] for name in cost.names))
    return send_seconds(chunks, gbit)


def changed_chunks(disk: Disk, new_bits: float, seconds: float) -> int:
    """Chunks that change, rounded up, while the guest sets new bits.

    ``new_bits``: a second, each at a random place of the whole disk, which is
    the worst case: local ones fall into fewer chunks.  A formula: nothing of
    it is explored.
    """
    chunks = disk.chunks
    return ceil(chunks * (1 - exp(-new_bits * seconds / chunks)))


def least_limit(
    sent: Cost, stopped: Cost, disk: Disk, gbit: float, new_bits: float
) -> int | None:
    """Return the least D, in chunks, at which the VM is stopped at all.

    Where all has to fit, all chunks; where one pass is made before, the
    chunks that change while it is made.  None: it is no question of D.
    """
    if stopped.where:
        return disk.chunks
    if sent.plane is not None and sent.plane.over:
        once = send_seconds(disk.chunks, gbit)
        return changed_chunks(disk, new_bits, once)
    return None


def as_built_stops(disk: Disk, gbit: float) -> bool:
    """Whether QEMU's estimate lets it stop the VM at all in precopy.

    It counts a granule as a byte, eight times what is sent, and nothing
    lowers it while the guest runs (dirty_bitmap_state_pending(), 2.12 to
    11.1); the VM is stopped when the estimate is below what the rate, at
    best that of the link, sends within the downtime limit
    (migration_iteration_run()).
    """
    return disk.granules < DOWNTIME_LIMIT * gbit * GBIT


def show_seconds(seconds: float) -> str:
    """A duration as people read it."""
    if seconds == 0:
        return "0"
    if seconds < 1e-3:
        return f"{seconds * 1e6:.3g} us"
    if seconds < 1:
        return f"{seconds * 1e3:.3g} ms"
    if seconds < 600:
        return f"{seconds:.3g} s"
    if seconds < 2 * 86400:
        return f"{seconds / 3600:.3g} h"
    return f"{seconds / 86400:.3g} days"
