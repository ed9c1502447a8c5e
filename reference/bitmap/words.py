# SPDX-License-Identifier: GPL-2.0-or-later
"""How a bit array lies in memory: words, pages, and the masks of a range.

Bit i of little-endian 64-bit word w stands for granule 64 * w + i, on the wire
and in memory alike, so that serialising is copying.  A *page* is 1 KiB of
bitmap, as much as one full message carries; a bit array remembers for each
page whether it holds any bit, and passes over the others.

QEMU's counterpart is the last level of an ``HBitmap``.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint64]
Flags = NDArray[np.bool_]
Integers = NDArray[np.int64]

WORD = np.dtype("<u8")
WORD_BITS = 64
WORD_BYTES = 8
PAGE_WORDS = 128
PAGE_BYTES = PAGE_WORDS * WORD_BYTES
PAGE_BITS = PAGE_WORDS * WORD_BITS
#: a temporary of so many words still fits a processor's cache
BLOCK_WORDS = 1 << 15
BLOCK_PAGES = BLOCK_WORDS // PAGE_WORDS
ONES = np.uint64((1 << WORD_BITS) - 1)


def words_for(granules: int) -> int:
    """How many words hold that many bits; at least one, as in QEMU."""
    return max(-(-granules // WORD_BITS), 1)


def pages_for(words: int) -> int:
    """How many pages that many words make; the last may be short."""
    return -(-words // PAGE_WORDS)


def low_mask(bits: int) -> int:
    """A word whose lowest ``bits`` (0 to 64) bits are set."""
    return (1 << bits) - 1


def masks(first: int, count: int) -> tuple[int, int, int, int]:
    """The words that the granules touch: first, last, and the mask in each.

    ``count`` is at least 1.  If both are the same word, both masks are what
    the range has in that word.
    """
    end = first + count
    low, high = first // WORD_BITS, (end - 1) // WORD_BITS
    head = low_mask(WORD_BITS) - low_mask(first % WORD_BITS)
    tail = low_mask((end - 1) % WORD_BITS + 1)
    if low == high:
        head = tail = head & tail
    return low, high, head, tail


def occupied(words: Words) -> Flags:
    """Of words that begin with a page: which pages hold any bit?"""
    pages = pages_for(words.size)
    flags = np.zeros(pages, np.bool_)
    whole = words.size // PAGE_WORDS
    for at in range(0, whole, BLOCK_PAGES):
        end = min(at + BLOCK_PAGES, whole)
        block = words[at * PAGE_WORDS : end * PAGE_WORDS]
        table = block.reshape(end - at, PAGE_WORDS)
        flags[at:end] = np.bitwise_or.reduce(table, axis=1) != 0
    if whole < pages:
        flags[whole] = words[whole * PAGE_WORDS :].any()
    return flags


def rows(words: Words, pages: Integers) -> Words:
    """These pages as the rows of a table, a copy; a short page is padded.

    ``pages`` ascends.
    """
    whole = words.size // PAGE_WORDS
    table = words[: whole * PAGE_WORDS].reshape(whole, PAGE_WORDS)
    if not pages.size or pages[-1] < whole:
        picked: Words = table[pages]
        return picked
    rest = words[whole * PAGE_WORDS :]
    padded = np.zeros((pages.size, PAGE_WORDS), WORD)
    padded[:-1] = table[pages[:-1]]
    padded[-1, : rest.size] = rest
    return padded


def page_blocks(flags: Flags) -> Iterator[Integers]:
    """The occupied pages, in groups whose tables fit a cache."""
    pages = np.flatnonzero(flags)
    for at in range(0, pages.size, BLOCK_PAGES):
        yield pages[at : at + BLOCK_PAGES]


def to_words(flags: Flags) -> Words:
    """One bit for each flag, as words; the rest of the last word is zero."""
    packed = np.packbits(flags, bitorder="little")
    words = np.zeros(words_for(flags.size), WORD)
    words.view(np.uint8)[: packed.size] = packed
    return words


def to_flags(words: Words) -> Flags:
    """One flag for each bit of the words."""
    return np.unpackbits(words.view(np.uint8), bitorder="little").view(
        np.bool_
    )
