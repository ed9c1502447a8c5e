# SPDX-License-Identifier: GPL-2.0-or-later
"""Does the fold keep what came, drop what it must, and stay small?"""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference.errors import CorruptError
from reference.wire.bits import BitsRun
from reference.wire.chunks import Chunk, Complete, Start
from reference.wire.fold import Fold, FoldedBitmap
from reference.wire.stream import CommandKind
from reference.wire.writer import StreamWriter
from tests.reference.wire.captures import read

WORDS = 40
START = Start("n", "b", 512)
CLEAR = BitsRun("n", "b", 0, 256)
FULL = BitsRun("n", "b", 0, 256, b"\xff" * 32)
DONE = Complete("n", "b")


def stream_of(chunks: list[Chunk], running: bool = False) -> bytes:
    writer = StreamWriter()
    found = writer.header()
    if running:
        found += writer.command(CommandKind.POSTCOPY_RUN)
    found += writer.section_start("dirty-bitmap")
    return found + b"".join(map(writer.chunk, chunks))


def folded(
    chunks: list[Chunk], tail: bytes = b"", running: bool = False
) -> Fold:
    fold = Fold(limit=2**20)
    end = b"\1\x7e\0\0\0\0\0" + tail
    fold.add(read([stream_of(chunks, running) + end]))
    return fold


@given(
    st.lists(
        st.tuples(
            st.integers(0, WORDS - 1),
            st.sampled_from([1, 4, 8]),
            st.integers(1, 3),
            st.one_of(st.none(), st.binary(min_size=1, max_size=8)),
        ),
        max_size=9,
    )
)
def test_what_came_last_counts(
    sent: list[tuple[int, int, int, bytes | None]],
) -> None:
    """Against an array that everything is written into."""
    bitmap = FoldedBitmap("n", "b", 512, True, False)
    words = np.zeros((2 * WORDS, 8), np.uint8)
    end = 0
    for first, size, chunks, seed in sent:
        whole = size * chunks
        data = None
        if seed is not None:
            raw = (seed * 200)[: whole * 8]
            data = np.frombuffer(raw.ljust(whole * 8, b"\0"), np.uint8)
            words[first : first + whole] = data.reshape(-1, 8)
            data = data.reshape(chunks, -1)
        else:
            words[first : first + whole] = 0
        run = BitsRun("n", "b", first * 64, whole * 64, data, chunks)
        if size % 4 and seed is not None:
            # less padding than QEMU sends is taken, none is needed
            assert run.bytes_per_chunk == size * 8
        assert bitmap.add(run) == ""
        end = max(end, first + whole)
    bits = np.unpackbits(words.reshape(-1), bitorder="little")
    got = np.zeros_like(bits)
    for offset, length in bitmap.dirty():
        got[offset // 512 : (offset + length) // 512] = 1
    assert (bits == got).all()
    assert bitmap.covered_bytes == end * 64 * 512
    places = [first for first, _ in bitmap.parts]
    ends = [first + len(data) // 8 for first, data in bitmap.parts]
    assert all(a <= b for a, b in zip(ends, places[1:], strict=False))


def test_bits_behind_the_end_are_not_there() -> None:
    bitmap = FoldedBitmap("n", "b", 512, True, False)
    assert bitmap.add(BitsRun("n", "b", 0, 100, b"\xff" * 32)) == ""
    assert bitmap.dirty() == [(0, 100 * 512)]
    assert bitmap.disk_end == 100
    assert "after the disk" in bitmap.add(BitsRun("n", "b", 64, 64))


def test_an_end_before_what_came() -> None:
    bitmap = FoldedBitmap("n", "b", 512, True, False)
    assert bitmap.add(BitsRun("n", "b", 64, 64)) == ""
    assert "the disk ends" in bitmap.add(BitsRun("n", "b", 0, 10))


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (BitsRun("n", "b", 1, 64), "do not begin"),
        (BitsRun("n", "b", 0, 256, bytes(64)), "64 bytes of data"),
        (BitsRun("n", "other", 0, 256), "no such bitmap"),
        (BitsRun("m", "b", 0, 256), "no such bitmap"),
        (Complete("n", "other"), "no such bitmap"),
        (BitsRun("n", "b", 2**50, 2**32 - 1), "more than 1048576 bytes"),
    ],
)
def test_content_that_does_not_fit(wrong: Chunk, reason: str) -> None:
    """It drops what is not complete; the stream is read on."""
    kept: list[Chunk] = [Start("n", "k", 512), Complete("n", "k")]
    late: list[Chunk] = [Start("n", "late", 512), Complete("n", "late")]
    fold = folded([*kept, START, FULL, wrong, DONE, *late])
    assert fold.error is None
    assert fold.finished
    assert reason in fold.cancelled
    complete = {name: b.complete for (_, name), b in fold.bitmaps.items()}
    assert complete == {"k": True, "b": False, "late": False}
    dropped = {name: b.dropped for (_, name), b in fold.bitmaps.items()}
    assert dropped["k"] == ""
    assert reason in dropped["b"]
    assert reason in dropped["late"]


@pytest.mark.parametrize("late", [FULL, CLEAR, DONE])
def test_a_chunk_after_complete(late: Chunk) -> None:
    fold = folded([START, FULL, DONE, late])
    (bitmap,) = fold.bitmaps.values()
    assert not bitmap.complete
    assert "after COMPLETE" in bitmap.dropped


def test_a_second_start_breaks_the_stream() -> None:
    fold = folded([START, FULL, DONE, START])
    assert isinstance(fold.error, CorruptError)
    assert fold.error.offset == len(stream_of([START, FULL, DONE]))
    (bitmap,) = fold.bitmaps.values()
    assert not bitmap.complete
    assert "second START" in bitmap.dropped
    assert not fold.finished


@pytest.mark.parametrize("running", [True, False])
def test_a_broken_stream(running: bool) -> None:
    """What was complete is valid if the destination runs already."""
    other = Start("n", "c", 512)
    fold = folded([START, FULL, DONE, other], b"\x55", running)
    one, two = fold.bitmaps.values()
    assert fold.error is not None
    assert one.complete is running
    assert (one.dropped == "") is running
    assert not two.complete
    assert "broken stream" in two.dropped
    before = one.dirty()
    fold.add(read([stream_of([START, CLEAR])]))
    assert one.dirty() == before


def test_without_complete_nothing_is_valid() -> None:
    fold = folded([START, FULL])
    (bitmap,) = fold.bitmaps.values()
    assert fold.finished
    assert not bitmap.complete
    assert bitmap.dropped == ""


def test_a_hostile_stream_stays_small() -> None:
    """Ranges cost nothing: neither zeroes nor a word far away."""
    most = 2**32 - 64
    far: list[Chunk] = [
        BitsRun("n", "b", at * most, most) for at in range(300)
    ]
    words: list[Chunk] = [
        BitsRun("n", "b", at * 2**24, 64, b"\1" * 8) for at in range(300)
    ]
    stream = stream_of([START, *words, *far, *words, DONE])
    fold = Fold(limit=2**40)
    items = read([stream])
    tracemalloc.start()
    fold.add(items)
    (bitmap,) = fold.bitmaps.values()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert not fold.cancelled
    assert bitmap.covered_bytes == 300 * most * 512
    assert len(bitmap.parts) == 300
    assert len(bitmap.dirty()) == 300 * 8
    assert peak < 100 * len(stream)


def test_runs_join_over_parts_and_chunks() -> None:
    bitmap = FoldedBitmap("n", "b", 1024, True, False)
    for index in (2, 0, 1):
        run = BitsRun("n", "b", index * 512, 512, b"\xff" * 32)
        assert bitmap.add(run) == ""
    assert bitmap.dirty() == [(0, 3 * 512 * 512)]
