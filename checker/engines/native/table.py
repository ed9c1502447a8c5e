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

from checker.engines.native.assembly import Module
from checker.engines.native.control import Control
from checker.engines.native.layout import WORD
from checker.engines.native.routine import Routine
from checker.engines.native.value import I64, Value, differ
from model.language.expression import ones

INDEX_BITS = 40
TAG_BITS = 24
LINE = 8
_LINE = f"<{LINE} x {I64}>"
_MULTIPLIERS = (
    0x9E3779B97F4A7C15,
    0xD6E8FEB86659FD93,
    0xC2B2AE3D27D4EB4F,
    0xFF51AFD7ED558CCD,
)


def hash_of(row: Sequence[Value]) -> Value:
    """Return a hash of a state's words: 64 well mixed bits."""
    mixed = row[0] * _MULTIPLIERS[0]
    for i, word in enumerate(row[1:]):
        mixed = ((mixed ^ mixed >> 32) + word) * _MULTIPLIERS[1 + i % 2]
    mixed = (mixed ^ mixed >> 32) * _MULTIPLIERS[3]
    return mixed ^ mixed >> 29


def part_of(mixed: Value, parts: Value) -> Value:
    """Return the number of the part that a state with this hash belongs to.

    It is chosen by the tag's bits, because the others choose the line.
    """
    return tag_of(mixed) * parts >> TAG_BITS


def tag_of(mixed: Value) -> Value:
    """Return the bits of a hash that a slot keeps: its lowest 24."""
    return mixed & ones(TAG_BITS)


class Table:
    """The table and the arena as a routine sees them."""

    def __init__(self, routine: Routine, control: Control, words: int) -> None:
        self.routine = routine
        self.words = words
        self.arena = control.arena
        self.slots = control.table
        self.shift = control.shift
        self.mask = ones(WORD) >> self.shift

    # -- lines -----------------------------------------------------------

    def home(self, mixed: Value) -> Value:
        """Return the number of the first line to look at."""
        return mixed >> self.shift

    def after(self, line: Value) -> Value:
        """Return the number of the next line to look at."""
        return line + 1 & self.mask

    def line_at(self, line: Value) -> Value:
        """Return the address of a line."""
        return self.slots.row_at(line, LINE)

    def entries(self, line: Value) -> Value:
        """Return all slots of a line, as a vector."""
        return self.line_at(line).read(_LINE, 8 * LINE)

    def taken(self, entries: Value) -> Value:
        """Return how many slots of a line are taken: its first ones."""
        return self._taken(entries).count_ones()

    def _taken(self, entries: Value) -> Value:
        vacant = Value("zeroinitializer", _LINE, self.routine)
        return _bits(entries.is_not(vacant))

    def matches(self, entries: Value, mixed: Value) -> Value:
        """Return one bit for each slot of a line: whether the tag agrees."""
        tags = entries >> self.routine.word(INDEX_BITS).spread(LINE)
        wanted = tag_of(mixed).spread(LINE)
        agree = _bits(tags.is_(wanted))
        # a vacant slot looks like one with tag 0
        return agree & self._taken(entries)

    # -- states ----------------------------------------------------------

    def number_at(self, line: Value, place: Value) -> Value:
        """Return the number of the state in slot ``place`` of a line."""
        return (self.line_at(line)[place] & ones(INDEX_BITS)) - 1

    def enter(
        self, mixed: Value, index: Value, place: tuple[Value, Value]
    ) -> None:
        """Put state ``index`` with this hash into a line's first vacancy.

        ``place`` is the line and how many of its slots are taken.
        """
        line, taken = place
        entry = tag_of(mixed) << INDEX_BITS | index + 1
        self.line_at(line)[taken] = entry

    def state(self, index: Value) -> list[Value]:
        """Return the words of state ``index``."""
        return self.arena.row(index, self.words)

    def state_at(self, index: Value) -> Value:
        """Return the address of state ``index``."""
        return self.arena.row_at(index, self.words)

    def locate(
        self,
        row: Sequence[Value],
        mixed: Value,
        first: Value,
        absent: Callable[[tuple[Value, Value]], None],
    ) -> Value:
        """Return the number of the state with this row, plus one; or 0.

        ``mixed`` is its hash.  If the state is not there, ``absent`` writes
        what is done with the line that has a vacancy and the number of its
        slots that are taken::

            line := first
            forever
                for each slot of the line whose tag is the hash's
                    if the slot's state is the row
                        answer := its number + 1
                if the state was found, leave
                if the line has a vacancy
                    absent(line); leave
                line := the line after it
        """
        routine = self.routine
        line, answer = routine.variable(first), routine.variable(0)
        going = routine.variable(1)
        with routine.as_long_as(lambda: going.now.is_not(0)):
            here = line.now
            entries = self.entries(here)
            with routine.each_bit(self.matches(entries, mixed)) as place:
                index = self.number_at(here, place)
                different = differ(row, self.state(index))
                with routine.when(~different):
                    answer.now = index + 1
            taken = self.taken(entries)
            full = taken.is_(LINE)
            unknown = answer.now.is_(0)
            going.now = (full & unknown).fit(WORD)
            with routine.when(unknown & ~full):
                absent((here, taken))
            line.now = self.after(here)
        return answer.now


def _bits(truths: Value) -> Value:
    """Return the truth values of a line's slots as the bits of a word."""
    return truths.as_type(f"i{LINE}").fit(WORD)


def find_routine(module: Module, words: int, inner: bool) -> Routine:
    """Write ``find(control, row)``.

    It returns the number of the state with this row plus one, or 0::

        mixed := hash(row)
        return locate(row, mixed, the hash's first line)
    """
    routine = Routine(module, "find", "pp", inner)
    block, row = routine.arguments
    table = Table(routine, Control(block), words)
    wanted = [row[i] for i in range(words)]
    mixed = hash_of(wanted)
    first = table.home(mixed)
    routine.result(table.locate(wanted, mixed, first, lambda place: None))
    return routine
