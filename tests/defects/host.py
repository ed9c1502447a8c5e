# SPDX-License-Identifier: GPL-2.0-or-later
"""Seeded defects of the block layer, the bitmaps and the wire."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from attrs import evolve

import reference.backup
from reference.bitmap import Bits, DirtyBitmap, MetaBitmap
from reference.disk import Disk
from reference.errors import BitmapError
from reference.host import Host, RunState, Write
from reference.protocol.outgoing import Outgoing, ReadPart
from reference.protocol.source import Source
from reference.protocol.tables import Design
from reference.wire import geometry
from reference.wire.bits import BitsRun
from reference.wire.chunks import Chunk, ChunkEncoder, Start
from tests.defects.catalogue import (
    ALL,
    AS_BUILT,
    BULK,
    JOBS,
    LIVE,
    LIVE_JOBS,
    LIVE_TWO,
    ONES,
    POSTCOPY,
    POSTCOPY_TWO,
    RUN_FIRST,
    STOP_COPY,
    defect,
)

# -- writes in flight --------------------------------------------------------


@defect("drain-at-stop", ALL, "would do bdrv_drain_all")
def stops_without_draining(patch: pytest.MonkeyPatch) -> None:
    def may(self: Source, host: Host) -> bool:
        return host.vm is RunState.STOPPING

    patch.setattr(Source, "_may_bdrv_drain_all", may)


@defect("bit-before-ack", ALL, "would do bdrv_drain_all")
def acknowledges_before_the_bit(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Host, "drained", property(lambda self: True))


@defect("B02", AS_BUILT, "source.in_flight")
def forgets_writes_in_flight_when_it_stops(patch: pytest.MonkeyPatch) -> None:
    def stop(self: Host) -> None:
        self.vm = RunState.STOPPING
        self.in_flight.clear()

    patch.setattr(Host, "stop", stop)


@defect("bit-after-data", ALL, "source.bits")
def sets_the_bit_before_the_data(patch: pytest.MonkeyPatch) -> None:
    begin = Host.begin_write

    def begin_write(
        self: Host, disk: Disk, node: str, offset: int, data: bytes
    ) -> Write:
        write = begin(self, disk, node, offset, data)
        for bitmap in self.node(node).bitmaps.values():
            bitmap.record(offset, len(data))
        return write

    def finish_write(self: Host, write: Write) -> None:
        self.in_flight.remove(write)

    patch.setattr(Host, "begin_write", begin_write)
    patch.setattr(Host, "finish_write", finish_write)


@defect("drain-before-backup", ALL, "would do source_backup")
def backs_up_without_draining(patch: pytest.MonkeyPatch) -> None:
    def check(host: Host, node: str) -> None:
        if host.vm is not RunState.RUNNING:
            raise BitmapError("the VM does not run")

    patch.setattr(reference.backup, "check_full", check)


@defect("B18", AS_BUILT, "would do source_backup")
def backs_up_a_busy_bitmap(patch: pytest.MonkeyPatch) -> None:
    def check_free(self: DirtyBitmap, done: str) -> None:
        return None

    patch.setattr(DirtyBitmap, "check_free", check_free)


@defect("writers-end-at-stop", ALL, "would do source_write_data")
def others_write_when_the_vm_has_stopped(patch: pytest.MonkeyPatch) -> None:
    def may_write(self: Host) -> bool:
        return self.vm in (RunState.RUNNING, RunState.STOPPED)

    patch.setattr(Host, "may_write", property(may_write))


@defect("source-keeps-bitmap", ALL, "source.has_bitmap")
def releases_the_bitmap_at_the_stop(patch: pytest.MonkeyPatch) -> None:
    stopped = Host.stopped

    def release(self: Host) -> None:
        stopped(self)
        for node in self.nodes.values():
            node.bitmaps.clear()

    patch.setattr(Host, "stopped", release)


# -- the bitmap --------------------------------------------------------------


@defect("meta-bitmap", (LIVE,), "source.meta")
def meta_bitmap_notes_nothing(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(MetaBitmap, "note", lambda *_: None)


@defect("meta-sees-clear", (LIVE_JOBS,), "source.meta")
def clear_bypasses_the_meta_bitmap(patch: pytest.MonkeyPatch) -> None:
    def clear(self: DirtyBitmap) -> None:
        self.check_free("cleared")
        self.bits.clear_all()

    patch.setattr(DirtyBitmap, "clear", clear)


@defect("meta-sees-clear", (LIVE_JOBS,), "source.meta")
def backup_bypasses_the_meta_bitmap(patch: pytest.MonkeyPatch) -> None:
    abdicate = DirtyBitmap.abdicate

    def bypass(self: DirtyBitmap) -> DirtyBitmap:
        meta, self.meta = self.meta, None
        child = abdicate(self)
        child.meta = meta
        return child

    patch.setattr(DirtyBitmap, "abdicate", bypass)


@defect("meta-sees-merge", (LIVE_JOBS,), "source.meta")
def merge_bypasses_the_meta_bitmap(patch: pytest.MonkeyPatch) -> None:
    def union(self: DirtyBitmap, bits: Bits) -> None:
        self.bits.union(bits)

    patch.setattr(DirtyBitmap, "_union", union)


@defect("clear-meta-before-read", (LIVE,), "source.meta")
def meta_bit_is_cleared_after_reading(patch: pytest.MonkeyPatch) -> None:
    serialize = Source.serialize_chunk

    def serialize_chunk(self: Source, host: Host) -> Any:
        done = serialize(self, host)
        taken = self.taken
        assert taken is not None
        meta = self.bitmaps[taken.index].bitmap(host).meta
        assert meta is not None
        meta.bits.clear(taken.chunk, taken.count)
        return done

    patch.setattr(MetaBitmap, "take", lambda *taken: None)
    patch.setattr(Source, "serialize_chunk", serialize_chunk)


@defect("clear-meta-before-read", (LIVE,), "source.meta", breaks="S1|P1")
def meta_bit_is_cleared_when_the_chunk_goes(
    patch: pytest.MonkeyPatch,
) -> None:
    send = Source.send_bitmap_bits

    def late(self: Source, host: Host) -> Any:
        if self.design is Design.LIVE and self.taken is not None:
            meta = self.bitmaps[self.taken.index].bitmap(host).meta
            assert meta is not None
            meta.bits.clear(self.taken.chunk, self.taken.count)
        return send(self, host)

    patch.setattr(Source, "send_bitmap_bits", late)


@defect("clear-meta-before-read", (LIVE_TWO,), "source.meta")
def another_meta_bit_is_cleared(patch: pytest.MonkeyPatch) -> None:
    def take(self: MetaBitmap, chunk: int, count: int = 1) -> None:
        self.bits.clear((chunk + 1) % self.chunks, count)

    patch.setattr(MetaBitmap, "take", take)


@defect(
    "chunk-overwrites",
    (LIVE, ONES),
    "destination.bits",
    (POSTCOPY, STOP_COPY, BULK),
    breaks="P1",
)
def chunks_are_ored(patch: pytest.MonkeyPatch) -> None:
    load = DirtyBitmap.load

    def ored(self: DirtyBitmap, first: int, count: int, data: Any) -> None:
        before = Bits(self.bits.granules, self.bits.words.copy())
        load(self, first, count, data)
        self.bits.union(before)

    patch.setattr(DirtyBitmap, "load", ored)


@defect(
    "reclaim-union",
    (*RUN_FIRST, BULK),
    ("destination.bits", "destination.bits", "source.bits"),
    (STOP_COPY,),
    breaks="S1",
)
def reclaim_drops_the_successor(patch: pytest.MonkeyPatch) -> None:
    def reclaim(self: DirtyBitmap) -> None:
        assert self.successor is not None
        self.recording = self.successor.recording
        self.successor = None
        self.busy = False

    patch.setattr(DirtyBitmap, "reclaim", reclaim)


@defect(
    "reclaim-atomic",
    (*RUN_FIRST, BULK),
    ("destination.bitmap", "destination.bitmap", "successor without a job"),
    (STOP_COPY,),
)
def reclaim_leaves_the_successor_recording(
    patch: pytest.MonkeyPatch,
) -> None:
    def reclaim(self: DirtyBitmap) -> None:
        assert self.successor is not None
        self.bits.union(self.successor.bits)
        self.busy = False

    patch.setattr(DirtyBitmap, "reclaim", reclaim)


@defect("B09", RUN_FIRST, "destination.bitmap", (STOP_COPY,))
def reclaim_forgets_recording(patch: pytest.MonkeyPatch) -> None:
    reclaim = DirtyBitmap.reclaim

    def forget(self: DirtyBitmap) -> None:
        reclaim(self)
        self.recording = False

    patch.setattr(DirtyBitmap, "reclaim", forget)


@defect(
    "B04",
    (POSTCOPY, LIVE, STOP_COPY, BULK),
    "destination.bits",
    (ONES,),
)
def loading_forgets_the_cached_pages(patch: pytest.MonkeyPatch) -> None:
    deserialize = Bits.deserialize

    def forget(self: Bits, *arguments: Any) -> None:
        pages = self.pages.copy()
        deserialize(self, *arguments)
        self.pages[:] = pages

    patch.setattr(Bits, "deserialize", forget)


# -- backup jobs -------------------------------------------------------------


@defect("S1", JOBS, "source.bits")
def backup_clears_instead_of_handing_over(patch: pytest.MonkeyPatch) -> None:
    def clear(self: DirtyBitmap) -> DirtyBitmap:
        self.successor, self.busy, self.recording = None, False, True
        self.bits.clear_all()
        return self

    patch.setattr(DirtyBitmap, "abdicate", clear)


@defect("S1", JOBS, "source.bits")
def failed_backup_drops_what_was_recorded(patch: pytest.MonkeyPatch) -> None:
    def reclaim(self: DirtyBitmap) -> None:
        assert self.successor is not None
        self.recording, self.busy = True, False
        self.successor = None

    patch.setattr(DirtyBitmap, "reclaim", reclaim)


@defect("B18", JOBS, "source.successor")
def writes_go_into_the_frozen_bitmap(patch: pytest.MonkeyPatch) -> None:
    def record(self: DirtyBitmap, offset: int, length: int) -> None:
        self.mark(offset // self.granularity, 1)

    patch.setattr(DirtyBitmap, "record", record)


@defect("B18", (*RUN_FIRST, STOP_COPY), "source.bits", (LIVE, BULK), "S1")
def a_busy_bitmap_records_nothing(patch: pytest.MonkeyPatch) -> None:
    record = DirtyBitmap.record

    def unless_busy(self: DirtyBitmap, offset: int, length: int) -> None:
        if not self.busy or self.successor is not None:
            record(self, offset, length)

    patch.setattr(DirtyBitmap, "record", unless_busy)


# a write of the model is of one granule, so the lockstep sees nothing
@defect("S1", (), (), (POSTCOPY,), breaks="S1")
def a_write_sets_only_the_first_bit(patch: pytest.MonkeyPatch) -> None:
    def finish(self: Host, write: Write) -> None:
        self.in_flight.remove(write)
        for bitmap in self.node(write.node).bitmaps.values():
            length = min(write.length, bitmap.granularity)
            bitmap.record(write.offset, length)

    patch.setattr(Host, "finish_write", finish)


# -- the wire ----------------------------------------------------------------


@defect(
    "B07",
    (POSTCOPY_TWO, LIVE_TWO),
    ("stream[0].contents", "source.contents"),
)
def payload_is_one_word_off(patch: pytest.MonkeyPatch) -> None:
    def read(self: Outgoing, host: Host, chunk: int, count: int) -> ReadPart:
        bitmap = self.bitmap(host)
        first, granules = self.granules(bitmap, chunk, count)
        words = np.roll(bitmap.bits.words, -1)
        at = first // 64
        end = at + -(-granules // 64)
        return ReadPart(first, words[at:end].tobytes())

    patch.setattr(Outgoing, "read", read)


@defect(
    "B07",
    (POSTCOPY, STOP_COPY, LIVE, BULK),
    (
        "would do send_bitmap_complete",
        "would do send_bitmap_complete",
        "would do migration_completion",
        "the model allows send_bitmap_bits",
    ),
)
def last_short_chunk_is_dropped(patch: pytest.MonkeyPatch) -> None:
    def chunk_count(
        disk_size: int, granularity: int, chunk_bytes: int = 1024
    ) -> int:
        return disk_size // granularity // (chunk_bytes * 8)

    patch.setattr(geometry, "chunk_count", chunk_count)


@defect("B07", ALL, "stream[1].contents")
def zeroes_are_sent_for_dirty_chunks(patch: pytest.MonkeyPatch) -> None:
    encode = ChunkEncoder.encode

    def zeroes(self: ChunkEncoder, chunk: Chunk) -> bytes:
        if isinstance(chunk, BitsRun):
            chunk = evolve(chunk, data=None)
        return encode(self, chunk)

    patch.setattr(ChunkEncoder, "encode", zeroes)


@defect("M1", ALL, "destination.bitmap")
def start_loses_the_enabled_flag(patch: pytest.MonkeyPatch) -> None:
    encode = ChunkEncoder.encode

    def disabled(self: ChunkEncoder, chunk: Chunk) -> bytes:
        if isinstance(chunk, Start):
            chunk = evolve(chunk, enabled=False)
        return encode(self, chunk)

    patch.setattr(ChunkEncoder, "encode", disabled)
