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
from checker.engines.native.assembly import Module
from checker.engines.native.control import Control
from checker.engines.native.expansion import (
    BLOCK,
    expand_routine,
    look_routine,
)
from checker.engines.native.layout import WORD, Layout
from checker.engines.native.routine import Routine
from checker.engines.native.table import (
    LINE,
    Table,
    find_routine,
    hash_of,
    part_of,
)
from checker.engines.native.value import Value, differ
from model.language.expression import ones
from model.language.machine import Machine

# the rows that were met a moment ago take half a megabyte, so that they stay
# in the processor's second cache
FILTER_WORD_BITS = 16


def filter_bits(words: int) -> int:
    """Return the logarithm of the number of rows in the filter."""
    return FILTER_WORD_BITS - (words - 1).bit_length()


def block_successors(machine: Machine) -> int:
    """Return how many successors one block can have at most."""
    return BLOCK * max(1, len(machine.instances))


def search_module(
    machine: Machine, layout: Layout, watched: Sequence[Watch], parts: int
) -> Module:
    """Return the module that explores ``machine``, in one part or several.

    It looks for what is ``watched``.  Its functions, each described where it
    is written: ``advance`` expands states, ``take`` adds rows, ``rebuild``
    fills a vacant table from the arena, ``find`` looks a state up.
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
    """Write ``advance(control)``: expand states until ``end``.

    It stops early when the arena, the table or an outbox is full::

        while next < end
              and the arena holds at most min(most, room) states
              and (routed) no outbox holds more than outbox_room rows
            block := states next to next + n - 1, where n <= 64
            successors := expand(block)
            insert(successors)
            next += n
    """
    routine = Routine(module, "advance", "p")
    control = Control(routine.arguments[0])
    arena = control.arena
    end = control.end
    room = control.room
    room = control.most.at_most(room)
    fired = control.fired
    stuck = control.stuck
    successors = control.successors
    position = routine.variable(control.next)

    def may_go_on() -> Value:
        more = position.now < end
        full = room < control.count
        fits = more & ~full
        if routed:
            fits = fits & _outboxes_have_room(routine, control)
        return fits

    with routine.as_long_as(may_go_on):
        start = position.now
        n = (end - start).at_most(BLOCK)
        block = arena.row_at(start, layout.words)
        found = routine.call(expand, block, n, successors, fired, stuck)
        routine.call(insert, control.address, successors, found, 0)
        position.increase(n)
    control.next = position.now
    routine.result(0)


def _outboxes_have_room(routine: Routine, control: Control) -> Value:
    """Return whether the fullest outbox has room for a block's rows."""
    outgoing = control.outgoing
    room = control.outbox_room
    fullest = routine.variable()
    with routine.each(0, control.parts) as part:
        rows = outgoing[part]
        more = fullest.now < rows
        fullest.now = more.choose(rows, fullest.now)
    return ~(room < fullest.now)


def _take_routine(
    module: Module, machine: Machine, layout: Layout, insert: Routine
) -> None:
    """Write ``take(control, rows, n, all)``: add rows while there is room.

    It returns how many it took.  If ``all`` is 1, rows that the filter knows
    are taken as well::

        taken := 0
        while taken < n and the arena holds at most room states
            insert(the next rows, as many as a block may lead to, all)
            taken += their number
        return taken
    """
    routine = Routine(module, "take", "ppii")
    block, rows, n, unfiltered = routine.arguments
    control = Control(block)
    room = control.room
    most = block_successors(machine)
    position = routine.variable()

    def may_go_on() -> Value:
        more = position.now < n
        full = room < control.count
        return more & ~full

    with routine.as_long_as(may_go_on):
        start = position.now
        size = (n - start).at_most(most)
        chosen = rows.row_at(start, layout.words)
        routine.call(insert, control.address, chosen, size, unfiltered)
        position.increase(size)
    routine.result(position.now)


def _rebuild_routine(module: Module, layout: Layout) -> None:
    """Write ``rebuild(control)``: fill a vacant table from the arena.

    The states are known to be distinct, so none is compared::

        for each block of 64 states
            for each state of it
                hash it, keep the hash, prefetch its first line
            for each state of it
                line := its first line
                while the line is full
                    line := the line after it
                enter the state there
    """
    routine = Routine(module, "rebuild", "p")
    control = Control(routine.arguments[0])
    table = Table(routine, control, layout.words)
    hashes = control.candidates
    count = control.count
    first = routine.variable()
    with routine.as_long_as(lambda: first.now < count):
        start = first.now
        n = (count - start).at_most(BLOCK)
        with routine.each(0, n) as i:
            mixed = hash_of(table.state(start + i))
            table.line_at(table.home(mixed)).fetch()
            hashes[i] = mixed
        with routine.each(0, n) as i:
            mixed = hashes[i]
            line = routine.variable(table.home(mixed))
            taken = routine.variable(table.taken(table.entries(line.now)))
            with routine.as_long_as(lambda: taken.now.is_(LINE)):
                line.now = table.after(line.now)
                taken.now = table.taken(table.entries(line.now))
            index = start + i
            table.enter(mixed, index, (line.now, taken.now))
        first.increase(n)
    routine.result(0)


def _insert_routine(
    module: Module, layout: Layout, look: Routine, routed: bool
) -> Routine:
    """Write ``insert(control, rows, n, all)``: add the states that are new.

    If ``all`` is 1, the filter is not asked.  Three passes, so that a line
    or a state that is looked at was prefetched a while ago::

        candidates := the rows that the filter lets pass, with their hashes
        for each candidate
            line := its first line
            while the line is full and no tag of it matches
                line := the line after it
            if no tag matches
                add the candidate there, it is new
            else
                prefetch the state of the first slot that matches
                pending += (candidate, line)
        for each (candidate, line) of pending
            locate it from that line on; add it where it is absent
        look for what is watched in the states that were added

    Of two equal candidates the second meets the tag of the first, and the
    third pass finds that they are equal.
    """
    routine = Routine(module, "insert", "ppii", inner=True)
    control = Control(routine.arguments[0])
    table = Table(routine, control, layout.words)
    candidates = control.candidates
    pending = control.pending
    before = control.count
    count = routine.variable(before)
    size = layout.words + 1

    def add(
        words: Sequence[Value], mixed: Value, place: tuple[Value, Value]
    ) -> None:
        index = count.now
        table.arena.set_row(index, words)
        table.enter(mixed, index, place)
        count.increase(1)

    kept = _filter(routine, control, table, candidates, routed)
    waiting = routine.variable()
    with routine.each(0, kept) as i:
        *words, mixed = candidates.row(i, size)
        line = routine.variable(table.home(mixed))
        matches, taken = routine.variable(), routine.variable()

        def look_at_line() -> None:
            entries = table.entries(line.now)
            matches.now = table.matches(entries, mixed)
            taken.now = table.taken(entries)

        def goes_on() -> Value:
            full = taken.now.is_(LINE)
            return full & matches.now.is_(0)

        look_at_line()
        with routine.as_long_as(goes_on):
            line.now = table.after(line.now)
            look_at_line()
        with routine.either(matches.now.is_(0)) as (new, known):
            with new:
                add(words, mixed, (line.now, taken.now))
            with known:
                slot = matches.now.lowest_one()
                index = table.number_at(line.now, slot)
                table.state_at(index).fetch()
                entry = [i, line.now]
                pending.set_row(waiting.now, entry)
                waiting.increase(1)

    with routine.each(0, waiting.now) as k:
        i, first = pending.row(k, 2)
        *words, mixed = candidates.row(i, size)

        def absent(place: tuple[Value, Value]) -> None:
            add(words, mixed, place)

        table.locate(words, mixed, first, absent)
    control.count = count.now
    seen = control.seen
    routine.call(look, table.arena, before, count.now, seen)
    routine.result(0)
    return routine


def _filter(
    routine: Routine,
    control: Control,
    table: Table,
    candidates: Value,
    routed: bool,
) -> Value:
    """Hash the rows; keep as candidates those not met a moment ago.

    Returns how many are kept.  Rows of other parts are kept in their
    outboxes instead.  A row is written in either case, and counted only if
    it is kept, for a branch would be guessed wrong too often::

        for each row
            mixed := hash(row)
            fresh := filter[mixed] is not the row, or all
            filter[mixed] := row
            if routed and the row is of another part
                its outbox += row, if fresh
                fresh := no
            prefetch its first line, if fresh
            candidates += (row, mixed), if fresh
    """
    _, rows, n, unfiltered = routine.arguments
    everything = unfiltered.fit(1)
    recent = control.filter
    router = _Router(control)
    kept = routine.variable()
    width = table.words
    with routine.each(0, n) as i:
        words = rows.row(i, width)
        mixed = hash_of(words)
        place = mixed & ones(filter_bits(width))
        fresh = differ(words, recent.row(place, width)) | everything
        recent.set_row(place, words)
        if routed:
            fresh = router.send(words, mixed, fresh)
        line = table.line_at(table.home(mixed))
        fresh.choose(line, recent).fetch()
        candidates.set_row(kept.now, [*words, mixed])
        kept.increase(fresh)
    return kept.now


class _Router:
    """Sends rows to the parts that they belong to."""

    def __init__(self, control: Control) -> None:
        self._outboxes = control.outboxes
        self._outgoing = control.outgoing
        self._parts = control.parts
        self._own = control.part

    def send(
        self, words: Sequence[Value], mixed: Value, fresh: Value
    ) -> Value:
        """Put a fresh row into its part's outbox; return if it is our own.

        A row that is not to be sent is written as well, and then forgotten:
        which part it is cannot be guessed, so a branch would cost more.
        """
        part = part_of(mixed, self._parts)
        mine = part.is_(self._own)
        leaves = fresh & ~mine
        place = self._outgoing[part]
        self._outboxes.pointer(part).set_row(place, words)
        self._outgoing[part] = place + leaves.fit(WORD)
        return fresh & mine
