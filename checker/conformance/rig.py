# SPDX-License-Identifier: GPL-2.0-or-later
"""The reference, rigged up so that the checker can drive it.

One disk with one bitmap, a loopback, and an observer who knows which granules
differ from the last backup.  A model granule is one granule of the reference;
as chunks begin at whole words, a chunk has room for 64 of them and only the
first few are ever used.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable

from attrs import define, field, frozen

from model.options import Options
from reference.loopback import Loopback
from reference.protocol.tables import BusyBitmap, Design

NODE, BITMAP = "drive0", "bitmap0"
GRANULARITY = 512  # bytes
CHUNK_BYTES = 8  # the smallest chunk: one word
WORD = 64


@frozen
class Shape:
    """The model's disk: ``chunks`` of ``granules``."""

    chunks: int
    granules: int

    @property
    def disk_size(self) -> int:
        """Of the reference's disk, in bytes."""
        last = (self.chunks - 1) * WORD + self.granules
        return last * GRANULARITY

    def offset(self, granule: int) -> int:
        """Byte offset of a granule of the model."""
        chunk, inside = divmod(granule, self.granules)
        return (chunk * WORD + inside) * GRANULARITY

    def granule(self, offset: int) -> int:
        """The model's granule at a byte offset; -1 for an unused one."""
        chunk, inside = divmod(offset // GRANULARITY, WORD)
        return chunk * self.granules + inside if inside < self.granules else -1

    def granules_of(self, ranges: list[tuple[int, int]]) -> set[int]:
        """The model's granules in (byte offset, byte length) ranges."""
        return {
            self.granule(at)
            for offset, length in ranges
            for at in range(offset, offset + length, GRANULARITY)
        }


class Stands(enum.Enum):
    """What the client knows of the bitmap on the destination."""

    ARRIVES = "arrives"  # whatever the migration has brought, or not
    REMOVED = "removed"  # by the user
    ANEW = "anew"  # begun with a full backup


@define
class Copied:
    """A backup job under way, in the model's granules.

    ``granules``: what it has copied; ``would_miss``: what it should have
    copied as well; ``since``: written since it began.
    """

    granules: list[int]
    would_miss: list[int]
    since: list[int] = field(factory=list)


@define
class Observer:
    """Knows what no host can see: which granules differ from the backup.

    To the reference it is the guest's disk.  ``missed``: the granules that
    a backup should have copied and did not.  ``job``: the backup job on the
    source, if one is under way.
    """

    shape: Shape
    differs: list[int] = field(factory=list)
    missed: list[int] = field(factory=list)
    job: Copied | None = None
    stands: Stands = Stands.ARRIVES

    def read(self, offset: int, length: int) -> bytes:
        """Whatever: what is copied is seen by ``Image``."""
        return bytes(length)

    def write(self, offset: int, data: bytes) -> None:
        """The guest's data reach the disk."""
        granule = self.shape.granule(offset)
        self.differs = sorted({*self.differs, granule})
        if self.job is not None:
            self.job.since = sorted({*self.job.since, granule})

    def misses(self, granules: Iterable[int]) -> None:
        """A backup has succeeded that should have copied these."""
        self.missed = sorted({*self.missed, *granules})


@define
class Image:
    """The backup's image: what is copied differs no more."""

    observer: Observer

    def read(self, offset: int, length: int) -> bytes:
        """Nobody reads the image."""
        return bytes(length)

    def write(self, offset: int, data: bytes) -> None:
        """A part of the disk is copied."""
        observer = self.observer
        gone = observer.shape.granules_of([(offset, len(data))])
        observer.differs = [g for g in observer.differs if g not in gone]


@define
class Rig:
    """The reference in the state that it has reached.

    ``writes``: how many may be in flight on each host.
    """

    loopback: Loopback
    observer: Observer
    writes: int = 1


def build(options: Options) -> Rig:
    """The reference at the size that ``options`` asks for."""
    bounds = options.bounds
    shape = Shape(bounds.chunks, bounds.granules)
    loopback = Loopback.create(
        Design(options.design),
        {NODE: shape.disk_size},
        CHUNK_BYTES,
        bounds.channel,
        bounds.downtime,
        bulk=options.source == "bulk",
    )
    loopback.source.busy_bitmap = BusyBitmap(options.busy_bitmap)
    host = loopback.source_host
    host.add_bitmap(NODE, BITMAP, GRANULARITY, persistent=True)
    return Rig(loopback, Observer(shape), bounds.in_flight)
