# SPDX-License-Identifier: GPL-2.0-or-later
"""Where the other end is: ``unix:/path`` or ``tcp:host:port``.

The rule: whatever keeps two ends from meeting is a TransportError of one
line that begins with the address.  A socket file on which no process listens
is replaced; one that somebody listens on is in use.  QEMU's counterpart:
``socket_parse``, ``socket_start_outgoing_migration``.
"""

from __future__ import annotations

import asyncio
import errno
import os
import re
import socket
import ssl
import stat
from collections.abc import Callable

from attrs import frozen

from reference.errors import TransportError
from reference.transport.link import BUFFER, Link

LONGEST_PATH = 107  # bytes, a limit of the kernel
MOST_PORT = 65535


@frozen
class Address:
    """A unix socket's ``path``, or ``host`` and ``port`` of TCP.

    Port 0 asks for a free one, to listen on.
    """

    path: str = ""
    host: str = ""
    port: int = 0

    def __str__(self) -> str:
        if self.path:
            return f"unix:{self.path}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"tcp:{host}:{self.port}"


def parse_address(text: str) -> Address:
    """The address that ``text`` means; TransportError if it means none."""
    kind, _, rest = text.partition(":")
    if not text.isprintable():
        raise TransportError(f"address {text!a}: not printable")
    if kind == "unix" and rest:
        if len(os.fsencode(rest)) > LONGEST_PATH:
            raise TransportError(
                f"address unix:{rest[:20]}...: a path has at most "
                f"{LONGEST_PATH} bytes"
            )
        return Address(path=rest)
    host, _, port = rest.rpartition(":")
    bare = host[1:-1] if host[:1] + host[-1:] == "[]" else host
    if kind == "tcp" and bare and re.fullmatch(r"[0-9]{1,5}", port):
        if int(port) <= MOST_PORT:
            return Address(host=bare, port=int(port))
        raise TransportError(f"address {text[:60]}: a port is at most 65535")
    raise TransportError(
        f"address {text[:60]!r}: expected unix:/path or tcp:host:port"
    )


def _failed(address: Address, error: Exception) -> TransportError:
    """One line, whatever layer has failed."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return TransportError(f"{address}: TLS: {error.verify_message}")
    if isinstance(error, ssl.SSLError):
        return TransportError(f"{address}: TLS: {error.reason or error}")
    reason = str(error) or type(error).__name__
    if isinstance(error, socket.gaierror):
        reason = str(error.args[-1])
    elif isinstance(error, OSError) and (error.errno or 0) > 0:
        reason = os.strerror(error.errno or 0)
    return TransportError(f"{address}: {' '.join(reason.split())}")


async def connect(address: Address, tls: ssl.SSLContext | None) -> Link:
    """Return a connection to the listener; TransportError if there is none."""
    try:
        if address.path:
            reader, writer = await asyncio.open_unix_connection(
                address.path,
                limit=BUFFER,
                ssl=tls,
                server_hostname="localhost" if tls else None,
            )
        else:
            reader, writer = await asyncio.open_connection(
                address.host, address.port, limit=BUFFER, ssl=tls
            )
    except (OSError, ValueError) as error:
        raise _failed(address, error) from error
    return Link.create(reader, writer)


@frozen
class Listener:
    """Accepts connections; one that waits is kept until it is taken."""

    address: Address
    server: asyncio.Server
    waiting: asyncio.Queue[Link]
    remove: Callable[[], None]

    async def accept(self) -> Link:
        """The next connection."""
        return await self.waiting.get()

    async def close(self) -> None:
        """Listen no more; who still waits is turned away."""
        self.server.close()
        self.remove()
        while not self.waiting.empty():
            await self.waiting.get_nowait().close()


async def listen(address: Address, tls: ssl.SSLContext | None) -> Listener:
    """Listen there; TransportError if that cannot be."""
    waiting: asyncio.Queue[Link] = asyncio.Queue()

    def arrived(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        waiting.put_nowait(Link.create(reader, writer))

    try:
        if address.path:
            place = _unix_socket(address.path)
            server = await asyncio.start_unix_server(
                arrived, sock=place, limit=BUFFER, ssl=tls
            )
            return Listener(address, server, waiting, _remover(address.path))
        server = await asyncio.start_server(
            arrived, address.host, address.port, limit=BUFFER, ssl=tls
        )
    except (OSError, ValueError) as error:
        raise _failed(address, error) from error
    port = server.sockets[0].getsockname()[1]
    found = Address(host=address.host, port=port)
    return Listener(found, server, waiting, lambda: None)


def _unix_socket(path: str) -> socket.socket:
    """A socket bound to ``path``; one that no process serves is replaced."""
    if os.path.lexists(path):
        if not stat.S_ISSOCK(os.lstat(path).st_mode):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(path)
            except ConnectionRefusedError:
                os.unlink(path)
            else:
                in_use = errno.EADDRINUSE
                raise OSError(in_use, os.strerror(in_use))
    place = socket.socket(socket.AF_UNIX)
    try:
        place.bind(path)
    except OSError:
        place.close()
        raise
    return place


def _remover(path: str) -> Callable[[], None]:
    """Removes the socket file, if it still is the one of now."""
    mine = os.lstat(path)

    def remove() -> None:
        try:
            if os.path.samestat(mine, os.lstat(path)):
                os.unlink(path)
        except OSError:
            return

    return remove
