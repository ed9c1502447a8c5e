# SPDX-License-Identifier: GPL-2.0-or-later
"""Is a bitmap the same after it was cut into chunks and put together?"""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference.bitmap.bits import Bits
from reference.wire.bits import BitsRun, check_bits
from reference.wire.chunks import (
    BITS_HEADER,
    ZEROES_HEADER,
    ChunkEncoder,
    Complete,
    EndOfSection,
    Start,
    bits_rows,
)
from reference.wire.fold import Fold
from reference.wire.geometry import (
    chunk_bytes_for,
    chunk_count,
    granule_range,
    granules_of,
    sectors_of,
)
from reference.wire.stream import (
    Broken,
    ChunkItem,
    Command,
    CommandKind,
    SectionStart,
)
from reference.wire.writer import StreamWriter
from tests.reference.wire.captures import normal, pieces, read
from tests.reference.wire.plain_bits import PlainBits

granularities = st.integers(9, 31).map(lambda power: 2**power)


def stream_of(chunks: bytes, start: Start) -> bytes:
    writer = StreamWriter()
    return b"".join(
        [
            writer.header(),
            writer.section_start("dirty-bitmap"),
            writer.chunk(start),
            chunks,
            writer.chunk(Complete(start.node, start.bitmap)),
            writer.end_of_section(),
            writer.footer(),
            writer.end_of_stream(),
        ]
    )


@given(
    granularities,
    st.integers(1, 3000),
    st.integers(1, 2**31),
    st.sampled_from([8, 16, 24, 32, 64, 1024]),
    st.lists(st.tuples(st.integers(0, 3000), st.integers(1, 700)), max_size=4),
    st.lists(st.integers(0, 9000), max_size=4),
    st.booleans(),
)
def test_a_bitmap_goes_over_the_wire(
    granularity: int,
    granules: int,
    short: int,
    chunk_bytes: int,
    extents: list[tuple[int, int]],
    cuts: list[int],
    named: bool,
) -> None:
    disk = granules * granularity - (short % granularity)
    dirty = sorted(
        {
            granule
            for first, count in extents
            for granule in range(first, min(first + count, granules))
        }
    )
    bits = PlainBits.of(granules, dirty)
    encoder = ChunkEncoder() if named else ChunkEncoder("n", "b")
    count = chunk_count(disk, granularity, chunk_bytes)
    split = count // 3
    buffers = encoder.encode_bits(
        "n", "b", bits, granularity, disk, 0, split, chunk_bytes
    ) + encoder.encode_bits(
        "n", "b", bits, granularity, disk, split, count + 9, chunk_bytes
    )
    stream = stream_of(b"".join(buffers), Start("n", "b", granularity))
    items = read(pieces(stream, cuts))
    sent = [
        item.chunk
        for item in normal(items)
        if isinstance(item, ChunkItem) and isinstance(item.chunk, BitsRun)
    ]
    assert len(sent) == count
    assert sum(run.sectors for run in sent) == sectors_of(disk)
    for run in sent:
        assert run.data is None or (any(run.data) and len(run.data) % 32 == 0)
    fold = Fold()
    fold.add(items)
    (bitmap,) = fold.bitmaps.values()
    assert fold.error is None
    assert not fold.cancelled
    assert bitmap.complete
    assert bitmap.granules == granules_of(disk, granularity) == granules
    got = [
        granule
        for offset, length in bitmap.dirty()
        for granule in range(
            offset // granularity, -(-(offset + length) // granularity)
        )
    ]
    assert got == dirty
    writer = StreamWriter()
    again = [writer.item(item) for item in items]
    assert named or b"".join(again) == stream


def test_one_call_is_the_same_as_one_per_chunk() -> None:
    random = np.random.default_rng(3)
    data = random.integers(0, 256, 64 * 40, dtype=np.uint8).reshape(-1, 64)
    data[random.integers(0, 2, 40).astype(bool)] = 0
    bits = PlainBits(data.size * 8, data.reshape(-1))
    disk = bits.granules * 512 - 100
    one, many = ChunkEncoder(), ChunkEncoder()
    at_once = one.encode_bits("n", "b", bits, 512, disk, 0, 40, 64)
    singly = [
        buffer
        for index in range(40)
        for buffer in many.encode_bits("n", "b", bits, 512, disk, index, 1, 64)
    ]
    assert b"".join(at_once) == b"".join(singly)
    assert sum(map(len, at_once)) == len(b"".join(at_once))
    assert one.encode_bits("n", "b", bits, 512, disk, 40, 9, 64) == []


def test_names_are_left_out_when_they_are_known() -> None:
    encoder = ChunkEncoder()
    assert encoder.encode(Complete("n", "b")) == b"\x2c\1n\1b"
    assert encoder.encode(Complete("n", "b")) == b"\x20"
    assert encoder.encode(Complete("n", "c")) == b"\x24\1c"
    assert encoder.encode(EndOfSection()) == b"\1"
    assert encoder.encode(Complete("n", "c")) == b"\x20"
    assert encoder.encode(Complete("m", "c")) == b"\x2c\1m\1c"


def test_the_names_are_not_taken_when_encoding_fails() -> None:
    encoder = ChunkEncoder("n", "b")
    with pytest.raises(ValueError, match="a name of 0 bytes"):
        encoder.encode(Complete("", "c"))
    with pytest.raises(ValueError, match="sectors, 0 bytes"):
        encoder.encode(BitsRun("m", "c", 0, 2**32))
    with pytest.raises(ValueError, match="10272 bytes"):
        encoder.encode(BitsRun("m", "c", 0, 64, bytes(10272)))
    assert encoder == ChunkEncoder("n", "b")


@pytest.mark.parametrize("dense", [True, False])
def test_a_run_is_its_chunks(dense: bool) -> None:
    data = np.arange(5 * 32, dtype=np.uint8).reshape(5, 32)
    run = BitsRun("n", "b", 64, 5 * 256, data if dense else None, 5)
    assert run.sectors_per_chunk == 256
    whole = ChunkEncoder().encode(run)
    encoder = ChunkEncoder()
    assert b"".join(map(encoder.encode, run.split())) == whole
    assert [part.first_sector for part in run.split()] == [
        64 + 256 * index for index in range(5)
    ]
    assert run == BitsRun("n", "b", 64, 5 * 256, run.data, 5)
    assert run != BitsRun("n", "b", 64, 5 * 256, np.zeros((5, 32), "u1"), 5)
    assert run.words(512).shape == ((5, 32) if dense else (0, 0))
    assert run.words(2048).shape == ((5, 8) if dense else (0, 0))


def test_received_data_is_a_view_where_it_can_be() -> None:
    bits = PlainBits(64 * 1024, np.full(8 * 1024, 7, np.uint8))
    buffers = ChunkEncoder("n", "b").encode_bits(
        "n", "b", bits, 512, 64 * 1024 * 512, 0, 8
    )
    stream = stream_of(b"".join(buffers), Start("n", "b", 512))
    for given_data, shared in ((stream, True), (bytearray(stream), False)):
        runs = [
            item.chunk
            for item in read([given_data])
            if isinstance(item, ChunkItem) and isinstance(item.chunk, BitsRun)
        ]
        (run,) = runs
        assert run.chunks == 8
        memory = np.frombuffer(given_data, np.uint8)
        assert np.shares_memory(run.rows, memory) is shared
        assert not run.rows.flags.writeable


def test_large_granularity_goes_in_smaller_chunks() -> None:
    granularity = 2**31
    bits = PlainBits.of(2000, [0, 1999])
    disk = 2000 * granularity
    assert chunk_bytes_for(granularity) == 64
    buffers = ChunkEncoder("n", "b").encode_bits(
        "n", "b", bits, granularity, disk, 0, 99
    )
    stream = stream_of(b"".join(buffers), Start("n", "b", granularity))
    fold = Fold()
    fold.add(read([stream]))
    (bitmap,) = fold.bitmaps.values()
    assert bitmap.dirty() == [
        (0, granularity),
        (1999 * granularity, granularity),
    ]


def test_the_bitmap_of_the_other_room() -> None:
    """Blocks go out of one bitmap and rows of words into another."""
    disk = 100_000 * 512 - 700
    granules = granules_of(disk, 512)
    random = np.random.default_rng(5)
    one, two = Bits.create(granules), Bits.create(granules)
    one.set_each(random.integers(0, granules, 9000))
    one.clear(20_000, 30_000)
    for size in (8, 40, 64, 1024):
        encoder = ChunkEncoder()
        buffers = encoder.encode_bits("n", "b", one, 512, disk, 0, 99999, size)
        two.clear_all()
        start = Start("n", "b", 512)
        for item in read([stream_of(b"".join(buffers), start)]):
            run = item.chunk if isinstance(item, ChunkItem) else None
            if isinstance(run, BitsRun) and run.data is not None:
                assert check_bits(run, 512, disk) == ""
                place = granule_range(run.first_sector, run.sectors, 512)
                two.deserialize(*place, run.words(512))
        assert two.sha256() == one.sha256()
        assert two.count() == one.count()


@pytest.mark.parametrize("place", [1, 2, 64, 65, 66, 192, 193, 299])
@pytest.mark.parametrize(
    ("field", "dense"),
    [
        *product(("flags", "sector", "sectors"), (True, False)),
        # of zeroes no size is sent
        ("size", True),
    ],
)
def test_a_run_ends_where_a_chunk_differs(
    field: str, place: int, dense: bool
) -> None:
    """Long runs are compared in blocks; each place and field counts."""
    data = np.full((300, 32), 5, np.uint8) if dense else None
    rows = bits_rows(0, 256, 300, data)
    header = BITS_HEADER if dense else ZEROES_HEADER
    heads = rows[:, : header.itemsize].view(header)[:, 0]
    changes = {"flags": 0x20, "sector": 7, "sectors": 1, "size": 16}
    heads[field][place] = changes[field]
    stream = stream_of(rows.tobytes(), Start("n", "b", 512))
    whole = read([stream])
    runs = [item.chunk for item in whole if isinstance(item, ChunkItem)]
    assert isinstance(runs[1], BitsRun)
    assert runs[1].chunks == place
    whole = [item for item in normal(whole) if not isinstance(item, Broken)]
    single = [
        item
        for item in read(pieces(stream, list(range(len(stream)))))
        if not isinstance(item, Broken)
    ]
    assert single == whole


def test_a_postcopy_stream_by_hand() -> None:
    """As the least that a real destination takes."""
    writer = StreamWriter()
    stream = b"".join(
        [
            writer.header(),
            writer.configuration(),
            writer.command(CommandKind.OPEN_RETURN_PATH),
            writer.ping(7),
            writer.command(CommandKind.POSTCOPY_ADVISE),
            writer.section_start("dirty-bitmap"),
            writer.chunk(Start("n", "b", 512)),
            writer.end_of_section(),
            writer.footer(),
            writer.package(
                writer.command(CommandKind.POSTCOPY_LISTEN)
                + writer.section_full("timer", 0, 2, bytes(24))
                + writer.footer()
                + writer.command(CommandKind.POSTCOPY_RUN)
            ),
            writer.section_part("dirty-bitmap"),
            writer.chunk(BitsRun("n", "b", 0, 64)),
            writer.end_of_section(),
            writer.footer(),
            writer.section_end("dirty-bitmap"),
            writer.chunk(Complete("n", "b")),
            writer.end_of_section(),
            writer.footer(),
            writer.end_of_stream(),
        ]
    )
    assert stream.count(b"\1n\1b") == 1
    items = read([stream])
    fold = Fold()
    fold.add(items)
    assert fold.running
    assert [bitmap.complete for bitmap in fold.bitmaps.values()] == [True]
    pings = [item for item in items if isinstance(item, Command)]
    assert (pings[1].kind, pings[1].data) == (CommandKind.PING, b"\0\0\0\7")
    assert [item.packaged for item in pings] == [False] * 3 + [True] * 2
    ids = [item.id for item in items if isinstance(item, SectionStart)]
    assert ids == [0, 1]
