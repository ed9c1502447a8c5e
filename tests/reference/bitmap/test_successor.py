# SPDX-License-Identifier: GPL-2.0-or-later
"""The successor's life, and what is refused meanwhile."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from attrs import evolve
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from reference.bitmap import DirtyBitmap
from reference.errors import BitmapError, BusyError, InconsistentError
from tests.reference.bitmap.oracle import check, set_of

DISK = 100 * 512 + 7
GRANULES = 101


def some() -> DirtyBitmap:
    bitmap = DirtyBitmap.create("b", DISK, 512, persistent=True)
    bitmap.record(0, 1)
    return bitmap


@pytest.mark.parametrize("recording", [True, False])
def test_create_successor(recording: bool) -> None:
    bitmap = some()
    bitmap.recording = recording
    bitmap.create_successor()
    child = bitmap.successor
    assert child is not None
    assert (child.name, child.recording, child.busy) == ("", recording, False)
    assert (child.disk_size, child.granularity) == (DISK, 512)
    assert not child.persistent
    assert not child.bits.any()
    assert (bitmap.recording, bitmap.busy) == (False, True)
    assert bitmap.records is recording


@pytest.mark.parametrize("recording", [True, False])
def test_reclaim(recording: bool) -> None:
    bitmap = some()
    bitmap.recording = recording
    bitmap.create_successor()
    bitmap.record(512, 1)
    assert set_of(bitmap.bits) == {0}
    bitmap.reclaim()
    assert set_of(bitmap.bits) == ({0, 1} if recording else {0})
    assert bitmap.recording is recording
    assert (bitmap.busy, bitmap.successor) == (False, None)


def test_reclaim_takes_what_became_of_the_child() -> None:
    # the destination: the parent never records, the child does with the VM
    bitmap = DirtyBitmap.create("b", DISK, 512, recording=False)
    bitmap.create_successor()
    child = bitmap.successor
    assert child is not None
    bitmap.record(0, 512)
    child.enable()
    bitmap.record(1024, 512)
    bitmap.reclaim()
    assert set_of(bitmap.bits) == {2}
    assert bitmap.recording


def test_abdicate() -> None:
    bitmap = some()
    bitmap.skip_store = True
    bitmap.create_successor()
    bitmap.record(DISK - 1, 1)
    heir = bitmap.abdicate()
    expected = DirtyBitmap.create("b", DISK, 512, persistent=True)
    expected.skip_store = True
    expected.record(DISK - 1, 1)
    assert heir == expected
    assert bitmap == DirtyBitmap(
        "",
        DISK,
        512,
        evolve(expected.bits, words=expected.bits.words * 0),
        recording=False,
    )


@pytest.mark.parametrize("name", ["reclaim", "abdicate"])
def test_nothing_to_reclaim(name: str) -> None:
    bitmap = some()
    bitmap.busy = True
    with pytest.raises(BitmapError, match="'b' has no successor"):
        getattr(bitmap, name)()
    assert bitmap.busy


REFUSED: dict[str, Callable[[DirtyBitmap], object]] = {
    "clear": DirtyBitmap.clear,
    "enable": DirtyBitmap.enable,
    "disable": DirtyBitmap.disable,
    "merge": lambda bitmap: bitmap.merge(some()),
    "be merged": lambda bitmap: some().merge(bitmap),
    "create_successor": DirtyBitmap.create_successor,
}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("recording", [True, False])
def test_refused(name: str, recording: bool) -> None:
    frozen = some()
    frozen.create_successor()
    held, lost = some(), some()
    held.busy = True
    lost.inconsistent = True
    cases: list[tuple[DirtyBitmap, type[BitmapError]]] = [
        (frozen, BusyError),
        (held, BusyError),
        (lost, InconsistentError),
    ]
    for bitmap, error in cases:
        bitmap.recording = recording
        before = evolve(bitmap, bits=bitmap.bits.copy())
        with pytest.raises(error, match="bitmap 'b' is") as caught:
            REFUSED[name](bitmap)
        assert "\n" not in str(caught.value)
        assert bitmap == before


class Lives(RuleBasedStateMachine):
    """A bitmap and its successor against two sets and some flags."""

    def __init__(self) -> None:
        super().__init__()
        self.bitmap = DirtyBitmap.create("b", DISK, 512)
        self.bits = set[int]()
        self.child: set[int] | None = None
        self.recording = True

    @rule(offset=st.integers(0, DISK - 1), length=st.integers(1, 2000))
    def write(self, offset: int, length: int) -> None:
        length = min(length, DISK - offset)
        self.bitmap.record(offset, length)
        touched = set(range(offset // 512, (offset + length - 1) // 512 + 1))
        if self.recording:
            (self.bits if self.child is None else self.child).update(touched)

    @rule(first=st.integers(0, GRANULES - 1))
    def mark(self, first: int) -> None:
        self.bitmap.mark(first, 1)
        self.bits.add(first)

    @rule()
    def freeze(self) -> None:
        if self.child is None:
            self.bitmap.create_successor()
            self.child = set()

    @rule()
    def reclaim(self) -> None:
        if self.child is not None:
            self.bitmap.reclaim()
            self.bits |= self.child
            self.child = None

    @rule()
    def abdicate(self) -> None:
        if self.child is not None:
            self.bitmap = self.bitmap.abdicate()
            self.bits, self.child = self.child, None

    @rule()
    def clear(self) -> None:
        if self.child is None:
            self.bitmap.clear()
            self.bits.clear()

    @rule(on=st.booleans())
    def switch(self, on: bool) -> None:
        target = self.bitmap.successor or self.bitmap
        if on:
            target.enable()
        else:
            target.disable()
        self.recording = on

    @rule(some=st.sets(st.integers(0, GRANULES - 1), max_size=5))
    def merge(self, some: set[int]) -> None:
        if self.child is None:
            other = DirtyBitmap.create("o", DISK, 512)
            for granule in some:
                other.mark(granule, 1)
            self.bitmap.merge(other)
            self.bits |= some

    @invariant()
    def agree(self) -> None:
        check(self.bitmap.bits, self.bits)
        assert self.bitmap.name == "b"
        assert self.bitmap.records is self.recording
        assert self.bitmap.busy is (self.child is not None)
        if self.child is None:
            assert self.bitmap.successor is None
        else:
            assert self.bitmap.successor is not None
            assert not self.bitmap.recording
            check(self.bitmap.successor.bits, self.child)


TestLives = Lives.TestCase
TestLives.settings = settings(max_examples=50, stateful_step_count=25)
