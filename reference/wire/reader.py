# SPDX-License-Identifier: GPL-2.0-or-later
"""Reads a migration stream that arrives in fragments.

The rule: bytes go in, items come out.  What is left of an item is kept,
never more than ``limit`` bytes, and the whole reader is plain data that may
be copied at any moment, also within a chunk.  Bad input never raises: the
last item is ``Broken``.  QEMU's counterpart: ``qemu_loadvm_state``.

What cannot be read, and what is guessed, is said in ``payload``.
"""

from __future__ import annotations

from typing import Final

import attrs

from reference.errors import LimitError, StreamError, TruncatedError
from reference.wire.fragments import IncompleteError, readable
from reference.wire.item_reader import MAX_DESCRIPTION, ItemReader, State
from reference.wire.payload import SCAN
from reference.wire.stream import Broken, Item

#: more than any item may have, so that how the stream is cut decides nothing
MAX_BUFFER: Final = 2 * MAX_DESCRIPTION


@attrs.define
class StreamReader:
    """Bytes in, items out.

    ``limit``: the most bytes that are ever kept between two calls; to need
    more is a LimitError.  An item takes a few hundred bytes of memory, and
    may come from a single byte: hand in fragments of moderate size.
    """

    limit: int = MAX_BUFFER
    #: the bytes of an item that is not complete
    kept: bytearray = attrs.field(factory=bytearray)
    #: bytes that this item takes at least
    needed: int = 1
    reader: ItemReader = attrs.field(factory=ItemReader)
    broken: bool = False
    closed: bool = False

    @property
    def offset(self) -> int:
        """In the stream, of the first byte that belongs to no item yet."""
        return self.reader.offset

    @property
    def finished(self) -> bool:
        """Was the end of the stream read, and is nothing partial left?"""
        over = self.reader.state in {State.AFTER, State.OVER}
        return over and not self.kept and not self.broken

    def receive(self, data: bytes | bytearray | memoryview) -> list[Item]:
        """The items that are complete now, in the stream's order.

        The data of bitmaps may be views of ``data`` if that cannot be
        changed (``bytes``); else it is copied.  After ``Broken`` or after
        ``close`` nothing comes any more.
        """
        items: list[Item] = []
        if self.broken or self.closed:
            return items
        view = readable(data)
        at = 0
        try:
            while self.kept:
                missing = self.needed - len(self.kept)
                if self.reader.state is State.UNKNOWN:
                    missing = max(missing, SCAN)
                taken = view[at : at + missing]
                at += len(taken)
                self.kept += taken
                if len(self.kept) < self.needed:
                    return items
                used = self._items(memoryview(bytes(self.kept)), 0, items)
                del self.kept[:used]
            at = self._items(view, at, items)
            self.kept += view[at:]
        except StreamError as error:
            items.append(self._broken(error))
        return items

    def close(self) -> list[Item]:
        """The peer closed: nothing at a clean end, else ``Broken``."""
        if self.broken or self.closed:
            return []
        self.closed = True
        if self.finished:
            return []
        place = self.reader.state.value
        return [self._broken(TruncatedError(f"the stream ends in: {place}"))]

    def _items(self, view: memoryview, at: int, items: list[Item]) -> int:
        """Reads what is complete from ``at`` on; where the rest begins."""
        while at < len(view):
            try:
                at = self.reader.read(view, at, items)
            except IncompleteError as error:
                self._need(error.needed)
                return at
            self.needed = 1
        return at

    def _need(self, needed: int) -> None:
        if needed > self.limit:
            raise LimitError(
                f"{needed} bytes at once ({self.reader.state.value}); the"
                f" reader keeps {self.limit}"
            )
        self.needed = needed

    def _broken(self, error: StreamError) -> Broken:
        self.broken = True
        self.kept.clear()
        if error.offset < 0:
            error.offset = self.offset
        return Broken(
            offset=self.offset,
            end=self.offset,
            packaged=self.reader.package_end >= 0,
            error=error,
        )
