# SPDX-License-Identifier: GPL-2.0-or-later
"""A walk by hand: a run, and the place in it that one stands at.

What was undone is remembered and can be gone again, until another step is
taken from there.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import evolve, frozen

from checker.engines.evaluate import Evaluator
from checker.engines.exploration import TYPE_INVARIANT
from checker.engines.interpreter import is_stuck, successors
from checker.engines.verdict import DEADLOCK, RUN
from checker.input.configuration import Configuration
from checker.input.errors import InputError
from checker.input.nearest import meant
from checker.input.own_properties import Own
from checker.text import plural
from checker.traces.claim import why_not_shown
from checker.traces.shortest import move_of
from checker.traces.trace import Move, Trace
from model.language import Machine
from model.language.machine import Property, State
from model.options import Options


@frozen(kw_only=True)
class Walk:
    """A run of ``machine`` of which the first ``at`` moves are taken.

    ``origin``: the trace that it began with, if it did.  ``own``: properties
    that the user asks.
    """

    machine: Machine
    options: Options
    initial: State
    moves: tuple[Move, ...] = ()
    at: int = 0
    origin: Trace | None = None
    own: tuple[Own, ...] = ()

    @property
    def states(self) -> tuple[State, ...]:
        """The states of the run, those ahead too, the initial one first."""
        return (self.initial, *(move.state for move in self.moves))

    @property
    def state(self) -> State:
        """The state that one stands in."""
        return self.states[self.at]

    @property
    def choices(self) -> tuple[Move, ...]:
        """The moves that are possible, in the order of the model's text."""
        found = successors(self.machine, self.state)
        return tuple(move_of(self.machine, n, s) for n, s in found)

    def take(self, move: Move) -> Walk:
        """Take one step; what lay ahead stays if it began with this one."""
        if self.moves[self.at : self.at + 1] == (move,):
            return evolve(self, at=self.at + 1)
        moves = (*self.moves[: self.at], move)
        return evolve(self, moves=moves, at=len(moves))

    def jump(self, number: int) -> Walk:
        """Go back or forward; InputError if the run has no such step."""
        if not 0 <= number <= len(self.moves):
            raise InputError(
                f"there is no step {number}; allowed are 0 to "
                f"{len(self.moves)}"
            )
        return evolve(self, at=number)


def begun(configuration: Configuration) -> Walk:
    """A walk that stands in the first initial state."""
    machine = configuration.machine()
    return Walk(
        machine=machine,
        options=configuration.options,
        initial=machine.initials[0],
        own=configuration.own,
    )


def walked(trace: Trace) -> Walk:
    """A walk that has taken all the moves of ``trace``."""
    return Walk(
        machine=trace.machine(),
        options=trace.options,
        initial=trace.initial,
        moves=trace.moves,
        at=len(trace.moves),
        origin=trace,
        own=() if trace.own is None else (trace.own,),
    )


def broken(machine: Machine, state: State) -> tuple[str, ...]:
    """The names of what ``state`` violates; no lasso is looked for."""
    here = Evaluator(machine, state)
    names = [
        p.name
        for p in machine.properties
        if p.kind == "always" and here.holds(p.violated)
    ]
    if not here.holds(machine.type_invariant):
        names.append(TYPE_INVARIANT)
    if is_stuck(machine, state):
        names.append(DEADLOCK)
    return tuple(names)


def first_broken(walk: Walk) -> int:
    """After how many moves the run first violates a property."""
    for number, state in enumerate(walk.states):
        if broken(walk.machine, state):
            return number
    raise InputError(f"no state of {_whole(walk)} violates a property")


def first_showing(walk: Walk, name: str) -> int:
    """After how many moves the run first violates or meets ``name``.

    Raises InputError if there is no such property, or no such state.
    """
    check_property(walk.machine, name)
    for number in range(len(walk.moves) + 1):
        part = _part(walk, name, number)
        if not why_not_shown(walk.machine, part):
            return number
    raise InputError(f"no state of {_whole(walk)} shows {name}")


def _part(walk: Walk, name: str, number: int) -> Trace:
    """The first moves of the run, as a trace that is to show ``name``."""
    return Trace(
        walk.options,
        name,
        walk.initial,
        walk.moves[:number],
        own=next((own for own in walk.own if own.name == name), None),
    )


def _whole(walk: Walk) -> str:
    return f"this run of {plural(len(walk.moves), 'step')}"


def check_property(machine: Machine, name: str) -> None:
    """Raise InputError if ``name`` is nothing that a state shows."""
    known = [p.name for p in machine.properties if _of_a_state(p)]
    if name in (*known, DEADLOCK, TYPE_INVARIANT):
        return
    if name in {p.name for p in machine.properties}:
        raise InputError(f"{name}: it takes a run for ever to violate it")
    raise InputError(f"no property '{name}' here{meant(name, known)}")


def _of_a_state(prop: Property) -> bool:
    return prop.kind != "eventually"


def kept(walk: Walk, name: str = "") -> Trace:
    """The moves taken so far as a trace that shows ``name``.

    If no name is given: what the trace showed that they are, else the first
    property that the last state violates, else nothing.  Raises InputError
    if the run does not show ``name``.
    """
    taken = walk.moves[: walk.at]
    origin = walk.origin
    same = origin is not None and origin.moves == taken
    if origin is not None and same and name in ("", origin.property_name):
        return evolve(origin, model="")
    if name:
        check_property(walk.machine, name)
    found: Sequence[str] = broken(walk.machine, walk.state)
    claim = name or next(iter(found), RUN)
    trace = _part(walk, claim, walk.at)
    reason = why_not_shown(walk.machine, trace)
    if reason:
        raise InputError(f"this run does not show {claim}: {reason}")
    return trace
