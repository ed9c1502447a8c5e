# SPDX-License-Identifier: GPL-2.0-or-later
"""The memory of one part of a search, and the kernel's work on it.

A search on one thread has one part; on several threads the states are dealt
out by hash, one part for each thread, and no two threads ever write to the
same part.
"""

from __future__ import annotations

import mmap
import sys
from collections.abc import Sequence
from ctypes import addressof
from typing import Final

import numpy as np
from numpy.typing import NDArray

from checker.engines.native.compile import NativeCode
from checker.engines.native.control import ControlBlock
from checker.engines.native.expansion import BLOCK, groups
from checker.engines.native.kernel import filter_bits
from checker.engines.native.layout import WORD, Rows
from checker.engines.native.table import INDEX_BITS, LINE

# Linux has it under this number on the usual processors; it only says that
# an address range is not a promise of memory
_NO_RESERVE: Final = getattr(
    mmap, "MAP_NORESERVE", 0x4000 if sys.platform == "linux" else 0
)
_HUGE_PAGE = 1 << 21
_WORD_BYTES = 8
MOST_LOAD = 0.85
FEWEST_ROWS = 1 << 20


class ArenaFullError(Exception):
    """A state more would need more memory than there may be."""


def reserved(words: int) -> Rows:
    """Return ``words`` zero words, or more, that take memory when touched.

    Raises OSError if there is no address range of that size.
    """
    size = max(words * _WORD_BYTES, mmap.PAGESIZE)
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _NO_RESERVE
    area = mmap.mmap(-1, size, flags=flags)
    if size >= _HUGE_PAGE and hasattr(mmap, "MADV_HUGEPAGE"):
        area.madvise(mmap.MADV_HUGEPAGE)
    return np.frombuffer(area, dtype=np.uint64)


def address(array: NDArray[np.uint64]) -> int:
    """Return the address of ``array``."""
    return int(array.ctypes.data)


class Part:
    """Arena, table and counters of one part, and their control block.

    ``words`` words make a state; ``counters`` are the numbers of instances
    and of watches; ``successors`` is the most that one block
    of states can have; ``slots`` is the size of the first table, a power of
    two; ``memory`` is the most bytes that arena and table may take, and
    ``most_states`` the number of states after which no block begins.
    """

    def __init__(
        self,
        code: NativeCode,
        words: int,
        counters: tuple[int, int],
        successors: int,
        *,
        slots: int,
        memory: int,
        most_states: int,
        number: int,
        parts: int,
    ) -> None:
        self._code = code
        self.words = words
        self._block = successors
        self._most_states = most_states
        self._limit = memory
        instances, watches = counters
        self.fired = np.zeros(instances, dtype=np.uint64)
        self.stuck = np.zeros(1, dtype=np.uint64)
        self.seen = np.zeros(groups(watches), dtype=np.uint64)
        self._filter = np.zeros(words << filter_bits(words), dtype=np.uint64)
        self._successors = np.zeros(successors * words, dtype=np.uint64)
        self._candidates = np.zeros(successors * (words + 1), dtype=np.uint64)
        self._pending = np.zeros(successors * 2, dtype=np.uint64)
        self.shortened = False
        row = words * _WORD_BYTES
        self._arena = self._reserved(memory // row, words)
        self._table = self._reserved(memory // _WORD_BYTES, 1)
        self.control = ControlBlock(
            arena=address(self._arena),
            table=address(self._table),
            shift=WORD - 1,  # two vacant lines, until a table is set
            fired=address(self.fired),
            stuck=address(self.stuck),
            seen=address(self.seen),
            filter=address(self._filter),
            successors=address(self._successors),
            candidates=address(self._candidates),
            pending=address(self._pending),
            most=most_states,
            part=number,
            parts=parts,
        )
        self._control = addressof(self.control)
        self.peak = 0
        self.offsets = [0]
        self._set_table(slots)

    def _reserved(self, rows: int, words: int) -> Rows:
        """Return an array of ``rows`` rows, or of as many as there can be.

        ``shortened``: the system gave less than the limit allows.
        """
        rows = min(rows, (1 << INDEX_BITS) - 1)
        rows = max(rows, FEWEST_ROWS) + self._block
        while True:
            try:
                return reserved(rows * words)
            except (OSError, ValueError, OverflowError):
                rows //= 2
                self.shortened = True
                if rows < FEWEST_ROWS:
                    raise

    # -- the search ------------------------------------------------------

    @property
    def count(self) -> int:
        """States in the arena."""
        return int(self.control.count)

    @property
    def next(self) -> int:
        """Number of the first state that was not expanded."""
        return int(self.control.next)

    def begin(self, initial: Rows) -> None:
        """Take it that the row ``initial`` was met a moment ago.

        It has to be added, without asking the filter, before anything else.
        """
        self._filter.reshape(-1, self.words)[:] = initial

    def take(self, rows: Rows, unfiltered: bool = False) -> None:
        """Add ``rows``; they may be known already.  Raises ArenaFullError."""
        taken = 0
        while taken < len(rows):
            some = rows[taken:]
            taken += self._code.call(
                "take",
                self._control,
                address(some),
                len(some),
                unfiltered,
            )
            if taken < len(rows):
                self.grow()

    def advance(self, end: int) -> None:
        """Expand states up to ``end``, or until an outbox is full.

        Stops early when there are more than ``most_states`` states.  Raises
        ArenaFullError.
        """
        self.control.end = end
        while True:
            self._code.call("advance", self._control)
            if self.next >= end or self.count > self._most_states:
                return
            if self.count <= self.control.room:
                return
            self.grow()

    def grow(self) -> None:
        """Have a table of twice the size.  Raises ArenaFullError."""
        slots = 2 * self._slots()
        if self._room(slots) < self.count:
            raise ArenaFullError
        self._set_table(slots)

    def _slots(self) -> int:
        return LINE << WORD - int(self.control.shift)

    def _set_table(self, slots: int) -> None:
        # memory that was touched is used again: to touch new memory takes
        # longer than to clear it and to fill it from the arena
        self._table_is_whole = False
        self._table[: self._slots()] = 0
        self.control.shift = WORD + 1 - (slots // LINE).bit_length()
        self.control.room = self._room(slots)
        self._code.call("rebuild", self._control)
        self._table_is_whole = True
        self._note_peak()

    def _room(self, slots: int) -> int:
        row = self.words * _WORD_BYTES
        if slots > self._table.size:
            return 0
        left = (self._limit - slots * _WORD_BYTES) // row
        # a block is read whole, also where it is the last one
        arena = self._arena.size // self.words - BLOCK
        return max(0, min(int(slots * MOST_LOAD), arena, left) - self._block)

    # -- what was found --------------------------------------------------

    def find(self, row: Rows) -> int | None:
        """Return the number of the state with this ``row``, or None."""
        self.ensure_table()
        found = self._code.call("find", self._control, address(row))
        return found - 1 if found else None

    def ensure_table(self) -> None:
        """Have a whole table even if Ctrl-C came while it was replaced."""
        if not self._table_is_whole:
            self._set_table(self._slots())

    def rows(self, first: int, end: int) -> Rows:
        """Return the rows of states ``first`` to ``end`` - 1."""
        words = self._arena[first * self.words : end * self.words]
        return words.reshape(-1, self.words)

    def level(self, level: int) -> tuple[int, int]:
        """Return the numbers of a level's first state and of its end."""
        return self.offsets[level], self.offsets[level + 1]

    def memory(self) -> int:
        """Return the bytes that are in use."""
        arena = self.count * self.words * _WORD_BYTES
        return arena + self._slots() * _WORD_BYTES + self._fixed()

    def _fixed(self) -> int:
        arrays = (
            self._filter,
            self._successors,
            self._candidates,
            self._pending,
        )
        return sum(array.nbytes for array in arrays)

    def _note_peak(self) -> None:
        self.peak = max(self.peak, self.memory())

    def end_level(self) -> None:
        """Remember that the level that is being found ends here."""
        self.offsets.append(self.count)
        self._note_peak()


def seen_in(parts: Sequence[Part]) -> int:
    """Return a bit for each watch, set if it was true in some part."""
    words = np.bitwise_or.reduce([part.seen for part in parts])
    return int.from_bytes(words.astype("<u8").tobytes(), "little")
