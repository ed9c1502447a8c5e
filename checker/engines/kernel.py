# SPDX-License-Identifier: GPL-2.0-or-later
"""The search kernel: breadth-first search over the states in a table.

Memory is slow, so nothing waits for it: the successors of a block of states
are hashed, those that were met a moment ago are dropped (a small filter of
whole states), the slots of the others are prefetched; then all are probed,
and where a tag agrees the state is prefetched; then those are compared.

A search that uses several threads gives each of them a part of the states,
chosen by hash.  A successor that belongs to another part goes to an outbox.
"""

from __future__ import annotations

from collections.abc import Sequence

from llvmlite import ir  # type: ignore[import-untyped] # ships no types

from checker.engines.emit import number
from checker.engines.expansion import (
    BLOCK,
    expand_routine,
    look_routine,
)
from checker.engines.layout import Layout
from checker.engines.routine import Routine
from checker.engines.table import (
    LINE,
    Control,
    Table,
    find_routine,
    hash_of,
    part_of,
)
from model.language.machine import Machine

FILTER_BITS = 12


def block_successors(machine: Machine) -> int:
    """Most successors that one block can have."""
    return BLOCK * max(1, len(machine.instances))


def search_module(machine: Machine, layout: Layout, parts: int) -> ir.Module:
    """The module that explores ``machine``, for one part or for several.

    ``advance(control)`` expands states until NEXT is END, or the table or an
    outbox is full.  ``take(control, rows, n)`` adds rows, as many as there is
    room for, and returns how many it took.  ``rebuild(control)`` fills a
    vacant table from the arena.  ``find(control, row)`` looks a state up.
    """
    module = ir.Module("search")
    expand = expand_routine(module, machine, layout, record=False)
    look = look_routine(module, machine, layout)
    insert = _insert_routine(module, layout, look, parts > 1)
    _advance_routine(module, layout, expand, insert, parts > 1)
    _take_routine(module, machine, layout, insert)
    _rebuild_routine(module, layout)
    find_routine(module, layout.words, inner=False)
    return module


def _advance_routine(
    module: ir.Module,
    layout: Layout,
    expand: Routine,
    insert: Routine,
    routed: bool,
) -> None:
    routine = Routine(module, "advance", "p")
    control = routine.arguments[0]
    builder = routine.builder
    arena = routine.pointer(control, Control.ARENA)
    end = routine.load(control, Control.END)
    room = routine.load(control, Control.ROOM)
    most = routine.load(control, Control.MOST)
    room = builder.select(routine.less(most, room), most, room)
    fired = routine.pointer(control, Control.FIRED)
    stuck = routine.pointer(control, Control.STUCK)
    successors = routine.pointer(control, Control.SUCCESSORS)
    position = routine.variable(routine.load(control, Control.NEXT))

    def may_go_on() -> ir.Value:
        more = routine.less(position.get(), end)
        full = routine.less(room, routine.load(control, Control.COUNT))
        fits = builder.and_(more, builder.not_(full))
        if routed:
            fits = builder.and_(fits, _outboxes_have_room(routine, control))
        return fits

    with routine.as_long_as(may_go_on):
        start = position.get()
        left = builder.sub(end, start)
        n = builder.select(routine.less(left, BLOCK), left, number(BLOCK))
        place = builder.mul(start, number(layout.words))
        block = routine.at(arena, place)
        found = routine.call(expand, block, n, successors, fired, stuck)
        routine.call(insert, control, successors, found, number(0))
        position.add(n)
    routine.store(position.get(), control, Control.NEXT)
    routine.result(0)


def _outboxes_have_room(routine: Routine, control: ir.Value) -> ir.Value:
    outgoing = routine.pointer(control, Control.OUTGOING)
    room = routine.load(control, Control.OUTBOX_ROOM)
    fullest = routine.variable()
    with routine.each(0, routine.load(control, Control.PARTS)) as part:
        rows = routine.load(outgoing, part)
        most = fullest.get()
        less = routine.less(most, rows)
        fullest.set(routine.builder.select(less, rows, most))
    return routine.builder.not_(routine.less(room, fullest.get()))


def _take_routine(
    module: ir.Module, machine: Machine, layout: Layout, insert: Routine
) -> None:
    routine = Routine(module, "take", "ppi")
    control, rows, n = routine.arguments
    builder = routine.builder
    room = routine.load(control, Control.ROOM)
    most = number(block_successors(machine))
    position = routine.variable()

    def may_go_on() -> ir.Value:
        more = routine.less(position.get(), n)
        full = routine.less(room, routine.load(control, Control.COUNT))
        return builder.and_(more, builder.not_(full))

    with routine.as_long_as(may_go_on):
        start = position.get()
        left = builder.sub(n, start)
        size = builder.select(routine.less(left, most), left, most)
        place = builder.mul(start, number(layout.words))
        chosen = routine.at(rows, place)
        routine.call(insert, control, chosen, size, number(1))
        position.add(size)
    routine.result(position.get())


def _rebuild_routine(module: ir.Module, layout: Layout) -> None:
    routine = Routine(module, "rebuild", "p")
    control = routine.arguments[0]
    table = Table(routine, control, layout.words)
    candidates = routine.pointer(control, Control.CANDIDATES)
    count = routine.load(control, Control.COUNT)
    builder = routine.builder
    first = routine.variable()
    with routine.as_long_as(lambda: routine.less(first.get(), count)):
        start = first.get()
        left = builder.sub(count, start)
        n = builder.select(routine.less(left, BLOCK), left, number(BLOCK))
        with routine.each(0, n) as i:
            mixed = hash_of(routine, table.state(builder.add(start, i)))
            table.prefetch_line(table.home(mixed))
            routine.store(mixed, candidates, i)
        with routine.each(0, n) as i:
            mixed = routine.load(candidates, i)
            line = routine.variable(table.home(mixed))
            taken = routine.variable(table.taken(table.entries(line.get())))
            with routine.as_long_as(lambda: routine.same(taken.get(), LINE)):
                line.set(table.after(line.get()))
                taken.set(table.taken(table.entries(line.get())))
            index = builder.add(start, i)
            table.enter(mixed, index, (line.get(), taken.get()))
        first.add(n)
    routine.result(0)


def _insert_routine(
    module: ir.Module, layout: Layout, look: Routine, routed: bool
) -> Routine:
    """``insert(control, rows, n, all)``: add the states that are new.

    If ``all`` is 1, the filter is not asked.
    """
    routine = Routine(module, "insert", "ppii", inner=True)
    control, _, _, _ = routine.arguments
    table = Table(routine, control, layout.words)
    candidates = routine.pointer(control, Control.CANDIDATES)
    pending = routine.pointer(control, Control.PENDING)
    before = routine.load(control, Control.COUNT)
    count = routine.variable(before)
    size = layout.words + 1
    builder = routine.builder

    kept = _filter(routine, layout, candidates, routed)
    with routine.each(0, kept) as i:
        mixed = routine.row(candidates, i, size, size)[-1]
        table.prefetch_line(table.home(mixed))

    def add(
        words: Sequence[ir.Value],
        mixed: ir.Value,
        place: tuple[ir.Value, ir.Value],
    ) -> None:
        index = count.get()
        routine.store_row(words, table.arena, index)
        table.enter(mixed, index, place)
        count.add(number(1))

    waiting = routine.variable()
    with routine.each(0, kept) as i:
        *words, mixed = routine.row(candidates, i, size, size)
        line = routine.variable(table.home(mixed))
        entries = table.entries(line.get())
        matches = routine.variable(table.matches(entries, mixed))
        taken = routine.variable(table.taken(entries))

        def goes_on() -> ir.Value:
            full = routine.same(taken.get(), LINE)
            return builder.and_(full, routine.same(matches.get(), 0))

        with routine.as_long_as(goes_on):
            line.set(table.after(line.get()))
            entries = table.entries(line.get())
            matches.set(table.matches(entries, mixed))
            taken.set(table.taken(entries))
        with builder.if_else(routine.same(matches.get(), 0)) as (new, known):
            with new:
                add(words, mixed, (line.get(), taken.get()))
            with known:
                index = table.number_at(line.get(), matches.get())
                table.prefetch_state(index)
                routine.store_row([i, line.get()], pending, waiting.get())
                waiting.add(number(1))

    with routine.each(0, waiting.get()) as k:
        i, first = routine.row(pending, k, 2, 2)
        *words, mixed = routine.row(candidates, i, size, size)

        def absent(line: ir.Value, taken: ir.Value) -> None:
            add(words, mixed, (line, taken))

        table.locate(words, mixed, first, absent)
    routine.store(count.get(), control, Control.COUNT)
    seen = routine.pointer(control, Control.SEEN)
    routine.call(look, table.arena, before, count.get(), seen)
    routine.result(0)
    return routine


def _filter(
    routine: Routine,
    layout: Layout,
    candidates: ir.Value,
    routed: bool,
) -> ir.Value:
    """Hash the rows; keep as candidates those not met a moment ago.

    Rows of other parts are kept in their outboxes instead.
    """
    control, rows, n, unfiltered = routine.arguments
    everything = routine.builder.trunc(unfiltered, ir.IntType(1))
    builder = routine.builder
    recent = routine.pointer(control, Control.FILTER)
    kept = routine.variable()
    width = layout.words
    with routine.each(0, n) as i:
        words = routine.row(rows, i, width, width)
        mixed = hash_of(routine, words)
        line = builder.and_(mixed, number((1 << FILTER_BITS) - 1))
        fresh = routine.differ(words, routine.row(recent, line, width, width))
        fresh = builder.or_(fresh, everything)
        routine.store_row(words, recent, line)
        if routed:
            mine = _route(routine, control, (words, mixed, fresh))
            fresh = builder.and_(fresh, mine)
        routine.store_row([*words, mixed], candidates, kept.get())
        kept.add(fresh)
    return kept.get()


def _route(
    routine: Routine,
    control: ir.Value,
    candidate: tuple[Sequence[ir.Value], ir.Value, ir.Value],
) -> ir.Value:
    """Put a fresh row into the outbox of its part; whether that is ours."""
    words, mixed, fresh = candidate
    builder = routine.builder
    outboxes = routine.pointer(control, Control.OUTBOXES)
    outgoing = routine.pointer(control, Control.OUTGOING)
    part = part_of(routine, mixed, routine.load(control, Control.PARTS))
    mine = routine.same(part, routine.load(control, Control.PART))
    with builder.if_then(builder.and_(fresh, builder.not_(mine))):
        place = routine.load(outgoing, part)
        routine.store_row(words, routine.pointer(outboxes, part), place)
        routine.increase(number(1), outgoing, part)
    return mine
