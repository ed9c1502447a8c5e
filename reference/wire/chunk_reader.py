# SPDX-License-Identifier: GPL-2.0-or-later
"""Decodes chunks; finds runs of equal shape without looking at each.

The rule (DOMAIN.md, section 7): START, else COMPLETE, else BITS; names that
are not there are those of the chunk before.  What the format forbids is a
CorruptError: a reserved flag, a header that says nothing, an unreadable
name, a granularity that is none.  Whether the bits fit their bitmap is not
asked here (``bits.check_bits``).  QEMU's counterparts:
``dirty_bitmap_load_header``, ``dirty_bitmap_load_bits``; QEMU itself passes
over a header that says nothing.
"""

from __future__ import annotations

from typing import Final

import attrs
import numpy as np

from reference.errors import CorruptError, LimitError
from reference.wire.bits import BitsRun
from reference.wire.chunks import (
    BITS_HEADER,
    PLAIN_BITS,
    PLAIN_ZEROES,
    ZEROES_HEADER,
    Chunk,
    ChunkFlag,
    Complete,
    EndOfSection,
    Start,
    StartFlag,
)
from reference.wire.fragments import Cursor
from reference.wire.geometry import MAX_DATA_BYTES, valid_granularity

#: a plain number: the complement of a flag leaves out what has no name
RESERVED_START_FLAGS: Final = 0xF8
#: sectors: behind this no runs are looked for, so that sums fit 64 bits
FAR: Final = 2**62
FIRST_LOOK: Final = 64  # chunks to compare at once; doubles


@attrs.frozen
class Meaning:
    """What a byte of flags says; ``allowed`` that it says anything."""

    allowed: bool
    node: bool
    bitmap: bool
    start: bool
    complete: bool
    bits: bool
    zeroes: bool
    eos: bool

    @classmethod
    def of(cls, flags: ChunkFlag) -> Meaning:
        """START goes before COMPLETE, and that before BITS."""
        start = ChunkFlag.START in flags
        complete = ChunkFlag.COMPLETE in flags and not start
        bits = ChunkFlag.BITS in flags and not start and not complete
        eos = ChunkFlag.EOS in flags
        said = start or complete or bits or eos
        return cls(
            allowed=said and ChunkFlag.RESERVED not in flags,
            node=ChunkFlag.DEVICE_NAME in flags,
            bitmap=ChunkFlag.BITMAP_NAME in flags,
            start=start,
            complete=complete,
            bits=bits,
            zeroes=ChunkFlag.ZEROES in flags,
            eos=eos,
        )


#: by the byte: a flag looked up is much faster than a flag taken apart
MEANINGS: Final = tuple(Meaning.of(ChunkFlag(byte)) for byte in range(256))


@attrs.define
class ChunkReader:
    """Carries the names from one chunk to the next.

    A new node without a new name, which QEMU never sends, means the bitmap
    of the same name on that node.
    """

    node: str = ""
    bitmap: str = ""

    def read(self, cursor: Cursor) -> tuple[Chunk, int]:
        """The next chunk or run of chunks, and the flags of each.

        A header with EOS beside something else is returned as that; the
        caller looks at the flags.
        """
        flags = cursor.u8()
        meaning = MEANINGS[flags]
        if not meaning.allowed:
            raise CorruptError(f"chunk flags {flags:#04x} mean nothing")
        node, bitmap = self.node, self.bitmap
        if meaning.node:
            node = cursor.name("the node's name")
        if meaning.bitmap:
            bitmap = cursor.name("the bitmap's name")
        if not (meaning.start or meaning.complete or meaning.bits):
            chunk: Chunk = EndOfSection()
        elif not node or not bitmap:
            raise CorruptError("the first chunk leaves its names out")
        elif meaning.bits:
            chunk = bits(cursor, flags, node, bitmap)
        elif meaning.start:
            chunk = start(cursor, node, bitmap)
        else:
            chunk = Complete(node, bitmap)
        self.node, self.bitmap = node, bitmap
        return chunk, flags


def start(cursor: Cursor, node: str, bitmap: str) -> Start:
    """The body of START."""
    granularity, flags = cursor.be32(), cursor.u8()
    if not valid_granularity(granularity):
        raise CorruptError(
            f"granularity {granularity} of {bitmap!r}: expected a power of"
            " two from 512 to 2 GiB"
        )
    if flags & RESERVED_START_FLAGS:
        raise CorruptError(f"flags {flags:#04x} of {bitmap!r} are reserved")
    return Start(
        node,
        bitmap,
        granularity,
        enabled=bool(flags & StartFlag.ENABLED),
        persistent=bool(flags & StartFlag.PERSISTENT),
        ignored=bool(flags & StartFlag.IGNORED),
    )


def bits(cursor: Cursor, flags: int, node: str, bitmap: str) -> BitsRun:
    """The body of BITS, and the chunks after it that look alike."""
    first_sector, sectors = cursor.range()
    if MEANINGS[flags].zeroes:
        chunks = 1
        if flags == PLAIN_ZEROES and first_sector < FAR:
            chunks = alike(cursor, flags, first_sector, sectors, -1)
        return BitsRun(
            node, bitmap, first_sector, sectors * chunks, None, chunks
        )
    size = cursor.be64()
    if size > MAX_DATA_BYTES:
        raise LimitError(
            f"{size} bytes of data in a chunk of {bitmap!r}; allowed are"
            f" {MAX_DATA_BYTES}"
        )
    at = cursor.ahead(size)
    if flags == PLAIN_BITS and first_sector < FAR:
        chunks = alike(cursor, flags, first_sector, sectors, size)
        if chunks > 1:
            data = np.ndarray(
                (chunks, size),
                np.uint8,
                cursor.view,
                at,
                (BITS_HEADER.itemsize + size, 1),
            )
            return BitsRun(
                node, bitmap, first_sector, sectors * chunks, data, chunks
            )
    return BitsRun(
        node, bitmap, first_sector, sectors, bytes(cursor.view[at : at + size])
    )


def alike(
    cursor: Cursor, flags: int, first_sector: int, sectors: int, size: int
) -> int:
    """How many chunks have the shape of the one before the cursor.

    They have no names, as many sectors and bytes (-1: ZEROES), and each
    begins where the one before it ends.  The cursor moves behind them.
    """
    if sectors == 0:
        return 1  # fits no bitmap
    header = ZEROES_HEADER if size < 0 else BITS_HEADER
    length = header.itemsize + max(size, 0)
    most = 1 + (cursor.limit - cursor.at) // length
    found, look = 1, FIRST_LOOK
    while found < most and cursor.view[cursor.at] == flags:
        count = min(look, most - found)
        heads = np.ndarray((count,), header, cursor.view, cursor.at, (length,))
        begin = first_sector + found * sectors
        same = heads["sector"] == np.arange(
            begin, begin + count * sectors, sectors, dtype=np.uint64
        )
        same &= heads["flags"] == flags
        same &= heads["sectors"] == sectors
        if size >= 0:
            same &= heads["size"] == size
        equal = count if same.all() else int(same.argmin())
        found += equal
        cursor.ahead(equal * length)
        if equal < count:
            break
        look *= 2
    return found
