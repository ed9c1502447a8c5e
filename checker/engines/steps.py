# SPDX-License-Identifier: GPL-2.0-or-later
"""Native code that lists the steps between states that were found.

It is compiled when it is first asked for: a search that finds nothing wrong
and whose graph nobody needs does without.
"""

from __future__ import annotations

from llvmlite import ir  # type: ignore[import-untyped] # ships no types

from checker.engines.emit import number
from checker.engines.expansion import BLOCK, expand_routine
from checker.engines.layout import Layout
from checker.engines.routine import Routine
from checker.engines.table import (
    INDEX_BITS,
    Control,
    Table,
    find_routine,
    hash_of,
    part_of,
)
from model.language.machine import Machine


def steps_module(machine: Machine, layout: Layout) -> ir.Module:
    """The module with ``steps``, which see ``_steps_routine``."""
    module = ir.Module("steps")
    expand = expand_routine(module, machine, layout, record=True)
    find = find_routine(module, layout.words, inner=True)
    _steps_routine(module, layout, expand, find)
    return module


def _steps_routine(
    module: ir.Module, layout: Layout, expand: Routine, find: Routine
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
    builder = routine.builder
    arena = routine.pointer(own, Control.ARENA)
    fired = routine.pointer(own, Control.FIRED)
    stuck = routine.pointer(own, Control.STUCK)
    successors = routine.pointer(own, Control.SUCCESSORS)
    parts = routine.load(own, Control.PARTS)
    done, written = routine.variable(), routine.variable()
    with routine.as_long_as(lambda: routine.less(done.get(), n)):
        start, base = done.get(), written.get()
        left = builder.sub(n, start)
        size = builder.select(routine.less(left, BLOCK), left, number(BLOCK))
        place = builder.add(first, start)
        place = builder.mul(place, number(layout.words))
        found = routine.call(
            expand,
            routine.at(arena, place),
            size,
            successors,
            fired,
            stuck,
            routine.at(origins, base),
            routine.at(instances, base),
        )
        with routine.each(0, found) as i:
            row = routine.row(successors, i, layout.words, layout.words)
            mixed = hash_of(routine, row)
            part = part_of(routine, mixed, parts)
            control = routine.pointer(controls, part)
            table = Table(routine, control, layout.words)
            table.prefetch_line(table.home(mixed))
            routine.store(part, targets, builder.add(base, i))
        with routine.each(0, found) as i:
            place = builder.add(base, i)
            routine.increase(start, origins, place)
            part = routine.load(targets, place)
            row_place = builder.mul(i, number(layout.words))
            control = routine.pointer(controls, part)
            index = routine.call(
                find, control, routine.at(successors, row_place)
            )
            part = builder.shl(part, number(INDEX_BITS))
            routine.store(builder.or_(part, index), targets, place)
        done.add(size)
        written.add(found)
    routine.result(written.get())
