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

from llvmlite import ir  # type: ignore[import-untyped] # ships no types

from checker.engines.emit import I64, number
from checker.engines.routine import Routine

_I8, _I32 = ir.IntType(8), ir.IntType(32)
_LINE = ir.VectorType(I64, 8)
_ZERO = number(0, 32)
INDEX_BITS = 40
TAG_BITS = 24
LINE = 8
_INDEX = number((1 << INDEX_BITS) - 1)
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


def hash_of(routine: Routine, row: Sequence[ir.Value]) -> ir.Value:
    """64 well mixed bits."""
    builder = routine.builder
    mixed = builder.mul(row[0], number(_MULTIPLIERS[0]))
    for i, word in enumerate(row[1:]):
        factor = _MULTIPLIERS[1 + i % 2]
        mixed = builder.xor(mixed, builder.lshr(mixed, number(32)))
        mixed = builder.mul(builder.add(mixed, word), number(factor))
    mixed = builder.xor(mixed, builder.lshr(mixed, number(32)))
    mixed = builder.mul(mixed, number(_MULTIPLIERS[3]))
    return builder.xor(mixed, builder.lshr(mixed, number(29)))


def part_of(routine: Routine, mixed: ir.Value, parts: ir.Value) -> ir.Value:
    """The part that a state with this hash belongs to.

    It is chosen by the tag's bits, because the others choose the slot.
    """
    builder = routine.builder
    tag = builder.and_(mixed, number((1 << TAG_BITS) - 1))
    return builder.lshr(builder.mul(tag, parts), number(TAG_BITS))


class Table:
    """The table and the arena as a routine sees them."""

    def __init__(
        self, routine: Routine, control: ir.Value, words: int
    ) -> None:
        self.routine = routine
        self.words = words
        self.arena = routine.pointer(control, Control.ARENA)
        self.slots = routine.pointer(control, Control.TABLE)
        self.shift = routine.load(control, Control.SHIFT)
        builder = routine.builder
        self.mask = builder.lshr(number((1 << 64) - 1), self.shift)

    # -- lines -----------------------------------------------------------

    def home(self, mixed: ir.Value) -> ir.Value:
        """The first line to look at."""
        return self.routine.builder.lshr(mixed, self.shift)

    def after(self, line: ir.Value) -> ir.Value:
        """The next line to look at."""
        builder = self.routine.builder
        return builder.and_(builder.add(line, number(1)), self.mask)

    def slot(self, line: ir.Value, place: ir.Value) -> ir.Value:
        """Number of the slot at ``place`` of a line."""
        builder = self.routine.builder
        return builder.add(builder.mul(line, number(LINE)), place)

    def prefetch_line(self, line: ir.Value) -> None:
        """Have a line brought near."""
        self.routine.prefetch(self.slots, self.slot(line, number(0)))

    def entries(self, line: ir.Value) -> ir.Value:
        """All slots of a line, as a vector."""
        start = self.routine.at(self.slots, self.slot(line, number(0)))
        return self.routine.builder.load(start, typ=_LINE, align=8 * LINE)

    def taken(self, entries: ir.Value) -> ir.Value:
        """How many slots of a line are taken: its first ones."""
        return self.routine.builder.ctpop(self._mask(entries, "!=", 0))

    def matches(self, entries: ir.Value, mixed: ir.Value) -> ir.Value:
        """One bit for each slot of a line, set where the tag agrees."""
        builder = self.routine.builder
        first = ir.Constant(_LINE, ir.Undefined)
        first = builder.insert_element(first, self._tag(mixed), _ZERO)
        spread = ir.Constant(ir.VectorType(_I32, LINE), [0] * LINE)
        wanted = builder.shuffle_vector(first, first, spread)
        index_bits = ir.Constant(_LINE, [INDEX_BITS] * LINE)
        agree = self._mask(builder.lshr(entries, index_bits), "==", wanted)
        # a vacant slot looks like one with tag 0
        return builder.and_(agree, self._mask(entries, "!=", 0))

    def _mask(
        self, entries: ir.Value, comparison: str, other: ir.Value | int
    ) -> ir.Value:
        builder = self.routine.builder
        if isinstance(other, int):
            other = ir.Constant(_LINE, [other] * LINE)
        truths = builder.icmp_unsigned(comparison, entries, other)
        return builder.zext(builder.bitcast(truths, _I8), I64)

    def _tag(self, mixed: ir.Value) -> ir.Value:
        return self.routine.builder.and_(mixed, number((1 << TAG_BITS) - 1))

    # -- states ----------------------------------------------------------

    def number_at(self, line: ir.Value, matches: ir.Value) -> ir.Value:
        """Number of the state in the first slot that is in ``matches``."""
        builder = self.routine.builder
        place = builder.cttz(matches, number(1, 1))
        entry = self.routine.load(self.slots, self.slot(line, place))
        return builder.sub(builder.and_(entry, _INDEX), number(1))

    def enter(
        self, mixed: ir.Value, index: ir.Value, place: tuple[ir.Value, ir.Value]
    ) -> None:
        """Put state ``index`` with this hash into a line's first vacancy.

        ``place`` is the line and how many of its slots are taken.
        """
        builder = self.routine.builder
        tag = builder.shl(mixed, number(INDEX_BITS))
        entry = builder.or_(tag, builder.add(index, number(1)))
        self.routine.store(entry, self.slots, self.slot(*place))

    def state(self, index: ir.Value) -> list[ir.Value]:
        """Words of state ``index``."""
        return self.routine.row(self.arena, index, self.words, self.words)

    def prefetch_state(self, index: ir.Value) -> None:
        """Have state ``index`` brought near."""
        place = self.routine.builder.mul(index, number(self.words))
        self.routine.prefetch(self.arena, place)

    def locate(
        self,
        row: Sequence[ir.Value],
        mixed: ir.Value,
        first: ir.Value,
        absent: Callable[[ir.Value, ir.Value], None],
    ) -> ir.Value:
        """Number of the state with this row and hash, plus one; or 0.

        Looks from line ``first`` on.  If the state is not there, ``absent``
        writes what is done with the line that has a vacancy, and with the
        number of its slots that are taken.
        """
        routine, builder = self.routine, self.routine.builder
        line = routine.variable(first)
        answer = routine.variable(0)
        going = routine.variable(1)
        with routine.as_long_as(lambda: routine.same(going.get(), 1)):
            entries = self.entries(line.get())
            left = routine.variable(self.matches(entries, mixed))
            with routine.as_long_as(
                lambda: builder.icmp_unsigned("!=", left.get(), number(0))
            ):
                index = self.number_at(line.get(), left.get())
                rest = builder.sub(left.get(), number(1))
                left.set(builder.and_(left.get(), rest))
                different = routine.differ(row, self.state(index))
                with builder.if_then(builder.not_(different)):
                    answer.set(builder.add(index, number(1)))
                    left.set(number(0))
                    going.set(number(0))
            taken = self.taken(entries)
            vacant = routine.less(taken, LINE)
            vacant = builder.and_(vacant, routine.same(going.get(), 1))
            with builder.if_then(vacant):
                absent(line.get(), taken)
                going.set(number(0))
            line.set(self.after(line.get()))
        return answer.get()


def find_routine(module: ir.Module, words: int, inner: bool) -> Routine:
    """``find(control, row)``: the number of the state plus one, or 0."""
    routine = Routine(module, "find", "pp", inner)
    control, row = routine.arguments
    table = Table(routine, control, words)
    wanted = [routine.load(row, i) for i in range(words)]
    mixed = hash_of(routine, wanted)
    first = table.home(mixed)
    routine.result(
        table.locate(wanted, mixed, first, lambda line, taken: None)
    )
    return routine
