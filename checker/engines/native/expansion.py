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
from checker.engines.native.assembly import Module
from checker.engines.native.emit import Emitter
from checker.engines.native.layout import WORD, Layout
from checker.engines.native.routine import Routine
from checker.engines.native.value import (
    I64,
    Value,
    differ,
    vector_of,
)
from model.language.expression import Expression, ones, walk
from model.language.machine import Instance, Machine

BLOCK = WORD


def groups(count: int) -> int:
    """Return how many words hold ``count`` bits."""
    return (count + WORD - 1) // WORD


def expand_routine(
    module: Module, machine: Machine, layout: Layout, record: bool
) -> Routine:
    """Write ``expand(rows, n, out, fired, stuck)``, n at most 64.

    It writes the successors of ``rows`` to ``out`` and returns their number,
    counts transitions per instance in ``fired`` and deadlocks in ``stuck``.
    Self-loops count as transitions but are not written.  If ``record``, they
    are written, and there are two more parameters: for each successor the
    number of its state in ``rows`` and its instance::

        enabled := for each instance, one bit for each state
        for each instance
            fired[instance] += ones in its bits
            for each state whose bit is set
                new := the state after the instance
                out[written] := new
                written += 1, if new is another state, or if record
        return written
    """
    arguments = "pippp" + "pp" * record
    routine = Routine(module, "expand", arguments, inner=True)
    rows, _, out, fired, _, *records = routine.arguments
    enabled_in = _write_guards(routine, machine, layout)
    written = routine.variable()
    for k, instance in enumerate(machine.instances):
        enabled = enabled_in[k]
        fired.increase(k, enabled.count_ones())
        with routine.each_bit(enabled) as state:
            old = rows.row(state, layout.words)
            new = _successor(routine, layout, instance, old)
            place = written.now
            out.set_row(place, new)
            if record:
                records[0][place] = state
                records[1][place] = routine.word(k)
                written.increase(1)
            else:
                written.increase(differ(old, new))
    routine.result(written.now)
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
    """Return the address of one word for each instance: where it is enabled.

    Counts the stuck states as well::

        for each instance
            enabled[instance] := its guard in each of the n states
        stuck += ones in the states that no instance leaves
                 and that may not end
    """
    rows, n, _, _, stuck, *_ = routine.arguments
    guards = [instance.enabled for instance in machine.instances]
    table = routine.place(len(guards) + 1)
    block = _Block(routine, layout, [*guards, machine.may_end])
    truths = block.evaluate(rows, n)
    *enabled, ends = truths
    moves = routine.word(0)
    for k, bits in enumerate(enabled):
        table[k] = bits
        moves = moves | bits
    goes_on = moves | ends
    still = ~goes_on & _valid(n)
    stuck.increase(0, still.count_ones())
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

    def evaluate(self, rows: Value, n: Value) -> list[Value]:
        """Return each truth value's bits in the first ``n`` of ``rows``."""
        routine, lanes = self._routine, self._lanes
        found = [routine.variable() for _ in self._truths]
        columns = self._columns(rows)
        with routine.each(0, BLOCK // lanes) as group:
            first = group * lanes
            words = [
                column.word_at(first).read(vector_of(lanes, I64))
                for column in columns
            ]
            emitter = Emitter(routine, self._layout, words, lanes)
            for variable, truth in zip(found, self._truths, strict=True):
                bits = emitter.value(truth).as_type(f"i{lanes}")
                bits = bits.fit(WORD) << first
                variable.now = variable.now | bits
        valid = _valid(n)
        return [bits.now & valid for bits in found]

    def _columns(self, rows: Value) -> list[Value]:
        """Return, for each word of a state, that word of 64 states."""
        routine, words = self._routine, self._layout.words
        if words == 1:
            return [rows]
        columns = [routine.place(BLOCK) for _ in range(words)]
        with routine.each(0, BLOCK) as i:
            row = rows.row(i, words)
            for column, word in zip(columns, row, strict=True):
                column[i] = word
        return columns


def _valid(n: Value) -> Value:
    """Return a word with the lowest ``n`` bits set, ``n`` from 1 to 64."""
    return ones(WORD) >> BLOCK - n


def look_routine(
    module: Module, layout: Layout, watched: Sequence[Watch]
) -> Routine:
    """Write ``look(rows, first, end, seen)``: which watches are true.

    It sets in ``seen`` the bit of every watch that is true in one of the
    rows ``first`` to ``end`` - 1::

        for each block of 64 rows
            for each watch
                if it is true in some row of the block
                    seen += watch
    """
    routine = Routine(module, "look", "piip", inner=True)
    rows, first, end, seen = routine.arguments
    truths = [watch.expression for watch in watched]
    block = _Block(routine, layout, truths)
    position = routine.variable(first)
    with routine.as_long_as(lambda: position.now < end):
        start = position.now
        n = (end - start).at_most(BLOCK)
        found = block.evaluate(rows.row_at(start, layout.words), n)
        for part in range(groups(len(truths))):
            bits = seen[part]
            for k, where in enumerate(found[part * WORD :][:WORD]):
                bits = bits | where.is_not(0).fit(WORD) << k
            seen[part] = bits
        position.increase(n)
    routine.result(0)
    return routine
