# SPDX-License-Identifier: GPL-2.0-or-later
"""The same dirty bytes at another granularity.

The rule: no dirty byte is lost.  A range is widened to whole granules of the
new size, so the result covers at least what the original covers.  Sizes are
powers of two; one of the two divides the other.

QEMU's counterpart is the ranged branch of ``hbitmap_merge``.
"""

from __future__ import annotations

import numpy as np

from reference.bitmap.bits import Bits
from reference.bitmap.words import (
    ONES,
    PAGE_WORDS,
    WORD,
    WORD_BITS,
    page_blocks,
    rows,
    to_flags,
    to_words,
)


def coarser(bits: Bits, factor: int, granules: int) -> Bits:
    """Each granule of the result covers ``factor`` old ones.

    ``factor``: a power of two from 2 on.  ``granules``: how many the result
    has.
    """
    result = Bits.create(granules)
    if factor >= WORD_BITS:
        flags = bits.nonzero_blocks(factor // 8)
        result.deserialize(0, granules, to_words(flags))
        return result
    width = PAGE_WORDS // factor
    wide = np.zeros((bits.pages.size, width), WORD)
    for pages in page_blocks(bits.pages):
        table = rows(bits.words, pages)
        # every bit that is kept takes in the ones above it
        step = 1
        while step < factor:
            table |= table >> np.uint64(step)
            step *= 2
        kept = to_words(to_flags(table)[::factor])
        wide[pages] = kept.reshape(pages.size, width)
    result.deserialize(0, granules, wide)
    return result


def finer(bits: Bits, factor: int, granules: int) -> Bits:
    """Each old granule becomes ``factor`` granules of the result.

    ``factor``: a power of two from 2 on.  ``granules``: how many the result
    has; the last old granule may reach beyond that.
    """
    result = Bits.create(granules)
    if not bits.any():
        return result
    if factor >= WORD_BITS:
        flags = to_flags(bits.words)[: bits.granules]
        wide = np.where(flags, ONES, np.uint64(0))
        words = np.repeat(wide, factor // WORD_BITS)
        result.deserialize(0, granules, words)
        return result
    width = PAGE_WORDS * factor
    table = np.zeros((bits.pages.size, width), WORD)
    for pages in page_blocks(bits.pages):
        flags = to_flags(rows(bits.words, pages))
        words = to_words(np.repeat(flags, factor))
        table[pages] = words.reshape(pages.size, width)
    result.deserialize(0, granules, table)
    return result
