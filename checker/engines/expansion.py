# SPDX-License-Identifier: GPL-2.0-or-later
"""The part of the search kernel that depends on the machine.

A block of up to 64 states is expanded in three passes, none of which has a
branch that depends on a guard:

1. for every state, all guards; they become bits of one row per state, one
   bit per instance;
2. the 64 by 64 bits are transposed: one row per instance, one bit per state;
3. for every instance, its effect in every state whose bit is set.

A branch per guard would be guessed wrong several times per state; here only
the end of each loop is, once per instance and block.
"""

from __future__ import annotations

from collections.abc import Sequence

from checker.engines.assembly import WORD, Module, Value, number
from checker.engines.emit import Emitter
from checker.engines.exploration import watches
from checker.engines.layout import Layout
from checker.engines.routine import Routine, Variable
from model.language.expression import Expression, ones
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
    rows, n, out, fired, stuck, *records = routine.arguments
    parts = groups(len(machine.instances))
    table = routine.place(parts * BLOCK)
    _write_guards(routine, machine, layout, (rows, n, table, stuck))
    transpose = _transpose_routine(module)
    for part in range(parts):
        square = routine.at(table, number(part * BLOCK))
        routine.call(transpose, square)
    written = routine.variable()
    for k, instance in enumerate(machine.instances):
        enabled = routine.load(table, k)
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


def _write_guards(
    routine: Routine,
    machine: Machine,
    layout: Layout,
    places: tuple[Value, Value, Value, Value],
) -> None:
    """Fill ``table`` with the guards of each state; count the stuck ones."""
    rows, n, table, stuck = places
    parts = groups(len(machine.instances))
    with routine.each(0, n) as i:
        words = routine.row(rows, i, layout.words)
        emitter = Emitter(routine, layout, words)
        guards = [x.enabled for x in machine.instances]
        any_enabled = number(0)
        for part in range(parts):
            some = guards[part * WORD : (part + 1) * WORD]
            bits = gathered(routine, emitter, some)
            row = routine.add(i, number(part * BLOCK))
            routine.store(bits, table, row)
            any_enabled = routine.or_(any_enabled, bits)
        ends = emitter.value(machine.may_end)
        rests = routine.and_(routine.same(any_enabled, 0), routine.not_(ends))
        routine.increase(routine.fit(rests, WORD), stuck, 0)
    with routine.each(n, BLOCK) as i:
        for part in range(parts):
            row = routine.add(i, number(part * BLOCK))
            routine.store(number(0), table, row)


def gathered(
    routine: Routine, emitter: Emitter, truths: Sequence[Expression]
) -> Value:
    """Up to 64 truth values as the bits of one word."""
    bits = number(0)
    for k, truth in enumerate(truths):
        bit = routine.fit(emitter.value(truth), WORD)
        bits = routine.or_(bits, routine.shl(bit, number(k)))
    return bits


def _transpose_routine(module: Module) -> Routine:
    """``transpose(table)``: bit i of row k changes places with k of i.

    Swaps the off-diagonal quarters of the square, then of each quarter, and
    so on down to single bits.
    """
    routine = Routine(module, "transpose", "p", inner=True)
    table = routine.arguments[0]
    half = WORD // 2
    mask = ones(half)
    while half:
        step, inside = number(half), number(mask)
        with routine.each(0, WORD // 2) as pair:
            # the upper row of the pair: ``half`` rows, then skip as many
            rest = routine.and_(pair, number(half - 1))
            upper = routine.add(routine.sub(pair, rest), pair)
            lower = routine.add(upper, step)
            a, b = routine.load(table, upper), routine.load(table, lower)
            swap = routine.xor(routine.lshr(a, step), b)
            swap = routine.and_(swap, inside)
            routine.store(routine.xor(b, swap), table, lower)
            swap = routine.shl(swap, step)
            routine.store(routine.xor(a, swap), table, upper)
        half //= 2
        mask ^= mask << half
    routine.result(number(0))
    return routine


def look_routine(module: Module, machine: Machine, layout: Layout) -> Routine:
    """``look(rows, first, end, seen)``: which watches are true somewhere.

    Sets in ``seen`` the bit of every watch that is true in one of the rows
    ``first`` to ``end`` - 1.
    """
    routine = Routine(module, "look", "piip", inner=True)
    rows, first, end, seen = routine.arguments
    truths = [watch.expression for watch in watches(machine)]
    found: list[Variable] = [
        routine.variable() for _ in range(groups(len(truths)))
    ]
    with routine.each(first, end) as i:
        words = routine.row(rows, i, layout.words)
        emitter = Emitter(routine, layout, words)
        for part, variable in enumerate(found):
            some = truths[part * WORD : (part + 1) * WORD]
            bits = gathered(routine, emitter, some)
            variable.set(routine.or_(variable.get(), bits))
    for part, variable in enumerate(found):
        bits = routine.or_(routine.load(seen, part), variable.get())
        routine.store(bits, seen, part)
    routine.result(number(0))
    return routine
