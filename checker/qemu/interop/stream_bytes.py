# SPDX-License-Identifier: GPL-2.0-or-later
"""Streams as bytes: made by the reference, recorded, sent as they are.

The rule: what is not the reference's own way to do it (no return path in
precopy, one in postcopy) differs from it by one command, and by nothing else.
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
from pathlib import Path
from typing import Final

from attrs import define, field

from reference.events import Event
from reference.host import Host, RunState
from reference.protocol.aliases import Aliases
from reference.protocol.destination import Destination
from reference.protocol.source import Source
from reference.protocol.tables import Design
from reference.transport.source_end import DESCRIPTION
from reference.wire import geometry
from reference.wire.reader import StreamReader
from reference.wire.stream import (
    ChunkItem,
    Command,
    CommandKind,
    Configuration,
    Item,
)
from reference.wire.writer import StreamWriter

_READ: Final = 1 << 16  # bytes at once


@define
class Recorder(Destination):
    """A destination that keeps what has arrived."""

    seen: bytearray = field(factory=bytearray)

    def receive(self, data: bytes, host: Host) -> list[Event]:
        """As any destination."""
        self.seen += data
        return super().receive(data, host)


def items_of(data: bytes) -> list[Item]:
    """Return a stream's items, every chunk on its own."""
    reader = StreamReader()
    found: list[Item] = []
    for item in [*reader.receive(data), *reader.close()]:
        found += item.split() if isinstance(item, ChunkItem) else [item]
    return found


def chunk_bytes(data: bytes) -> list[bytes]:
    """Return the bytes of each dirty-bitmap chunk, without EOS."""
    return [
        data[item.offset : item.end]
        for item in items_of(data)
        if isinstance(item, ChunkItem)
    ]


def encoded_again(data: bytes) -> bytes:
    """Return a stream read into items and written from them."""
    writer = StreamWriter()
    return b"".join(writer.item(item) for item in items_of(data))


def stream_of(
    host: Host,
    design: Design,
    aliases: Aliases,
    return_path: bool,
    bitmap_bytes: int = geometry.CHUNK_BYTES,
) -> bytes:
    """Return all that the reference's source sends to a silent peer.

    ``bitmap_bytes``: of the bitmap, in a chunk.
    """
    host = copy.deepcopy(host)
    host.vm = RunState.RUNNING
    source = Source(design, bitmap_bytes, aliases=aliases)
    source.do("migrate", host)
    parts = []
    while event := _next(source, host):
        parts.append(source.do(event, host).data)
    if design is not Design.POSTCOPY:
        parts.append(DESCRIPTION)
    return with_return_path(b"".join(parts), return_path)


def _next(source: Source, host: Host) -> str:
    """Return the source's next step, '' if it has none left."""
    if source.row("migrate_start_postcopy", host):
        return "migrate_start_postcopy"
    rows = source.work(host)
    return rows[0].event if rows else ""


def with_return_path(data: bytes, wanted: bool) -> bytes:
    """Return the stream with, or without, the command that opens one."""
    found = b""
    for item in items_of(data):
        part = data[item.offset : item.end]
        opens = (
            isinstance(item, Command)
            and item.kind is CommandKind.OPEN_RETURN_PATH
        )
        if not opens:
            found += part
        if wanted and isinstance(item, Configuration):
            found += StreamWriter().command(CommandKind.OPEN_RETURN_PATH)
    return found


async def deliver(place: Path, data: bytes) -> bytes:
    """Send the bytes and their end; return what comes back.

    A peer that ends in the middle is not an error here.
    """
    reader, writer = await asyncio.open_unix_connection(str(place))
    reply = b""
    try:
        with contextlib.suppress(ConnectionError):
            writer.write(data)
            await writer.drain()
            writer.write_eof()
        with contextlib.suppress(ConnectionError):
            while part := await reader.read(_READ):
                reply += part
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
    return reply
