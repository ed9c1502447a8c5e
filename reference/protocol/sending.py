# SPDX-License-Identifier: GPL-2.0-or-later
"""Chunks of the bitmaps, as they go onto the wire.

Of a bitmap that is held a chunk is read when it is sent: either no guest
writes any more, or it is frozen and does not change.  A chunk that has changed
since is sent again when the VM has stopped; the destination takes it as it
takes any other, QEMU's from 5.2 on as well.
"""

from __future__ import annotations

from attrs import define, field

from reference.errors import ProtocolError
from reference.host import Host
from reference.protocol.holding import Holding
from reference.protocol.outgoing import ReadPart
from reference.protocol.passes import Done, Taken
from reference.protocol.tables import Design, Phase
from reference.wire.stream import DIRTY_BITMAP
from reference.wire.writer import StreamWriter


@define
class Sending(Holding):
    """What is written: ``end_begun``: the last section has begun."""

    writer: StreamWriter = field(factory=StreamWriter)
    end_begun: bool = False

    def _may_send_bitmap_bits(self, host: Host) -> bool:
        if self.design is Design.LIVE:
            return self.part is not None
        if self.phase is not Phase.ACTIVE and self.is_frozen(host):
            return False
        return self._unfinished() is not None

    def is_frozen(self, host: Host) -> bool:
        """Whether a successor still has what the guest has written."""
        return self.bulk and any(
            sent.bitmap(host).frozen for sent in self.bitmaps
        )

    def _may_reclaim_at_stop(self, host: Host) -> bool:
        return self.is_frozen(host)

    def reclaim_at_stop(self, host: Host) -> None:
        """The VM has stopped: note what has changed, and merge it in.

        QEMU: bdrv_reclaim_dirty_bitmap(), which no migration calls on the
        source.
        """
        for sent in self.bitmaps:
            sent.thaw(host)

    def send_bitmap_bits(self, host: Host) -> Done:
        """Send chunks: what was read (live), or read and send the next."""
        if self.design is Design.LIVE:
            assert self.taken is not None and self.part is not None
            taken, part = self.taken, self.part
            self.taken = self.part = None
        else:
            index = self._unfinished()
            assert index is not None
            sent = self.bitmaps[index]
            count = min(self.burst, sent.chunks - sent.cursor)
            taken = Taken(index, sent.cursor, count)
            part = sent.read(host, sent.cursor, count)
            sent.cursor += count
        return self._sent_event("send_bitmap_bits", host, taken, part)

    def to_send_again(self) -> tuple[int, int] | None:
        """Bitmap and chunk of the first that has changed since it was sent."""
        for index, sent in enumerate(self.bitmaps):
            if sent.changed:
                return index, sent.changed[0]
        return None

    def _may_send_changed_bits(self, host: Host) -> bool:
        return self._unfinished() is None and self.to_send_again() is not None

    def send_changed_bits(self, host: Host, chunk: int, index: int) -> Done:
        """Send a chunk again that has changed since it was sent.

        Those that follow go with it, as far as a step may take them.  Raises
        ProtocolError for a chunk that has not changed.
        """
        sent = self.bitmaps[index]
        if chunk not in sent.changed:
            raise ProtocolError(
                f"send_changed_bits: chunk {chunk} of {sent.label} has not "
                "changed"
            )
        taken = Taken(index, chunk, sent.take_changed(chunk, self.burst))
        part = sent.read(host, taken.chunk, taken.count)
        return self._sent_event("send_changed_bits", host, taken, part)

    def _sent_event(
        self, event: str, host: Host, taken: Taken, part: ReadPart
    ) -> Done:
        data = self._bits(host, taken, part)
        return self._chunk_event(
            event, taken.index, taken.chunk, taken.count, data
        )

    def _bits(self, host: Host, taken: Taken, part: ReadPart) -> bytes:
        sent = self.bitmaps[taken.index]
        bitmap = sent.bitmap(host)
        out = self.writer
        chunks = out.chunks.encode_bits(
            sent.node_alias,
            sent.alias,
            part,
            bitmap.granularity,
            bitmap.disk_size,
            taken.chunk,
            taken.count,
            self.chunk_bytes,
        )
        if self._sends_in_end_section:
            # as QEMU does it: one END section for all bits and COMPLETEs
            return b"".join([self._begin_end(), *chunks])
        part_begins = out.section_part(DIRTY_BITMAP)
        return b"".join(
            [part_begins, *chunks, out.end_of_section(), out.footer()]
        )

    @property
    def _sends_in_end_section(self) -> bool:
        """Whether bits go beside the COMPLETEs, in one section."""
        stopped = self.phase is Phase.DEVICE
        return stopped and self.design is not Design.LIVE

    def _begin_end(self) -> bytes:
        if self.end_begun:
            return b""
        self.end_begun = True
        return self.writer.section_end(DIRTY_BITMAP)
