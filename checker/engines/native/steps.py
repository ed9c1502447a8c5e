# SPDX-License-Identifier: GPL-2.0-or-later
"""Native code that lists the steps between states that were found.

It is compiled when it is first asked for: a search that finds nothing wrong
and whose graph nobody needs does without.
"""

from __future__ import annotations

from checker.engines.native.assembly import Module, number
from checker.engines.native.expansion import BLOCK, expand_routine
from checker.engines.native.layout import Layout
from checker.engines.native.routine import Routine
from checker.engines.native.table import (
    INDEX_BITS,
    Control,
    Table,
    find_routine,
    hash_of,
    part_of,
)
from model.language.machine import Machine


def steps_module(machine: Machine, layout: Layout) -> Module:
    """The module with ``steps``, which see ``_steps_routine``."""
    module = Module()
    expand = expand_routine(module, machine, layout, record=True)
    find = find_routine(module, layout.words, inner=True)
    _steps_routine(module, layout, expand, find)
    return module


def _steps_routine(
    module: Module, layout: Layout, expand: Routine, find: Routine
) -> None:
    """``steps(controls, own, first, n, origins, instances, targets)``.

    Lists the steps of states ``first`` to ``first`` + n - 1 of the control
    block ``own`` and returns how many there are; ``controls`` holds the
    addresses of all control blocks.  An origin counts from ``first``; a
    target is the number of its part (highest bits) and its number there plus
    one (lowest 40 bits, 0 for a state that was not found).
    """
    routine = Routine(module, "steps", "ppiippp")
    controls, own, first, n, origins, instances, targets = routine.arguments
    arena = routine.pointer(own, Control.ARENA)
    fired = routine.pointer(own, Control.FIRED)
    stuck = routine.pointer(own, Control.STUCK)
    successors = routine.pointer(own, Control.SUCCESSORS)
    parts = routine.load(own, Control.PARTS)
    done, written = routine.variable(), routine.variable()
    with routine.as_long_as(lambda: routine.less(done.get(), n)):
        start, base = done.get(), written.get()
        size = routine.least(routine.sub(n, start), BLOCK)
        found = routine.call(
            expand,
            routine.row_at(arena, routine.add(first, start), layout.words),
            size,
            successors,
            fired,
            stuck,
            routine.at(origins, base),
            routine.at(instances, base),
        )
        with routine.each(0, found) as i:
            row = routine.row(successors, i, layout.words)
            mixed = hash_of(routine, row)
            part = part_of(routine, mixed, parts)
            control = routine.pointer(controls, part)
            table = Table(routine, control, layout.words)
            routine.fetch(table.line_at(table.home(mixed)))
            routine.store(part, targets, routine.add(base, i))
        with routine.each(0, found) as i:
            place = routine.add(base, i)
            routine.increase(start, origins, place)
            part = routine.load(targets, place)
            row_place = routine.row_at(successors, i, layout.words)
            control = routine.pointer(controls, part)
            index = routine.call(find, control, row_place)
            part = routine.shl(part, number(INDEX_BITS))
            routine.store(routine.or_(part, index), targets, place)
        done.increase(size)
        written.increase(found)
    routine.result(written.get())
