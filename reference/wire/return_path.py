# SPDX-License-Identifier: GPL-2.0-or-later
"""The return path: what the destination says to the source.

The rule (DOMAIN.md, section 7): messages of be16 type, be16 length, body.
PONG answers a PING with its value; SHUT is the last, with 0 for success.
Types that are not known are kept as they are.  QEMU's counterparts:
``migrate_send_rp_message``, ``source_return_path_thread``.
"""

from __future__ import annotations

import enum
import struct
from typing import TypeAlias

import attrs

from reference.errors import CorruptError, StreamError, TruncatedError
from reference.wire.fragments import Cursor, IncompleteError, readable


class ReturnKind(enum.IntEnum):
    """The types that are known."""

    SHUT = 1
    PONG = 2


@attrs.frozen
class Shut:
    """The destination is done; 0 says that all went well."""

    value: int = 0


@attrs.frozen
class Pong:
    """The answer to PING of that value."""

    value: int


@attrs.frozen
class OtherMessage:
    """A message of a type that is not known."""

    kind: int
    data: bytes


@attrs.frozen
class BrokenReturn:
    """The return path cannot be read on; always the last."""

    error: StreamError


ReturnMessage: TypeAlias = Shut | Pong | OtherMessage | BrokenReturn


def encode_return(message: ReturnMessage) -> bytes:
    """The bytes of a message; ValueError for ``BrokenReturn``."""
    match message:
        case Shut():
            return struct.pack(">HHI", ReturnKind.SHUT, 4, message.value)
        case Pong():
            return struct.pack(">HHI", ReturnKind.PONG, 4, message.value)
        case OtherMessage():
            head = struct.pack(">HH", message.kind, len(message.data))
            return head + message.data
    raise ValueError(f"cannot be sent: {message!r}")


@attrs.define
class ReturnReader:
    """Reads the return path in any fragments; never raises for bad input."""

    offset: int = attrs.field(default=0, metadata={"origin": True})
    kept: bytearray = attrs.field(factory=bytearray)
    over: bool = False

    def receive(
        self, data: bytes | bytearray | memoryview
    ) -> list[ReturnMessage]:
        """The messages that are complete now."""
        messages: list[ReturnMessage] = []
        if self.over:
            return messages
        self.kept += readable(data)
        view = memoryview(bytes(self.kept))
        at = 0
        while not self.over:
            cursor = Cursor(view, at, len(view), at)
            try:
                messages.append(self._message(cursor))
            except IncompleteError:
                break
            except CorruptError as error:
                messages.append(self._broken(error))
            self.offset += cursor.at - at
            at = cursor.at
        del self.kept[:at]
        return messages

    def close(self) -> list[ReturnMessage]:
        """The peer closed: nothing, or that a message is cut."""
        if self.over:
            return []
        self.over = True
        if not self.kept:
            return []
        return [self._broken(TruncatedError("the return path ends early"))]

    def _message(self, cursor: Cursor) -> ReturnMessage:
        kind, length = cursor.be16(), cursor.be16()
        data = cursor.raw(length)
        if kind not in (ReturnKind.SHUT, ReturnKind.PONG):
            return OtherMessage(kind, data)
        name = ReturnKind(kind).name
        if length != 4:
            raise CorruptError(f"{name} has {length} bytes, expected 4")
        value = int.from_bytes(data)
        return Shut(value) if kind == ReturnKind.SHUT else Pong(value)

    def _broken(self, error: StreamError) -> BrokenReturn:
        self.over = True
        error.offset = self.offset
        return BrokenReturn(error)
