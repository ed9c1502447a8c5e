# SPDX-License-Identifier: GPL-2.0-or-later
"""Can any bytes at all make the reader raise, or a lost bitmap look valid?

Captured streams are changed: bits flipped, bytes put in, taken out, pieces
of two streams joined, the end cut off.
"""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference.errors import StreamError
from reference.wire.chunks import Complete, EndOfSection
from reference.wire.fold import Fold
from reference.wire.reader import StreamReader
from reference.wire.stream import Broken, ChunkItem, Item
from reference.wire.writer import StreamWriter
from tests.reference.wire.captures import CAPTURES, Capture, pieces

#: the ram parts that QEMU sends while it waits are many and all alike
INTERESTING = [
    *range(140),
    *range(1990, 2400),
]
Edit = tuple[str, int, bytes]
edits = st.lists(
    st.tuples(
        st.sampled_from(["flip", "insert", "delete", "cut", "splice"]),
        st.one_of(st.sampled_from(INTERESTING), st.integers(0, 7000)),
        st.one_of(
            st.binary(min_size=1, max_size=9),
            st.sampled_from([b"\xff" * 8, bytes(8), b"\x20", b"\x10", b"\1"]),
        ),
    ),
    min_size=1,
    max_size=3,
)


def mutate(data: bytes, changes: list[Edit]) -> bytes:
    for kind, place, raw in changes:
        at = place % (len(data) + 1)
        match kind:
            case "flip":
                data = data[:at] + raw + data[at + len(raw) :]
            case "insert":
                data = data[:at] + raw + data[at:]
            case "delete":
                data = data[:at] + data[at + raw[0] :]
            case "cut":
                data = data[:at]
            case "splice":
                other = CAPTURES[raw[0] % len(CAPTURES)].forward
                data = data[:at] + other[(place * len(raw)) % len(other) :]
    return data


def examine(data: bytes, cuts: list[int], limit: int) -> None:
    """Reads bytes of any kind and checks what must hold of all."""
    reader, fold = StreamReader(limit=limit), Fold(limit=2**20)
    items: list[Item] = []
    for fragment in pieces(data, cuts):
        items += reader.receive(fragment)
        assert len(reader.kept) <= limit
    items += reader.close()
    fold.add(items)
    at = 0
    for item in items:
        assert item.offset == at <= item.end <= len(data)
        at = item.end
    broken = [item for item in items if isinstance(item, Broken)]
    assert broken in ([], items[-1:])
    assert reader.broken == bool(broken)
    assert reader.finished != bool(broken)
    for one in broken:
        assert isinstance(one.error, StreamError)
        assert one.error.offset == one.offset
    said = {
        (item.chunk.node, item.chunk.bitmap)
        for item in items
        if isinstance(item, ChunkItem) and isinstance(item.chunk, Complete)
    }
    for key, bitmap in fold.bitmaps.items():
        assert not (bitmap.complete and bitmap.dropped)
        assert not bitmap.complete or key in said
        if fold.error is not None:
            assert bitmap.complete or bitmap.dropped
            assert not bitmap.complete or fold.running
        if bitmap.covered_bytes < 2**40:
            assert all(length > 0 for _, length in bitmap.dirty())
    writer = StreamWriter()
    for item in items[: len(items) - len(broken)]:
        again = writer.item(item)
        source = data[item.offset : item.end]
        # QEMU never repeats a name and never joins EOS with a chunk
        odd = isinstance(item, ChunkItem | EndOfSection)
        if not odd or again[:1] == source[:1]:
            assert again == source


@given(
    st.sampled_from(CAPTURES),
    edits,
    st.lists(st.integers(0, 7000), max_size=3),
    st.sampled_from([40, 1100, 2**20]),
)
def test_mutated(
    capture: Capture, changes: list[Edit], cuts: list[int], limit: int
) -> None:
    examine(mutate(capture.forward, changes), cuts, limit)


@given(st.binary(max_size=300), st.booleans())
def test_any_bytes(raw: bytes, inside: bool) -> None:
    writer = StreamWriter()
    head = writer.header()
    if inside:
        head += writer.section_start("dirty-bitmap") + b"\x1c\1n\1b\0\0\2\0\1"
    examine(head + raw, [3, 20, 40], 2**20)


@pytest.mark.slow
def test_mutated_for_long() -> None:
    chance = random.Random(20261122)
    kinds = ["flip", "insert", "delete", "cut", "splice"]
    for _ in range(40_000):
        capture = chance.choice(CAPTURES)
        changes: list[Edit] = [
            (
                chance.choice(kinds[: 2 + chance.randrange(4)]),
                chance.choice([*INTERESTING, chance.randrange(7000)]),
                chance.randbytes(chance.randint(1, 9)),
            )
            for _ in range(chance.randint(1, 3))
        ]
        cuts = [chance.randrange(7000) for _ in range(chance.randrange(4))]
        limit = chance.choice([40, 1100, 2**20])
        examine(mutate(capture.forward, changes), cuts, limit)
