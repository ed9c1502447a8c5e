# SPDX-License-Identifier: GPL-2.0-or-later
"""The oracle of the bitmap tests: a plain Python set of integers."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from hypothesis import strategies as st

from reference.bitmap import Bits
from reference.bitmap.words import occupied

#: around the end of a word, of a page, of several pages
SIZES = (0, 1, 63, 64, 65, 127, 128, 640, 8191, 8192, 8193, 16384, 20001)


def ranges(size: int) -> st.SearchStrategy[tuple[int, int]]:
    """First and count of a range in ``size`` granules; also empty ones.

    Short ones and those at the ends of words and pages are preferred.
    """
    edges = [e for e in (0, 63, 64, 8191, 8192, 8256, size) if e <= size]
    point = st.sampled_from(edges) | st.integers(0, size)
    long = st.tuples(point, point).map(lambda p: (min(p), abs(p[0] - p[1])))
    short = st.tuples(point, st.integers(0, 70)).map(
        lambda p: (p[0], min(p[1], size - p[0]))
    )
    return long | short


def whole_words(size: int) -> st.SearchStrategy[tuple[int, int]]:
    """A range that can be serialised."""
    return ranges(size).map(
        lambda r: (
            r[0] // 64 * 64,
            min(-(-(r[0] + r[1]) // 64) * 64, size) - r[0] // 64 * 64,
        )
    )


def span(range_: tuple[int, int]) -> set[int]:
    return set(range(range_[0], range_[0] + range_[1]))


def runs_of(granules: Iterable[int]) -> list[tuple[int, int]]:
    """The runs of a set, one granule after the other."""
    runs: list[tuple[int, int]] = []
    for granule in sorted(granules):
        if runs and sum(runs[-1]) == granule:
            runs[-1] = runs[-1][0], runs[-1][1] + 1
        else:
            runs.append((granule, 1))
    return runs


def words_of(granules: Iterable[int], size: int) -> bytes:
    """The bytes of a set, by the definition of the format."""
    content = bytearray(max(-(-size // 64), 1) * 8)
    for granule in granules:
        content[granule // 8] |= 1 << granule % 8
    return bytes(content)


def bits_of(granules: set[int], size: int) -> Bits:
    """A bit array that holds a set."""
    bits = Bits.create(size)
    for first, count in runs_of(granules):
        bits.set(first, count)
    return bits


def set_of(bits: Bits) -> set[int]:
    """The set in a bit array, bit by bit."""
    content = bits.words.tobytes()
    return {
        at * 8 + bit
        for at, byte in enumerate(content)
        if byte
        for bit in range(8)
        if byte >> bit & 1
    }


def check(bits: Bits, expected: set[int]) -> None:
    """Everything that a bit array tells is true."""
    size = bits.granules
    content = words_of(expected, size)
    assert bits.words.tobytes() == content
    assert bits.words.dtype == np.dtype("<u8")
    assert np.array_equal(bits.pages, occupied(bits.words))
    assert bits.count() == len(expected)
    assert bits.any() == bool(expected)
    assert [tuple(run) for run in bits.runs().tolist()] == runs_of(expected)
    assert bits.serialize(0, size) == (content if size else b"")
    assert bytes(bits.block(0, size)) == (content if size else b"")
