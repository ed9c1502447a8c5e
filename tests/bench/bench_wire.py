# SPDX-License-Identifier: GPL-2.0-or-later
"""How fast are chunks encoded and decoded, against copying the bitmap?

    python -m tests.bench.bench_wire [--rounds N] [--mib M]

The bitmap has 2**28 granules (32 MiB): dense (random), empty, one chunk in a
hundred dirty, and every second chunk dirty (the worst for runs).  Each round
measures everything once, so that what else the machine does meets all alike.
Prints the median time, and the ratio of the time of a copy (``bytes`` of the
bitmap in the same round) to it: 1.00 is as fast as copying, more is faster.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial
from statistics import median

import numpy as np

from reference.wire.chunks import ChunkEncoder, Start
from reference.wire.fold import Fold
from reference.wire.reader import StreamReader
from reference.wire.writer import StreamWriter
from tests.reference.wire.plain_bits import PlainBits

GRANULARITY = 65536
CHUNK = 1024
MIB = 1024 * 1024
FRAGMENTS = {"64 KiB": 64 * 1024, "1 MiB": MIB, "whole": 2**62}


def bitmaps(size: int) -> dict[str, PlainBits]:
    random = np.random.default_rng(1)
    dense = random.integers(0, 256, size, dtype=np.uint8)
    found = {"dense": dense, "empty": np.zeros(size, np.uint8)}
    for name, step in (("1 in 100", 100), ("every 2nd", 2)):
        some = np.zeros(size, np.uint8)
        some.reshape(-1, CHUNK)[::step] = dense.reshape(-1, CHUNK)[::step]
        found[name] = some
    return {name: PlainBits(size * 8, data) for name, data in found.items()}


def encode(bits: PlainBits) -> list[bytes | memoryview]:
    encoder = ChunkEncoder("drive0", "b0")
    disk = bits.granules * GRANULARITY
    chunks = len(bits.data) // CHUNK
    return encoder.encode_bits(
        "drive0", "b0", bits, GRANULARITY, disk, 0, chunks
    )


def stream_of(bits: PlainBits) -> bytes:
    writer = StreamWriter()
    head = writer.header() + writer.section_start("dirty-bitmap")
    head += writer.chunk(Start("drive0", "b0", GRANULARITY))
    disk = bits.granules * GRANULARITY
    chunks = len(bits.data) // CHUNK
    body = writer.chunks.encode_bits(
        "drive0", "b0", bits, GRANULARITY, disk, 0, chunks
    )
    tail = writer.end_of_section() + writer.footer() + writer.end_of_stream()
    return b"".join([head, *body, tail])


def decode(pieces: list[bytes]) -> int:
    reader = StreamReader()
    return sum(len(reader.receive(piece)) for piece in pieces)


def fold(pieces: list[bytes]) -> Fold:
    reader, folded = StreamReader(), Fold()
    for piece in pieces:
        folded.add(reader.receive(piece))
    return folded


def cut(stream: bytes, size: int) -> list[bytes]:
    return [stream[at : at + size] for at in range(0, len(stream), size)]


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--mib", type=int, default=32)
    options = parser.parse_args()
    all_bits = bitmaps(options.mib * MIB)
    source = bytearray(all_bits["dense"].data.tobytes())
    work: dict[str, Callable[[], object]] = {"copy": lambda: bytes(source)}
    for name, bits in all_bits.items():
        work[f"encode {name}"] = partial(encode, bits)
        stream = stream_of(bits)
        for label, size in FRAGMENTS.items():
            pieces = cut(stream, size)
            work[f"decode {name}, {label}"] = partial(decode, pieces)
        work[f"fold {name}, whole"] = partial(fold, [stream])
    times: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(options.rounds):
        for name, step in work.items():
            times[name].append(seconds(step))
    copy = median(times["copy"])
    print(f"{'':32}{'ms':>9}{'copy/it':>9}")
    for name, found in times.items():
        middle = median(found)
        print(f"{name:32}{middle * 1e3:>9.2f}{copy / middle:>9.2f}")


if __name__ == "__main__":
    main()
