# SPDX-License-Identifier: GPL-2.0-or-later
"""Does a dirty bitmap know every byte that the guest has written?"""

from __future__ import annotations

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference.bitmap import Bits, DirtyBitmap
from reference.errors import BitmapError
from tests.reference.bitmap.oracle import bits_of, check, runs_of, set_of

GRANULARITIES = (512, 4096, 65536, 1 << 31)
#: nothing, a part of a granule, whole ones, one byte more
DISKS = (0, 1, 511, 512, 513, 65536 * 64, 65536 * 64 + 1, 10_000_001)


def granules_of(bitmap: DirtyBitmap, offset: int, length: int) -> set[int]:
    """Which granules do these bytes touch?  By the definition."""
    size = bitmap.granularity
    return {
        granule
        for granule in range(
            offset // size, min(offset // size + length // size + 2, 1 << 20)
        )
        if length
        and granule * size < offset + length
        and offset < (granule + 1) * size
    }


@st.composite
def writes(draw: st.DrawFn, size: int) -> tuple[int, int]:
    offset = draw(st.integers(0, size))
    length = st.integers(0, min(3000, size - offset))
    return offset, draw(length | st.integers(0, size - offset))


@given(st.sampled_from(DISKS), st.sampled_from(GRANULARITIES), st.data())
def test_record(disk: int, granularity: int, data: st.DataObject) -> None:
    bitmap = DirtyBitmap.create("b", disk, granularity)
    assert bitmap.granules == -(-disk // granularity)
    expected = set[int]()
    for offset, length in data.draw(st.lists(writes(disk), max_size=4)):
        bitmap.record(offset, length)
        expected |= granules_of(bitmap, offset, length)
    check(bitmap.bits, expected)
    assert bitmap.dirty_bytes() == len(expected) * granularity
    assert bitmap.dirty_ranges() == [
        (
            first * granularity,
            min((first + count) * granularity, disk) - first * granularity,
        )
        for first, count in runs_of(expected)
    ]


def test_dirty_ranges_on_the_largest_disk() -> None:
    bitmap = DirtyBitmap.create("b", (1 << 63) - 1, 1 << 31)
    bitmap.record((1 << 63) - 2, 1)
    last = (1 << 63) - (1 << 31)
    assert bitmap.dirty_ranges() == [(last, (1 << 31) - 1)]


def test_what_does_not_record_stays_as_it_is() -> None:
    bitmap = DirtyBitmap.create("b", 1 << 20, recording=False)
    bitmap.record(0, 1 << 20)
    assert not bitmap.bits.any()
    bitmap.enable()
    bitmap.record(0, 1)
    bitmap.disable()
    bitmap.record(65536, 1)
    assert set_of(bitmap.bits) == {0}


def test_a_busy_bitmap_goes_on_recording() -> None:
    bitmap = DirtyBitmap.create("b", 1 << 20)
    bitmap.busy = True
    bitmap.record(70_000, 1)
    assert set_of(bitmap.bits) == {1}


@pytest.mark.parametrize("recording", [True, False])
@pytest.mark.parametrize(
    "offset, length", [(-1, 1), (0, -1), (0, 1001), (1000, 1), (1 << 70, 0)]
)
def test_writes_beyond_the_disk_are_refused(
    offset: int, length: int, recording: bool
) -> None:
    bitmap = DirtyBitmap.create("b", 1000, recording=recording)
    with pytest.raises(BitmapError, match="the disk has 1000"):
        bitmap.record(offset, length)
    bitmap.record(1000, 0)
    assert not bitmap.bits.any()


@pytest.mark.parametrize("name", ["b", "x" * 255, "ä" * 127, "two words"])
def test_names(name: str) -> None:
    assert DirtyBitmap.create(name, 0).name == name


@pytest.mark.parametrize(
    "name, reason",
    [
        ("", "has 0 bytes"),
        ("x" * 256, "has 256 bytes; a migration carries 1 to 255"),
        ("ä" * 128, "has 256 bytes"),
        ("x" * 1023, "has 1023 bytes"),
        ("\ud800", "cannot be written as UTF-8"),
    ],
)
def test_bad_names(name: str, reason: str) -> None:
    with pytest.raises(BitmapError, match=reason) as caught:
        DirtyBitmap.create(name, 0)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    "granularity", [0, -512, 1, 256, 513, 65535, 3 << 16, 1 << 32]
)
def test_bad_granularities(granularity: int) -> None:
    with pytest.raises(BitmapError, match="a power of two from 512 to"):
        DirtyBitmap.create("b", 1 << 20, granularity)


@pytest.mark.parametrize("size", [-1, 1 << 63])
def test_bad_disks(size: int) -> None:
    with pytest.raises(BitmapError, match="a disk of"):
        DirtyBitmap.create("b", size, 1 << 31)


def test_absurdly_many_granules() -> None:
    with pytest.raises(BitmapError, match="granules"):
        DirtyBitmap.create("b", 1 << 62, 512)


def test_query() -> None:
    bitmap = DirtyBitmap.create("b0", 100_000, 4096, persistent=True)
    bitmap.record(99_999, 1)
    shown = {
        "name": "b0",
        "granularity": 4096,
        "count": 4096,
        "recording": True,
        "busy": False,
        "persistent": True,
        "inconsistent": False,
        "degraded": False,
    }
    assert bitmap.query() == shown
    bitmap.create_successor()
    bitmap.record(0, 100_000)
    assert bitmap.query() == {**shown, "busy": True}


def test_the_digest_that_qemu_shows() -> None:
    # seen with x-debug-block-dirty-bitmap-sha256 on QEMU 10.0
    bitmap = DirtyBitmap.create("b0", 64 << 20, 65536)
    for offset, length in [(0, 65536), (5242880, 131072), (67043328, 65536)]:
        bitmap.record(offset, length)
    assert bitmap.bits.sha256() == (
        "9d221930c285f49c14ddb857c76a806cab0e023ea646a241d9b5d6d8ab5e5490"
    )


def test_equal_states_are_equal() -> None:
    one, two = (DirtyBitmap.create("b", 1 << 30) for _ in range(2))
    assert one == two
    one.record(0, 1 << 30)
    assert one != two
    one.clear()
    assert one == two
    one.create_successor()
    assert one != two
    one.reclaim()
    assert one == two


def test_states_are_plain_data() -> None:
    bitmap = DirtyBitmap.create("b", 1 << 30)
    bitmap.attach_meta(64)
    bitmap.create_successor()
    seen = set[int]()

    def visit(value: object) -> None:
        if isinstance(value, (int, str, type(None))):
            return
        assert id(value) not in seen
        seen.add(id(value))
        if isinstance(value, np.ndarray):
            assert value.base is None
            return
        kind = type(value)
        assert attrs.has(kind)
        assert not hasattr(value, "__dict__")
        for field in attrs.fields(kind):
            visit(getattr(value, field.name))

    visit(bitmap)


@given(st.data())
def test_load_replaces_whatever_the_state(data: st.DataObject) -> None:
    bitmap = DirtyBitmap.create("b", 200 * 512, 512, recording=False)
    bitmap.mark(0, 200)
    bitmap.busy = True
    incoming = data.draw(st.sets(st.integers(64, 127)))
    chunk = bits_of(incoming, 200).serialize(64, 64)
    bitmap.load(64, 64, chunk)
    check(bitmap.bits, set(range(200)) - set(range(64, 128)) | incoming)


#: granularity of the target, of the other, size of the disk
merges = st.tuples(
    st.sampled_from([512, 1024, 4096, 16384, 1 << 16, 1 << 19, 1 << 31]),
    st.sampled_from([512, 1024, 4096, 16384, 1 << 16, 1 << 19, 1 << 31]),
    st.sampled_from([0, 1, 512, 100_000, 512 * 8192 * 2, 9_999_999]),
)


@given(merges, st.data())
def test_merge(made: tuple[int, int, int], data: st.DataObject) -> None:
    mine, others, disk = made
    target = DirtyBitmap.create("t", disk, mine)
    other = DirtyBitmap.create("o", disk, others)
    for offset, length in data.draw(st.lists(writes(disk), max_size=2)):
        target.record(offset, length)
    for offset, length in data.draw(st.lists(writes(disk), max_size=4)):
        other.record(offset, length)
    expected = set_of(target.bits)
    for offset, length in other.dirty_ranges():
        expected |= granules_of(target, offset, length)
    before = other.bits.copy()
    target.merge(other)
    check(target.bits, expected)
    assert other.bits == before


@pytest.mark.parametrize("mine, others", [(512, 1024), (16384, 512)])
def test_merge_noise(mine: int, others: int) -> None:
    disk = 512 * 8192 * 5 + 1
    target = DirtyBitmap.create("t", disk, mine)
    other = DirtyBitmap.create("o", disk, others)
    noise = np.random.default_rng(7).bytes(other.bits.words.nbytes)
    other.load(0, other.granules, noise)
    target.merge(other)
    expected = {
        granule
        for offset, length in other.dirty_ranges()
        for granule in range(offset // mine, -(-(offset + length) // mine))
    }
    assert set_of(target.bits) == expected


def test_merge_at_scale() -> None:
    disk = 1 << 44
    target = DirtyBitmap.create("t", disk, 1 << 16)
    for granularity in (1 << 14, 1 << 17, 1 << 23, 1 << 31):
        other = DirtyBitmap.create("o", disk, granularity)
        other.record(disk - 1, 1)
        target.merge(other)
    assert target.bits.runs().tolist() == [[(1 << 28) - (1 << 15), 1 << 15]]


def test_merge_with_itself() -> None:
    bitmap = DirtyBitmap.create("b", 1 << 20)
    bitmap.record(0, 1)
    bitmap.merge(bitmap)
    assert set_of(bitmap.bits) == {0}


def test_merge_of_other_disks_is_refused() -> None:
    target = DirtyBitmap.create("t", 1000)
    other = DirtyBitmap.create("o", 1001)
    other.record(0, 1)
    with pytest.raises(BitmapError, match="'o' is of a disk of 1001 bytes"):
        target.merge(other)
    assert target.bits == Bits.create(1)
