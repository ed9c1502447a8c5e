# SPDX-License-Identifier: GPL-2.0-or-later
"""An abstract counterexample, replayed on the smallest disk that shows it.

The machine that follows one granule may do more than any disk does, so what
it violates is only a suspicion.  It is confirmed by a run of a small disk:
the same actions in the same order, with parameters that look the same from
one of the disk's granules; a larger disk may do steps at other chunks in
between.  If no disk follows it that way, each is searched for any violation
of the property.  If that finds none either, the counterexample is spurious.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence

from attrs import evolve, frozen

from checker.engines.evaluate import Evaluator
from checker.engines.explicit import explore
from checker.engines.exploration import Limits, violated
from checker.engines.interpreter import successors
from checker.proof.projection import Projection, disk_of, project
from checker.proof.simulation import Size
from checker.traces.shortest import move_of, shortest_to
from checker.traces.trace import Move, Trace
from model.designs import build
from model.language.machine import Machine, State
from model.language.projected import ELSEWHERE, NEIGHBOUR, OTHER
from model.mechanisms import LIVE
from model.options import Options

#: smallest first
DISKS = ((1, 1), (1, 2), (2, 1), (2, 2), (3, 1))
CHANNELS = (1, 2, 3, 4, 8)
MAX_PLACES = 50_000
MAX_SEARCHED = 1_000_000
_ELSEWHERE = frozenset(str(p) for p in (NEIGHBOUR, ELSEWHERE, OTHER))


@frozen
class Confirmed:
    """A run of a small disk that violates the property.

    ``granule``: the one that was followed, or None if the disk was searched.
    """

    trace: Trace
    granule: int | None


@frozen
class _Place:
    """A state of the disk and how many abstract moves were matched."""

    state: State
    matched: int


def confirm(
    options: Options,
    property_name: str,
    projected: Machine,
    moves: Sequence[Move],
) -> Confirmed | None:
    """The run on the smallest disk, or None: the moves are spurious."""
    for candidate in candidates(options):
        machine = build(candidate)
        for granule in disk_of(machine).granules:
            seen = project(machine, projected, granule)
            found = _follow(candidate, seen, property_name, moves)
            if found is not None:
                return Confirmed(found, granule.index)
    for candidate in candidates(options):
        found = _search(candidate, property_name)
        if found is not None:
            return Confirmed(found, None)
    return None


def candidates(options: Options) -> Iterator[Options]:
    """The design on ever larger disks; the channel grows first."""
    for chunks, granules in DISKS:
        for channel in CHANNELS:
            sized = Size(chunks, granules, channel).of(options)
            limits = (0, 1) if options.design == LIVE else (1,)
            for downtime in limits:
                bounds = evolve(sized.bounds, downtime=downtime)
                yield evolve(sized, bounds=bounds)


def _follow(
    options: Options,
    seen: Projection,
    property_name: str,
    moves: Sequence[Move],
) -> Trace | None:
    """A run that does ``moves`` as seen from the granule, shortest first."""
    machine = seen.concrete
    violated_here = machine.property(property_name).violated
    came_from: dict[_Place, tuple[_Place, Move] | None] = {}
    waiting: deque[_Place] = deque()
    for state in machine.initials:
        came_from[_Place(state, 0)] = None
        waiting.append(_Place(state, 0))
    while waiting and len(came_from) < MAX_PLACES:
        place = waiting.popleft()
        if place.matched == len(moves):
            if Evaluator(machine, place.state).holds(violated_here):
                initial, steps = _path(came_from, place)
                return Trace(options, property_name, initial, steps)
            continue
        for number, state in successors(machine, place.state):
            move = move_of(machine, number, state)
            for matched in _matches(seen, move, moves, place.matched):
                following = _Place(state, matched)
                if following not in came_from:
                    came_from[following] = (place, move)
                    waiting.append(following)
    return None


def _matches(
    seen: Projection, move: Move, moves: Sequence[Move], matched: int
) -> Iterator[int]:
    """How many abstract moves are matched after a step of the disk."""
    parameter = ""
    if move.arguments:
        parameter = seen.parameter(move.action, move.arguments[0][1])
    wanted = moves[matched]
    if move.action == wanted.action and (
        not parameter or wanted.arguments[0][1] == parameter
    ):
        yield matched + 1
    if parameter in _ELSEWHERE:
        yield matched


def _path(
    came_from: dict[_Place, tuple[_Place, Move] | None], place: _Place
) -> tuple[State, tuple[Move, ...]]:
    moves: list[Move] = []
    step = came_from[place]
    while step is not None:
        place, move = step
        moves.append(move)
        step = came_from[place]
    return place.state, tuple(reversed(moves))


def _search(options: Options, property_name: str) -> Trace | None:
    """The shortest violation on this disk, if the search gets there."""
    machine = build(options)
    search = explore(machine, Limits(max_states=MAX_SEARCHED))
    level = search.coverage.first_level.get(violated(property_name))
    if level is None:
        return None
    predicate = machine.property(property_name).violated
    initial, moves = shortest_to(search, level, predicate)
    return Trace(options, property_name, initial, moves)
