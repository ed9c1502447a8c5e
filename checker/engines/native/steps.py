# SPDX-License-Identifier: GPL-2.0-or-later
"""Native code that lists the steps between states that were found.

It is compiled when it is first asked for: a search that finds nothing wrong,
and whose graph is not needed, does without.
"""

from __future__ import annotations

from checker.engines.native.assembly import Module
from checker.engines.native.control import Control
from checker.engines.native.expansion import BLOCK, expand_routine
from checker.engines.native.layout import Layout
from checker.engines.native.routine import Routine
from checker.engines.native.table import (
    INDEX_BITS,
    Table,
    find_routine,
    hash_of,
    part_of,
)
from model.language.machine import Machine


def steps_module(machine: Machine, layout: Layout) -> Module:
    """Return the module with ``steps``, described where it is written."""
    module = Module()
    expand = expand_routine(module, machine, layout, record=True)
    find = find_routine(module, layout.words, inner=True)
    _steps_routine(module, layout, expand, find)
    return module


def _steps_routine(
    module: Module, layout: Layout, expand: Routine, find: Routine
) -> None:
    """Write ``steps(controls, own, first, n, origins, instances, targets)``.

    It lists the steps of states ``first`` to ``first`` + n - 1 of the
    control block ``own`` and returns how many there are; ``controls`` holds
    the addresses of all control blocks.  An origin counts from ``first``; a
    target is the number of its part (highest bits) and its number there plus
    one (lowest 40 bits, 0 for a state that was not found)::

        for each block of 64 states
            expand it; origins and instances are written
            for each successor
                hash it, keep its part, prefetch its first line there
            for each successor
                find it in the table of its part
                targets[successor] := (part, its number + 1 or 0)
    """
    routine = Routine(module, "steps", "ppiippp")
    controls, block, first, n, origins, instances, targets = routine.arguments
    own = Control(block)
    arena = own.arena
    fired = own.fired
    stuck = own.stuck
    successors = own.successors
    parts = own.parts
    done, written = routine.variable(), routine.variable()
    with routine.as_long_as(lambda: done.now < n):
        start, base = done.now, written.now
        size = (n - start).at_most(BLOCK)
        found = routine.call(
            expand,
            arena.row_at(first + start, layout.words),
            size,
            successors,
            fired,
            stuck,
            origins.word_at(base),
            instances.word_at(base),
        )
        with routine.each(0, found) as i:
            row = successors.row(i, layout.words)
            mixed = hash_of(row)
            part = part_of(mixed, parts)
            control = Control(controls.pointer(part))
            table = Table(routine, control, layout.words)
            table.line_at(table.home(mixed)).fetch()
            targets[base + i] = part
        with routine.each(0, found) as i:
            place = base + i
            origins.increase(place, start)
            part = targets[place]
            row_place = successors.row_at(i, layout.words)
            address = controls.pointer(part)
            index = routine.call(find, address, row_place)
            targets[place] = part << INDEX_BITS | index
        done.increase(size)
        written.increase(found)
    routine.result(written.now)
