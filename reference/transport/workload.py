# SPDX-License-Identifier: GPL-2.0-or-later
"""A guest that writes.

The rule: a write is begun only while the VM runs, and is always finished
(its bit set), also when the guest is stopped in between; the caller that stops
the VM waits for it.  The same seed gives the same writes in the same order.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable
from typing import IO

from attrs import define, field, frozen

from reference.disk import Disk, NoDisk
from reference.errors import FileError
from reference.events import Event
from reference.host import Host, RunState, Write
from reference.transport.rate import Rate

BLOCK = 4096  # bytes


@frozen
class Place:
    """Where the guest writes: a node, and its data if anybody wants them."""

    node: str
    disk: Disk = field(factory=NoDisk)


@define
class Workload:
    """Writes of ``length`` bytes, aligned to that, to one of ``places``.

    ``rate``: writes a second, None for as many as possible; ``limit``: stop
    after so many, None for never.  ``record``: a text file that gets a line
    for each write when it begins.
    """

    host: Host
    places: list[Place]
    rate: Rate | None = None
    limit: int | None = None
    length: int = BLOCK
    sequential: bool = False
    seed: int = 0
    record: IO[str] | None = None
    written: int = 0
    random: random.Random = field(init=False)
    cursor: dict[str, int] = field(factory=dict)

    def __attrs_post_init__(self) -> None:
        self.random = random.Random(self.seed)

    @property
    def finished(self) -> bool:
        """Whether the guest has written all that it will."""
        return self.limit is not None and self.written >= self.limit

    async def run(self, wrote: Callable[[str, Write], None]) -> None:
        """Write until the VM does not run, or ``limit`` is reached.

        ``wrote`` is told of every step: "write_data", "set_dirty".  To end
        it earlier, cancel the task.
        """
        while not self.finished:
            if self.rate is not None:
                await self.rate.ready()
            if self.host.vm is not RunState.RUNNING:
                return
            place, offset, data = self._next()
            self._note(place.node, offset, len(data))
            write = self.host.begin_write(place.disk, place.node, offset, data)
            self.written += 1
            try:
                wrote("write_data", write)
                await asyncio.sleep(0)
            finally:
                self.host.finish_write(write)
                wrote("set_dirty", write)
            if self.rate is not None:
                self.rate.spend(1)

    def _next(self) -> tuple[Place, int, bytes]:
        place = self.random.choice(self.places)
        size = self.host.node(place.node).size
        blocks = max(-(-size // self.length), 1)
        if self.sequential:
            number = self.cursor.get(place.node, 0)
            self.cursor[place.node] = (number + 1) % blocks
        else:
            number = self.random.randrange(blocks)
        offset = number * self.length
        fill = self.random.randrange(1, 256)
        return place, offset, bytes([fill]) * min(self.length, size - offset)

    def _note(self, node: str, offset: int, length: int) -> None:
        if self.record is not None:
            fields = {"node": node, "offset": offset, "length": length}
            try:
                self.record.write(json.dumps(fields) + "\n")
                self.record.flush()
            except OSError as error:
                raise FileError(f"record: {error.strerror}") from error


def guest_events(
    side: str, action: str, write: Write, host: Host
) -> list[Event]:
    """What a log says of a step of a write: a line for each bitmap.

    One without a bitmap's name where the node has none.
    """
    names = list(host.node(write.node).bitmaps) or [""]
    return [
        Event(
            actor="guest",
            action=f"{side}_{action}",
            bitmap=f"{write.node}/{name}",
            offset=write.offset,
            length=write.length,
        )
        for name in names
    ]
