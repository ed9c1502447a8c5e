# SPDX-License-Identifier: GPL-2.0-or-later
"""Folds the items of a stream into the bitmaps that they carry.

The rule: what a chunk says replaces what was known of its range.  Content
that does not fit (a range, an unknown name) drops all bitmaps that are not
complete, and what still comes for bitmaps is passed over, as QEMU's
``cancel_incoming_locked`` does.  A stream that breaks drops all bitmaps if
the destination does not run yet, for then its VM never will; afterwards it
drops those whose COMPLETE was not read.  As-built QEMU sends every COMPLETE
at the very end, so there a break loses all bitmaps.

A range on the wire may be anything up to 2**64 sectors, and 13 bytes are
enough to say one.  So only data that arrived are stored, and no bitmap may
be larger than a limit.
"""

from __future__ import annotations

import bisect
import hashlib
from collections.abc import Iterable
from typing import Final

import attrs
import numpy as np

from reference.errors import CorruptError, StreamError
from reference.wire import geometry
from reference.wire.bits import BitsRun, Bytes, check_bits
from reference.wire.chunks import Complete, Start
from reference.wire.geometry import SECTOR, WORD_BYTES, WORD_GRANULES
from reference.wire.stream import (
    Broken,
    ChunkItem,
    Command,
    CommandKind,
    EndOfStream,
    Item,
)

MAX_BITMAP: Final = 1024**3  # bytes of one bitmap
BLOCK: Final = 1024 * 1024  # bytes that are looked at or hashed at once
NOTHING: Final = np.empty(0, np.uint8)


@attrs.define
class FoldedBitmap:
    """What the stream said of one bitmap; ``granularity`` in bytes."""

    node: str
    name: str
    granularity: int
    enabled: bool
    persistent: bool
    #: was COMPLETE read, and nothing afterwards that takes it back?
    complete: bool = False
    #: why the bitmap is lost; '' while it is not
    dropped: str = ""
    #: the first sector behind everything that came
    end_sector: int = 0
    #: the disk's end, once a chunk ended within a word
    disk_end: int | None = None
    #: first word and bytes of the parts that are not clear, in their order
    parts: list[tuple[int, Bytes]] = attrs.field(factory=list)

    @property
    def covered_bytes(self) -> int:
        """Bytes of the disk up to where chunks came."""
        return self.end_sector * SECTOR

    @property
    def granules(self) -> int:
        """Granules of the disk up to where chunks came."""
        return geometry.granules_of(self.covered_bytes, self.granularity)

    def add(self, run: BitsRun, limit: int = MAX_BITMAP) -> str:
        """Takes the chunks in; '' or the reason why they do not fit.

        ``limit``: the most bytes that the bitmap may have.
        """
        disk = None if self.disk_end is None else self.disk_end * SECTOR
        reason = check_bits(run, self.granularity, disk)
        if reason:
            return reason
        end = run.first_sector + run.sectors
        first, granules = geometry.granule_range(
            run.first_sector, run.sectors, self.granularity
        )
        if first + granules > limit * 8:
            return f"sector {end} needs a bitmap of more than {limit} bytes"
        if end % (WORD_GRANULES * self.granularity // SECTOR):
            if end < self.end_sector:
                return f"the disk ends at sector {end}, yet more came before"
            self.disk_end = end
        self.end_sector = max(end, self.end_sector)
        words = geometry.up(granules, WORD_GRANULES)
        self._replace(first // WORD_GRANULES, words, self._data(run, granules))
        return ""

    def _data(self, run: BitsRun, granules: int) -> Bytes | None:
        """The words of a run, without bits behind its end; None if clear."""
        if run.data is None:
            return None
        data = run.words(self.granularity).reshape(-1).copy()
        rest = granules % WORD_GRANULES
        if rest:
            last = int.from_bytes(data[-WORD_BYTES:].tobytes(), "little")
            last %= 2**rest
            data[-WORD_BYTES:] = np.frombuffer(
                last.to_bytes(WORD_BYTES, "little"), np.uint8
            )
        return data if data.any() else None

    def _replace(self, first: int, words: int, data: Bytes | None) -> None:
        """Puts words where they belong, over those that were there."""
        end = first + words
        low = bisect.bisect_right(self.parts, first, key=begin_of)
        high = bisect.bisect_left(self.parts, end, lo=low, key=begin_of)
        if low:
            begin, old = self.parts[low - 1]
            if end <= begin + len(old) // WORD_BYTES:
                at = (first - begin) * WORD_BYTES
                old[at : at + words * WORD_BYTES] = 0 if data is None else data
                return
            low -= 1
        left = [
            piece
            for part in self.parts[low:high]
            for piece in outside(*part, first, end)
        ]
        if data is not None:
            left.append((first, data))
            left.sort(key=begin_of)
        self.parts[low:high] = left

    def dirty(self) -> list[tuple[int, int]]:
        """Dirty ranges: offset and length in bytes, ascending, apart.

        The last is clipped to what the stream covers.
        """
        found: list[tuple[int, int]] = []
        for first, data in self.parts:
            for at in range(0, len(data), BLOCK):
                granule = first * WORD_GRANULES + at * 8
                for begin, end in runs(data[at : at + BLOCK]):
                    offset = (granule + begin) * self.granularity
                    stop = (granule + end) * self.granularity
                    stop = min(stop, self.covered_bytes)
                    if found and sum(found[-1]) == offset:
                        offset = found.pop()[0]
                    found.append((offset, stop - offset))
        return found

    def sha256(self) -> str:
        """Of the bits as whole little-endian words, at least one.

        As in QEMU's ``x-debug-block-dirty-bitmap-sha256``.
        """
        digest = hashlib.sha256()
        size = max(geometry.word_bytes(self.granules), WORD_BYTES)
        at = 0
        for first, data in [*self.parts, (size // WORD_BYTES, NOTHING)]:
            gap = first * WORD_BYTES - at
            while gap > 0:
                digest.update(bytes(min(gap, BLOCK)))
                gap -= BLOCK
            digest.update(data.data)
            at = first * WORD_BYTES + len(data)
        return digest.hexdigest()


def begin_of(part: tuple[int, Bytes]) -> int:
    """The first word of a part."""
    return part[0]


def outside(
    begin: int, data: Bytes, first: int, end: int
) -> list[tuple[int, Bytes]]:
    """What is left of a part when the words from first to end go."""
    stop = begin + len(data) // WORD_BYTES
    if end <= begin or stop <= first:
        return [(begin, data)]
    left: list[tuple[int, Bytes]] = []
    if begin < first:
        left.append((begin, data[: (first - begin) * WORD_BYTES]))
    if end < stop:
        left.append((end, data[(end - begin) * WORD_BYTES :]))
    return left


def runs(data: Bytes) -> list[tuple[int, int]]:
    """Begin and end of each run of set bits, lowest bit first."""
    bits = np.unpackbits(data, bitorder="little")
    edges = np.flatnonzero(np.diff(bits, prepend=0, append=0)).tolist()
    return list(zip(edges[::2], edges[1::2], strict=True))


@attrs.define
class Fold:
    """All bitmaps of a stream, by node and name, in the stream's order.

    ``limit``: the most bytes that one bitmap may have.
    """

    limit: int = MAX_BITMAP
    bitmaps: dict[tuple[str, str], FoldedBitmap] = attrs.field(factory=dict)
    #: why bitmaps are passed over; '' while they are not
    cancelled: str = ""
    #: did the command to run the destination come?
    running: bool = False
    finished: bool = False
    error: StreamError | None = None

    def add(self, items: Iterable[Item]) -> None:
        """Takes items in; nothing counts any more after a broken one."""
        for item in items:
            if self.error is not None:
                return
            match item:
                case ChunkItem():
                    self._chunk(item)
                case Command(kind=CommandKind.POSTCOPY_RUN):
                    self.running = True
                case EndOfStream():
                    self.finished = True
                case Broken():
                    self._fail(item.error)

    def _fail(self, error: StreamError) -> None:
        self.error = error
        for bitmap in self.bitmaps.values():
            if not (self.running and bitmap.complete):
                bitmap.complete = False
                bitmap.dropped = bitmap.dropped or f"broken stream: {error}"

    def _cancel(self, reason: str) -> None:
        self.cancelled = reason
        for bitmap in self.bitmaps.values():
            if not bitmap.complete:
                bitmap.dropped = bitmap.dropped or reason

    def _chunk(self, item: ChunkItem) -> None:
        chunk = item.chunk
        if isinstance(chunk, Start):
            self._start(chunk, item.offset)
        elif not self.cancelled and isinstance(chunk, BitsRun | Complete):
            reason = self._known(chunk)
            if reason:
                self._cancel(f"{chunk.bitmap!r} at {item.offset}: {reason}")

    def _start(self, start: Start, offset: int) -> None:
        key = (start.node, start.bitmap)
        if key in self.bitmaps:
            if not self.cancelled:
                text = f"a second START of {start.bitmap!r}"
                self._fail(CorruptError(text, offset))
            return
        self.bitmaps[key] = FoldedBitmap(
            start.node,
            start.bitmap,
            start.granularity,
            start.enabled,
            start.persistent,
            dropped=self.cancelled,
        )

    def _known(self, chunk: BitsRun | Complete) -> str:
        """'' or why the chunk fits no bitmap."""
        bitmap = self.bitmaps.get((chunk.node, chunk.bitmap))
        if bitmap is None:
            return f"no such bitmap on {chunk.node!r}"
        if bitmap.complete:
            bitmap.complete = False
            return "a chunk after COMPLETE"
        if isinstance(chunk, Complete):
            bitmap.complete = True
            return ""
        return bitmap.add(chunk, self.limit)
