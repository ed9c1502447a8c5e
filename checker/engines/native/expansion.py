# SPDX-License-Identifier: GPL-2.0-or-later
"""The part of the search kernel that depends on the machine.

A block of up to 64 states is expanded in two passes, neither of which has a
branch that depends on a guard:

1. all guards in all 64 states side by side, with the processor's vector
   instructions: one word for each instance, one bit for each state;
2. for every instance, its effect in every state whose bit is set.

A branch per guard would be guessed wrong several times per state; here only
the end of each loop is, once per instance and block.
"""

from __future__ import annotations

from collections.abc import Sequence

from checker.engines.exploration import Watch
from checker.engines.native.assembly import (
    I64,
    WORD,
    Module,
    Value,
    number,
    vector_of,
)
from checker.engines.native.emit import Emitter
from checker.engines.native.layout import Layout
from checker.engines.native.routine import Routine
from model.language.expression import Expression, ones, walk
from model.language.machine import Instance, Machine

BLOCK = WORD


def groups(count: int) -> int:
    """Words that hold ``count`` bits."""
    return (count + WORD - 1) // WORD


def expand_routine(
    module: Module, machine: Machine, layout: Layout, record: bool
) -> Routine:
    """``expand(rows, n, out, fired, stuck)``, n at most 64.

    Writes the successors of ``rows`` to ``out`` and returns their number.
    Adds to ``fired`` the transitions per instance, and to ``stuck`` the
    number of deadlocks.  Self-loops count as transitions but are not written.

    If ``record``, they are written, and there are two more parameters: for
    each successor the number of its state in ``rows`` and its instance.
    """
    arguments = "pippp" + "pp" * record
    routine = Routine(module, "expand", arguments, inner=True)
    rows, _, out, fired, _, *records = routine.arguments
    enabled_in = _write_guards(routine, machine, layout)
    written = routine.variable()
    for k, instance in enumerate(machine.instances):
        enabled = routine.load(enabled_in, k)
        routine.increase(routine.ones_in(enabled), fired, k)
        with routine.each_bit(enabled) as state:
            old = routine.row(rows, state, layout.words)
            new = _successor(routine, layout, instance, old)
            place = written.get()
            routine.store_row(new, out, place)
            if record:
                routine.store(state, records[0], place)
                routine.store(number(k), records[1], place)
                written.increase(number(1))
            else:
                written.increase(routine.differ(old, new))
    routine.result(written.get())
    return routine


def _successor(
    routine: Routine,
    layout: Layout,
    instance: Instance,
    old: Sequence[Value],
) -> list[Value]:
    emitter = Emitter(routine, layout, old)
    emitter.suppose(c.expression for c in instance.guard)
    return emitter.successor(instance)


def _write_guards(routine: Routine, machine: Machine, layout: Layout) -> Value:
    """Where in which states each instance is enabled: one word for each.

    Counts the stuck states as well.
    """
    rows, n, _, _, stuck, *_ = routine.arguments
    guards = [instance.enabled for instance in machine.instances]
    table = routine.place(len(guards) + 1)
    block = _Block(routine, layout, [*guards, machine.may_end])
    truths = block.evaluate(rows, n)
    *enabled, ends = truths
    moves = number(0)
    for k, bits in enumerate(enabled):
        routine.store(bits, table, k)
        moves = routine.or_(moves, bits)
    goes_on = routine.or_(moves, ends)
    still = routine.and_(routine.inverse(goes_on), block.valid(n))
    routine.increase(routine.ones_in(still), stuck, 0)
    return table


class _Block:
    """Truth values in up to 64 states, one bit for each state."""

    def __init__(
        self, routine: Routine, layout: Layout, truths: Sequence[Expression]
    ) -> None:
        self._routine = routine
        self._layout = layout
        self._truths = truths
        widest = max((node.width for node in walk(truths)), default=1)
        # LLVM has no way with vectors of numbers wider than a word
        self._lanes = BLOCK if widest <= WORD else 1

    def valid(self, n: Value) -> Value:
        """The lowest ``n`` bits, ``n`` from 1 to 64."""
        empty = self._routine.sub(number(BLOCK), n)
        return self._routine.lshr(number(ones(WORD)), empty)

    def evaluate(self, rows: Value, n: Value) -> list[Value]:
        """For each truth value, its bits in the first ``n`` of ``rows``."""
        routine, lanes = self._routine, self._lanes
        found = [routine.variable() for _ in self._truths]
        columns = self._columns(rows)
        with routine.each(0, BLOCK // lanes) as group:
            first = routine.mul(group, number(lanes))
            words = [
                routine.read(routine.at(column, first), vector_of(lanes, I64))
                for column in columns
            ]
            emitter = Emitter(routine, self._layout, words, lanes)
            for variable, truth in zip(found, self._truths, strict=True):
                bits = routine.bitcast(emitter.value(truth), f"i{lanes}")
                bits = routine.shl(routine.fit(bits, WORD), first)
                variable.set(routine.or_(variable.get(), bits))
        valid = self.valid(n)
        return [routine.and_(bits.get(), valid) for bits in found]

    def _columns(self, rows: Value) -> list[Value]:
        """For each word of a state, that word of 64 states in a row."""
        routine, words = self._routine, self._layout.words
        if words == 1:
            return [rows]
        columns = [routine.place(BLOCK) for _ in range(words)]
        with routine.each(0, BLOCK) as i:
            row = routine.row(rows, i, words)
            for column, word in zip(columns, row, strict=True):
                routine.store(word, column, i)
        return columns


def look_routine(
    module: Module, layout: Layout, watched: Sequence[Watch]
) -> Routine:
    """``look(rows, first, end, seen)``: which watches are true somewhere.

    Sets in ``seen`` the bit of every watch that is true in one of the rows
    ``first`` to ``end`` - 1.
    """
    routine = Routine(module, "look", "piip", inner=True)
    rows, first, end, seen = routine.arguments
    truths = [watch.expression for watch in watched]
    block = _Block(routine, layout, truths)
    position = routine.variable(first)
    with routine.as_long_as(lambda: routine.less(position.get(), end)):
        start = position.get()
        n = routine.least(routine.sub(end, start), BLOCK)
        found = block.evaluate(routine.row_at(rows, start, layout.words), n)
        for part in range(groups(len(truths))):
            bits = routine.load(seen, part)
            for k, where in enumerate(found[part * WORD :][:WORD]):
                here = routine.fit(routine.other(where, 0), WORD)
                bits = routine.or_(bits, routine.shl(here, number(k)))
            routine.store(bits, seen, part)
        position.increase(n)
    routine.result(number(0))
    return routine
