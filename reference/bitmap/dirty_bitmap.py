# SPDX-License-Identifier: GPL-2.0-or-later
"""One dirty bitmap of one node: what the guest has written since a backup.

The rule: a bitmap that somebody holds (*busy*) or whose content is lost
(*inconsistent*) is not changed by its user; only its holder and the guest's
writes go on.  While a *successor* exists it records in the parent's place, and
the hand-back is one step: no write falls between the merge and the moment at
which the parent records again (QEMU lost writes there until 2.12).

QEMU's counterpart is ``BdrvDirtyBitmap``: ``bdrv_create_dirty_bitmap``,
``bdrv_dirty_bitmap_create_successor``, ``bdrv_reclaim_dirty_bitmap``,
``bdrv_dirty_bitmap_abdicate``, ``bdrv_merge_dirty_bitmap``.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from attrs import define

from reference.bitmap.bits import Bits, Data
from reference.bitmap.meta import MetaBitmap
from reference.bitmap.rescale import coarser, finer
from reference.bitmap.words import WORD_BITS, Words
from reference.errors import BitmapError, BusyError, InconsistentError

LEAST_GRANULARITY = 512
MOST_GRANULARITY = 1 << 31
DEFAULT_GRANULARITY = 65536
#: offsets on a disk are signed 64-bit numbers, in QEMU and here
MOST_DISK = (1 << 63) - 1
#: the wire gives a name's length one byte
LONGEST_NAME = 255


def check_name(name: str) -> None:
    """Refuse a name that the wire cannot carry.

    Raises ``BitmapError`` unless it is 1 to 255 bytes of UTF-8.
    """
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        raise BitmapError(
            f"the bitmap name {name[:40]!a} cannot be written as UTF-8"
        ) from None
    if not 1 <= size <= LONGEST_NAME:
        shown = name if size <= LONGEST_NAME else name[:20] + "..."
        raise BitmapError(
            f"the bitmap name {shown!a} has {size} bytes; a migration "
            f"carries 1 to {LONGEST_NAME}"
        )


def check_granularity(granularity: int) -> None:
    """Refuse what is no granularity.

    Raises ``BitmapError`` unless it is a power of two, 512 to 2 GiB.
    """
    if (
        not LEAST_GRANULARITY <= granularity <= MOST_GRANULARITY
        or granularity & (granularity - 1)
    ):
        raise BitmapError(
            f"granularity {granularity}; a power of two from "
            f"{LEAST_GRANULARITY} to {MOST_GRANULARITY} is needed"
        )


@define
class DirtyBitmap:
    """A dirty bitmap; sizes are in bytes.

    ``recording``: guest writes set its bits (QEMU's ``enabled``).  ``busy``:
    a migration or a job holds it.  ``persistent``: it is to be stored in its
    image, unless ``skip_store``.  ``inconsistent``: its content is lost.
    ``degraded``: bits may be set that no write has set, as a migration broke
    off before they came; none is missing.  ``successor``: the nameless child
    that records in its place.  ``meta``: which chunks have changed, while
    somebody wants to know.
    """

    name: str
    disk_size: int
    granularity: int
    bits: Bits
    recording: bool = True
    busy: bool = False
    persistent: bool = False
    inconsistent: bool = False
    degraded: bool = False
    skip_store: bool = False
    successor: DirtyBitmap | None = None
    meta: MetaBitmap | None = None

    @classmethod
    def create(
        cls,
        name: str,
        disk_size: int,
        granularity: int = DEFAULT_GRANULARITY,
        recording: bool = True,
        persistent: bool = False,
    ) -> Self:
        """An empty bitmap for a disk of ``disk_size`` bytes.

        Raises ``BitmapError`` if the name is not 1 to 255 bytes of UTF-8 (a
        migration carries no longer one), if the disk has a negative size or
        2^63 bytes and more, if the granularity is no power of two from 512
        bytes to 2 GiB, or if the bitmap would be absurdly large.
        """
        check_name(name)
        check_granularity(granularity)
        if not 0 <= disk_size <= MOST_DISK:
            raise BitmapError(
                f"a disk of {disk_size} bytes; 0 to {MOST_DISK} are possible"
            )
        bits = Bits.create(-(-disk_size // granularity))
        return cls(
            name=name,
            disk_size=disk_size,
            granularity=granularity,
            bits=bits,
            recording=recording,
            persistent=persistent,
        )

    @property
    def granules(self) -> int:
        """How many granules the disk has; the last may be short."""
        return self.bits.granules

    @property
    def frozen(self) -> bool:
        """Whether a successor stands in for it (a backup job's, say)."""
        return self.successor is not None

    @property
    def records(self) -> bool:
        """Whether guest writes leave a mark, here or in the successor."""
        return self.recording or (
            self.successor is not None and self.successor.recording
        )

    def record(self, offset: int, length: int) -> None:
        """The guest has written or discarded these bytes.

        Sets the granules they touch, here if this bitmap records and in the
        successor if that one does.  Raises ``BitmapError`` for bytes that are
        not on the disk.
        """
        if offset < 0 or length < 0 or offset + length > self.disk_size:
            raise BitmapError(
                f"{length} bytes from {offset} on; the disk has "
                f"{self.disk_size}"
            )
        if self.successor is not None:
            self.successor.record(offset, length)
        if length and self.recording:
            first = offset // self.granularity
            last = (offset + length - 1) // self.granularity
            self.mark(first, last - first + 1)

    def mark(self, first: int, count: int) -> None:
        """Set ``count`` granules from ``first`` on, whatever the state.

        Raises ``BitmapError`` if they are not all in the bitmap.
        """
        before = self._before(first, count)
        self.bits.set(first, count)
        self._note(first, before)

    def load(self, first_granule: int, count: int, data: Data) -> None:
        """Replace granules by an incoming chunk, whatever the state.

        Bits that are set before and clear in the chunk are cleared.  Raises
        ``BitmapError`` as ``Bits.deserialize`` does.
        """
        before = self._before(first_granule, count)
        self.bits.deserialize(first_granule, count, data)
        self._note(first_granule, before)

    def create_successor(self) -> None:
        """Let an empty nameless child record in this bitmap's place.

        The child inherits ``recording``; this bitmap is frozen and busy.
        Raises ``BusyError`` or ``InconsistentError``.
        """
        self.check_free("frozen")
        self.successor = DirtyBitmap(
            name="",
            disk_size=self.disk_size,
            granularity=self.granularity,
            bits=Bits.create(self.granules),
            recording=self.recording,
        )
        self.recording = False
        self.busy = True

    def reclaim(self) -> None:
        """Take the successor's bits and its ``recording``; it goes.

        Busy ends.  Raises ``BitmapError`` if there is no successor.
        """
        child = self._child()
        self._union(child.bits)
        self.recording = child.recording
        self.successor = None
        self.busy = False

    def abdicate(self) -> DirtyBitmap:
        """Let the successor take this bitmap's place and name; return it.

        So ends a backup that succeeded: what it has copied is no longer
        dirty.  A meta bitmap goes along and notes what comes and goes.  This
        object is left as an empty, nameless bitmap that records nothing.
        Raises ``BitmapError`` if there is no successor.
        """
        child = self._child()
        child.name, child.persistent = self.name, self.persistent
        child.skip_store = self.skip_store
        if self.meta is not None:
            self.meta.touch(self.bits.words | child.bits.words)
            child.meta, self.meta = self.meta, None
        self.name, self.persistent, self.skip_store = "", False, False
        self.recording = self.busy = self.degraded = False
        self.successor = None
        self.bits.clear_all()
        return child

    def clear(self) -> None:
        """Clear every granule: it is exact again.

        Raises ``BusyError`` or ``InconsistentError``.
        """
        self.check_free("cleared")
        before = self._before(0, self.granules)
        self.bits.clear_all()
        self.degraded = False
        self._note(0, before)

    def enable(self) -> None:
        """Record guest writes from now on.

        Raises ``BusyError`` or ``InconsistentError``.
        """
        self.check_free("enabled")
        self.recording = True

    def disable(self) -> None:
        """Record no guest writes from now on.

        Raises ``BusyError`` or ``InconsistentError``.
        """
        self.check_free("disabled")
        self.recording = False

    def merge(self, other: DirtyBitmap) -> None:
        """Also make dirty what is dirty in ``other``.

        At another granularity ranges are widened to whole granules.  Raises
        ``BusyError`` or ``InconsistentError`` if either of the two is so (a
        busy one's latest writes may be in its successor), and ``BitmapError``
        if the disks differ in size.
        """
        self.check_free("merged into")
        other.check_free("merged")
        if other.disk_size != self.disk_size:
            raise BitmapError(
                f"bitmap {other.name!r} is of a disk of {other.disk_size} "
                f"bytes, {self.name!r} of one of {self.disk_size}; they must "
                "have the same size"
            )
        bits = other.bits
        if other.granularity < self.granularity:
            factor = self.granularity // other.granularity
            bits = coarser(bits, factor, self.granules)
        elif other.granularity > self.granularity:
            factor = other.granularity // self.granularity
            bits = finer(bits, factor, self.granules)
        self._union(bits)
        self.degraded = self.degraded or other.degraded

    def attach_meta(self, chunk_granules: int) -> MetaBitmap:
        """Begin to note which chunks change; an old meta bitmap goes.

        Raises ``BitmapError`` unless ``chunk_granules`` is a positive
        multiple of 64.
        """
        self.meta = MetaBitmap.create(self.granules, chunk_granules)
        return self.meta

    def drop_meta(self) -> None:
        """Note changes no longer."""
        self.meta = None

    def check_free(self, done: str) -> None:
        """Refuse an operation of the user: the bitmap cannot be ``done``.

        Raises ``BusyError`` or ``InconsistentError``.
        """
        if self.busy:
            raise BusyError(
                f"bitmap {self.name!r} is busy and cannot be {done}; a "
                "migration or a job holds it"
            )
        if self.inconsistent:
            raise InconsistentError(
                f"bitmap {self.name!r} is inconsistent and cannot be {done}; "
                "it can only be removed"
            )

    def dirty_ranges(self) -> list[tuple[int, int]]:
        """Byte offset and byte length of what is dirty, within the disk."""
        runs = self.bits.runs() * self.granularity
        if runs.size:
            offset, length = runs[-1].tolist()
            runs[-1, 1] = min(length, self.disk_size - offset)
        return list(zip(runs[:, 0].tolist(), runs[:, 1].tolist(), strict=True))

    def dirty_bytes(self) -> int:
        """How many bytes the dirty granules have; the last counts as whole."""
        return self.bits.count() * self.granularity

    def query(self) -> dict[str, Any]:
        """What QMP's ``query-block`` would show, and ``degraded``.

        ``count`` is in bytes and leaves the successor out, ``recording``
        includes it.
        """
        return {
            "name": self.name,
            "granularity": self.granularity,
            "count": self.dirty_bytes(),
            "recording": self.records,
            "busy": self.busy,
            "persistent": self.persistent,
            "inconsistent": self.inconsistent,
            "degraded": self.degraded,
        }

    def _child(self) -> DirtyBitmap:
        if self.successor is None:
            raise BitmapError(f"bitmap {self.name!r} has no successor")
        return self.successor

    def _union(self, bits: Bits) -> None:
        self.bits.union(bits)
        if self.meta is not None:
            self.meta.touch(bits.words)

    def _before(self, first: int, count: int) -> Words | None:
        """The words of a range as they are, if anybody asks for changes.

        Outside the bitmap there are none; the change will be refused.
        """
        if self.meta is None or first < 0 or count <= 0:
            return None
        low, end = first // WORD_BITS, -(-(first + count) // WORD_BITS)
        return np.array(self.bits.words[low:end])

    def _note(self, first: int, before: Words | None) -> None:
        """The words from ``first`` on were ``before``."""
        if self.meta is not None and before is not None:
            low = first // WORD_BITS
            after = self.bits.words[low : low + before.size]
            self.meta.note(low, before, after)
