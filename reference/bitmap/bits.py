# SPDX-License-Identifier: GPL-2.0-or-later
"""A bit array: one bit for each granule of a disk.

The rule: bits past the end are always zero, and nothing that is told about
the array is older than the array.  Which pages hold any bit is kept beside
the words, exactly, and every method that changes a word brings it up to date;
counts are counted.  (QEMU 2.12 and 3.1 fixed an array whose cached count was
forgotten after an incoming migration: a later merge took it for empty.)

QEMU's counterpart is ``HBitmap``: ``hbitmap_set``, ``hbitmap_reset``,
``hbitmap_merge``, ``hbitmap_serialize_part``, ``hbitmap_deserialize_part``.
"""

from __future__ import annotations

import hashlib
from typing import Any, Self

import numpy as np
from attrs import Factory, cmp_using, define, field
from numpy.typing import NDArray

from reference.bitmap.ranges import find_runs, next_clear, next_set
from reference.bitmap.words import (
    BLOCK_WORDS,
    ONES,
    PAGE_BITS,
    PAGE_BYTES,
    PAGE_WORDS,
    WORD,
    WORD_BITS,
    WORD_BYTES,
    Flags,
    Integers,
    Words,
    low_mask,
    masks,
    occupied,
    page_blocks,
    pages_for,
    rows,
    words_for,
)
from reference.errors import BitmapError

Data = bytes | bytearray | memoryview | NDArray[Any]

#: 4 GiB of bitmap: 16 TiB of disk at the finest granularity
MOST_GRANULES = 1 << 35


def _as_bytes(data: Data) -> NDArray[np.uint8]:
    """The bytes of whatever has bytes."""
    if isinstance(data, np.ndarray):
        return np.ascontiguousarray(data).reshape(-1).view(np.uint8)
    return np.frombuffer(data, np.uint8)


@define
class Bits:
    """An array of ``granules`` bits, 64 to a little-endian word.

    ``words`` is read by everybody and written only by the methods here.
    ``pages`` is derived from it: does this KiB of the array hold any bit?
    """

    granules: int
    words: Words = field(eq=cmp_using(eq=np.array_equal))
    pages: Flags = field(
        default=Factory(lambda self: occupied(self.words), takes_self=True),
        eq=False,
        repr=False,
        metadata={"cache": True},
    )

    @classmethod
    def create(cls, granules: int) -> Self:
        """An array without any bit; 0 granules are allowed.

        Raises ``BitmapError`` for a negative or an absurd size.
        """
        if not 0 <= granules <= MOST_GRANULES:
            raise BitmapError(
                f"a bitmap of {granules} granules; "
                f"0 to {MOST_GRANULES} are possible"
            )
        size = words_for(granules)
        try:
            words = np.zeros(size, WORD)
        except MemoryError as error:
            raise BitmapError(
                f"no memory for a bitmap of {granules} granules"
            ) from error
        return cls(granules, words, np.zeros(pages_for(size), np.bool_))

    def set(self, first: int, count: int) -> None:
        """Set ``count`` granules from ``first`` on.

        Raises ``BitmapError`` if they are not all in the array.
        """
        self._check(first, count)
        if not count:
            return
        low, high, head, tail = masks(first, count)
        words = self.words
        words[low] |= np.uint64(head)
        if low != high:
            words[low + 1 : high] = ONES
            words[high] |= np.uint64(tail)
        self.pages[low // PAGE_WORDS : high // PAGE_WORDS + 1] = True

    def clear(self, first: int, count: int) -> None:
        """Clear ``count`` granules from ``first`` on.

        Raises ``BitmapError`` if they are not all in the array.
        """
        self._check(first, count)
        if not count:
            return
        low, high, head, tail = masks(first, count)
        words = self.words
        words[low] &= ~np.uint64(head)
        if low != high:
            words[low + 1 : high] = 0
            words[high] &= ~np.uint64(tail)
        self._renew_pages(low, high)

    def clear_all(self) -> None:
        """Clear every granule."""
        if self._is_dense():
            self.words.fill(0)
        else:
            for page in np.flatnonzero(self.pages).tolist():
                self.words[page * PAGE_WORDS : (page + 1) * PAGE_WORDS] = 0
        self.pages.fill(False)

    def set_each(self, granules: Integers) -> None:
        """Set these granules; in any order, also twice.

        Raises ``BitmapError`` if they are not all in the array.
        """
        if not granules.size:
            return
        low, high = int(granules.min()), int(granules.max())
        self._check(low, high - low + 1)
        bits = np.left_shift(np.uint64(1), (granules % WORD_BITS).view("u8"))
        np.bitwise_or.at(self.words, granules // WORD_BITS, bits)
        self.pages[granules // PAGE_BITS] = True

    def test(self, granule: int) -> bool:
        """Whether this granule's bit is set."""
        self._check(granule, 1)
        word = int(self.words[granule // WORD_BITS])
        return bool(word >> granule % WORD_BITS & 1)

    def count(self) -> int:
        """How many granules are set."""
        total = 0
        if self._is_dense():
            for at in range(0, self.words.size, BLOCK_WORDS):
                block = self.words[at : at + BLOCK_WORDS]
                total += int(np.bitwise_count(block).sum(dtype=np.int64))
            return total
        for pages in page_blocks(self.pages):
            table = rows(self.words, pages)
            total += int(np.bitwise_count(table).sum(dtype=np.int64))
        return total

    def any(self) -> bool:
        """Whether any granule is set."""
        return bool(self.pages.any())

    def next_run(
        self, start: int = 0, end: int | None = None
    ) -> tuple[int, int] | None:
        """The next set granules, first and length, at or after ``start``.

        Nothing at or after ``end`` counts.  None if there are none.  Raises
        ``BitmapError`` unless start <= end and both are in the array or at
        its end.  To see all runs, ``runs`` is much faster.
        """
        end = self.granules if end is None else end
        self._check(start, end - start)
        if start == end:
            return None
        first = next_set(self.words, self.pages, start)
        if not 0 <= first < end:
            return None
        return first, min(next_clear(self.words, first), end) - first

    def runs(self) -> NDArray[np.int64]:
        """All runs of set granules: a table of first granule and length."""
        return find_runs(self.words, self.pages)

    def union(self, other: Bits) -> None:
        """Set every granule that is set in ``other``.

        Raises ``BitmapError`` if the arrays differ in size.
        """
        if self.granules != other.granules:
            raise BitmapError(
                f"bitmaps of {self.granules} and {other.granules} granules "
                "cannot be merged; they must have the same size"
            )
        if other._is_dense():
            np.bitwise_or(self.words, other.words, out=self.words)
        else:
            for page in np.flatnonzero(other.pages).tolist():
                span = slice(page * PAGE_WORDS, (page + 1) * PAGE_WORDS)
                self.words[span] |= other.words[span]
        self.pages |= other.pages

    def copy(self) -> Bits:
        """An independent array with the same content."""
        return Bits(self.granules, self.words.copy(), self.pages.copy())

    def serialize(self, first: int, count: int) -> bytes:
        """The words of these granules, little-endian, not padded further.

        Raises ``BitmapError`` unless ``first`` is a multiple of 64 and
        ``count`` is one or reaches the end.
        """
        low, high = self._whole_words(first, count)
        return self.words[low:high].tobytes()

    def block(self, first: int, count: int) -> NDArray[np.uint8]:
        """What ``serialize`` returns, but a read-only view, not a copy."""
        low, high = self._whole_words(first, count)
        view = self.words[low:high].view(np.uint8)
        view.flags.writeable = False
        return view

    def deserialize(self, first: int, count: int, data: Data) -> None:
        """Replace these granules by what ``serialize`` has returned.

        What ``data`` holds beyond their words (the wire pads) is ignored, and
        so are bits past the end of the array.  Raises ``BitmapError`` for a
        range that ``serialize`` would refuse and for too little data.
        """
        low, high = self._whole_words(first, count)
        given = _as_bytes(data)
        size = (high - low) * WORD_BYTES
        if given.size < size:
            raise BitmapError(
                f"{given.size} bytes for {count} granules from {first} on; "
                f"they take {size} bytes"
            )
        if not count:
            return
        self.words[low:high] = given[:size].view(WORD)
        if first + count == self.granules and count % WORD_BITS:
            self.words[high - 1] &= np.uint64(low_mask(count % WORD_BITS))
        at, end = low // PAGE_WORDS, pages_for(high)
        aligned = self.words[at * PAGE_WORDS : end * PAGE_WORDS]
        # a message brings one page; that path is the one in a hurry
        self.pages[at:end] = (
            aligned.any() if end - at == 1 else occupied(aligned)
        )

    def nonzero_blocks(self, block_bytes: int) -> Flags:
        """For each block of that many bytes of bitmap: has it any bit?

        The last block may be short.  Raises ``BitmapError`` unless
        ``block_bytes`` is a positive multiple of 8.  A multiple of 1024 is
        answered without a look at the words.
        """
        word_step = self._words_of_block(block_bytes)
        if block_bytes % PAGE_BYTES == 0:
            step = block_bytes // PAGE_BYTES
            if step == 1:
                return self.pages.copy()
            starts = np.arange(0, self.pages.size, step)
            flags: Flags = np.logical_or.reduceat(self.pages, starts)
            return flags
        found = np.zeros(-(-self.words.size // word_step), np.bool_)
        for pages in page_blocks(self.pages):
            table = rows(self.words, pages)
            self._mark_blocks(found, pages, table, word_step)
        return found

    def blocks_with_more(self, other: Bits, block_bytes: int) -> Flags:
        """For each block of that many bytes: is a bit set that other lacks?

        The last block may be short.  Raises ``BitmapError`` if the arrays
        differ in size, or unless ``block_bytes`` is a positive multiple of 8.
        """
        if self.granules != other.granules:
            raise BitmapError(
                f"bitmaps of {self.granules} and {other.granules} granules "
                "cannot be compared; they must have the same size"
            )
        step = self._words_of_block(block_bytes)
        found = np.zeros(-(-self.words.size // step), np.bool_)
        for pages in page_blocks(self.pages):
            mine, others = rows(self.words, pages), rows(other.words, pages)
            self._mark_blocks(found, pages, mine & ~others, step)
        return found

    def sha256(self) -> str:
        """The digest of all words as little-endian bytes, in hexadecimal.

        QEMU shows it as ``x-debug-block-dirty-bitmap-sha256``.
        """
        return hashlib.sha256(self.words.data).hexdigest()

    @staticmethod
    def _words_of_block(block_bytes: int) -> int:
        """How many words a block has; BitmapError if that is no number."""
        if block_bytes <= 0 or block_bytes % WORD_BYTES:
            raise BitmapError(
                f"blocks of {block_bytes} bytes; a positive multiple of "
                f"{WORD_BYTES} is needed"
            )
        return block_bytes // WORD_BYTES

    @staticmethod
    def _mark_blocks(
        found: Flags, pages: Integers, table: Words, step: int
    ) -> None:
        """Note the blocks of ``step`` words in which these pages hold bits."""
        index = np.flatnonzero(table)
        word = pages[index // PAGE_WORDS] * PAGE_WORDS
        found[(word + index % PAGE_WORDS) // step] = True

    def _is_dense(self) -> bool:
        """Whether to go through all words is faster than page by page."""
        return int(np.count_nonzero(self.pages)) * 16 > self.pages.size

    def _renew_pages(self, low: int, high: int) -> None:
        """Words ``low`` to ``high`` were cleared, the outer two in part."""
        at, end = low // PAGE_WORDS, high // PAGE_WORDS
        self.pages[at + 1 : end] = False
        for page in {at, end}:
            if self.pages[page]:
                span = slice(page * PAGE_WORDS, (page + 1) * PAGE_WORDS)
                self.pages[page] = self.words[span].any()

    def _whole_words(self, first: int, count: int) -> tuple[int, int]:
        """The words of a range that is made of whole words."""
        self._check(first, count)
        end = first + count
        if first % WORD_BITS or (end % WORD_BITS and end != self.granules):
            raise BitmapError(
                f"granules {first} to {end} are not whole words; multiples of "
                f"{WORD_BITS} are needed, or the end, {self.granules}"
            )
        return first // WORD_BITS, -(-end // WORD_BITS)

    def _check(self, first: int, count: int) -> None:
        """Refuse what is not in the array."""
        if first < 0 or count < 0 or first + count > self.granules:
            raise BitmapError(
                f"{count} granules from {first} on; the bitmap has "
                f"{self.granules}"
            )
