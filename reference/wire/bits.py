# SPDX-License-Identifier: GPL-2.0-or-later
"""The bits of a bitmap as a stream has them: one chunk, or a run of chunks."""

from __future__ import annotations

from typing import TypeAlias

import attrs
import numpy as np
from numpy.typing import NDArray

from reference.wire import geometry

Bytes: TypeAlias = NDArray[np.uint8]


def _same_data(one: object, other: object) -> bool:
    if isinstance(one, bytes) and isinstance(other, bytes):
        return one == other
    if one is None or other is None:
        return one is other
    return np.array_equal(_rows(one, 1), _rows(other, 1))


def _rows(data: object, chunks: int) -> Bytes:
    """Data of any kind as one row of bytes per chunk."""
    if isinstance(data, np.ndarray):
        return data if data.ndim == 2 else data.reshape(chunks, -1)
    assert isinstance(data, bytes)
    return np.frombuffer(data, np.uint8).reshape(chunks, -1)


@attrs.frozen
class BitsRun:
    """BITS: one chunk, or several adjacent ones of equal shape.

    ``first_sector`` and ``sectors`` (of all chunks together) count 512
    bytes.  ``data`` is None for ZEROES; else the bits without any header,
    padding included: bytes for one chunk, an array of (chunks, bytes per
    chunk) for several, possibly a view of what was received.
    """

    node: str
    bitmap: str
    first_sector: int
    sectors: int
    data: bytes | Bytes | None = attrs.field(
        default=None, eq=attrs.cmp_using(eq=_same_data), hash=False
    )
    chunks: int = 1

    @property
    def sectors_per_chunk(self) -> int:
        """Sectors that each of the chunks covers."""
        return self.sectors // self.chunks

    @property
    def bytes_per_chunk(self) -> int:
        """Bytes of data in each chunk, padding included; 0 for ZEROES."""
        if self.data is None:
            return 0
        return int(self.rows.shape[1])

    @property
    def rows(self) -> Bytes:
        """The data as an array of (chunks, bytes per chunk), no copy.

        A run of ZEROES has no rows: an array of (0, 0).
        """
        if self.data is None:
            return np.empty((0, 0), np.uint8)
        return _rows(self.data, self.chunks)

    def words(self, granularity: int) -> Bytes:
        """The rows without their padding: the whole words of each chunk."""
        _, granules = geometry.granule_range(
            0, self.sectors_per_chunk, granularity
        )
        return self.rows[:, : geometry.word_bytes(granules)]

    def split(self) -> list[BitsRun]:
        """The same as single chunks."""
        if self.chunks == 1:
            return [self]
        each = self.sectors_per_chunk
        rows = None if self.data is None else self.rows
        return [
            BitsRun(
                self.node,
                self.bitmap,
                self.first_sector + index * each,
                each,
                None if rows is None else rows[index].tobytes(),
            )
            for index in range(self.chunks)
        ]


def check_bits(
    run: BitsRun, granularity: int, disk_size: int | None = None
) -> str:
    """'' if the run fits the bitmap, else why it does not.

    What follows from a reason is that the incoming bitmaps are dropped
    (``DroppedError``), not that the migration fails.  ``disk_size`` is in
    bytes; if it is None the disk is taken to end where the run does.  Data
    may be padded less than the sender's 32 bytes, but never more.
    """
    if run.sectors <= 0 or run.chunks <= 0:
        return "no sectors"
    where = f"sectors {run.first_sector}+{run.sectors}"
    end = run.first_sector + run.sectors
    disk_end = end if disk_size is None else geometry.sectors_of(disk_size)
    if end > disk_end:
        return f"{where} end after the disk, which has {disk_end}"
    alignment = geometry.WORD_GRANULES * granularity // geometry.SECTOR
    if run.first_sector % alignment:
        return f"{where} do not begin at a multiple of {alignment}"
    each = run.sectors_per_chunk
    if each * run.chunks != run.sectors:
        return f"{where} are not {run.chunks} equal chunks"
    if each % alignment and (end != disk_end or run.chunks > 1):
        return f"{where}: chunks of {each} are no multiple of {alignment}"
    if run.data is None:
        return ""
    _, granules = geometry.granule_range(0, each, granularity)
    least, most = (
        geometry.word_bytes(granules),
        geometry.padded_bytes(granules),
    )
    size = run.bytes_per_chunk
    if not least <= size <= most:
        return f"{where}: {size} bytes of data, expected {least} to {most}"
    return ""
