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

from checker.engines.exploration import Watch
from checker.engines.native.assembly import Module, Value, number
from checker.engines.native.expansion import (
    BLOCK,
    expand_routine,
    look_routine,
)
from checker.engines.native.layout import Layout
from checker.engines.native.routine import Routine
from checker.engines.native.table import (
    LINE,
    Control,
    Table,
    find_routine,
    hash_of,
    part_of,
)
from model.language.machine import Machine

# the rows that were met a moment ago take half a megabyte, so that they stay
# in the processor's second cache
FILTER_WORD_BITS = 16


def filter_bits(words: int) -> int:
    """Logarithm of the number of rows in the filter."""
    return FILTER_WORD_BITS - (words - 1).bit_length()


def block_successors(machine: Machine) -> int:
    """Most successors that one block can have."""
    return BLOCK * max(1, len(machine.instances))


def search_module(
    machine: Machine, layout: Layout, watched: Sequence[Watch], parts: int
) -> Module:
    """The module that explores ``machine``, for one part or for several.

    It looks for what is ``watched``.

    ``advance(control)`` expands states until NEXT is END, or the table or an
    outbox is full.  ``take(control, rows, n, all)`` adds rows, as many as
    there is room for, and returns how many it took; if ``all`` is 1, also
    rows that the filter knows.  ``rebuild(control)`` fills a vacant table
    from the arena.  ``find(control, row)`` looks a state up.
    """
    module = Module()
    expand = expand_routine(module, machine, layout, record=False)
    look = look_routine(module, layout, watched)
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
    routine = Routine(module, "take", "ppii")
    control, rows, n, unfiltered = routine.arguments
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
        routine.call(insert, control, chosen, size, unfiltered)
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
            line = routine.variable(table.home(mixed))
            taken = routine.variable(table.taken(table.entries(line.get())))
            with routine.as_long_as(lambda: routine.same(taken.get(), LINE)):
                line.set(table.after(line.get()))
                taken.set(table.taken(table.entries(line.get())))
            index = routine.add(start, i)
            table.enter(mixed, index, (line.get(), taken.get()))
        first.increase(n)
    routine.result(number(0))


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

    def add(
        words: Sequence[Value], mixed: Value, place: tuple[Value, Value]
    ) -> None:
        index = count.get()
        routine.store_row(words, table.arena, index)
        table.enter(mixed, index, place)
        count.increase(number(1))

    kept = _filter(routine, table, candidates, routed)
    waiting = routine.variable()
    with routine.each(0, kept) as i:
        *words, mixed = routine.row(candidates, i, size)
        line = routine.variable(table.home(mixed))
        matches, taken = routine.variable(), routine.variable()

        def look_at_line() -> None:
            entries = table.entries(line.get())
            matches.set(table.matches(entries, mixed))
            taken.set(table.taken(entries))

        def goes_on() -> Value:
            full = routine.same(taken.get(), LINE)
            return routine.and_(full, routine.same(matches.get(), 0))

        look_at_line()
        with routine.as_long_as(goes_on):
            line.set(table.after(line.get()))
            look_at_line()
        with routine.either(routine.same(matches.get(), 0)) as (new, known):
            with new:
                add(words, mixed, (line.get(), taken.get()))
            with known:
                slot = routine.lowest_one(matches.get())
                index = table.number_at(line.get(), slot)
                routine.fetch(table.state_at(index))
                routine.store_row([i, line.get()], pending, waiting.get())
                waiting.increase(number(1))

    with routine.each(0, waiting.get()) as k:
        i, first = routine.row(pending, k, 2)
        *words, mixed = routine.row(candidates, i, size)

        def absent(place: tuple[Value, Value]) -> None:
            add(words, mixed, place)

        table.locate(words, mixed, first, absent)
    routine.store(count.get(), control, Control.COUNT)
    seen = routine.pointer(control, Control.SEEN)
    routine.call(look, table.arena, before, count.get(), seen)
    routine.result(number(0))
    return routine


def _filter(
    routine: Routine, table: Table, candidates: Value, routed: bool
) -> Value:
    """Hash the rows; keep as candidates those not met a moment ago.

    Rows of other parts are kept in their outboxes instead.
    """
    control, rows, n, unfiltered = routine.arguments
    everything = routine.fit(unfiltered, 1)
    recent = routine.pointer(control, Control.FILTER)
    router = _Router(routine, control)
    kept = routine.variable()
    width = table.words
    with routine.each(0, n) as i:
        words = routine.row(rows, i, width)
        mixed = hash_of(routine, words)
        place = routine.and_(mixed, number((1 << filter_bits(width)) - 1))
        fresh = routine.differ(words, routine.row(recent, place, width))
        fresh = routine.or_(fresh, everything)
        routine.store_row(words, recent, place)
        if routed:
            fresh = router.send(words, mixed, fresh)
        line = table.line_at(table.home(mixed))
        routine.fetch(routine.select(fresh, line, recent))
        routine.store_row([*words, mixed], candidates, kept.get())
        kept.increase(fresh)
    return kept.get()


class _Router:
    """Sends rows to the parts that they belong to."""

    def __init__(self, routine: Routine, control: Value) -> None:
        self._routine = routine
        self._outboxes = routine.pointer(control, Control.OUTBOXES)
        self._outgoing = routine.pointer(control, Control.OUTGOING)
        self._parts = routine.load(control, Control.PARTS)
        self._own = routine.load(control, Control.PART)

    def send(
        self, words: Sequence[Value], mixed: Value, fresh: Value
    ) -> Value:
        """Put a fresh row into its part's outbox; or say that it is ours.

        A row that is not to be sent is written as well, and then forgotten:
        which part it is cannot be guessed, so a branch would cost more.
        """
        routine = self._routine
        part = part_of(routine, mixed, self._parts)
        mine = routine.same(part, self._own)
        leaves = routine.and_(fresh, routine.not_(mine))
        place = routine.load(self._outgoing, part)
        routine.store_row(words, routine.pointer(self._outboxes, part), place)
        after = routine.add(place, routine.fit(leaves, 64))
        routine.store(after, self._outgoing, part)
        return routine.and_(fresh, mine)
