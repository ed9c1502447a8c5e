# SPDX-License-Identifier: GPL-2.0-or-later
"""The wire between two QEMU processes: it understands what it carries.

The rule: an item is sent on once it is there in full, so that where
something happens is decided by what the item is and not by how the stream
was cut into fragments.  What is not sent on because of a fault never was on
the wire.  A receiver that is gone is a sender whose connection is closed.
Everything that came is recorded.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import attrs

from checker.qemu.harness.faults import Fault, FaultKind
from checker.qemu.harness.places import Labels, Passage, Place, return_label
from checker.qemu.harness.wakeup import Bell
from reference.wire.reader import StreamReader
from reference.wire.return_path import (
    BrokenReturn,
    ReturnReader,
    encode_return,
)
from reference.wire.stream import Broken, ChunkItem, Item

_PIECE: Final = 64 * 1024
_FOR_EVER: Final = 3600.0

Actor = Callable[[Fault], Awaitable[None]]


async def no_other(fault: Fault) -> None:
    """Do nothing about a fault that is not the wire's."""


@attrs.frozen
class Hold:
    """Nothing passes from ``place`` on until ``until`` holds."""

    place: Place
    until: Callable[[], bool]


@attrs.define
class _Way:
    """One direction: what came, and where it goes."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    #: bytes that belong to no item yet, and the offset of the first
    kept: bytearray = attrs.field(factory=bytearray)
    begin: int = 0
    #: is what comes thrown away?
    deaf: bool = False

    def take(self, end: int) -> bytes:
        """Return and drop the bytes up to ``end``, an offset in the stream."""
        count = end - self.begin
        data = bytes(self.kept[:count])
        del self.kept[:count]
        self.begin = end
        return data


@attrs.define(eq=False)
class Proxy:
    """Listens at ``path`` for the source; ``destination``: where to go on.

    ``act`` does what only the scenario can: kills and cancels.
    """

    path: Path
    destination: Path
    fault: Fault | None = None
    holds: tuple[Hold, ...] = ()
    act: Actor = no_other
    bell: Bell = attrs.field(factory=Bell)
    passages: list[Passage] = attrs.field(factory=list)
    #: did the fault happen, and when, by the proxy's clock?
    struck: bool = False
    struck_at: float = 0.0
    #: what a stall waits for
    released: bool = False
    #: why the stream could not be read; '' while it can
    unreadable: str = ""
    begun: float = attrs.field(factory=time.monotonic)
    connected: bool = False
    over: bool = False
    _whole: set[tuple[str, int]] = attrs.field(factory=set)
    _server: asyncio.Server | None = None
    _task: asyncio.Task[None] | None = None
    _writers: list[asyncio.StreamWriter] = attrs.field(factory=list)
    _inward: asyncio.StreamWriter | None = None
    _onward: asyncio.StreamWriter | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_unix_server(
            self._connect, self.path
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._server is not None
        self._server.close()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        for writer in self._writers:
            wire = writer.transport
            # one that is closed and empty may be gone already
            if not wire.is_closing() or wire.get_write_buffer_size():
                wire.abort()
        await self._server.wait_closed()

    def passed(self, item: str, number: int = 0) -> bool:
        """Return whether all of an item was sent on."""
        return (item, number) in self._whole

    def release(self) -> None:
        """End a stall: items that wait pass."""
        self.released = True
        self.bell.ring()

    def cut(self) -> None:
        """Close both connections."""
        for writer in self._writers:
            writer.close()

    def cut_source(self) -> None:
        """Close the source's; items that came from it may still pass."""
        if self._inward is not None:
            self._inward.close()

    def cut_destination(self) -> None:
        """Close the destination's; the source learns when it sends."""
        if self._onward is not None:
            self._onward.close()

    # -- connections -------------------------------------------------------

    def _connect(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._writers.append(writer)
        if self.connected:
            writer.close()
            return
        self.connected = True
        self._inward = writer
        self._task = asyncio.create_task(self._carry(reader, writer))

    async def _carry(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Carry one connection from its begin to its end."""
        back: asyncio.Task[None] | None = None
        try:
            with contextlib.suppress(OSError):
                there = await asyncio.open_unix_connection(self.destination)
                self._onward = there[1]
                self._writers.append(there[1])
                back = asyncio.create_task(
                    self._returning(_Way(there[0], writer))
                )
                await self._forward(_Way(reader, there[1]))
                await back
        finally:
            if back is not None:
                back.cancel()
                await asyncio.gather(back, return_exceptions=True)
            self.cut()
            self.over = True
            self.bell.ring()

    async def _forward(self, way: _Way) -> None:
        """Pass the stream on, item by item."""
        stream, labels = StreamReader(), Labels()
        while data := await way.reader.read(_PIECE):
            way.kept += data
            for item in stream.receive(data):
                await self._items(way, labels, item)
            if self.unreadable:
                await self._write(way, way.take(way.begin + len(way.kept)))
        if way.kept:
            end = way.begin + len(way.kept)
            await self._pass(way, "rest", 0, end)
        self._finish(way)

    async def _items(self, way: _Way, labels: Labels, item: Item) -> None:
        if isinstance(item, Broken):
            self.unreadable = str(item.error)
            return
        single = item.split() if isinstance(item, ChunkItem) else [item]
        for one in single:
            label = labels.of(one)
            number = labels.number(label)
            await self._pass(way, label, number, one.end, one.packaged)

    async def _returning(self, way: _Way) -> None:
        """Pass the return path on, message by message."""
        messages, labels = ReturnReader(), Labels()
        with contextlib.suppress(OSError):
            while data := await way.reader.read(_PIECE):
                way.kept += data
                for message in messages.receive(data):
                    if isinstance(message, BrokenReturn):
                        self.unreadable = str(message.error)
                        break
                    label = return_label(message)
                    end = way.begin + len(encode_return(message))
                    number = labels.number(label)
                    await self._pass(way, label, number, end, returning=True)
        self._finish(way)

    def _finish(self, way: _Way) -> None:
        """Let the receiver learn that nothing more comes."""
        with contextlib.suppress(OSError, RuntimeError):
            way.writer.write_eof()

    # -- items -------------------------------------------------------------

    async def _pass(
        self,
        way: _Way,
        label: str,
        number: int,
        end: int,
        packaged: bool = False,
        returning: bool = False,
    ) -> None:
        """Pass one item on as the holds and the fault want it."""
        begin = way.begin
        data = way.take(end)
        sent = 0
        lost = way.deaf
        fault = self._fault_at(label, number, len(data))
        for place, until in self._stops(label, number):
            upto = place.cut_at(len(data))
            await self._write(way, data[sent:upto])
            sent = max(sent, upto)
            if until is not None:
                await self.bell.until(until, _FOR_EVER)
        rest = b""
        if fault is not None:
            upto = max(sent, fault.place.cut_at(len(data)))
            await self._write(way, data[sent:upto])
            sent, rest = upto, data[upto:]
        else:
            await self._write(way, data[sent:])
            sent = len(data)
        if fault is not None and await self._strike(way, fault):
            await self._write(way, rest)
            sent = len(data)
        passage = Passage(
            *(label, number, begin, end, 0 if lost else sent),
            seconds=time.monotonic() - self.begun,
            packaged=packaged,
            returning=returning,
            lost=lost,
        )
        self.passages.append(passage)
        if passage.whole:
            self._whole.add((label, number))
        self.bell.ring()

    def _stops(
        self, label: str, number: int
    ) -> list[tuple[Place, Callable[[], bool] | None]]:
        return [
            (hold.place, hold.until)
            for hold in self.holds
            if (hold.place.item, hold.place.number) == (label, number)
        ]

    def _fault_at(self, label: str, number: int, size: int) -> Fault | None:
        if self.fault is None or self.struck:
            return None
        place = self.fault.place
        here = (place.item, place.number) == (label, number)
        return self.fault if here and place.inside(size) else None

    async def _write(self, way: _Way, data: bytes) -> None:
        if way.deaf or not data:
            return
        way.writer.write(data)
        await way.writer.drain()

    async def _strike(self, way: _Way, fault: Fault) -> bool:
        """Do the fault; return whether the rest of the item passes."""
        self.struck = True
        self.struck_at = time.monotonic() - self.begun
        self.bell.ring()
        match fault.kind:
            case FaultKind.CUT:
                way.deaf = True
                self.cut()
                return False
            case FaultKind.HALF_CLOSE:
                self._finish(way)
                way.deaf = True
                return False
            case FaultKind.DROP:
                return False
            case FaultKind.STALL:
                await self.bell.until(lambda: self.released, _FOR_EVER)
                return True
        await self.act(fault)
        return True
