# SPDX-License-Identifier: GPL-2.0-or-later
"""A real QEMU sends to a destination that begins with every bit set.

The rule: the connection is cut at a place of the stream, and what the
reference has then is judged by what the guest wrote and by which chunks have
arrived, read off the bytes.  Where a chunk has arrived the bitmap must be
exact, elsewhere every bit is set, and what the guest wrote after the
switchover is in it.  Differences are lines of text; no line is agreement.
"""

from __future__ import annotations

import asyncio

import attrs

from checker.qemu.harness.binary import Build
from checker.qemu.harness.faults import Fault
from checker.qemu.harness.pair import alone, fresh_room
from checker.qemu.harness.process import QemuError
from checker.qemu.harness.progress import Limits, statuses
from checker.qemu.harness.proxy import Proxy
from checker.qemu.harness.scenario import Mode
from checker.qemu.interop.bitmap_shapes import Extent, Shape
from checker.qemu.interop.interop import configure, fill, migrate
from checker.qemu.interop.stream_bytes import Recorder, items_of
from checker.stateful.adapter import Side
from reference.bitmap import DirtyBitmap
from reference.disk import NoDisk
from reference.errors import DirtyBitmapError
from reference.host import Host, RunState
from reference.protocol.tables import Arrival, Design
from reference.transport.address import Address
from reference.transport.destination_end import serve
from reference.wire import geometry
from reference.wire.bits import BitsRun
from reference.wire.chunks import Complete
from reference.wire.stream import ChunkItem


@attrs.define
class Kept(Recorder):
    """A destination whose guest writes as soon as it runs."""

    here: tuple[Extent, ...] = ()

    def vm_start(self, host: Host) -> None:
        """As any destination's; then the guest writes."""
        super().vm_start(host)
        for write in self.here:
            data = bytes(write.length)
            begun = host.begin_write(NoDisk(), write.node, write.offset, data)
            host.finish_write(begun)


@attrs.frozen
class Cut:
    """What came of one migration that was cut.

    ``arrived``: chunks of all bitmaps that have arrived whole.  ``ran``: does
    the VM run at the destination?  ``degraded``, ``exact``: how many bitmaps
    it has then, of either kind.  ``too_many``: granules that are set although
    the guest has not written them.  ``source``: what QEMU said last.
    """

    shape: str
    fault: str
    differences: tuple[str, ...]
    arrived: int = 0
    ran: bool = False
    degraded: int = 0
    exact: int = 0
    too_many: int = 0
    source: str = ""

    @property
    def agrees(self) -> bool:
        """Return whether the bitmaps are what they have to be."""
        return not self.differences

    def __str__(self) -> str:
        said = "; ".join(self.differences) or "agrees"
        return (
            f"{self.shape}, postcopy, {self.fault}, the reference as the "
            f"destination, {Design.POSTCOPY_ONES.value}: {said}"
        )


async def cut_from_qemu(
    shape: Shape,
    fault: Fault | None,
    build: Build,
    here: tuple[Extent, ...] = (),
    limits: Limits | None = None,
) -> Cut:
    """Migrate from QEMU, let ``fault`` happen, and judge what is there.

    ``here``: what the guest writes at the destination as soon as it runs.
    """
    limits = limits or Limits()
    there = shape.host(RunState.INMIGRATE)
    core = Kept(Design.POSTCOPY_ONES, aliases=shape.mapping(), here=here)
    found: list[str] = []
    made = Cut(shape.name, str(fault or "no fault"), ())
    with fresh_room() as room:
        inside, wire = room / "in", room / "wire"
        one = alone(Side.SOURCE, build, room, shape.disks, limits)
        async with one as qemu:
            stop = asyncio.Event()
            proxy = Proxy(wire, inside, fault, bell=qemu.bell)
            address = Address(path=str(inside))
            serving = asyncio.create_task(
                serve(there, core, address, once=True, cancel=stop)
            )
            try:
                await configure(qemu, shape, return_path=False)
                await fill(qemu, shape)
                async with proxy:
                    done = await migrate(
                        qemu, shape, Mode.POSTCOPY, wire, limits
                    )
                    async with asyncio.timeout(limits.settle):
                        await asyncio.shield(serving)
                truth = shape.truth(done)
                if fault is not None and not proxy.struck:
                    found.append(f"{fault} did not happen")
                made = attrs.evolve(
                    judged(truth, there, core),
                    shape=made.shape,
                    fault=made.fault,
                    source=(statuses(qemu) or ("",))[-1],
                )
            except (QemuError, DirtyBitmapError, TimeoutError) as error:
                found.append(str(error) or "no end within the limit")
            finally:
                stop.set()
                await asyncio.gather(serving, return_exceptions=True)
    return attrs.evolve(made, differences=(*made.differences, *found))


def judged(truth: Host, there: Host, core: Kept) -> Cut:
    """Return how the bitmaps differ from what they have to be.

    ``truth``: what the guest wrote at the source.  What it wrote here is
    added to it.
    """
    arrived = [
        item.chunk
        for item in items_of(bytes(core.seen))
        if isinstance(item, ChunkItem)
    ]
    bits = [chunk for chunk in arrived if isinstance(chunk, BitsRun)]
    whole = {
        (chunk.node, chunk.bitmap)
        for chunk in arrived
        if isinstance(chunk, Complete)
    }
    made = Cut("", "", (), arrived=len(bits))
    if core.phase is not Arrival.RUNNING:
        left = [name for n in there.nodes.values() for name in n.bitmaps]
        return attrs.evolve(made, differences=tuple(left))
    found: list[str] = []
    degraded = exact = too_many = 0
    for write in core.here:
        for bitmap in truth.node(write.node).bitmaps.values():
            bitmap.record(write.offset, write.length)
    for node in truth.nodes.values():
        for name, bitmap in node.bitmaps.items():
            key = (node.name, name)
            label = "/".join(key)
            if not there.has_bitmap(*key):
                found.append(f"{label}: lost")
                continue
            mine = [b for b in bits if (b.node, b.bitmap) == key]
            kept = there.bitmap(*key)
            found += _compare(label, bitmap, kept, mine, key in whole)
            degraded += kept.degraded
            exact += not kept.degraded
            too_many += kept.bits.count() - bitmap.bits.count()
    return attrs.evolve(
        made,
        differences=tuple(found),
        ran=True,
        degraded=degraded,
        exact=exact,
        too_many=too_many,
    )


def _compare(
    label: str,
    wrote: DirtyBitmap,
    kept: DirtyBitmap,
    arrived: list[BitsRun],
    whole: bool,
) -> list[str]:
    """Return how a bitmap differs from what it has to be."""
    wanted = wrote.bits.copy()
    covered = DirtyBitmap.create("c", wrote.disk_size, wrote.granularity).bits
    for run in arrived:
        first, count = geometry.granule_range(
            run.first_sector, run.sectors, wrote.granularity
        )
        covered.set(first, count)
    for granule in range(wrote.granules):
        if not covered.test(granule):
            wanted.set(granule, 1)
    pairs = {
        "granularity": (wrote.granularity, kept.granularity),
        "recording": (wrote.records, kept.records),
        "persistent": (wrote.persistent, kept.persistent),
        "busy": (False, kept.busy),
        "degraded": (not whole, kept.degraded),
        "sha256": (wanted.sha256(), kept.bits.sha256()),
    }
    return [
        f"{label}: {what}: expected {expected}, is {is_}"
        for what, (expected, is_) in pairs.items()
        if expected != is_
    ]
