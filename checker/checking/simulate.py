# SPDX-License-Identifier: GPL-2.0-or-later
"""Seeded random runs, for machines that are too large to explore.

A run that violates a property is a counterexample like any other, only not a
shortest one.  Runs that find nothing prove nothing: the answer is then
INCONCLUSIVE, never HOLDS.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from attrs import frozen

from checker.engines.evaluate import Evaluator
from checker.engines.exploration import INTERRUPTED
from checker.engines.interpreter import successors
from checker.engines.verdict import DEADLOCK, Finding, Verdict
from checker.input.own_properties import OWN, Own
from checker.traces.shortest import move_of
from checker.traces.trace import Move, Trace
from model.language.machine import Machine, Property, State
from model.options import Options

#: how likely a step is, by the kind of its action
RARE, USUAL, QUICK = 1, 20, 60


@frozen(kw_only=True)
class Simulation:
    """What the runs saw.

    ``steps`` in all runs, ``states`` that were different, ``fired`` per
    action; ``trace`` and ``finding`` if a property was violated; ``met``: the
    first run to each own property that was reached.
    """

    runs: int
    steps: int
    states: int
    fired: dict[str, int]
    stopped: str
    trace: Trace | None
    finding: Finding | None
    met: dict[str, Trace]

    @property
    def verdict(self) -> Verdict:
        """VIOLATED or INCONCLUSIVE."""
        if self.finding is None:
            return Verdict.INCONCLUSIVE
        return Verdict.VIOLATED


def simulate(
    machine: Machine,
    options: Options,
    runs: int,
    depth: int,
    seed: int,
    own: Sequence[Own] = (),
    report: Callable[[int, int], None] = lambda runs, steps: None,
) -> Simulation:
    """``runs`` random runs of ``depth`` steps; stops at a violation.

    ``own``: those of the machine's properties that are the user's.
    """
    chance = random.Random(seed)
    fired = {action.name: 0 for action in machine.actions}
    seen: set[State] = set()
    steps = done = 0
    stopped = ""
    found: tuple[Finding, State, list[Move]] | None = None
    sought = [p for p in machine.properties if _is_sought(p)]
    met: dict[str, tuple[State, tuple[Move, ...]]] = {}
    try:
        while done < runs and found is None:
            initial = chance.choice(machine.initials)
            moves: list[Move] = []
            state = initial
            broken = _broken(machine, state)
            _look(machine, state, sought, met, initial, moves)
            while broken is None and len(moves) < depth:
                seen.add(state)
                move = _random_move(machine, state, chance)
                if move is None:
                    broken = _stuck(machine, state)
                    break
                fired[move.action] += 1
                moves.append(move)
                state = move.state
                broken = _broken(machine, state)
                _look(machine, state, sought, met, initial, moves)
            steps += len(moves)
            done += 1
            if broken is not None:
                found = (_finding(broken, len(moves)), initial, moves)
            report(done, steps)
    except KeyboardInterrupt:
        stopped = INTERRUPTED
    asked = {one.name: one for one in own}
    trace = None
    if found is not None:
        finding, initial, moves = found
        trace = Trace(
            options,
            finding.name,
            initial,
            tuple(moves),
            own=asked.get(finding.name),
        )
    return Simulation(
        runs=done,
        steps=steps,
        states=len(seen),
        fired=fired,
        stopped=stopped,
        trace=trace,
        finding=found[0] if found else None,
        met={
            name: Trace(options, name, start, path, own=asked.get(name))
            for name, (start, path) in met.items()
        },
    )


def _is_sought(prop: Property) -> bool:
    return prop.kind == "reachable" and prop.guarantee == OWN


def _look(
    machine: Machine,
    state: State,
    sought: list[Property],
    met: dict[str, tuple[State, tuple[Move, ...]]],
    initial: State,
    moves: Sequence[Move],
) -> None:
    """Note the run so far for each property that ``state`` meets first."""
    if not sought:
        return
    here = Evaluator(machine, state)
    for prop in [p for p in sought if here.holds(p.conclusion)]:
        sought.remove(prop)
        met[prop.name] = initial, tuple(moves)


def _random_move(
    machine: Machine, state: State, chance: random.Random
) -> Move | None:
    """A random enabled action, then one of its instances.

    Failures are rare and hosts are quick, as in life: else most runs would
    end in an early failure and see nothing.
    """
    choices: dict[str, list[Move]] = {}
    for number, successor in successors(machine, state):
        move = move_of(machine, number, successor)
        choices.setdefault(move.action, []).append(move)
    if not choices:
        return None
    names = list(choices)
    weights = [_weight(machine, name) for name in names]
    (name,) = chance.choices(names, weights)
    return chance.choice(choices[name])


def _weight(machine: Machine, name: str) -> int:
    action = machine.action(name)
    if action.fault:
        return RARE
    return QUICK if action.fair else USUAL


_Broken = tuple[str, str, str]


def _broken(machine: Machine, state: State) -> _Broken | None:
    here = Evaluator(machine, state)
    for prop in machine.properties:
        if prop.kind == "always" and here.holds(prop.violated):
            return prop.name, prop.kind, prop.guarantee
    return None


def _stuck(machine: Machine, state: State) -> _Broken | None:
    if Evaluator(machine, state).holds(machine.may_end):
        return None
    return DEADLOCK, "deadlock", "L1"


def _finding(broken: _Broken, steps: int) -> Finding:
    name, kind, guarantee = broken
    return Finding(
        name=name,
        kind=kind,
        guarantee=guarantee,
        verdict=Verdict.VIOLATED,
        steps=steps,
    )
