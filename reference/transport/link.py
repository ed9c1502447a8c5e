# SPDX-License-Identifier: GPL-2.0-or-later
"""One connection: bytes out when there is room, bytes in, until it is gone.

The rule: that the connection is gone is noticed by ``room`` or ``read``, as
a TransportError or as no more bytes; ``write`` never waits and never fails.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import Self

from attrs import define

from reference.errors import TransportError

BUFFER = 1 << 20  # bytes
ROOM = 1 << 18  # bytes that may wait in this process


@define
class Link:
    """``sent`` and ``received`` count bytes."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    sent: int = 0
    received: int = 0

    @classmethod
    def create(
        cls, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> Self:
        """The link of an open connection."""
        writer.transport.set_write_buffer_limits(high=ROOM, low=ROOM // 4)
        place = writer.get_extra_info("socket")
        if place is not None and place.family != socket.AF_UNIX:
            # a peer whose machine has gone is noticed one day
            place.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        return cls(reader, writer)

    async def room(self) -> None:
        """Wait until it takes bytes; TransportError if it is gone."""
        try:
            await self.writer.drain()
        except (OSError, RuntimeError) as error:
            raise _gone(error) from error

    def write(self, data: bytes) -> None:
        """Send these bytes."""
        self.sent += len(data)
        if data and not self.writer.is_closing():
            self.writer.write(data)

    async def read(self) -> bytes:
        """What has arrived, b"" at the end; TransportError if it is cut."""
        try:
            data = await self.reader.read(BUFFER)
        except (OSError, RuntimeError) as error:
            raise _gone(error) from error
        self.received += len(data)
        return data

    async def finish(self) -> None:
        """Nothing more is written; wait until all is on its way."""
        self.writer.transport.set_write_buffer_limits(high=0)
        await self.room()
        if self.writer.can_write_eof():
            with contextlib.suppress(OSError):
                self.writer.write_eof()

    async def close(self) -> None:
        """Close; what was written is still sent."""
        self.writer.close()
        with contextlib.suppress(OSError, RuntimeError):
            await self.writer.wait_closed()

    async def abort(self) -> None:
        """Close at once; what is not on its way is lost."""
        self.writer.transport.abort()
        await self.close()


def _gone(error: Exception) -> TransportError:
    reason = getattr(error, "strerror", None) or str(error)
    return TransportError(f"the connection is gone: {reason or 'closed'}")
