# SPDX-License-Identifier: GPL-2.0-or-later
"""How long does a migration take, and how long is the VM stopped for it?

    python -m tests.bench.bench_migration [--quick]

Two processes and a unix socket.  Bitmaps of 1, 32 and 512 MiB (2^32 granules;
--quick: without), *dense* (random bits) and *sparse* (one chunk of 1 KiB in a
hundred is dirty), each design, with an idle guest and with one that writes
500 times a second.  Live stops the VM when 64 chunks are left.  No rate limit.

Columns: seconds in all; the ratio of that to a plain copy of as many bytes
(sendall to recv_into, two processes, a unix socket, the same round); MiB on
the wire; downtime, from the source's VM stop to the destination's VM start
by the clock that both share; bytes sent in that time.  The median of several
rounds, for 512 MiB of two.  Below: milliseconds of CPU (user, both processes)
for a MiB, to see that cost grows with the size, whatever else runs here.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import multiprocessing
import os
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median

import numpy as np
from attrs import frozen

from reference.bitmap import Bits, DirtyBitmap
from reference.bitmap.words import WORD
from reference.host import Host, RunState
from reference.protocol.destination import Destination
from reference.protocol.source import Source
from reference.protocol.tables import Design
from reference.transport import (
    Address,
    Rate,
    Received,
    Sent,
    Workload,
    send,
    serve,
)
from reference.transport.workload import Place

MIB = 1 << 20
GRANULARITY = 512
WRITES = 500.0  # a second
DOWNTIME = 64  # chunks
BURST = 256  # chunks
ROUNDS = {1: 7, 32: 5, 512: 2}
CONTENTS = ("dense", "sparse")


def disk_size(mib: int) -> int:
    return mib * MIB * 8 * GRANULARITY


# -- the other process -------------------------------------------------------


def peer(orders: Connection) -> None:
    """Does what it is told until it is told nothing."""
    while order := orders.recv():
        kind, *arguments = order
        if kind == "serve":
            asyncio.run(receive(orders, *arguments))
        else:
            swallow(orders, *arguments)


async def receive(
    orders: Connection, path: str, design: Design, mib: int
) -> None:
    host = Host(RunState.INMIGRATE)
    host.add_node("d", disk_size(mib))
    before = os.times().user
    received = await serve(
        host,
        Destination(design),
        Address(path=path),
        ready=lambda _: orders.send("ready"),
    )
    orders.send((received, os.times().user - before))
    words = host.bitmap("d", "b").bits.words
    orders.send(int(np.bitwise_count(words).sum(dtype=np.int64)))


def swallow(orders: Connection, path: str, size: int) -> None:
    with socket.socket(socket.AF_UNIX) as place:
        place.bind(path)
        place.listen()
        orders.send("ready")
        connection, _ = place.accept()
        with connection:
            # fresh memory, as what is migrated needs it too
            kept = memoryview(bytearray(size))
            while size > 0:
                got = connection.recv_into(kept[:MIB])
                kept, size = kept[got:], size - got
    Path(path).unlink()
    orders.send("done")


@contextmanager
def other_process() -> Iterator[Connection]:
    here, there = multiprocessing.Pipe()
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=peer, args=(there,))
    process.start()
    try:
        yield here
        here.send(None)
    finally:
        process.join(5)
        if process.is_alive():
            process.terminate()


# -- this process ------------------------------------------------------------


def words_of(mib: int, content: str) -> Bits:
    count = mib * MIB // 8
    random = np.random.default_rng(mib)
    if content == "dense":
        words = random.integers(0, 1 << 64, count, dtype=np.uint64)
        return Bits(count * 64, words.astype(WORD, copy=False))
    found = np.zeros(count, WORD)
    found.reshape(-1, 128)[::100] = 0x5555_5555
    return Bits(count * 64, found)


@frozen
class Measured:
    """One migration, or the median of several."""

    seconds: float
    user: float
    copy: float
    wire: int
    downtime: float
    stopped: int


def copy(orders: Connection, path: str, size: int) -> float:
    """Seconds to send so many bytes into another process's memory."""
    piece = memoryview(bytes(MIB))
    orders.send(("swallow", path, size))
    orders.recv()
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(path)
        begun = time.perf_counter()
        while size > 0:
            connection.sendall(piece[:size])
            size -= MIB
        orders.recv()
        return time.perf_counter() - begun


def migrate(
    orders: Connection,
    path: str,
    design: Design,
    mib: int,
    bits: Bits,
    writes: bool,
) -> Measured:
    host = Host(RunState.RUNNING)
    size = disk_size(mib)
    host.add_node("d", size)
    bitmap = DirtyBitmap("b", size, GRANULARITY, bits)
    host.node("d").bitmaps["b"] = bitmap
    source = Source(design, burst=BURST)
    if design is Design.LIVE:
        source.downtime = DOWNTIME
    guest = Workload(host, [Place("d")], Rate(WRITES)) if writes else None
    orders.send(("serve", path, design, mib))
    orders.recv()
    before = os.times().user
    sent = asyncio.run(send(host, source, Address(path=path), workload=guest))
    user = os.times().user - before
    received, others = orders.recv()
    arrived: int = orders.recv()
    assert sent.acknowledged and received.bitmaps[0].arrived
    assert arrived == bits.count(), "a bit was lost, or came from nowhere"
    return Measured(
        sent.seconds,
        user + others,
        copy(orders, path, sent.bytes_sent),
        sent.bytes_sent,
        downtime(sent, received),
        sent.stopped_bytes,
    )


def downtime(sent: Sent, received: Received) -> float:
    return max(received.started_at - sent.stopped_at, 0.0)


def middle(found: list[Measured]) -> Measured:
    return Measured(
        median(one.seconds for one in found),
        median(one.user for one in found),
        median(one.copy for one in found),
        int(median(one.wire for one in found)),
        median(one.downtime for one in found),
        int(median(one.stopped for one in found)),
    )


def measure(
    orders: Connection, path: str, mib: int
) -> dict[tuple[str, Design, bool], Measured]:
    table = {}
    for content in CONTENTS:
        bits = words_of(mib, content)
        cells = list(itertools.product(Design, (False, True)))
        found: dict[tuple[Design, bool], list[Measured]] = {
            cell: [] for cell in cells
        }
        for _ in range(ROUNDS[mib]):
            for design, writes in cells:
                found[design, writes].append(
                    migrate(orders, path, design, mib, bits, writes)
                )
        for cell, several in found.items():
            table[content, *cell] = middle(several)
    return table


def show(mib: int, table: dict[tuple[str, Design, bool], Measured]) -> None:
    for (content, design, writes), one in table.items():
        guest = "writes" if writes else "idle"
        print(
            f"{mib:>4} {content:<7}{design.value:<10}{guest:<7}"
            f"{one.seconds:>8.3f}{one.seconds / one.copy:>7.1f}"
            f"{one.wire / MIB:>9.2f}{one.downtime * 1000:>12.2f}"
            f"{one.stopped:>12}",
            flush=True,
        )


def show_growth(
    tables: dict[int, dict[tuple[str, Design, bool], Measured]],
) -> None:
    print("\nms of CPU for a MiB, idle guest")
    print(f"{'':<18}" + "".join(f"{mib:>9} MiB" for mib in tables))
    for content, design in itertools.product(CONTENTS, Design):
        row = [
            table[content, design, False].user * 1000 / mib
            for mib, table in tables.items()
        ]
        print(
            f"{content:<8}{design.value:<10}"
            + "".join(f"{cost:>13.2f}" for cost in row)
        )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    sizes = (1, 32) if parser.parse_args().quick else (1, 32, 512)
    print(
        f"{'MiB':>4} {'bits':<7}{'design':<10}{'guest':<7}{'seconds':>8}"
        f"{'/copy':>7}{'MiB sent':>9}{'downtime ms':>12}{'bytes in it':>12}"
    )
    tables = {}
    with (
        tempfile.TemporaryDirectory() as place,
        other_process() as orders,
    ):
        path = str(Path(place) / "s")
        for mib in sizes:
            table = measure(orders, path, mib)
            show(mib, table)
            if mib > 1:
                # the clock of the CPU is too coarse for less
                tables[mib] = table
    show_growth(tables)


if __name__ == "__main__":
    main()
