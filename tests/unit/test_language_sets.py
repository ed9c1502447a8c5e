# SPDX-License-Identifier: GPL-2.0-or-later
"""Do sets, contents, cursors and chunk names mean what Python's sets mean?

Each question is asked on disks of several shapes, and the answer is computed
a second time with Python's own sets of numbers.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.language import (
    NO,
    Concrete,
    Disk,
    Flag,
    chunk_alone,
    every_chunk,
    every_granule,
    single,
)
from model.language.types import CursorType, NameType
from tests.unit.meaning import after, builder, members, vector, worth

SHAPES = ((1, 1), (1, 3), (2, 1), (2, 2), (3, 2), (4, 1), (5, 3))
Shape = tuple[int, int]


def disk_of(shape: Shape) -> Disk:
    return Disk("disk", Concrete(*shape))


@st.composite
def two_sets(draw: st.DrawFn) -> tuple[Shape, int, int]:
    """A shape, and two sets of its granules as bit vectors."""
    shape = draw(st.sampled_from(SHAPES))
    size = 1 << shape[0] * shape[1]
    code = st.integers(0, size - 1)
    return shape, draw(code), draw(code)


@st.composite
def two_chunk_sets(draw: st.DrawFn) -> tuple[Shape, int, int]:
    """A shape, and two sets of its chunks as bit vectors."""
    shape = draw(st.sampled_from(SHAPES))
    code = st.integers(0, (1 << shape[0]) - 1)
    return shape, draw(code), draw(code)


@given(two_sets())
def test_granule_sets_combine_as_sets(drawn: tuple[Shape, int, int]) -> None:
    shape, a, b = drawn
    build, disk = builder(), disk_of(shape)
    left, right = build.granules("left", disk), build.granules("right", disk)
    state = {"left": a, "right": b}
    x, y = members(a), members(b)
    assert members(worth(left | right, **state)) == x | y
    assert members(worth(left & right, **state)) == x & y
    assert members(worth(left - right, **state)) == x - y
    assert worth(left <= right, **state) == (x <= y)
    assert worth(left.is_empty(), **state) == (not x)
    for granule in disk.domain.granules:
        inside = granule.index in x
        assert worth(left.contains(granule), **state) == inside


@given(two_chunk_sets())
def test_chunk_sets_combine_as_sets(drawn: tuple[Shape, int, int]) -> None:
    shape, a, b = drawn
    build, disk = builder(), disk_of(shape)
    left, right = build.chunk_set("left", disk), build.chunk_set("right", disk)
    state = {"left": a, "right": b}
    x, y = members(a), members(b)
    assert members(worth(left | right, **state)) == x | y
    assert members(worth(left & right, **state)) == x & y
    assert members(worth(left - right, **state)) == x - y
    assert worth(left <= right, **state) == (x <= y)
    assert worth(left.is_empty(), **state) == (not x)
    for limit in range(shape[0] + 2):
        assert worth(left.at_most(limit), **state) == (len(x) <= limit)
    for chunk in disk.domain.chunks:
        assert worth(left.contains(chunk), **state) == (chunk.index in x)


@given(two_sets())
def test_contents_are_the_part_in_one_chunk(
    drawn: tuple[Shape, int, int],
) -> None:
    shape, a, b = drawn
    build, disk = builder(), disk_of(shape)
    left, right = build.granules("left", disk), build.granules("right", disk)
    state = {"left": a, "right": b}
    for chunk in disk.domain.chunks:
        first = shape[1] * chunk.index
        inside = set(range(first, first + shape[1]))
        part = right.contents(chunk)
        shifted = members(worth(part, **state))
        assert {i + first for i in shifted} == members(b) & inside
        merged = left.with_contents(chunk, part)
        expected = (members(a) - inside) | (members(b) & inside)
        assert members(worth(merged, **state)) == expected
        both = left.contents(chunk) | part
        merged = left.with_contents(chunk, both)
        expected = members(a) | (members(b) & inside)
        assert members(worth(merged, **state)) == expected


@given(two_sets())
def test_chunks_of_a_set_are_those_with_a_member(
    drawn: tuple[Shape, int, int],
) -> None:
    shape, a, _ = drawn
    found = builder().granules("found", disk_of(shape))
    expected = {i // shape[1] for i in members(a)}
    assert members(worth(found.chunks(), found=a)) == expected


@given(two_sets(), st.booleans())
def test_only_if_is_the_set_or_nothing(
    drawn: tuple[Shape, int, int], condition: bool
) -> None:
    shape, a, _ = drawn
    build, disk = builder(), disk_of(shape)
    left, wanted = build.granules("left", disk), build.flag("wanted")
    state = {"left": a, "wanted": int(condition)}
    assert worth(left.only_if(wanted), **state) == (a if condition else 0)
    part = left.contents(disk.domain.chunks[0])
    assert worth(part.only_if(wanted), **state) == (
        worth(part, **state) if condition else 0
    )


@pytest.mark.parametrize("shape", SHAPES)
def test_the_sets_that_need_no_field(shape: Shape) -> None:
    disk = disk_of(shape)
    size = shape[0] * shape[1]
    assert members(worth(every_granule(disk))) == set(range(size))
    assert members(worth(every_chunk(disk))) == set(range(shape[0]))
    for granule in disk.domain.granules:
        assert members(worth(single(disk, granule))) == {granule.index}
        assert granule.chunk.index == granule.index // shape[1]
    for chunk in disk.domain.chunks:
        assert members(worth(chunk_alone(disk, chunk))) == {chunk.index}
    assert len(disk.domain.granules) == size
    assert len(disk.domain.chunks) == shape[0]


@pytest.mark.parametrize("shape", SHAPES)
def test_a_cursor_stands_at_one_chunk_or_at_the_end(shape: Shape) -> None:
    disk = disk_of(shape)
    cursor = builder().cursor("cursor", disk)
    for code in range(shape[0] + 1):
        state = {"cursor": code}
        stands = [
            chunk.index
            for chunk in disk.domain.chunks
            if worth(cursor.at(chunk), **state)
        ]
        assert stands == ([code] if code < shape[0] else [])
        assert worth(cursor.at_end(), **state) == (code == shape[0])
    for chunk in disk.domain.chunks:
        moved = after({"cursor": 0}, cursor.becomes(cursor.past(chunk)))
        assert moved == {"cursor": chunk.index + 1}
    assert after({"cursor": shape[0]}, cursor.becomes(0)) == {"cursor": 0}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_name_names_one_chunk(shape: Shape) -> None:
    disk = disk_of(shape)
    name = builder().chunk_name("name", disk)
    for chunk in disk.domain.chunks:
        stored = after({"name": 0}, name.becomes(chunk))
        for other in disk.domain.chunks:
            assert worth(name.is_(other), **stored) == (other == chunk)


@pytest.mark.parametrize("shape", SHAPES)
def test_cursors_and_names_use_no_other_codes(shape: Shape) -> None:
    disk = disk_of(shape)
    build = builder()
    for kind, value, codes in (
        (CursorType(disk), build.cursor("cursor", disk), shape[0] + 1),
        (NameType(disk), build.chunk_name("name", disk), shape[0] + 1),
    ):
        valid = Flag(NO.type, kind.is_valid(value.expression), "valid")
        for code in range(1 << kind.width):
            told = worth(valid, **{value.text: code})
            assert told == (code < codes)


@given(two_sets())
def test_a_set_is_stored_whole(drawn: tuple[Shape, int, int]) -> None:
    shape, a, b = drawn
    build, disk = builder(), disk_of(shape)
    left, right = build.granules("left", disk), build.granules("right", disk)
    state = {"left": a, "right": b}
    assert after(state, left.becomes(left | right))["left"] == a | b
    assert after(state, left.becomes(frozenset()))["left"] == 0
    assert after(state, left.becomes(right), right.becomes(left)) == {
        "left": b,
        "right": a,
    }


def test_people_read_sets_and_positions() -> None:
    disk = disk_of((2, 2))
    build = builder()
    bits, cursor = build.granules("bits", disk), build.cursor("cursor", disk)
    meta, part = build.chunk_set("meta", disk), build.contents("part", disk)
    assert bits.type.show(vector(frozenset({0, 3}))) == "{0,3}"
    assert bits.type.show(0) == "{}"
    assert meta.type.show(2) == "{1}"
    assert part.type.show(2) == "{1}"
    shown = [cursor.type.show(code) for code in range(3)]
    assert shown == ["chunk 0", "chunk 1", "end"]
