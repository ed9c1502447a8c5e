# SPDX-License-Identifier: GPL-2.0-or-later
"""The wire between two processes, which can be held and cut anywhere.

A unix socket on which the source finds this process, and one on which this
process finds the destination.  What the source sends waits here until it is
let through, so a cut can lose it; a process that dies leaves what it has
sent.
"""

from __future__ import annotations

import socket
from pathlib import Path

from attrs import define, field

PATIENCE = 30.0  # seconds; only against hanging
MOST = 1 << 20


def _send(to: socket.socket | None, data: bytes) -> None:
    """Whoever is gone gets no more."""
    if to is None or not data:
        return
    try:
        to.sendall(data)
    except OSError:
        return


def _end(to: socket.socket | None) -> None:
    if to is None:
        return
    try:
        to.shutdown(socket.SHUT_WR)
    except OSError:
        return


def _read(end: socket.socket | None) -> bytes | None:
    """What is there, b"" at the end, None if nothing is there now."""
    if end is None:
        return None
    try:
        return end.recv(MOST)
    except BlockingIOError:
        return None
    except OSError:
        return b""


@define
class Relay:
    """``held``: what the source has sent and nobody has received."""

    listener: socket.socket
    source: socket.socket | None = None
    destination: socket.socket | None = None
    held: bytes = b""
    source_ended: bool = False
    destination_ended: bool = False
    told: bool = field(default=False)

    @classmethod
    def create(cls, path: Path) -> Relay:
        """A relay that waits for a source at ``path``."""
        listener = socket.socket(socket.AF_UNIX)
        listener.settimeout(PATIENCE)
        listener.bind(str(path))
        listener.listen()
        return cls(listener)

    @property
    def up(self) -> bool:
        """Whether both ends are connected."""
        return self.source is not None and not (
            self.source_ended or self.destination_ended
        )

    @property
    def idle(self) -> bool:
        """Whether there is no connection at all."""
        return self.source is None

    def join(self, destination: Path) -> None:
        """Take the source that has come, and find the destination."""
        self.source, _ = self.listener.accept()
        self.destination = socket.socket(socket.AF_UNIX)
        self.destination.connect(str(destination))
        for end in (self.source, self.destination):
            end.setblocking(False)
        self.held = b""
        self.source_ended = self.destination_ended = self.told = False

    def collect(self) -> None:
        """Take what both have sent; the return path is not held."""
        while data := _read(self.source):
            self.held += data
        self.source_ended = self.source_ended or data == b""
        while data := _read(self.destination):
            _send(self.source, data)
        if data == b"" and not self.destination_ended:
            self.destination_ended = True
            _end(self.source)
        self._finish()

    def let_through(self, most: int) -> None:
        """So many bytes reach the destination; then, in turn, the end."""
        data, self.held = self.held[:most], self.held[most:]
        _send(self.destination, data)
        self._finish()

    def _finish(self) -> None:
        if self.source_ended and not self.held and not self.told:
            self.told = True
            _end(self.destination)
        if self.told and self.destination_ended:
            self.cut()

    def cut(self) -> None:
        """Both connections end; what is held is lost."""
        for end in (self.source, self.destination):
            if end is not None:
                end.close()
        self.source = self.destination = None
        self.held = b""

    def close(self) -> None:
        """No relay any more."""
        self.cut()
        self.listener.close()
