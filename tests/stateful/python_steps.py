# SPDX-License-Identifier: GPL-2.0-or-later
"""A machine as generated Python, to walk with.

Independent of the oracle's evaluator and of the compiled engine, so that a
walk compares three readers of the same text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from model.language import Machine, State
from model.language import expression as ex
from model.language.expression import Expression, ones

Function = Callable[[State], tuple[int, ...]]


def source_of(node: Expression, name: dict[Expression, str]) -> str:
    """The right side of the line that computes ``node``."""
    inside = [name[operand] for operand in node.operands]
    mask = ones(node.width)
    match node.operator, inside:
        case "not", [a]:
            return f"{mask} - {a}"
        case "and", [a, b]:
            return f"{a} & {b}"
        case "or", [a, b]:
            return f"{a} | {b}"
        case "eq", [a, b]:
            return f"1 if {a} == {b} else 0"
        case "lt", [a, b]:
            return f"1 if {a} < {b} else 0"
        case "add", [a, b]:
            return f"({a} + {b}) % {mask + 1}"
        case "sub", [a, b]:
            return f"({a} - {b}) % {mask + 1}"
        case "ite", [c, a, b]:
            return f"{a} if {c} else {b}"
        case "slice", [a]:
            return f"{a} // {1 << node.value} % {mask + 1}"
        case "place", [a]:
            return f"{a} * {1 << node.value}"
        case "count", [a]:
            return f"bin({a}).count('1')"
        case _:
            return str(node.value)


def compiled(machine: Machine, roots: Iterable[Expression]) -> Function:
    """A function from a state to the values of ``roots``."""
    roots = list(roots)
    name: dict[Expression, str] = {}
    lines = ["def values(state):"]
    for node in ex.walk(roots):
        name[node] = f"v{len(name)}"
        if node.operator == "field":
            right = f"state[{machine.position[node.name]}]"
        else:
            right = source_of(node, name)
        lines.append(f"    {name[node]} = {right}")
    inside = "".join(f"{name[root]}, " for root in roots)
    lines.append(f"    return ({inside})")
    made: dict[str, Any] = {}
    exec("\n".join(lines), made)
    values: Function = made["values"]
    return values


class PythonSteps:
    """Guards, effects and properties of a machine as Python functions."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        instances = machine.instances
        self._guards = compiled(machine, (i.enabled for i in instances))
        self._effects = [
            compiled(machine, (node for _, node in i.effect))
            for i in instances
        ]
        self._always = [p for p in machine.properties if p.kind == "always"]
        self._broken = compiled(machine, (p.violated for p in self._always))
        self._valid = compiled(
            machine, (machine.type_invariant, machine.may_end)
        )

    def enabled(self, state: State) -> list[int]:
        """Numbers of the instances that are enabled."""
        return [i for i, is_on in enumerate(self._guards(state)) if is_on]

    def successor(self, state: State, number: int) -> State:
        """The state after instance ``number``."""
        new = list(state)
        effect = self.machine.instances[number].effect
        values = self._effects[number](state)
        for (name, _), value in zip(effect, values, strict=True):
            new[self.machine.position[name]] = value
        return tuple(new)

    def violated(self, state: State) -> list[str]:
        """Names of the ``always`` properties that ``state`` violates."""
        broken = zip(self._always, self._broken(state), strict=True)
        return [p.name for p, is_broken in broken if is_broken]

    def is_valid(self, state: State) -> bool:
        """Whether every field holds a code in use."""
        return bool(self._valid(state)[0])

    def may_end(self, state: State) -> bool:
        """Whether the machine may come to rest here."""
        return bool(self._valid(state)[1])
