# SPDX-License-Identifier: GPL-2.0-or-later
"""The meaning of the twelve operators, on Python integers.

This is the definition that every other reader of the DAG is held against.
"""

from __future__ import annotations

from collections.abc import Mapping

from model.language.expression import Expression, ones
from model.language.machine import Instance, Machine, State


def evaluate(
    node: Expression,
    state: State,
    position: Mapping[str, int],
    known: dict[Expression, int],
) -> int:
    """Return the number that ``node`` is in ``state``.

    ``known`` remembers the nodes that were evaluated in this state; start
    with an empty one for every state.
    """
    if node in known:
        return known[node]
    operator = node.operator
    if operator == "const":
        return node.value
    if operator == "field":
        return state[position[node.name]]
    first = evaluate(node.operands[0], state, position, known)
    if operator == "ite":
        chosen = node.operands[1] if first else node.operands[2]
        result = evaluate(chosen, state, position, known)
    elif len(node.operands) == 2:
        second = evaluate(node.operands[1], state, position, known)
        result = _binary(operator, first, second, ones(node.width))
    elif operator == "not":
        result = ~first & ones(node.width)
    elif operator == "slice":
        result = first >> node.value & ones(node.width)
    elif operator == "place":
        result = first << node.value
    else:
        assert operator == "count"
        result = first.bit_count()
    known[node] = result
    return result


def _binary(operator: str, first: int, second: int, mask: int) -> int:
    if operator == "and":
        return first & second
    if operator == "or":
        return first | second
    if operator == "eq":
        return int(first == second)
    if operator == "lt":
        return int(first < second)
    if operator == "add":
        return first + second & mask
    assert operator == "sub"
    return first - second & mask


class Evaluator:
    """Evaluates expressions and steps of one machine in one state."""

    def __init__(self, machine: Machine, state: State) -> None:
        self._position = machine.position
        self.state = state
        self._known: dict[Expression, int] = {}

    def value(self, node: Expression) -> int:
        """Return the number that ``node`` is in this state."""
        return evaluate(node, self.state, self._position, self._known)

    def holds(self, node: Expression) -> bool:
        """Return whether the truth value ``node`` is 1 in this state."""
        return bool(self.value(node))

    def enabled(self, instance: Instance) -> bool:
        """Return whether every conjunct of the guard is true."""
        return all(self.value(c.expression) for c in instance.guard)

    def successor(self, instance: Instance) -> State:
        """Return the state after ``instance``; its guard is not looked at."""
        new = list(self.state)
        for name, node in instance.effect:
            new[self._position[name]] = self.value(node)
        return tuple(new)
