# SPDX-License-Identifier: GPL-2.0-or-later
"""Is every stream of the grammar read and written back, however it is cut?"""

from __future__ import annotations

import copy

from hypothesis import given
from hypothesis import strategies as st

from reference.wire.fold import Fold
from reference.wire.reader import StreamReader
from reference.wire.stream import Broken, DevicePayload, Item, PackageEnd
from reference.wire.writer import StreamWriter
from tests.reference.wire.captures import normal, pieces, read
from tests.reference.wire.streams import streams

cut_places = st.lists(st.integers(0, 20000), max_size=8)


@given(streams(), cut_places, st.sampled_from([0, 1, 7, 1050]))
def test_round_trip(stream: bytes, cuts: list[int], step: int) -> None:
    items = read([stream])
    assert not isinstance(items[-1], Broken), items[-1]
    assert items[-1].end == len(stream)
    writer = StreamWriter()
    again = b"".join(writer.item(item) for item in items)
    assert again == stream
    at = 0
    for item in items:
        assert item.offset == at <= item.end
        assert item.end > at or isinstance(item, PackageEnd)
        at = item.end
    if step:
        cuts = list(range(step, len(stream), step))
    assert normal(read(pieces(stream, cuts))) == normal(items)
    fold = Fold()
    fold.add(items)  # content that fits nothing must not raise


@given(streams(), st.integers(0, 20000), st.integers(1, 3000))
def test_a_copied_reader_goes_on_alike(
    stream: bytes, place: int, step: int
) -> None:
    place %= len(stream)
    reader = StreamReader()
    reader.receive(stream[:place])
    other = copy.deepcopy(reader)
    rest = [stream[at : at + step] for at in range(place, len(stream), step)]
    found: list[list[Item]] = [
        [item for part in rest for item in one.receive(part)] + one.close()
        for one in (reader, other)
    ]
    assert found[0] == found[1]
    assert reader == other


def test_an_unknown_section_that_looks_like_its_end() -> None:
    """A footer that nothing follows which begins an item is content."""
    writer = StreamWriter()
    raw = b"ab\x7e\0\0\0\0\x99cd\x7e\0\0\0\1\x7e\0\0\0"
    stream = writer.header() + writer.section_full("x", 0, 1, raw)
    stream += writer.footer() + writer.end_of_stream()
    for step in (1, 2, 3, len(stream)):
        items = normal(read(pieces(stream, list(range(0, 99, step)))))
        (payload,) = [i for i in items if isinstance(i, DevicePayload)]
        assert payload.raw == raw


def test_an_unknown_section_that_ends_a_package() -> None:
    """There the footer needs no look at what follows."""
    writer = StreamWriter()
    nested = writer.section_full("x", 0, 1, b"state") + writer.footer()
    stream = writer.header() + writer.package(nested)
    for step in (1, 2, len(stream)):
        reader = StreamReader()
        items = [
            item
            for at in range(0, len(stream), step)
            for item in reader.receive(stream[at : at + step])
        ]
        assert isinstance(items[-1], PackageEnd)
        assert not reader.kept


def test_an_unknown_section_is_not_kept() -> None:
    reader = StreamReader(limit=100)
    reader.receive(StreamWriter().header())
    reader.receive(StreamWriter().section_full("vga"))
    for _ in range(50):
        reader.receive(b"\x7e" * 5000)
        assert len(reader.kept) < 10
    assert not reader.broken
