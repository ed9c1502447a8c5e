# SPDX-License-Identifier: GPL-2.0-or-later
"""The reference in memory, each time with one thing wrong.

What the machine is for: every one of these must be found.  Most are bugs
that QEMU really had, or mechanisms of the model that were taken out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from unittest.mock import patch

from attrs import frozen

from checker.stateful.adapter import DESIGNS
from reference.bitmap import DirtyBitmap
from reference.host import Host, Write
from reference.loopback import Loopback
from reference.protocol.loader import Loader
from reference.protocol.source import Source
from reference.protocol.tables import Design, Phase


def _reclaim(bitmap: DirtyBitmap) -> None:
    assert bitmap.successor is not None
    bitmap.recording = bitmap.successor.recording
    bitmap.successor = None
    bitmap.busy = False


def _keep_partial(loader: Loader, host: Host) -> None:
    loader.cancelled = True
    for incoming in loader.bitmaps.values():
        bitmap = incoming.bitmap(host)
        if bitmap.successor is not None:
            bitmap.reclaim()
        bitmap.busy = False
        incoming.complete = True


_record = DirtyBitmap.record


def _record_unless_busy(bitmap: DirtyBitmap, offset: int, length: int) -> None:
    if not bitmap.busy or bitmap.successor is not None:
        _record(bitmap, offset, length)


_send = Source.send_bitmap_bits


def _clear_meta_late(source: Source, host: Host) -> object:
    if source.design is Design.LIVE and source.taken is not None:
        taken = source.taken
        meta = source.bitmaps[taken.index].bitmap(host).meta
        assert meta is not None
        for chunk in range(taken.chunk, taken.chunk + taken.count):
            meta.take(chunk)
    return _send(source, host)


def _start_without_recorders(loader: Loader, host: Host) -> None:
    loader.started = True


def _leave(loader: Loader, host: Host) -> None:
    loader.bitmaps = {}


_finish = Host.finish_write


def _forget_last_granule(host: Host, write: Write) -> None:
    host.in_flight.remove(write)
    for bitmap in host.node(write.node).bitmaps.values():
        bitmap.record(write.offset, min(write.length, bitmap.granularity))


_load = DirtyBitmap.load


def _load_over(
    bitmap: DirtyBitmap, first: int, count: int, data: bytes
) -> None:
    before = bitmap.dirty_ranges()
    _load(bitmap, first, count, data)
    for offset, length in before:
        bitmap.mark(
            offset // bitmap.granularity, -(-length // bitmap.granularity)
        )


_does = Loopback.source_does


def _stay_busy(
    loop: Loopback, event: str, chunk: int = -1, index: int = 0
) -> object:
    busy = {
        id(bitmap)
        for node in loop.source_host.nodes.values()
        for bitmap in node.bitmaps.values()
        if bitmap.busy
    }
    done = _does(loop, event, chunk, index)
    if event == "migrate_cancel":
        for node in loop.source_host.nodes.values():
            for bitmap in node.bitmaps.values():
                bitmap.busy = id(bitmap) in busy
    return done


@contextmanager
def _resume_in_doubt() -> Iterator[None]:
    """The source takes a lost connection for a failure, whenever."""
    table = Source.migration_fails

    def resume(source: Source, host: Host) -> None:
        late = source.phase is Phase.HANDED_OVER
        table(source, host)
        if late:
            host.cont()

    with patch.object(Source, "migration_fails", resume):
        yield


@frozen
class Broken:
    """What is wrong, which guarantees that may break, in which designs."""

    wrong: AbstractContextManager[object]
    guarantees: str
    designs: tuple[str, ...] = DESIGNS


BROKEN: Mapping[str, Broken] = {
    "reclaim drops what the successor has recorded": Broken(
        patch.object(DirtyBitmap, "reclaim", _reclaim), "S1", ("postcopy",)
    ),
    "a partial bitmap is kept after a cut": Broken(
        patch.object(Loader, "cancel", _keep_partial), "S1", ("postcopy",)
    ),
    "a busy bitmap records no writes": Broken(
        patch.object(DirtyBitmap, "record", _record_unless_busy), "S1"
    ),
    "the meta bit is cleared after the chunk was read": Broken(
        patch.object(Source, "send_bitmap_bits", _clear_meta_late),
        "S1|P1",
        ("live",),
    ),
    "a re-sent chunk cannot clear bits": Broken(
        patch.object(DirtyBitmap, "load", _load_over), "P1", ("live",)
    ),
    "the VM starts before anybody records": Broken(
        patch.object(Loader, "before_vm_start", _start_without_recorders),
        "S1|M1",
    ),
    "a failed attempt leaves its bitmaps behind": Broken(
        patch.object(Loader, "abandon", _leave), "S2"
    ),
    "a long write sets only the first bit": Broken(
        patch.object(Host, "finish_write", _forget_last_granule), "S1"
    ),
    "cancel leaves the bitmaps busy": Broken(
        patch.object(Loopback, "source_does", _stay_busy), "L1", ("stop-copy",)
    ),
    # L1: a source that runs while it is in doubt can begin no migration, so
    # where the destination is dead nothing goes on
    "the source resumes although RUN was sent": Broken(
        _resume_in_doubt(), "S6|L1"
    ),
}
