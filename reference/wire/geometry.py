# SPDX-License-Identifier: GPL-2.0-or-later
"""The arithmetic of chunks: granules, sectors, words, bytes.

The rule: a chunk covers whole 64 bit words of the bitmap, that is, it
begins at a multiple of 64 granules and is a multiple of 64 granules long,
except where the bitmap ends.  On the wire a range is counted in sectors of
512 bytes; the disk's end is rounded up to a whole sector, not to a granule.
The bits of a range are its words, padded with zeroes to a multiple of 32
bytes.  QEMU's counterparts: ``send_bitmap_bits`` and
``bdrv_dirty_bitmap_serialization_size``.

A chunk's sectors must fit 32 bits.  Chunks of 1 KiB of bitmap (8192
granules) no longer do for a granularity of 256 MiB and more: such a bitmap
goes in smaller chunks, a power of two of bytes (``chunk_bytes_for``).
"""

from __future__ import annotations

SECTOR = 512  # bytes
MIN_GRANULARITY = 512  # bytes
MAX_GRANULARITY = 2 * 1024**3  # bytes
CHUNK_BYTES = 1024  # of bitmap in a chunk, as QEMU sends them
MAX_DATA_BYTES = 10 * 1024  # the most a receiver takes in one chunk
MAX_SECTORS = 2**32 - 1  # in one chunk
WORD_GRANULES = 64
WORD_BYTES = 8
PADDING = 32  # bytes; data are a multiple of this


def valid_granularity(granularity: int) -> bool:
    """Is this number of bytes a power of two from 512 to 2 GiB?"""
    return (
        MIN_GRANULARITY <= granularity <= MAX_GRANULARITY
        and granularity.bit_count() == 1
    )


def up(number: int, unit: int) -> int:
    """How many units it takes to hold the number: division, rounded up."""
    return -(-number // unit)


def granules_of(disk_size: int, granularity: int) -> int:
    """The granules of a disk of so many bytes; the last may be short."""
    return up(disk_size, granularity)


def sectors_of(disk_size: int) -> int:
    """The sectors of a disk of so many bytes; the last may be short."""
    return up(disk_size, SECTOR)


def chunk_bytes_for(granularity: int, chunk_bytes: int = CHUNK_BYTES) -> int:
    """Bytes of bitmap in a chunk: as asked for, unless too many sectors.

    ``chunk_bytes`` is a multiple of 8, at most 10 KiB, else ValueError.
    """
    if chunk_bytes % WORD_BYTES or not 0 < chunk_bytes <= MAX_DATA_BYTES:
        raise ValueError(
            f"chunk of {chunk_bytes} bytes: expected a multiple of"
            f" {WORD_BYTES}, at most {MAX_DATA_BYTES}"
        )
    granules = MAX_SECTORS // (granularity // SECTOR)
    if chunk_bytes * 8 <= granules:
        return chunk_bytes
    fitting = granules // WORD_GRANULES * WORD_BYTES
    return int(2 ** (fitting.bit_length() - 1))


def granules_per_chunk(
    granularity: int, chunk_bytes: int = CHUNK_BYTES
) -> int:
    """Granules that a full chunk covers: 8 per byte of bitmap."""
    return chunk_bytes_for(granularity, chunk_bytes) * 8


def chunk_count(
    disk_size: int, granularity: int, chunk_bytes: int = CHUNK_BYTES
) -> int:
    """Chunks of the whole bitmap of a disk; the last may be short."""
    return up(
        granules_of(disk_size, granularity),
        granules_per_chunk(granularity, chunk_bytes),
    )


def chunk_granules(
    index: int,
    disk_size: int,
    granularity: int,
    chunk_bytes: int = CHUNK_BYTES,
) -> tuple[int, int]:
    """First granule and number of granules of one chunk of the bitmap."""
    per_chunk = granules_per_chunk(granularity, chunk_bytes)
    first = index * per_chunk
    return first, min(per_chunk, granules_of(disk_size, granularity) - first)


def sector_range(
    first: int, granules: int, granularity: int, disk_size: int
) -> tuple[int, int]:
    """First sector and number of sectors of a range of granules.

    The last granule may reach over the end of the disk; the sectors do not.
    """
    per_granule = granularity // SECTOR
    end = min((first + granules) * per_granule, sectors_of(disk_size))
    return first * per_granule, end - first * per_granule


def granule_range(
    first_sector: int, sectors: int, granularity: int
) -> tuple[int, int]:
    """First granule and number of granules that the sectors touch."""
    per_granule = granularity // SECTOR
    first = first_sector // per_granule
    return first, up(first_sector + sectors, per_granule) - first


def word_bytes(granules: int) -> int:
    """Bytes of the whole words that hold so many granules."""
    return up(granules, WORD_GRANULES) * WORD_BYTES


def padded_bytes(granules: int) -> int:
    """Bytes of data on the wire: the words, padded to 32 bytes."""
    return up(word_bytes(granules), PADDING) * PADDING
