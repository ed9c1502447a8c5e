# SPDX-License-Identifier: GPL-2.0-or-later
"""Does the meta bitmap see each change, and what is merged?"""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
)

from reference.bitmap import Bits, DirtyBitmap, MetaBitmap
from reference.errors import BitmapError
from tests.reference.bitmap.oracle import (
    bits_of,
    check,
    ranges,
    runs_of,
    set_of,
    whole_words,
)

SIZES = (1, 64, 65, 1000, 20_000)


class Changes(RuleBasedStateMachine):
    """Every path that changes bits, against the difference of two sets."""

    @initialize(
        size=st.sampled_from(SIZES),
        chunk=st.sampled_from([64, 192, 8192, 1 << 20]),
    )
    def begin(self, size: int, chunk: int) -> None:
        self.size, self.chunk = size, chunk
        self.bitmap = DirtyBitmap.create("b", size * 512, 512)
        self.meta = self.bitmap.attach_meta(chunk)
        self.before = set[int]()
        self.expected = set[int]()

    def changed(self) -> None:
        """Expect the chunks of all granules that are not as they were."""
        now = set_of(self.bitmap.bits)
        self.expected |= {bit // self.chunk for bit in now ^ self.before}
        self.before = now

    def touched(self, bits: Bits) -> None:
        """Expect the chunks of all granules that are set in these."""
        self.expected |= {bit // self.chunk for bit in set_of(bits)}

    @rule(data=st.data())
    def record(self, data: st.DataObject) -> None:
        first, count = data.draw(ranges(self.size))
        self.bitmap.record(first * 512, count * 512)
        self.changed()

    @rule(data=st.data())
    def mark(self, data: st.DataObject) -> None:
        self.bitmap.mark(*data.draw(ranges(self.size)))
        self.changed()

    @rule()
    def clear(self) -> None:
        if not self.bitmap.busy:
            self.bitmap.clear()
            self.changed()

    @rule(data=st.data(), factor=st.sampled_from([1, 2, 64]))
    def merge(self, data: st.DataObject, factor: int) -> None:
        if not self.bitmap.busy:
            other = DirtyBitmap.create("o", self.size * 512, 512 * factor)
            first, count = data.draw(ranges(other.granules))
            other.mark(first, count)
            self.bitmap.merge(other)
            last = min((first + count) * factor, self.size)
            come = range(first * factor, last)
            self.expected |= {bit // self.chunk for bit in come}
            self.changed()

    @rule(data=st.data(), full=st.booleans())
    def load(self, data: st.DataObject, full: bool) -> None:
        first, count = data.draw(whole_words(self.size))
        content = set(range(self.size)) if full else set[int]()
        start, some = data.draw(ranges(self.size))
        content ^= set(range(start, start + some))
        chunk = bits_of(content, self.size).serialize(first, count)
        self.bitmap.load(first, count, chunk)
        self.changed()

    @rule()
    def freeze(self) -> None:
        if not self.bitmap.busy:
            self.bitmap.create_successor()
            self.changed()

    @rule()
    def reclaim(self) -> None:
        if self.bitmap.successor is not None:
            self.touched(self.bitmap.successor.bits)
            self.bitmap.reclaim()
            self.changed()

    @rule()
    def abdicate(self) -> None:
        if self.bitmap.successor is not None:
            self.touched(self.bitmap.successor.bits)
            self.touched(self.bitmap.bits)
            self.bitmap = self.bitmap.abdicate()
            self.changed()

    @rule(data=st.data())
    def take(self, data: st.DataObject) -> None:
        chunk = data.draw(st.integers(0, self.meta.chunks - 1))
        self.meta.take(chunk)
        self.expected.discard(chunk)

    @rule()
    def take_all(self) -> None:
        for chunk in self.meta.dirty_chunks():
            self.meta.take(chunk)
        self.expected.clear()

    @invariant()
    def agree(self) -> None:
        assert self.bitmap.meta is self.meta
        check(self.meta.bits, self.expected)
        assert self.meta.dirty_chunks() == sorted(self.expected)
        assert self.meta.count() == len(self.expected)
        assert self.meta.next_chunk() == min(self.expected, default=None)


TestChanges = Changes.TestCase
TestChanges.settings = settings(max_examples=50, stateful_step_count=20)


def with_meta() -> tuple[DirtyBitmap, MetaBitmap]:
    """Four chunks of 64 granules; the last is short, the second dirty."""
    bitmap = DirtyBitmap.create("b", 200 * 512, 512)
    bitmap.mark(64, 64)
    return bitmap, bitmap.attach_meta(64)


def test_a_new_meta_bitmap_is_empty() -> None:
    bitmap, meta = with_meta()
    assert (meta.chunks, meta.dirty_chunks()) == (4, [])
    bitmap.mark(0, 1)
    assert bitmap.attach_meta(64).count() == 0


def test_what_is_set_already_is_no_change() -> None:
    bitmap, meta = with_meta()
    bitmap.record(64 * 512, 64 * 512)
    bitmap.mark(70, 0)
    assert meta.dirty_chunks() == []
    bitmap.mark(100, 30)
    assert meta.dirty_chunks() == [2]


def test_the_historical_holes() -> None:
    bitmap, meta = with_meta()
    # a chunk that clears a part of a word
    bitmap.load(64, 64, b"\xff" * 7 + b"\xfe")
    assert meta.dirty_chunks() == [1]
    meta.take(1)
    # a merge
    other = DirtyBitmap.create("o", 200 * 512, 512)
    other.mark(199, 1)
    bitmap.merge(other)
    assert meta.dirty_chunks() == [3]
    meta.take(3)
    # a reset
    bitmap.clear()
    assert meta.dirty_chunks() == [1, 3]


def test_the_bits_of_the_successor_count_when_they_are_reclaimed() -> None:
    bitmap, meta = with_meta()
    bitmap.create_successor()
    bitmap.record(0, 1)
    assert meta.count() == 0
    bitmap.reclaim()
    assert meta.dirty_chunks() == [0]


def test_abdication_changes_what_the_name_stands_for() -> None:
    bitmap, meta = with_meta()
    bitmap.create_successor()
    bitmap.record(0, 1)
    heir = bitmap.abdicate()
    assert heir.meta is meta
    assert bitmap.meta is None
    assert meta.dirty_chunks() == [0, 1]


def test_drop() -> None:
    bitmap, meta = with_meta()
    bitmap.drop_meta()
    bitmap.mark(0, 200)
    assert bitmap.meta is None
    assert meta.count() == 0


def test_what_is_merged_is_sent_again_although_it_was_there() -> None:
    bitmap, meta = with_meta()
    other = DirtyBitmap.create("o", 200 * 512, 512)
    other.mark(64, 64)
    bitmap.merge(other)
    assert meta.dirty_chunks() == [1]
    meta.take(1)
    bitmap.create_successor()
    bitmap.record(64 * 512, 512)
    heir = bitmap.abdicate()
    assert heir.meta is not None
    assert heir.meta.dirty_chunks() == [1]


def test_what_is_refused_is_no_change() -> None:
    bitmap, meta = with_meta()
    for first, count in ((199, 2), (-1, 2), (0, 201)):
        with pytest.raises(BitmapError):
            bitmap.mark(first, count)
    for count, size in ((64, 7), (65, 16)):
        with pytest.raises(BitmapError):
            bitmap.load(0, count, bytes(size))
    assert meta.count() == 0


@pytest.mark.parametrize("chunk", [0, -64, 1, 100])
def test_chunks_of_parts_of_words_are_refused(chunk: int) -> None:
    bitmap, meta = with_meta()
    with pytest.raises(BitmapError, match="multiple of 64"):
        bitmap.attach_meta(chunk)
    assert bitmap.meta is meta


@pytest.mark.parametrize("chunk", [-1, 4])
def test_other_chunks_are_refused(chunk: int) -> None:
    _, meta = with_meta()
    with pytest.raises(BitmapError):
        meta.take(chunk)


def test_many_chunks_at_once() -> None:
    bitmap = DirtyBitmap.create("b", 1 << 40, 65536)
    meta = bitmap.attach_meta(8192)
    bitmap.mark(8191, 8192 * 1000)
    assert runs_of(meta.dirty_chunks()) == [(0, 1001)]
    assert meta.chunks == 2048
