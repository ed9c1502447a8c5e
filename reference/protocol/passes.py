# SPDX-License-Identifier: GPL-2.0-or-later
"""Passes over the bitmaps while the guest runs.

Live, bulk phase: every chunk once, in order.  Dirty phase: chunks that have
changed since they were read.  A chunk's meta bit is cleared first and the
chunk is read then, so that a write in between marks it again.  When little
enough is pending the VM is stopped, and the rest goes while no guest writes.

Stop-copy with a pass reads a frozen bitmap: it does not change, and what the
guest writes is in its successor until the VM has stopped.

The series of 2015: dirty_bitmap_save_iterate(), its bulk and dirty phase.
"""

from __future__ import annotations

from attrs import define, field, frozen

from reference.errors import ProtocolError
from reference.events import Event
from reference.host import Host, RunState
from reference.protocol.outgoing import Outgoing, ReadPart
from reference.protocol.tables import Design, Phase
from reference.wire import geometry

#: chunks: more than any disk has
NO_LIMIT = 1 << 60


@frozen
class Done:
    """What an event brought about: bytes for the peer, and what to log."""

    data: bytes
    event: Event


@frozen
class Taken:
    """Live: chunks of bitmap ``index`` whose meta bits were cleared."""

    index: int
    chunk: int
    count: int


@define
class Passes:
    """What the source sends and how far it is.

    ``chunk_bytes`` of bitmap a chunk; ``downtime``: how many chunks may be
    pending when the VM is stopped, of a design that waits for that;
    ``burst``: how many chunks one step takes or sends at most; ``bulk``: one
    pass is made over frozen bitmaps (of postcopy: until management asks for
    the switchover).
    """

    design: Design
    chunk_bytes: int = geometry.CHUNK_BYTES
    downtime: int = field()
    burst: int = 1
    bulk: bool = field()
    phase: Phase = Phase.NONE
    bitmaps: list[Outgoing] = field(factory=list)
    taken: Taken | None = None
    part: ReadPart | None = None

    @downtime.default
    def _as_designed(self) -> int:
        return 1 if self.design.has_passes else NO_LIMIT

    @bulk.default
    def _freezes(self) -> bool:
        return self.design is Design.STOP_COPY_BULK

    def _pending(self, host: Host) -> int:
        return sum(sent.pending(host) for sent in self.bitmaps)

    def _little_is_pending(self, host: Host) -> bool:
        # what was never sent is quickly counted, and often enough
        unsent = sum(sent.chunks - sent.cursor for sent in self.bitmaps)
        return unsent <= self.downtime and self._pending(host) <= self.downtime

    def _iterates(self, host: Host) -> bool:
        """Whether a further chunk is to be taken."""
        if self.taken is not None:
            return False
        if self.phase is Phase.DEVICE:
            return True
        if host.vm is not RunState.RUNNING:
            return False
        return not self._little_is_pending(host)

    def _unfinished(self) -> int | None:
        """The first bitmap whose pass is not over."""
        for index, sent in enumerate(self.bitmaps):
            if sent.cursor < sent.chunks:
                return index
        return None

    def _may_bulk_phase(self, host: Host) -> bool:
        return self._iterates(host) and self._unfinished() is not None

    def bulk_phase(self, host: Host) -> Done:
        """Take the next chunks of the first pass; clear their meta bits."""
        index = self._unfinished()
        assert index is not None
        sent = self.bitmaps[index]
        count = min(self.burst, sent.chunks - sent.cursor)
        done = self._take(host, index, sent.cursor, count, "bulk_phase")
        sent.cursor += count
        return done

    def _may_dirty_phase(self, host: Host) -> bool:
        return (
            self._iterates(host)
            and self._unfinished() is None
            and self.next_changed(host) is not None
        )

    def changed(self, host: Host) -> list[tuple[int, int]]:
        """(bitmap, chunk) of every chunk that changed since it was read."""
        return [
            (index, chunk)
            for index, sent in enumerate(self.bitmaps)
            if (meta := sent.bitmap(host).meta) is not None
            for chunk in meta.dirty_chunks()
        ]

    def next_changed(
        self, host: Host, after: tuple[int, int] = (0, -1)
    ) -> tuple[int, int] | None:
        """The first of ``changed`` after this one, without all the others."""
        index, chunk = after
        for number in range(index, len(self.bitmaps)):
            meta = self.bitmaps[number].bitmap(host).meta
            start = chunk + 1 if number == index else 0
            if meta is not None and start < meta.chunks:
                found = meta.next_chunk(start)
                if found is not None:
                    return number, found
        return None

    def dirty_phase(self, host: Host, chunk: int, index: int) -> Done:
        """Take a chunk that changed; clear its meta bit."""
        if self.next_changed(host, (index, chunk - 1)) != (index, chunk):
            raise ProtocolError(
                f"dirty_phase: chunk {chunk} of {self.bitmaps[index].label} "
                "has not changed"
            )
        return self._take(host, index, chunk, 1, "dirty_phase")

    def _take(
        self, host: Host, index: int, chunk: int, count: int, event: str
    ) -> Done:
        # the meta bits go first: a write between this and the reading
        # of the chunk marks it again
        meta = self.bitmaps[index].bitmap(host).meta
        assert meta is not None
        meta.take(chunk, count)
        self.taken = Taken(index, chunk, count)
        return self._chunk_event(event, index, chunk, count)

    def _chunk_event(
        self, event: str, index: int, chunk: int, count: int, data: bytes = b""
    ) -> Done:
        label = self.bitmaps[index].label
        return Done(
            data,
            Event(
                actor="source",
                action=event,
                bitmap=label,
                chunk=chunk,
                chunks=count,
            ),
        )

    def _may_serialize_chunk(self, host: Host) -> bool:
        return self.taken is not None and self.part is None

    def serialize_chunk(self, host: Host) -> Done:
        """Read what was taken.  QEMU: bdrv_dirty_bitmap_serialize_part()."""
        taken = self.taken
        assert taken is not None
        self.part = self.bitmaps[taken.index].read(
            host, taken.chunk, taken.count
        )
        return self._chunk_event(
            "serialize_chunk", taken.index, taken.chunk, taken.count
        )
