# SPDX-License-Identifier: GPL-2.0-or-later
"""Reads fields from received bytes; the part that both readers share.

The rule: a field that is not there in full raises ``IncompleteError`` with the
number of bytes that would do, and nothing has been consumed.  QEMU's
counterparts: ``qemu_get_be32``, ``qemu_get_counted_string``.
"""

from __future__ import annotations

import struct
from typing import Final

import attrs

from reference.errors import CorruptError

BE16: Final = struct.Struct(">H")
BE32: Final = struct.Struct(">I")
BE64: Final = struct.Struct(">Q")
RANGE: Final = struct.Struct(">QI")


class IncompleteError(Exception):
    """More bytes are needed; caught inside the readers.

    ``needed``: bytes from the begin of the item.
    """

    def __init__(self, needed: int) -> None:
        super().__init__(needed)
        self.needed = needed


def readable(data: bytes | bytearray | memoryview) -> memoryview:
    """The bytes as a view that will not change; copied if they could."""
    view = memoryview(data)
    if not view.readonly or not view.c_contiguous:
        return memoryview(bytes(view))
    return view.cast("B") if view.format != "B" else view


@attrs.define
class Cursor:
    """A position in a view; moves on with each field that it reads."""

    view: memoryview
    begin: int
    #: the view's bytes from here on are not there, or not ours
    limit: int
    at: int

    def ahead(self, count: int) -> int:
        """Position of the next ``count`` bytes, which are then behind."""
        at = self.at
        if at + count > self.limit:
            raise IncompleteError(at + count - self.begin)
        self.at = at + count
        return at

    def raw(self, count: int) -> bytes:
        """The next bytes, copied."""
        at = self.ahead(count)
        return bytes(self.view[at : at + count])

    def u8(self) -> int:
        """A byte."""
        return self.view[self.ahead(1)]

    def be16(self) -> int:
        """Two bytes, big-endian like all others."""
        (value,) = BE16.unpack_from(self.view, self.ahead(2))
        return int(value)

    def be32(self) -> int:
        """Four bytes."""
        (value,) = BE32.unpack_from(self.view, self.ahead(4))
        return int(value)

    def be64(self) -> int:
        """Eight bytes."""
        (value,) = BE64.unpack_from(self.view, self.ahead(8))
        return int(value)

    def range(self) -> tuple[int, int]:
        """Eight bytes and four: a first sector and a number of sectors."""
        first, count = RANGE.unpack_from(self.view, self.ahead(12))
        return first, count

    def name(self, what: str) -> str:
        """A name after its length in a byte; CorruptError if unreadable."""
        length = self.u8()
        if length == 0:
            raise CorruptError(f"{what} is empty")
        return text_of(self.raw(length), what)


def text_of(raw: bytes, what: str) -> str:
    """UTF-8 without NUL; CorruptError if it is not that."""
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        raise CorruptError(f"{what} is not UTF-8: {raw[:32]!r}") from None
    if "\0" in text:
        raise CorruptError(f"{what} holds a NUL: {raw[:32]!r}")
    return text
