# SPDX-License-Identifier: GPL-2.0-or-later
"""Which runs of the model are worth to be run on a real QEMU.

Of a configuration: the shortest run to each thing that is to be reachable.
Of a seed: a walk, in which hosts are quick and failures are rare, without
what no QEMU can be made to do.
"""

from __future__ import annotations

import random
from typing import Final

from attrs import evolve

from checker.engines.exploration import Limits, Report, Search, silent
from checker.engines.interpreter import successors
from checker.engines.native.explicit import explore
from checker.engines.verdict import CONFORMANCE
from checker.qemu.traces.map import MAPPING
from checker.traces.shortest import move_of, shortest_to
from checker.traces.trace import Move, Trace
from model.designs import build
from model.language import expression as ex
from model.language.machine import Machine, Property, State
from model.options import Options

WALK: Final = 45  # steps
_RARE, _USUAL, _QUICK = 1, 2, 12


def witnesses(
    options: Options, wanted: str = "", report: Report = silent
) -> list[Trace]:
    """Return the shortest run to each thing that is to be reachable.

    ``wanted``: only this one.
    """
    machine = _runnable(build(options))
    search = explore(machine, Limits(), report)
    return [
        found
        for prop in machine.properties
        if prop.kind == "reachable" and wanted in ("", prop.name)
        for found in _shortest(options, search, prop)
    ]


def _runnable(machine: Machine) -> Machine:
    """Return the machine without what no QEMU can be made to do."""
    actions = tuple(a for a in machine.actions if a.name in MAPPING)
    return evolve(machine, actions=actions)


def _shortest(options: Options, search: Search, prop: Property) -> list[Trace]:
    machine = search.machine
    goal = prop.conclusion
    last = [i for i in machine.instances if i.action in prop.by]
    if last:
        goal = ex.any_of(i.enabled for i in last)
    for level in range(search.coverage.levels):
        if not search.meeting(level, goal):
            continue
        initial, moves = shortest_to(search, level, goal)
        if last:
            end = moves[-1].state if moves else initial
            moves += (_next(machine, end, prop.by),)
        return [Trace(options, prop.name, initial, moves)]
    return []


def _next(machine: Machine, state: State, by: tuple[str, ...]) -> Move:
    return next(
        move_of(machine, number, after)
        for number, after in successors(machine, state)
        if machine.instances[number].action in by
    )


def walk(options: Options, seed: int, steps: int = WALK) -> Trace:
    """Return a random run of the model, the same one for a seed."""
    machine = _runnable(build(options))
    chance = random.Random(seed)
    initial = state = machine.initials[0]
    moves: list[Move] = []
    weight = {a.name: _weight(a.fault, a.fair) for a in machine.actions}
    while len(moves) < steps:
        open_to = list(successors(machine, state))
        if not open_to:
            break
        actions = [machine.instances[number].action for number, _ in open_to]
        # as likely as its action, however many instances are enabled
        weights = [weight[a] / actions.count(a) for a in actions]
        number, state = chance.choices(open_to, weights)[0]
        moves.append(move_of(machine, number, state))
    return Trace(options, CONFORMANCE, initial, tuple(moves))


def _weight(fault: bool, fair: bool) -> int:
    if fault:
        return _RARE
    return _QUICK if fair else _USUAL
