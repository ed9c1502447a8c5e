# SPDX-License-Identifier: GPL-2.0-or-later
"""A bitmap on its way out, and the chunks of it that were read.

The bitmap itself stays in the host: what is here is what the source keeps
about it while it migrates.
"""

from __future__ import annotations

import numpy as np
from attrs import define, field, frozen
from numpy.typing import NDArray

from reference.bitmap import DirtyBitmap
from reference.host import Host
from reference.wire import geometry


@frozen
class ReadPart:
    """Chunks as they were when they were read; the bitmap may go on.

    ``first`` granule, and the whole words from there.
    """

    first: int
    data: bytes

    def serialize(self, first: int, count: int) -> bytes:
        """The whole words of some granules, little-endian."""
        start = geometry.word_bytes(first - self.first)
        return self.data[start : start + geometry.word_bytes(count)]

    def block(self, first: int, count: int) -> NDArray[np.uint8]:
        """The same as an array."""
        return np.frombuffer(self.serialize(first, count), np.uint8)


@define
class Outgoing:
    """One bitmap that is being sent.

    ``enabled``: what START said; ``cursor``: the first chunk of the pass that
    was not taken yet.  ``changed``: of a bitmap that was frozen, the chunks
    that are to be sent again, in order.
    """

    node: str
    name: str
    node_alias: str
    alias: str
    chunk_bytes: int
    chunks: int
    enabled: bool
    cursor: int = 0
    changed: list[int] = field(factory=list)

    @property
    def label(self) -> str:
        """What a log calls the bitmap."""
        return f"{self.node}/{self.name}"

    def bitmap(self, host: Host) -> DirtyBitmap:
        """The bitmap in the host."""
        return host.bitmap(self.node, self.name)

    def granules(
        self, bitmap: DirtyBitmap, chunk: int, count: int
    ) -> tuple[int, int]:
        """First granule and number of granules of ``count`` chunks."""
        size, granularity = bitmap.disk_size, bitmap.granularity
        first, _ = geometry.chunk_granules(
            chunk, size, granularity, self.chunk_bytes
        )
        last, length = geometry.chunk_granules(
            chunk + count - 1, size, granularity, self.chunk_bytes
        )
        return first, last + length - first

    def trouble(self, host: Host) -> str:
        """Why a live migration of this bitmap cannot go on, or ''.

        Live holds no bitmap: a user may remove, replace or disable it.  A
        backup job may hold it, and is waited for.
        """
        if not host.has_bitmap(self.node, self.name):
            return f"bitmap {self.label} is gone"
        bitmap = self.bitmap(host)
        if bitmap.meta is None:
            return f"bitmap {self.label} is another one"
        if bitmap.busy and not bitmap.frozen:
            return f"bitmap {self.label} was taken by somebody else"
        if bitmap.records != self.enabled:
            return f"bitmap {self.label} was enabled or disabled"
        return ""

    def read(self, host: Host, chunk: int, count: int) -> ReadPart:
        """The content of ``count`` chunks as it is now."""
        bitmap = self.bitmap(host)
        first, granules = self.granules(bitmap, chunk, count)
        return ReadPart(first, bitmap.bits.serialize(first, granules))

    def pending(self, host: Host) -> int:
        """Chunks that are unsent or have changed since they were read."""
        meta = self.bitmap(host).meta
        ahead = self.chunks - self.cursor
        if meta is None:
            return ahead + len(self.find_changed(host))
        if not ahead:
            return meta.count()
        first, count = meta.bits.runs().T
        return ahead + int(np.clip(self.cursor - first, 0, count).sum())

    def find_changed(self, host: Host) -> list[int]:
        """The chunks that were sent and have changed since, in order.

        That is: in which the successor has a bit that the frozen bitmap
        lacks.  A bitmap that is not frozen does not change here.
        """
        bitmap = self.bitmap(host)
        if bitmap.successor is None or not bitmap.successor.bits.any():
            return []
        each = geometry.chunk_bytes_for(bitmap.granularity, self.chunk_bytes)
        more = bitmap.successor.bits.blocks_with_more(bitmap.bits, each)
        found: list[int] = np.flatnonzero(more[: self.cursor]).tolist()
        return found

    def take_changed(self, chunk: int, most: int) -> int:
        """Take this one off ``changed``, and those that follow without a gap.

        Returns how many were taken, ``most`` at most.
        """
        at, count = self.changed.index(chunk), 1
        for following in self.changed[at + 1 : at + most]:
            if following != chunk + count:
                break
            count += 1
        del self.changed[at : at + count]
        return count

    def thaw(self, host: Host) -> None:
        """The guest's writes come into the bitmap; it stays held.

        In the same step it is noted what they have changed.
        """
        bitmap = self.bitmap(host)
        self.changed = self.find_changed(host)
        bitmap.reclaim()
        bitmap.busy = True


def outgoing(
    host: Host,
    names: tuple[str, str],
    aliases: tuple[str, str],
    chunk_bytes: int,
) -> Outgoing:
    """The bitmap ``names`` of ``host``, to be sent under ``aliases``."""
    bitmap = host.bitmap(*names)
    chunks = geometry.chunk_count(
        bitmap.disk_size, bitmap.granularity, chunk_bytes
    )
    return Outgoing(*names, *aliases, chunk_bytes, chunks, bitmap.records)
