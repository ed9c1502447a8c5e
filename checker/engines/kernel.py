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

from checker.engines.assembly import Module, Value, number
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


def search_module(machine: Machine, layout: Layout, parts: int) -> Module:
    """The module that explores ``machine``, for one part or for several.

    ``advance(control)`` expands states until NEXT is END, or the table or an
    outbox is full.  ``take(control, rows, n)`` adds rows, as many as there is
    room for, and returns how many it took.  ``rebuild(control)`` fills a
    vacant table from the arena.  ``find(control, row)`` looks a state up.
    """
    module = Module()
    expand = expand_routine(module, machine, layout, record=False)
    look = look_routine(module, machine, layout)
    insert = _insert_routine(module, layout, look, parts > 1)
    _advance_routine(module, layout, expand, insert, parts > 1)
    _take_routine(module, machine, layout, insert)
    _rebuild_routine(module, layout)
    find_routine(module, layout.words, inner=False)
    return module


def _advance_routine(
    module: Module,
    layout: Layout,
    expand: Routine,
    insert: Routine,
    routed: bool,
) -> None:
    routine = Routine(module, "advance", "p")
    control = routine.arguments[0]
    arena = routine.pointer(control, Control.ARENA)
    end = routine.load(control, Control.END)
    room = routine.load(control, Control.ROOM)
    most = routine.load(control, Control.MOST)
    room = routine.least(most, room)
    fired = routine.pointer(control, Control.FIRED)
    stuck = routine.pointer(control, Control.STUCK)
    successors = routine.pointer(control, Control.SUCCESSORS)
    position = routine.variable(routine.load(control, Control.NEXT))

    def may_go_on() -> Value:
        more = routine.less(position.get(), end)
        full = routine.less(room, routine.load(control, Control.COUNT))
        fits = routine.and_(more, routine.not_(full))
        if routed:
            fits = routine.and_(fits, _outboxes_have_room(routine, control))
        return fits

    with routine.as_long_as(may_go_on):
        start = position.get()
        n = routine.least(routine.sub(end, start), BLOCK)
        block = routine.row_at(arena, start, layout.words)
        found = routine.call(expand, block, n, successors, fired, stuck)
        routine.call(insert, control, successors, found, number(0))
        position.increase(n)
    routine.store(position.get(), control, Control.NEXT)
    routine.result(number(0))


def _outboxes_have_room(routine: Routine, control: Value) -> Value:
    outgoing = routine.pointer(control, Control.OUTGOING)
    room = routine.load(control, Control.OUTBOX_ROOM)
    fullest = routine.variable()
    with routine.each(0, routine.load(control, Control.PARTS)) as part:
        rows = routine.load(outgoing, part)
        more = routine.less(fullest.get(), rows)
        fullest.set(routine.select(more, rows, fullest.get()))
    return routine.not_(routine.less(room, fullest.get()))


def _take_routine(
    module: Module, machine: Machine, layout: Layout, insert: Routine
) -> None:
    routine = Routine(module, "take", "ppi")
    control, rows, n = routine.arguments
    room = routine.load(control, Control.ROOM)
    most = number(block_successors(machine))
    position = routine.variable()

    def may_go_on() -> Value:
        more = routine.less(position.get(), n)
        full = routine.less(room, routine.load(control, Control.COUNT))
        return routine.and_(more, routine.not_(full))

    with routine.as_long_as(may_go_on):
        start = position.get()
        size = routine.least(routine.sub(n, start), most)
        chosen = routine.row_at(rows, start, layout.words)
        routine.call(insert, control, chosen, size, number(1))
        position.increase(size)
    routine.result(position.get())


def _rebuild_routine(module: Module, layout: Layout) -> None:
    routine = Routine(module, "rebuild", "p")
    control = routine.arguments[0]
    table = Table(routine, control, layout.words)
    hashes = routine.pointer(control, Control.CANDIDATES)
    count = routine.load(control, Control.COUNT)
    first = routine.variable()
    with routine.as_long_as(lambda: routine.less(first.get(), count)):
        start = first.get()
        n = routine.least(routine.sub(count, start), BLOCK)
        with routine.each(0, n) as i:
            mixed = hash_of(routine, table.state(routine.add(start, i)))
            routine.fetch(table.line_at(table.home(mixed)))
            routine.store(mixed, hashes, i)
        with routine.each(0, n) as i:
            mixed = routine.load(hashes, i)
            line = _first_line(routine, table, mixed, vacant_only=True)
            table.enter(mixed, routine.add(start, i), line)
        first.increase(n)
    routine.result(number(0))


def _first_line(
    routine: Routine, table: Table, mixed: Value, vacant_only: bool = False
) -> Value:
    """The first line with a vacancy, or with the tag of this hash."""
    line = routine.variable(table.home(mixed))

    def goes_on() -> Value:
        entries = table.entries(line.get())
        full = routine.same(table.taken(entries), LINE)
        if vacant_only:
            return full
        nothing = routine.same(table.matches(entries, mixed), 0)
        return routine.and_(full, nothing)

    with routine.as_long_as(goes_on):
        line.set(table.after(line.get()))
    return line.get()


def _insert_routine(
    module: Module, layout: Layout, look: Routine, routed: bool
) -> Routine:
    """``insert(control, rows, n, all)``: add the states that are new.

    If ``all`` is 1, the filter is not asked.
    """
    routine = Routine(module, "insert", "ppii", inner=True)
    control = routine.arguments[0]
    table = Table(routine, control, layout.words)
    candidates = routine.pointer(control, Control.CANDIDATES)
    pending = routine.pointer(control, Control.PENDING)
    before = routine.load(control, Control.COUNT)
    count = routine.variable(before)
    size = layout.words + 1

    def add(words: Sequence[Value], mixed: Value, line: Value) -> None:
        index = count.get()
        routine.store_row(words, table.arena, index)
        table.enter(mixed, index, line)
        count.increase(number(1))

    kept = _filter(routine, layout, candidates, routed)
    with routine.each(0, kept) as i:
        mixed = routine.row(candidates, i, size)[-1]
        routine.fetch(table.line_at(table.home(mixed)))

    waiting = routine.variable()
    with routine.each(0, kept) as i:
        *words, mixed = routine.row(candidates, i, size)
        line = _first_line(routine, table, mixed)
        matches = table.matches(table.entries(line), mixed)
        with routine.either(routine.same(matches, 0)) as (new, known):
            with new:
                add(words, mixed, line)
            with known:
                place = routine.lowest_one(matches)
                index = table.number_at(line, place)
                routine.fetch(table.state_at(index))
                routine.store_row([i, line], pending, waiting.get())
                waiting.increase(number(1))

    with routine.each(0, waiting.get()) as k:
        i, line = routine.row(pending, k, 2)
        *words, mixed = routine.row(candidates, i, size)

        def absent(
            line: Value, words: list[Value] = words, mixed: Value = mixed
        ) -> None:
            add(words, mixed, line)

        table.locate(words, mixed, line, absent)
    routine.store(count.get(), control, Control.COUNT)
    seen = routine.pointer(control, Control.SEEN)
    routine.call(look, table.arena, before, count.get(), seen)
    routine.result(number(0))
    return routine


def _filter(
    routine: Routine,
    layout: Layout,
    candidates: Value,
    routed: bool,
) -> Value:
    """Hash the rows; keep as candidates those not met a moment ago.

    Rows of other parts are kept in their outboxes instead.
    """
    control, rows, n, unfiltered = routine.arguments
    everything = routine.fit(unfiltered, 1)
    recent = routine.pointer(control, Control.FILTER)
    kept = routine.variable()
    width = layout.words
    with routine.each(0, n) as i:
        words = routine.row(rows, i, width)
        mixed = hash_of(routine, words)
        line = routine.and_(mixed, number((1 << FILTER_BITS) - 1))
        fresh = routine.differ(words, routine.row(recent, line, width))
        fresh = routine.or_(fresh, everything)
        routine.store_row(words, recent, line)
        if routed:
            mine = _route(routine, control, (words, mixed, fresh))
            fresh = routine.and_(fresh, mine)
        routine.store_row([*words, mixed], candidates, kept.get())
        kept.increase(fresh)
    return kept.get()


def _route(
    routine: Routine,
    control: Value,
    candidate: tuple[Sequence[Value], Value, Value],
) -> Value:
    """Put a fresh row into the outbox of its part; whether that is ours."""
    words, mixed, fresh = candidate
    outboxes = routine.pointer(control, Control.OUTBOXES)
    outgoing = routine.pointer(control, Control.OUTGOING)
    part = part_of(routine, mixed, routine.load(control, Control.PARTS))
    mine = routine.same(part, routine.load(control, Control.PART))
    with routine.when(routine.and_(fresh, routine.not_(mine))):
        place = routine.load(outgoing, part)
        routine.store_row(words, routine.pointer(outboxes, part), place)
        routine.increase(number(1), outgoing, part)
    return mine
