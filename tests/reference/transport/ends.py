# SPDX-License-Identifier: GPL-2.0-or-later
"""Both ends over a real socket, in one loop; a relay that cuts; the truth.

The truth is kept apart from the bitmaps: what was dirty at first, and the
record of every write that a guest has begun.
"""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from attrs import define, field

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

T = TypeVar("T")
TURNS = 30  # of the loop, and whatever was sent has been worked off
LONG = 60  # seconds; only so that nothing hangs for ever
CHUNK = 64  # bytes of bitmap a chunk
GRANULARITY = 512
SIZE = 3 * CHUNK * 8 * GRANULARITY + 700


def run(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(asyncio.wait_for(work, LONG))


def patient() -> Rate:
    """Lets everybody else work off what there is, before each step."""

    async def turns(seconds: float) -> None:
        for _ in range(TURNS):
            await asyncio.sleep(0)
        rate.saved = 0.0

    rate = Rate(1.0, clock=lambda: 0.0, sleep=turns, saved=-1.0)
    return rate


def unix(place: Path) -> Address:
    return Address(path=str(place / "s"))


TCP = Address(host="127.0.0.1", port=0)


def guest(host: Host, limit: int | None, seed: int, rate: float) -> Workload:
    places = [Place(name) for name in host.nodes]
    return Workload(
        host,
        places,
        Rate(rate) if rate else None,
        limit,
        length=1024,
        seed=seed,
        record=io.StringIO(),
    )


def record_of(workload: Workload | None) -> list[tuple[str, int, int]]:
    if workload is None or not isinstance(workload.record, io.StringIO):
        return []
    lines = workload.record.getvalue().splitlines()
    return [tuple(json.loads(line).values()) for line in lines]


@define
class Ends:
    """Two hosts with equal disks; the source's have bitmaps."""

    design: Design
    sizes: dict[str, int] = field(factory=lambda: {"d": SIZE})
    source_host: Host = field(init=False)
    destination_host: Host = field(init=False)
    source: Source = field(init=False)
    destination: Destination = field(init=False)
    begun_with: list[tuple[str, int, int]] = field(factory=list)
    source_guest: Workload | None = None
    destination_guest: Workload | None = None
    serving: asyncio.Task[Received] | None = None
    stop: asyncio.Event = field(factory=asyncio.Event)
    errors: list[Exception] = field(factory=list)

    def __attrs_post_init__(self) -> None:
        self.source_host = Host(RunState.RUNNING)
        self.destination_host = Host(RunState.INMIGRATE)
        for name, size in self.sizes.items():
            self.source_host.add_node(name, size)
            self.destination_host.add_node(name, size)
            self.source_host.add_bitmap(name, "b", GRANULARITY)
            self.dirty(name, 512 * 7, 512 * 40)
            self.dirty(name, max(size - 100, 0), 100)
        self.source = Source(self.design, CHUNK)
        self.destination = Destination(self.design, CHUNK)

    def dirty(self, node: str, offset: int, length: int) -> None:
        length = min(length, self.sizes[node] - offset)
        if length <= 0:
            return
        for bitmap in self.source_host.node(node).bitmaps.values():
            bitmap.record(offset, length)
        self.begun_with.append((node, offset, length))

    @asynccontextmanager
    async def listening(
        self, address: Address, **options: Any
    ) -> AsyncIterator[Address]:
        """The destination waits; at the end it is stopped."""
        found: asyncio.Future[Address] = asyncio.Future()
        self.serving = asyncio.create_task(
            serve(
                self.destination_host,
                self.destination,
                address,
                cancel=self.stop,
                workload=self.destination_guest,
                ready=found.set_result,
                failed=self.errors.append,
                **options,
            )
        )
        try:
            yield await found
        finally:
            self.stop.set()
            await self.serving

    async def send(self, address: Address, **options: Any) -> Sent:
        return await send(
            self.source_host,
            self.source,
            address,
            workload=self.source_guest,
            **options,
        )

    async def received(self) -> Received:
        """How serving ended; to be asked for when it has to end."""
        assert self.serving is not None
        return await self.serving

    # -- the truth ---------------------------------------------------------

    def missing(self, host: Host) -> list[tuple[str, int]]:
        """Granules that were written and that no bitmap of ``host`` has."""
        written = [
            *self.begun_with,
            *record_of(self.source_guest),
            *record_of(self.destination_guest),
        ]
        lacking = []
        for node, offset, length in written:
            bitmap = host.bitmap(node, "b")
            first = offset // bitmap.granularity
            last = (offset + length - 1) // bitmap.granularity
            lacking += [
                (node, granule)
                for granule in range(first, last + 1)
                if not bitmap.bits.test(granule)
            ]
        return lacking

    def too_many(self, host: Host) -> int:
        """Granules that are set in ``host`` and that nobody has written."""
        written = {
            (node, granule)
            for node, offset, length in (
                *self.begun_with,
                *record_of(self.source_guest),
                *record_of(self.destination_guest),
            )
            for granule in range(
                offset // GRANULARITY,
                (offset + length - 1) // GRANULARITY + 1,
            )
        }
        marked = sum(
            host.bitmap(node, "b").bits.count() for node in self.sizes
        )
        return marked - len(written)

    def settled(self, host: Host) -> bool:
        """No bitmap of ``host`` is held or half loaded."""
        return not any(
            bitmap.busy or bitmap.successor or bitmap.meta
            for node in host.nodes.values()
            for bitmap in node.bitmaps.values()
        )


@asynccontextmanager
async def relay(
    behind: Address, place: Path, forward: int | None, back: int | None
) -> AsyncIterator[Address]:
    """Passes so many bytes on, then closes both sides."""
    path = str(place / "relay")
    tasks: set[asyncio.Task[None]] = set()
    writers: list[asyncio.StreamWriter] = []

    async def pump(
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        other: asyncio.StreamWriter,
        most: int | None,
    ) -> None:
        left = most
        try:
            while left is None or left > 0:
                data = await reader.read(65536 if left is None else left)
                if not data:
                    if writer.can_write_eof():
                        writer.write_eof()
                    return
                left = None if left is None else left - len(data)
                writer.write(data)
                await writer.drain()
            writer.close()
            other.close()
        except OSError:
            writer.close()
            other.close()

    async def joined(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        near, far = await asyncio.open_unix_connection(behind.path)
        writers.extend((writer, far))
        for work in (
            pump(reader, far, writer, forward),
            pump(near, writer, far, back),
        ):
            tasks.add(asyncio.create_task(work))

    server = await asyncio.start_unix_server(joined, path)
    try:
        yield Address(path=path)
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        for writer in writers:
            writer.transport.abort()
        await asyncio.gather(*tasks, return_exceptions=True)
