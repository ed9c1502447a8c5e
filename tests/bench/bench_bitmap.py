# SPDX-License-Identifier: GPL-2.0-or-later
"""How fast is a bitmap of 2^28 granules: 16 TiB of disk at 64 KiB?

    python -m tests.bench.bench_bitmap [--rounds N] [--granules N]

Prints one line per operation: the median time in milliseconds, and its ratio
to the median time in which the same run copies a ``bytearray`` of that size
(32 MiB) to new ``bytes``.  The operations and the copy take turns, so that a
busy machine slows all of them.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np

from reference.bitmap import Bits, DirtyBitmap

COPY = "a copy of the bytes"
CHUNK_BYTES = 1024
SPARSE_RUNS = 1000
LINE = "{:28}{:>11}{:>9}"


def operations(granules: int) -> dict[str, Callable[[], object]]:
    """What is measured, by the name that is printed."""
    noise = np.random.default_rng(20_160_101)
    empty, full, sparse, random, target = (
        Bits.create(granules) for _ in range(5)
    )
    full.set(0, granules)
    for first in noise.integers(0, granules - 64, SPARSE_RUNS).tolist():
        sparse.set(first, 1 + first % 64)
    random.deserialize(0, granules, noise.bytes(random.words.nbytes))
    target.set(0, granules)
    content = bytearray(full.serialize(0, granules))
    disk = granules << 16
    watched, other = (DirtyBitmap.create("b", disk) for _ in range(2))
    watched.attach_meta(CHUNK_BYTES * 8)
    other.mark(0, granules)

    def clear_and_merge() -> None:
        watched.clear()
        watched.merge(other)

    return {
        COPY: lambda: bytes(content),
        "set all": lambda: target.set(0, granules),
        "set one": lambda: target.set(granules // 2, 1),
        "union, dense": lambda: target.union(random),
        "union, sparse": lambda: target.union(sparse),
        "count, dense": random.count,
        "count, sparse": sparse.count,
        "count, empty": empty.count,
        "runs, full": full.runs,
        "runs, sparse": sparse.runs,
        "nonzero_blocks, empty": lambda: empty.nonzero_blocks(CHUNK_BYTES),
        "nonzero_blocks, dense": lambda: random.nonzero_blocks(CHUNK_BYTES),
        "serialize": lambda: random.serialize(0, granules),
        "deserialize": lambda: target.deserialize(0, granules, content),
        "clear and merge, with meta": clear_and_merge,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--granules", type=int, default=1 << 28)
    arguments = parser.parse_args()
    measured = operations(arguments.granules)
    times: dict[str, list[float]] = {name: [] for name in measured}
    for _ in range(arguments.rounds):
        for name, operation in measured.items():
            start = time.perf_counter()
            operation()
            times[name].append(time.perf_counter() - start)
    medians = {name: statistics.median(found) for name, found in times.items()}
    print(LINE.format("operation", "ms", "ratio"))
    for name, seconds in medians.items():
        print(
            LINE.format(
                name,
                f"{seconds * 1e3:.3f}",
                f"{seconds / medians[COPY]:.3f}",
            )
        )


if __name__ == "__main__":
    main()
