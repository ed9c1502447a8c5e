# SPDX-License-Identifier: GPL-2.0-or-later
"""The chunks of a dirty-bitmap section, and their encoder.

The rule (DOMAIN.md, section 7): a chunk is a byte of flags, the names of
node and bitmap unless they are those of the chunk before, and a body that
the flags decide.  Names are carried across sections and packages.  QEMU's
counterparts: ``send_bitmap_header``, ``send_bitmap_start``,
``send_bitmap_bits``, ``send_bitmap_complete``.

A new node always brings the bitmap's name too, also if it is the same
string: QEMU compares bitmaps, not their names.  With one node the name of
the node is sent once, in the first START, which is what QEMU up to 10.0
needs in postcopy.
"""

from __future__ import annotations

import enum
import struct
from typing import Protocol, TypeAlias

import attrs
import numpy as np

from reference.wire import geometry
from reference.wire.bits import BitsRun, Bytes

BITS_HEADER = np.dtype(
    [("flags", "u1"), ("sector", ">u8"), ("sectors", ">u4"), ("size", ">u8")]
)
ZEROES_HEADER = np.dtype(
    [("flags", "u1"), ("sector", ">u8"), ("sectors", ">u4")]
)


class ChunkFlag(enum.IntFlag):
    """The first byte of a chunk."""

    EOS = 0x01
    ZEROES = 0x02
    BITMAP_NAME = 0x04
    DEVICE_NAME = 0x08
    START = 0x10
    COMPLETE = 0x20
    BITS = 0x40
    RESERVED = 0x80  # would announce longer flags


#: the flags of a chunk without names, with data and without
PLAIN_BITS = int(ChunkFlag.BITS)
PLAIN_ZEROES = int(ChunkFlag.BITS | ChunkFlag.ZEROES)


class StartFlag(enum.IntFlag):
    """The last byte of a START chunk; all other bits are reserved."""

    ENABLED = 0x01
    PERSISTENT = 0x02
    IGNORED = 0x04  # once meant something; has no effect


@attrs.frozen
class Start:
    """START: a bitmap will come; ``granularity`` in bytes."""

    node: str
    bitmap: str
    granularity: int
    enabled: bool = True
    persistent: bool = False
    #: the flag without effect, kept so that the chunk encodes as it was
    ignored: bool = False


@attrs.frozen
class Complete:
    """COMPLETE: nothing more comes for this bitmap."""

    node: str
    bitmap: str


@attrs.frozen(kw_only=True)
class EndOfSection:
    """EOS: the section's last chunk.  It is an item of the stream as well."""

    offset: int = 0
    end: int = 0
    packaged: bool = False


Chunk: TypeAlias = Start | BitsRun | Complete | EndOfSection


class Bits(Protocol):
    """What the encoder asks of a bitmap's content."""

    def block(self, first: int, count: int) -> Bytes:
        """A view of the bytes of some granules, from a word's begin."""

    def serialize(self, first: int, count: int) -> bytes:
        """The whole words of some granules, little-endian."""


@attrs.define
class ChunkEncoder:
    """Encodes chunks; carries the names from one to the next."""

    node: str = ""
    bitmap: str = ""

    def encode(self, chunk: Chunk) -> bytes:
        """The bytes of a chunk, or of all chunks of a run.

        A name of more than 255 bytes or of none is a ValueError, and so
        are a granularity that is none, data over 10 KiB and a chunk of more
        than 32 bits of sectors.
        """
        match chunk:
            case EndOfSection():
                return bytes([ChunkFlag.EOS])
            case Start():
                if not geometry.valid_granularity(chunk.granularity):
                    raise ValueError(f"granularity {chunk.granularity}")
                flags = StartFlag(0)
                if chunk.enabled:
                    flags |= StartFlag.ENABLED
                if chunk.persistent:
                    flags |= StartFlag.PERSISTENT
                if chunk.ignored:
                    flags |= StartFlag.IGNORED
                return self._header(ChunkFlag.START, chunk) + struct.pack(
                    ">IB", chunk.granularity, flags
                )
            case Complete():
                return self._header(ChunkFlag.COMPLETE, chunk)
            case BitsRun():
                return self._run(chunk)

    def _header(
        self, flags: ChunkFlag, chunk: Start | BitsRun | Complete
    ) -> bytes:
        """Flags and names; what is sent is what the next may leave out."""
        node, bitmap = counted(chunk.node), counted(chunk.bitmap)
        if (chunk.node, chunk.bitmap) == (self.node, self.bitmap):
            return bytes([flags])
        flags |= ChunkFlag.BITMAP_NAME
        names = bitmap
        if chunk.node != self.node:
            flags |= ChunkFlag.DEVICE_NAME
            names = node + bitmap
        self.node, self.bitmap = chunk.node, chunk.bitmap
        return bytes([flags]) + names

    def _run(self, run: BitsRun) -> bytes:
        each, size = run.sectors_per_chunk, run.bytes_per_chunk
        if size > geometry.MAX_DATA_BYTES or each > geometry.MAX_SECTORS:
            raise ValueError(f"a chunk of {each} sectors, {size} bytes")
        flags = ChunkFlag.BITS
        if run.data is None:
            flags |= ChunkFlag.ZEROES
        header = self._header(flags, run)
        body = struct.pack(">QI", run.first_sector, each)
        if run.data is not None:
            body += struct.pack(">Q", size) + run.rows[0].tobytes()
        first = header + body
        if run.chunks == 1:
            return first
        rest = np.empty((run.chunks - 1, len(body) + 1), np.uint8)
        rows = None if run.data is None else run.rows[1:]
        fill_rows(rest, run.first_sector + each, each, rows)
        return first + rest.tobytes()

    def encode_bits(
        self,
        node: str,
        bitmap: str,
        bits: Bits,
        granularity: int,
        disk_size: int,
        first_chunk: int,
        chunks: int,
        chunk_bytes: int = geometry.CHUNK_BYTES,
    ) -> list[bytes | memoryview]:
        """The BITS of some chunks of a bitmap, ZEROES where all are clear.

        ``disk_size`` in bytes; ``chunks`` is clipped to the bitmap's end.
        The buffers, joined, are what goes on the wire.
        """
        size = geometry.chunk_bytes_for(granularity, chunk_bytes)
        end = min(
            first_chunk + chunks,
            geometry.chunk_count(disk_size, granularity, size),
        )
        sectors = size * 8 * (granularity // geometry.SECTOR)
        full = min(end, geometry.sectors_of(disk_size) // sectors)
        found: list[bytes | memoryview] = []
        index = first_chunk
        while index < end:
            named = ("", "") != (node, bitmap) == (self.node, self.bitmap)
            if named and index < full:
                data = bits.block(index * size * 8, (full - index) * size * 8)
                rows = data.reshape(full - index, size)
                found.append(encode_rows(index * sectors, sectors, rows).data)
                index = full
                continue
            first, count = geometry.chunk_granules(
                index, disk_size, granularity, size
            )
            words = bits.serialize(first, count)
            run = BitsRun(
                node,
                bitmap,
                *geometry.sector_range(first, count, granularity, disk_size),
                words.ljust(geometry.padded_bytes(count), b"\0")
                if any(words)
                else None,
            )
            found.append(self.encode(run))
            index += 1
        return found


def counted(name: str) -> bytes:
    """A name after its length; ValueError if one byte cannot count it."""
    raw = name.encode()
    if not 0 < len(raw) < 256:
        raise ValueError(f"a name of {len(raw)} bytes: expected 1 to 255")
    return bytes([len(raw)]) + raw


def encode_rows(first_sector: int, sectors: int, data: Bytes) -> Bytes:
    """Adjacent full chunks without names, ZEROES where a row is all clear.

    ``sectors`` are those of one chunk; ``data`` has whole words and a row
    per chunk, without padding.
    """
    chunks = len(data)
    dirty = np.bitwise_or.reduce(data.view(np.uint64), axis=1) != 0
    if not dirty.any():
        return bits_rows(first_sector, sectors, chunks, None).reshape(-1)
    if dirty.all():
        return bits_rows(first_sector, sectors, chunks, data).reshape(-1)
    size = padded(data.shape[1])
    whole = BITS_HEADER.itemsize + size
    ends = np.cumsum(np.where(dirty, whole, ZEROES_HEADER.itemsize))
    out = np.empty(int(ends[-1]), np.uint8)
    changes = np.flatnonzero(dirty[1:] != dirty[:-1]) + 1
    begin = at = 0
    for end in [*changes.tolist(), chunks]:
        to = int(ends[end - 1])
        rows = out[at:to].reshape(end - begin, -1)
        part = data[begin:end] if dirty[begin] else None
        fill_rows(rows, first_sector + begin * sectors, sectors, part)
        begin, at = end, to
    return out


def bits_rows(
    first_sector: int, sectors: int, chunks: int, data: Bytes | None
) -> Bytes:
    """Adjacent chunks of equal shape, one per row, headers included."""
    length = ZEROES_HEADER.itemsize
    if data is not None:
        length = BITS_HEADER.itemsize + padded(data.shape[1])
    rows = np.empty((chunks, length), np.uint8)
    fill_rows(rows, first_sector, sectors, data)
    return rows


def fill_rows(
    rows: Bytes, first_sector: int, sectors: int, data: Bytes | None
) -> None:
    """Writes chunks into rows that are as long as they need to be."""
    header = ZEROES_HEADER if data is None else BITS_HEADER
    heads = rows[:, : header.itemsize].view(header)[:, 0]
    heads["flags"] = PLAIN_ZEROES if data is None else PLAIN_BITS
    heads["sector"] = np.uint64(first_sector) + np.arange(
        len(rows), dtype=np.uint64
    ) * np.uint64(sectors)
    heads["sectors"] = sectors
    if data is not None:
        heads["size"] = rows.shape[1] - header.itemsize
        end = header.itemsize + data.shape[1]
        rows[:, header.itemsize : end] = data
        rows[:, end:] = 0


def padded(size: int) -> int:
    """So many bytes of data with their padding."""
    return geometry.padded_bytes(size * 8)
