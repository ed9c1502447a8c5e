# SPDX-License-Identifier: GPL-2.0-or-later
"""Does a bit array stay true where its parts no longer fit one look?

The bits are few or make long runs, so that the oracle stays small.
"""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from reference.bitmap import Bits
from reference.bitmap.words import BLOCK_PAGES, PAGE_BITS, occupied
from tests.reference.bitmap.oracle import runs_of, words_of

LARGE = 3 * BLOCK_PAGES * PAGE_BITS + 12_345
BILLION = 1_000_000_007
#: where code paths meet: pages and blocks of pages
BORDERS = [k * BLOCK_PAGES * PAGE_BITS for k in (1, 2, 3)] + [
    *(PAGE_BITS, 9 * PAGE_BITS, LARGE // PAGE_BITS * PAGE_BITS)
]
near_borders = st.tuples(st.sampled_from(BORDERS), st.integers(-70, 70)).map(
    sum
)


@settings(max_examples=30)
@given(
    st.lists(
        st.tuples(near_borders | st.integers(0, LARGE - 1), st.integers(0, 99))
    ),
)
def test_few_bits_in_many_pages(some: list[tuple[int, int]]) -> None:
    bits, expected = Bits.create(LARGE), set[int]()
    for first, length in some:
        count = min(length, LARGE - first)
        bits.set(first, count)
        expected.update(range(first, first + count))
    runs = runs_of(expected)
    assert [tuple(run) for run in bits.runs().tolist()] == runs
    assert bits.count() == len(expected)
    assert bits.words.tobytes() == words_of(expected, LARGE)
    assert np.array_equal(bits.pages, occupied(bits.words))
    start, found = 0, []
    while run := bits.next_run(start):
        found.append(run)
        start = sum(run)
    assert found == runs


@settings(max_examples=30)
@given(st.lists(near_borders | st.integers(0, LARGE), max_size=8))
def test_long_runs(edges: list[int]) -> None:
    bits, edges = Bits.create(LARGE), sorted(set(edges))
    edges = edges[: len(edges) // 2 * 2]
    runs = list(zip(edges[::2], edges[1::2], strict=True))
    for first, end in runs:
        bits.set(first, end - first)
    assert bits.runs().tolist() == [[f, end - f] for f, end in runs]
    assert bits.count() == sum(end - first for first, end in runs)
    for first, end in runs:
        assert bits.next_run(first) == (first, end - first)
        middle = (first + end) // 2
        assert bits.next_run(middle) == (middle, end - middle)
    assert np.array_equal(bits.pages, occupied(bits.words))

    rest, holes = Bits.create(LARGE), [0, *edges, LARGE]
    rest.set(0, LARGE)
    for first, end in runs:
        rest.clear(first, end - first)
    assert rest.runs().tolist() == [
        [first, end - first]
        for first, end in zip(holes[::2], holes[1::2], strict=True)
        if first < end
    ]
    assert np.array_equal(rest.pages, occupied(rest.words))
    rest.union(bits)
    assert rest.count() == LARGE
    rest.clear_all()
    assert not rest.words.any()


@settings(max_examples=5)
@given(st.integers(0, 2**32 - 1))
def test_dense_noise(seed: int) -> None:
    size = 3 * PAGE_BITS + 77
    content = np.random.default_rng(seed).bytes(-(-size // 64) * 8)
    bits = Bits.create(size)
    bits.deserialize(0, size, content)
    expected = [
        granule
        for granule in range(size)
        if content[granule // 8] >> granule % 8 & 1
    ]
    assert [tuple(run) for run in bits.runs().tolist()] == runs_of(expected)
    assert bits.count() == len(expected)


def test_a_billion_granules() -> None:
    bits = Bits.create(BILLION)
    assert bits.next_run() is None
    bits.set(BILLION - 1, 1)
    assert bits.next_run() == (BILLION - 1, 1)
    bits.set(500_000_000, 100_000)
    assert bits.runs().tolist() == [
        [500_000_000, 100_000],
        [BILLION - 1, 1],
    ]
    assert bits.count() == 100_001
    assert int(bits.nonzero_blocks(1024).sum()) == 14
    last = BILLION // 64 * 64
    assert bits.serialize(last, BILLION - last)[0] == 1 << (BILLION - last - 1)
    bits.clear(0, BILLION)
    assert not bits.any()
