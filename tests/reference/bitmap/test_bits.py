# SPDX-License-Identifier: GPL-2.0-or-later
"""Is a bit array a set of integers, whatever is done with it?"""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from reference.bitmap import Bits
from reference.bitmap.bits import Data
from reference.errors import BitmapError
from tests.reference.bitmap.oracle import (
    SIZES,
    bits_of,
    check,
    ranges,
    runs_of,
    set_of,
    span,
    whole_words,
    words_of,
)

sizes = st.sampled_from(SIZES) | st.integers(0, 20_000)


@st.composite
def filled(draw: st.DrawFn) -> tuple[Bits, set[int]]:
    """A bit array after some operations, and the set that it must be."""
    size = draw(sizes)
    bits, expected = Bits.create(size), set[int]()
    for _ in range(draw(st.integers(0, 6))):
        range_ = draw(ranges(size))
        if draw(st.booleans()):
            bits.set(*range_)
            expected |= span(range_)
        else:
            bits.clear(*range_)
            expected -= span(range_)
    return bits, expected


@given(filled())
def test_set_and_clear(made: tuple[Bits, set[int]]) -> None:
    check(*made)


@given(filled())
def test_clear_all(made: tuple[Bits, set[int]]) -> None:
    bits, _ = made
    bits.clear_all()
    check(bits, set())


@given(filled(), st.data())
def test_set_each(made: tuple[Bits, set[int]], data: st.DataObject) -> None:
    bits, expected = made
    assume(bits.granules)
    some = data.draw(st.lists(st.integers(0, bits.granules - 1), max_size=20))
    bits.set_each(np.array(some, np.int64))
    check(bits, expected | set(some))


@given(filled(), st.data())
def test_test(made: tuple[Bits, set[int]], data: st.DataObject) -> None:
    bits, expected = made
    assume(bits.granules)
    edges = [e for run in runs_of(expected) for e in (run[0], sum(run) - 1)]
    near = {e + d for e in edges for d in (-1, 0, 1)}
    near.add(data.draw(st.integers(0, bits.granules - 1)))
    for granule in near & span((0, bits.granules)):
        assert bits.test(granule) is (granule in expected)


@given(filled(), st.data())
def test_next_run(made: tuple[Bits, set[int]], data: st.DataObject) -> None:
    bits, expected = made
    start, count = data.draw(ranges(bits.granules))
    seen = runs_of(expected & span((start, count)))
    assert bits.next_run(start, start + count) == (seen[0] if seen else None)
    seen = runs_of(granule for granule in expected if granule >= start)
    assert bits.next_run(start) == (seen[0] if seen else None)


@given(filled())
def test_next_run_visits_all_runs(made: tuple[Bits, set[int]]) -> None:
    bits, expected = made
    found, start = [], 0
    while run := bits.next_run(start):
        found.append(run)
        start = sum(run)
    assert found == runs_of(expected)


@given(filled(), st.data())
def test_union(made: tuple[Bits, set[int]], data: st.DataObject) -> None:
    bits, expected = made
    other = span(data.draw(ranges(bits.granules)))
    other |= span(data.draw(ranges(bits.granules)))
    source = bits_of(other, bits.granules)
    bits.union(source)
    check(bits, expected | other)
    check(source, other)


@given(filled())
def test_copy_is_equal_and_independent(made: tuple[Bits, set[int]]) -> None:
    bits, expected = made
    copy = bits.copy()
    assert copy == bits
    bits.set(0, bits.granules)
    check(copy, expected)
    assert (copy == bits) is (len(expected) == bits.granules)


@given(filled())
def test_pages_are_recomputable(made: tuple[Bits, set[int]]) -> None:
    bits, expected = made
    check(Bits(bits.granules, bits.words.copy()), expected)


@given(filled(), st.data())
def test_serialize(made: tuple[Bits, set[int]], data: st.DataObject) -> None:
    bits, expected = made
    first, count = data.draw(whole_words(bits.granules))
    content = words_of(expected, bits.granules)
    part = content[first // 8 : -(-(first + count) // 64) * 8]
    assert bits.serialize(first, count) == part
    view = bits.block(first, count)
    assert view.tobytes() == part
    assert not view.flags.writeable
    assert not count or np.shares_memory(view, bits.words)


@given(
    filled(),
    st.data(),
    st.integers(0, 40),
    st.sampled_from(["bytes", "bytearray", "view", "array", "shifted"]),
)
def test_deserialize(
    made: tuple[Bits, set[int]], data: st.DataObject, padding: int, kind: str
) -> None:
    bits, expected = made
    size = bits.granules
    first, count = data.draw(whole_words(size))
    words = -(-count // 64)
    draw_part = st.binary(min_size=words * 8, max_size=words * 8)
    part = data.draw(st.just(bytes(words * 8)) | draw_part)
    padded = part + bytes(padding)
    kinds: dict[str, Data] = {
        "bytes": padded,
        "bytearray": bytearray(padded),
        "view": memoryview(padded),
        "array": np.frombuffer(part, np.uint64),
        "shifted": memoryview(b"\xff" + padded)[1:],
    }
    bits.deserialize(first, count, kinds[kind])
    incoming = {
        first + bit for bit in range(count) if part[bit // 8] >> bit % 8 & 1
    }
    check(bits, (expected - span((first, count))) | incoming)


@given(filled())
def test_round_trip(made: tuple[Bits, set[int]]) -> None:
    bits, _ = made
    copy = Bits.create(bits.granules)
    copy.set(0, bits.granules)
    for first in range(0, bits.granules, 192):
        count = min(192, bits.granules - first)
        copy.deserialize(first, count, bits.serialize(first, count))
    assert copy == bits


@given(
    filled(),
    st.sampled_from([8, 16, 24, 128, 1016, 1024, 1032, 2048, 3072, 1 << 20]),
)
def test_nonzero_blocks(made: tuple[Bits, set[int]], step: int) -> None:
    bits, expected = made
    blocks = max(-(-bits.words.nbytes // step), 1)
    dirty = {granule // (step * 8) for granule in expected}
    found = bits.nonzero_blocks(step)
    assert found.dtype == np.bool_
    assert found.tolist() == [at in dirty for at in range(blocks)]


def test_nonzero_blocks_is_no_view() -> None:
    bits = Bits.create(10_000)
    bits.nonzero_blocks(1024)[0] = True
    assert not bits.any()


@given(filled())
def test_sha256(made: tuple[Bits, set[int]]) -> None:
    bits, expected = made
    content = words_of(expected, bits.granules)
    assert bits.sha256() == hashlib.sha256(content).hexdigest()


def test_the_count_is_true_after_an_incoming_chunk() -> None:
    # DOMAIN B04: the incoming bitmap's count stayed 0, a merge dropped it
    incoming, target = Bits.create(128), Bits.create(128)
    incoming.deserialize(0, 128, b"\x03" + bytes(15))
    assert (incoming.count(), incoming.any()) == (2, True)
    target.union(incoming)
    assert target.count() == 2


@pytest.mark.parametrize(
    "size, first, count",
    [
        (0, 0, 1),
        (0, 1, 0),
        (64, -1, 1),
        (64, 0, -1),
        (64, 64, 1),
        (64, 0, 65),
        (65, 60, 6),
        (64, 1 << 70, 1),
        (64, 0, 1 << 70),
    ],
)
def test_ranges_outside_are_refused(size: int, first: int, count: int) -> None:
    bits = Bits.create(size)
    before = bits.copy()
    for refused in (
        bits.set,
        bits.clear,
        bits.serialize,
        bits.block,
        lambda first, count: bits.deserialize(first, count, bytes(999)),
        lambda first, count: bits.next_run(first, first + count),
    ):
        with pytest.raises(BitmapError, match=f"the bitmap has {size}"):
            refused(first, count)
    assert bits == before


@pytest.mark.parametrize("granule", [-1, 65, 1 << 70])
def test_single_granules_outside_are_refused(granule: int) -> None:
    with pytest.raises(BitmapError):
        Bits.create(65).test(granule)


@pytest.mark.parametrize("granules", [[-1, 3], [3, 65]])
def test_sets_of_granules_outside_are_refused(granules: list[int]) -> None:
    bits = Bits.create(65)
    with pytest.raises(BitmapError):
        bits.set_each(np.array(granules))
    assert not bits.any()


@pytest.mark.parametrize(
    "first, count", [(1, 64), (0, 63), (64, 65), (32, 32)]
)
def test_parts_of_words_are_refused(first: int, count: int) -> None:
    bits = Bits.create(200)
    with pytest.raises(BitmapError, match="whole words"):
        bits.serialize(first, count)
    with pytest.raises(BitmapError, match="whole words"):
        bits.block(first, count)
    with pytest.raises(BitmapError, match="whole words"):
        bits.deserialize(first, count, bytes(999))


def test_too_little_data_is_refused() -> None:
    bits = bits_of({3, 70}, 100)
    with pytest.raises(BitmapError, match="15 bytes for 100 granules"):
        bits.deserialize(0, 100, bytes(15))
    assert set_of(bits) == {3, 70}


@pytest.mark.parametrize("step", [0, -8, 7, 12])
def test_blocks_of_parts_of_words_are_refused(step: int) -> None:
    with pytest.raises(BitmapError, match="multiple of 8"):
        Bits.create(64).nonzero_blocks(step)


def test_unions_of_other_sizes_are_refused() -> None:
    with pytest.raises(BitmapError, match="64 and 65 granules"):
        Bits.create(64).union(Bits.create(65))


@pytest.mark.parametrize("granules", [-1, 1 << 36])
def test_absurd_sizes_are_refused(granules: int) -> None:
    with pytest.raises(BitmapError, match="are possible"):
        Bits.create(granules)
