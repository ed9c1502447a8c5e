# SPDX-License-Identifier: GPL-2.0-or-later
"""From words to ranges: where do runs of set bits begin and end?

A run begins at a set bit whose lower neighbour is clear, and its last bit is
one whose upper neighbour is clear; the neighbour of a word's outermost bit is
in the next word.  Both kinds ascend and are equally many, so the n-th
beginning belongs to the n-th end, and no bit is looked at by itself.

QEMU's counterpart is ``hbitmap_next_dirty_area``.
"""

from __future__ import annotations

import numpy as np

from reference.bitmap.words import (
    BLOCK_WORDS,
    ONES,
    PAGE_WORDS,
    WORD,
    WORD_BITS,
    Flags,
    Integers,
    Words,
    page_blocks,
    rows,
)

_ONE = np.uint64(1)
_TOP = np.uint64(WORD_BITS - 1)


def find_runs(words: Words, flags: Flags) -> Integers:
    """All runs of set bits, a table of first bit and length.

    ``flags``: which pages hold any bit.
    """
    firsts, lasts = [], []
    for pages in page_blocks(flags):
        table = rows(words, pages)
        starts, ends = _edges(words, table, pages)
        firsts.append(_positions(starts, pages))
        lasts.append(_positions(ends, pages))
    if not firsts:
        return np.zeros((0, 2), np.int64)
    first, last = np.concatenate(firsts), np.concatenate(lasts)
    return np.stack((first, last - first + 1), axis=1)


def _edges(words: Words, table: Words, pages: Integers) -> tuple[Words, Words]:
    """First bits and last bits of the runs in some pages."""
    before = np.where(pages > 0, words[pages * PAGE_WORDS - 1], 0)
    after = np.zeros(pages.size, WORD)
    following = (pages + 1) * PAGE_WORDS
    inside = following < words.size
    after[inside] = words[following[inside]]

    lower = table << _ONE
    lower[:, 1:] |= table[:, :-1] >> _TOP
    lower[:, 0] |= before >> _TOP
    starts = table & ~lower

    upper = table >> _ONE
    upper[:, :-1] |= table[:, 1:] << _TOP
    upper[:, -1] |= after << _TOP
    ends = table & ~upper
    return starts, ends


def _positions(table: Words, pages: Integers) -> Integers:
    """The granules of all bits in some pages, ascending."""
    flat = table.ravel()
    index = np.flatnonzero(flat)
    rest = flat[index]
    base = (
        pages[index // PAGE_WORDS] * PAGE_WORDS + index % PAGE_WORDS
    ) * WORD_BITS
    counts = np.bitwise_count(rest).astype(np.int64)
    place = np.cumsum(counts) - counts
    found = np.empty(int(counts.sum()), np.int64)
    # the lowest bit of every word, then the next one of those that have one
    while rest.size:
        below = ~rest & (rest - _ONE)
        found[place] = base + np.bitwise_count(below)
        rest = rest & (rest - _ONE)
        more = np.flatnonzero(rest)
        rest, base, place = rest[more], base[more], place[more] + 1
    return found


def next_set(words: Words, flags: Flags, start: int) -> int:
    """The first set bit at or after ``start``, -1 if there is none.

    ``start`` is inside the words.
    """
    at, shift = divmod(start, WORD_BITS)
    here = int(words[at]) >> shift
    if here:
        return start + _lowest(here)
    page = at // PAGE_WORDS
    found = _next_word(words, at + 1, (page + 1) * PAGE_WORDS)
    if found < 0:
        page += 1
        ahead = flags[page:]
        step = int(ahead.argmax()) if ahead.size else 0
        if not ahead.size or not ahead[step]:
            return -1
        page += step
        found = _next_word(words, page * PAGE_WORDS, (page + 1) * PAGE_WORDS)
    return found * WORD_BITS + _lowest(int(words[found]))


def _next_word(words: Words, start: int, end: int) -> int:
    """The first of some words that has a bit, -1 if none has."""
    some = words[start:end] != 0
    step = int(some.argmax()) if some.size else 0
    return start + step if some.size and some[step] else -1


def next_clear(words: Words, start: int) -> int:
    """The first clear bit at or after ``start``, or where the words end."""
    at, shift = divmod(start, WORD_BITS)
    here = ~(int(words[at]) >> shift)
    if _lowest(here) < WORD_BITS - shift:
        return start + _lowest(here)
    at += 1
    # most runs are short: look at little first, then at more and more
    width = PAGE_WORDS
    while at < words.size:
        some = words[at : at + width] != ONES
        step = int(some.argmax())
        if some[step]:
            return (at + step) * WORD_BITS + _lowest(~int(words[at + step]))
        at += some.size
        width = min(width * 4, BLOCK_WORDS)
    return words.size * WORD_BITS


def _lowest(value: int) -> int:
    """The number of the lowest set bit; ``value`` is not zero."""
    return (value & -value).bit_length() - 1
