# SPDX-License-Identifier: GPL-2.0-or-later
"""Do granules, sectors, words and bytes fit together?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference.wire.bits import BitsRun, check_bits
from reference.wire.geometry import (
    MAX_SECTORS,
    chunk_bytes_for,
    chunk_count,
    chunk_granules,
    granule_range,
    granules_of,
    granules_per_chunk,
    padded_bytes,
    sector_range,
    sectors_of,
    valid_granularity,
    word_bytes,
)

granularities = st.integers(9, 31).map(lambda power: 2**power)
chunk_sizes = st.integers(1, 1280).map(lambda words: words * 8)


@given(granularities, chunk_sizes, st.integers(1, 2**50))
def test_the_chunks_are_the_disk(
    granularity: int, chunk_bytes: int, disk_size: int
) -> None:
    count = chunk_count(disk_size, granularity, chunk_bytes)
    assert count > 0
    at = 0
    for index in sorted({0, 1, count // 2, count - 1}):
        if index >= count:
            continue
        first, granules = chunk_granules(
            index, disk_size, granularity, chunk_bytes
        )
        assert first == index * granules_per_chunk(granularity, chunk_bytes)
        assert granules > 0
        sector, sectors = sector_range(first, granules, granularity, disk_size)
        assert 0 < sectors <= MAX_SECTORS
        assert granule_range(sector, sectors, granularity) == (first, granules)
        at = sector + sectors
        data = bytes(padded_bytes(granules))
        run = BitsRun("n", "b", sector, sectors, data)
        assert check_bits(run, granularity, disk_size) == ""
        short = BitsRun(
            "n", "b", sector, sectors, data[: word_bytes(granules)]
        )
        assert check_bits(short, granularity, disk_size) == ""
        assert (
            check_bits(BitsRun("n", "b", sector, sectors), granularity) == ""
        )
    assert at == sectors_of(disk_size)
    assert first + granules == granules_of(disk_size, granularity)


def test_sizes() -> None:
    assert [word_bytes(n) for n in (0, 1, 64, 65)] == [0, 8, 8, 16]
    assert [padded_bytes(n) for n in (1, 256, 257, 8192)] == [32, 32, 64, 1024]


def test_sectors_must_fit_32_bits() -> None:
    mebibyte = 1024 * 1024
    assert chunk_bytes_for(128 * mebibyte) == 1024
    assert chunk_bytes_for(256 * mebibyte) == 512
    assert chunk_bytes_for(2048 * mebibyte) == 64
    assert chunk_bytes_for(2048 * mebibyte, 8) == 8
    for granularity in (128, 256, 512, 1024, 2048):
        chunk = chunk_bytes_for(granularity * mebibyte)
        assert chunk * 8 * granularity * 2048 <= MAX_SECTORS


@pytest.mark.parametrize("size", [0, -8, 7, 12, 10248])
def test_chunks_of_odd_sizes(size: int) -> None:
    with pytest.raises(ValueError, match="expected a multiple of 8"):
        chunk_bytes_for(512, size)


def test_granularities() -> None:
    good = {2**power for power in range(9, 32)}
    around = {0, -512, 256, 2**32} | {g + 1 for g in good} | {3 * 512}
    assert all(valid_granularity(number) for number in good)
    assert not any(valid_granularity(number) for number in around)


RUN = BitsRun("n", "b", 0, 8192, bytes(1024))
DISK = 8192 * 512


@pytest.mark.parametrize(
    ("run", "reason"),
    [
        (BitsRun("n", "b", 0, 0, b""), "no sectors"),
        (BitsRun("n", "b", 64, 8192, bytes(1024)), "after the disk"),
        (BitsRun("n", "b", 2**64 - 1, 2**32 - 1), "after the disk"),
        (BitsRun("n", "b", 32, 64, bytes(32)), "do not begin"),
        (BitsRun("n", "b", 0, 100, bytes(32)), "no multiple of 64"),
        (BitsRun("n", "b", 0, 8192, bytes(1016)), "1016 bytes of data"),
        (BitsRun("n", "b", 0, 8192, bytes(1056)), "1056 bytes of data"),
        (BitsRun("n", "b", 0, 8192, b""), "0 bytes of data"),
        (BitsRun("n", "b", 0, 192, bytes(96), 2), "no multiple of 64"),
        (BitsRun("n", "b", 0, 193, bytes(96), 2), "not 2 equal chunks"),
    ],
)
def test_what_does_not_fit(run: BitsRun, reason: str) -> None:
    assert check_bits(RUN, 512, DISK) == ""
    assert reason in check_bits(run, 512, DISK)


def test_without_a_disk_the_run_may_be_the_last() -> None:
    assert check_bits(BitsRun("n", "b", 0, 100, bytes(32)), 512) == ""
    assert check_bits(BitsRun("n", "b", 0, 100, bytes(32), 1), 512) == ""
    assert "1024" in check_bits(BitsRun("n", "b", 0, 100, bytes(1024)), 512)
