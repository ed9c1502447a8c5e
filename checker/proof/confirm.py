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
from collections.abc import Callable, Iterable, Iterator, Sequence

from attrs import define, evolve, field, frozen

from checker.engines.evaluate import Evaluator
from checker.engines.exploration import (
    INTERRUPTED,
    Limits,
    Search,
    violated,
)
from checker.engines.interpreter import successors
from checker.engines.native.explicit import explore
from checker.proof.projection import Projection, disk_of, project
from checker.proof.simulation import Size
from checker.traces.shortest import move_of, shortest_to
from checker.traces.trace import Move, Trace
from model.design import STOP_THEMSELVES
from model.designs import build
from model.language import Projected
from model.language.machine import Machine, State
from model.language.projected import ELSEWHERE, NEIGHBOUR, OTHER
from model.options import Options

#: smallest first
DISKS = ((1, 1), (1, 2), (2, 1), (2, 2), (3, 1))
SEARCHED = (*DISKS, (1, 4), (4, 1))
CHANNELS = range(1, 9)
#: states looked at in all, so that a spurious one ends in a minute or two
MAX_PLACES = 150_000
MAX_SEARCHED = 100_000
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


@define
class Confirmation:
    """Looks for runs of small disks for what ``projected`` violates.

    ``projected`` has a channel of any capacity.  The moves to be replayed
    are those of the machine with the smallest channel that shows the
    violation; these machines are explored when they are asked for.
    ``report`` is told what is tried.  ``ended``: Ctrl-C has come once; from
    then on every question raises KeyboardInterrupt.
    """

    options: Options
    projected: Machine
    report: Callable[[str], None] = field(default=lambda _: None)
    ended: bool = False
    _bounded: dict[int, Search] = field(factory=dict, init=False)
    _places: int = field(default=MAX_PLACES, init=False)

    def of(
        self, property_name: str, moves: Sequence[Move]
    ) -> Confirmed | None:
        """Return the run on the smallest disk, None if there is none."""
        if self.ended:
            raise KeyboardInterrupt
        try:
            return self._of(property_name, moves)
        except KeyboardInterrupt:
            self.ended = True
            raise

    def _of(
        self, property_name: str, moves: Sequence[Move]
    ) -> Confirmed | None:
        self._places = MAX_PLACES
        tried: set[tuple[str, ...]] = set()
        for channel in CHANNELS:
            asked = self._shortest(property_name, channel)
            labels = tuple(move.label for move in asked or ())
            if asked is not None and labels not in tried:
                tried.add(labels)
                found = self._replayed(property_name, channel, asked)
                if found is not None:
                    return found
        found = self._replayed(property_name, max(CHANNELS), moves)
        return found or self._searched(property_name)

    def _shortest(
        self, property_name: str, channel: int
    ) -> tuple[Move, ...] | None:
        """Return the moves to a violation with a channel this small."""
        if channel not in self._bounded:
            bounds = evolve(self.options.bounds, channel=channel)
            options = evolve(self.options, bounds=bounds)
            machine = build(options, Projected(any_channel=False))
            self._bounded[channel] = _explored(machine, Limits())
        search = self._bounded[channel]
        return _moves(search, property_name)

    def _replayed(
        self, property_name: str, channel: int, moves: Sequence[Move]
    ) -> Confirmed | None:
        for options in _candidates(self.options, DISKS, channel):
            self.report(f"{property_name}: replaying on {_size(options)}")
            machine = build(options)
            for granule in disk_of(machine).granules:
                seen = project(machine, self.projected, granule)
                found = self._followed(options, seen, property_name, moves)
                if found is not None:
                    return Confirmed(found, granule.index)
        return None

    def _followed(
        self,
        options: Options,
        seen: Projection,
        property_name: str,
        moves: Sequence[Move],
    ) -> Trace | None:
        """Return a run that does ``moves`` as seen from the granule."""
        machine = seen.concrete
        broken = machine.property(property_name).violated
        starts = [_Place(state, 0) for state in machine.initials]
        came_from: dict[_Place, tuple[_Place, Move] | None]
        came_from = dict.fromkeys(starts)
        waiting = deque(starts)
        while waiting and self._places > 0:
            self._places -= 1
            place = waiting.popleft()
            if place.matched == len(moves):
                if Evaluator(machine, place.state).holds(broken):
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

    def _searched(self, property_name: str) -> Confirmed | None:
        for options in _candidates(self.options, SEARCHED, 2):
            self.report(f"{property_name}: searching {_size(options)}")
            found = _search(options, property_name)
            if found is not None:
                return Confirmed(found, None)
        return None


def _explored(machine: Machine, limits: Limits) -> Search:
    """Return a search that says nothing if it was interrupted."""
    search = explore(machine, limits)
    if search.coverage.stopped == INTERRUPTED:
        raise KeyboardInterrupt
    return search


def _moves(search: Search, property_name: str) -> tuple[Move, ...] | None:
    """Return the shortest violation that a search found."""
    level = search.coverage.first_level.get(violated(property_name))
    if level is None:
        return None
    predicate = search.machine.property(property_name).violated
    _, moves = shortest_to(search, level, predicate)
    return moves


def _size(options: Options) -> str:
    bounds = options.bounds
    return f"{bounds.chunks}x{bounds.granules}, {bounds.channel} in flight"


def _candidates(
    options: Options, disks: Iterable[tuple[int, int]], channel: int
) -> Iterator[Options]:
    """Yield the design on ever larger disks."""
    for chunks, granules in disks:
        sized = Size(chunks, granules, channel).of(options)
        limits = (0, 1) if options.design in STOP_THEMSELVES else (1,)
        for downtime in limits:
            bounds = evolve(sized.bounds, downtime=downtime)
            yield evolve(sized, bounds=bounds)


def _matches(
    seen: Projection, move: Move, moves: Sequence[Move], matched: int
) -> Iterator[int]:
    """Yield, after a step of the disk, how many abstract moves are matched."""
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
    """Return the shortest violation on this disk, if the search gets there."""
    machine = build(options)
    search = _explored(machine, Limits(max_states=MAX_SEARCHED))
    level = search.coverage.first_level.get(violated(property_name))
    if level is None:
        return None
    predicate = machine.property(property_name).violated
    initial, moves = shortest_to(search, level, predicate)
    return Trace(options, property_name, initial, moves)
