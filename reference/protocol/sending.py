# SPDX-License-Identifier: GPL-2.0-or-later
"""Chunks of the bitmaps, as they go onto the wire.

Of a bitmap that is held a chunk is read when it is sent: either no guest
writes any more, or it is frozen and does not change.  A chunk that has changed
since is sent again when the VM has stopped; the destination takes it as it
takes any other, QEMU's from 5.2 on as well.
"""

from __future__ import annotations

from attrs import define, field

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
        in_time = not self.bulk or self._iterates(host)
        return in_time and self._unfinished() is not None

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

    def _to_send_again(self) -> int | None:
        """The first bitmap of which a chunk is to be sent again."""
        for index, sent in enumerate(self.bitmaps):
            if sent.changed:
                return index
        return None

    def _may_send_bitmap_bits_again(self, host: Host) -> bool:
        return self._unfinished() is None and self._to_send_again() is not None

    def send_bitmap_bits_again(self, host: Host) -> Done:
        """Send chunks that have changed since the pass; the VM has stopped."""
        index = self._to_send_again()
        assert index is not None
        sent = self.bitmaps[index]
        taken = Taken(index, sent.changed[0], sent.adjacent(self.burst))
        del sent.changed[: taken.count]
        part = sent.read(host, taken.chunk, taken.count)
        return self._sent_event("send_bitmap_bits_again", host, taken, part)

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
