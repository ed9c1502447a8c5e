# SPDX-License-Identifier: GPL-2.0-or-later
"""The shortest trace into a set of states, from the levels of a search.

No search keeps parent pointers.  From the level at which the target is first
met we go backwards, one level at a time, to the states that can still reach
it; then the interpreter walks forwards and takes, at each step, the first
enabled action (in the order of the model's text) that stays among them.  So
the trace is shortest, and it is the same for every engine and any number of
threads.
"""

from __future__ import annotations

from checker.engines.evaluate import Evaluator
from checker.engines.exploration import Search, StateSet
from checker.engines.interpreter import successors
from checker.traces.trace import Move
from model.language.expression import Expression
from model.language.machine import Machine, State


def shortest_to(
    search: Search, level: int, predicate: Expression
) -> tuple[State, tuple[Move, ...]]:
    """Initial state and moves to a state of ``level`` with ``predicate``."""
    return path_into(search, level, search.meeting(level, predicate))


def shortest_to_deadlock(
    search: Search, level: int
) -> tuple[State, tuple[Move, ...]]:
    """Initial state and moves to a deadlock of ``level``."""
    return path_into(search, level, search.stuck(level))


def path_into(
    search: Search, level: int, targets: StateSet
) -> tuple[State, tuple[Move, ...]]:
    """Initial state and moves to one of ``targets``, states of ``level``."""
    machine = search.machine
    ahead = [targets]
    for number in range(level - 1, -1, -1):
        ahead.append(search.before(number, ahead[-1]))
    ahead.reverse()
    state = next(s for s in machine.initials if s in ahead[0])
    initial, moves = state, []
    for allowed in ahead[1:]:
        move = _first_move(machine, state, allowed)
        moves.append(move)
        state = move.state
    return initial, tuple(moves)


def _first_move(machine: Machine, state: State, allowed: StateSet) -> Move:
    for number, successor in successors(machine, state):
        if successor in allowed:
            return move_of(machine, number, successor)
    raise AssertionError("a level has lost the way to the next")


def move_of(machine: Machine, number: int, state: State) -> Move:
    """The move that instance ``number`` makes into ``state``."""
    instance = machine.instances[number]
    return Move(instance.action, instance.actor, instance.arguments, state)


def holds(machine: Machine, state: State, predicate: Expression) -> bool:
    """Whether ``predicate`` is true in ``state``."""
    return Evaluator(machine, state).holds(predicate)
