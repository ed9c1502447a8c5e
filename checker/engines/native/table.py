# SPDX-License-Identifier: GPL-2.0-or-later
"""States and the table that finds them by value, as native code sees them.

All distinct states stand in the arena, in the order in which they were found;
the table finds them.  A slot of the table is one word: the state's number in
the arena plus one (40 bits) and a tag (24 bits of its hash); 0 is a vacant
slot.  The tag only says where it is worth looking: states are the same when
their words are.

Eight slots are a line (of 64 bytes, as the processor's cache has them) and
are looked at all at once.  The highest bits of the hash give the first line
to look at; where a line is full, the search goes on in the next.  Lines fill
from their first slot on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import IntEnum

from checker.engines.native.assembly import I64, WORD, Module, Value, number
from checker.engines.native.routine import Routine

INDEX_BITS = 40
TAG_BITS = 24
LINE = 8
_LINE = f"<{LINE} x {I64}>"
_INDEX = number((1 << INDEX_BITS) - 1)
_INDEX_BITS = number(INDEX_BITS)
_MULTIPLIERS = (
    0x9E3779B97F4A7C15,
    0xD6E8FEB86659FD93,
    0xC2B2AE3D27D4EB4F,
    0xFF51AFD7ED558CCD,
)


class Control(IntEnum):
    """Words of the control block, which Python and the kernel share."""

    ARENA = 0  # address of the states
    COUNT = 1  # states in the arena
    TABLE = 2  # address of the slots
    SHIFT = 3  # 64 - log2(lines)
    NEXT = 4  # the next state to expand
    END = 5  # where to stop expanding
    ROOM = 6  # no block begins when the arena holds more states
    FIRED = 7  # address: transitions per instance
    STUCK = 8  # address: number of deadlocks
    SEEN = 9  # address: watches that were true
    FILTER = 10  # address: rows that were met a moment ago
    SUCCESSORS = 11  # address: rows
    CANDIDATES = 12  # address: rows, each with its hash
    PENDING = 13  # address: pairs of a candidate and a line
    PARTS = 14  # number of parts
    PART = 15  # the part that this control block is about
    OUTBOXES = 16  # address: one address of rows for each part
    OUTGOING = 17  # address: rows in each outbox
    OUTBOX_ROOM = 18  # no block begins when an outbox holds more rows
    MOST = 19  # nothing is expanded when the arena holds more states


def hash_of(routine: Routine, row: Sequence[Value]) -> Value:
    """64 well mixed bits."""
    mixed = routine.mul(row[0], number(_MULTIPLIERS[0]))
    for i, word in enumerate(row[1:]):
        factor = _MULTIPLIERS[1 + i % 2]
        mixed = routine.xor(mixed, routine.lshr(mixed, number(32)))
        mixed = routine.mul(routine.add(mixed, word), number(factor))
    mixed = routine.xor(mixed, routine.lshr(mixed, number(32)))
    mixed = routine.mul(mixed, number(_MULTIPLIERS[3]))
    return routine.xor(mixed, routine.lshr(mixed, number(29)))


def part_of(routine: Routine, mixed: Value, parts: Value) -> Value:
    """The part that a state with this hash belongs to.

    It is chosen by the tag's bits, because the others choose the slot.
    """
    tag = tag_of(routine, mixed)
    return routine.lshr(routine.mul(tag, parts), number(TAG_BITS))


def tag_of(routine: Routine, mixed: Value) -> Value:
    """The bits of a hash that a slot keeps."""
    return routine.and_(mixed, number((1 << TAG_BITS) - 1))


class Table:
    """The table and the arena as a routine sees them."""

    def __init__(self, routine: Routine, control: Value, words: int) -> None:
        self.routine = routine
        self.words = words
        self.arena = routine.pointer(control, Control.ARENA)
        self.slots = routine.pointer(control, Control.TABLE)
        self.shift = routine.load(control, Control.SHIFT)
        self.mask = routine.lshr(number((1 << WORD) - 1), self.shift)

    # -- lines -----------------------------------------------------------

    def home(self, mixed: Value) -> Value:
        """The first line to look at."""
        return self.routine.lshr(mixed, self.shift)

    def after(self, line: Value) -> Value:
        """The next line to look at."""
        routine = self.routine
        return routine.and_(routine.add(line, number(1)), self.mask)

    def line_at(self, line: Value) -> Value:
        """Address of a line."""
        return self.routine.row_at(self.slots, line, LINE)

    def entries(self, line: Value) -> Value:
        """All slots of a line, as a vector."""
        return self.routine.read(self.line_at(line), _LINE, 8 * LINE)

    def taken(self, entries: Value) -> Value:
        """How many slots of a line are taken: its first ones."""
        return self.routine.ones_in(self._taken(entries))

    def _taken(self, entries: Value) -> Value:
        vacant = Value("zeroinitializer", _LINE)
        return self._bits(self.routine.compare("ne", entries, vacant))

    def matches(self, entries: Value, mixed: Value) -> Value:
        """One bit for each slot of a line, set where the tag agrees."""
        routine = self.routine
        tags = routine.lshr(entries, routine.spread(_INDEX_BITS, LINE))
        wanted = routine.spread(tag_of(routine, mixed), LINE)
        agree = self._bits(routine.compare("eq", tags, wanted))
        # a vacant slot looks like one with tag 0
        return routine.and_(agree, self._taken(entries))

    def _bits(self, truths: Value) -> Value:
        bits = self.routine.bitcast(truths, f"i{LINE}")
        return self.routine.fit(bits, WORD)

    # -- states ----------------------------------------------------------

    def number_at(self, line: Value, place: Value) -> Value:
        """Number of the state in a slot of a line."""
        routine = self.routine
        entry = routine.load(self.line_at(line), place)
        return routine.sub(routine.and_(entry, _INDEX), number(1))

    def enter(
        self, mixed: Value, index: Value, place: tuple[Value, Value]
    ) -> None:
        """Put state ``index`` with this hash into a line's first vacancy.

        ``place`` is the line and how many of its slots are taken.
        """
        routine = self.routine
        line, taken = place
        tag = routine.shl(tag_of(routine, mixed), _INDEX_BITS)
        entry = routine.or_(tag, routine.add(index, number(1)))
        routine.store(entry, self.line_at(line), taken)

    def state(self, index: Value) -> list[Value]:
        """Words of state ``index``."""
        return self.routine.row(self.arena, index, self.words)

    def state_at(self, index: Value) -> Value:
        """Address of state ``index``."""
        return self.routine.row_at(self.arena, index, self.words)

    def locate(
        self,
        row: Sequence[Value],
        mixed: Value,
        first: Value,
        absent: Callable[[tuple[Value, Value]], None],
    ) -> Value:
        """Number of the state with this row and hash, plus one; or 0.

        Looks from line ``first`` on.  If the state is not there, ``absent``
        writes what is done with the line that has a vacancy and the number
        of its slots that are taken.
        """
        routine = self.routine
        line, answer = routine.variable(first), routine.variable(0)
        going = routine.variable(1)
        with routine.as_long_as(lambda: routine.other(going.get(), 0)):
            here = line.get()
            entries = self.entries(here)
            with routine.each_bit(self.matches(entries, mixed)) as place:
                index = self.number_at(here, place)
                different = routine.differ(row, self.state(index))
                with routine.when(routine.not_(different)):
                    answer.set(routine.add(index, number(1)))
            taken = self.taken(entries)
            full = routine.same(taken, LINE)
            unknown = routine.same(answer.get(), 0)
            on = routine.and_(full, unknown)
            going.set(routine.fit(on, WORD))
            with routine.when(routine.and_(unknown, routine.not_(full))):
                absent((here, taken))
            line.set(self.after(here))
        return answer.get()


def find_routine(module: Module, words: int, inner: bool) -> Routine:
    """``find(control, row)``: the number of the state plus one, or 0."""
    routine = Routine(module, "find", "pp", inner)
    control, row = routine.arguments
    table = Table(routine, control, words)
    wanted = [routine.load(row, i) for i in range(words)]
    mixed = hash_of(routine, wanted)
    first = table.home(mixed)
    routine.result(table.locate(wanted, mixed, first, lambda place: None))
    return routine
