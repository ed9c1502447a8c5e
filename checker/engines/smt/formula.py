# SPDX-License-Identifier: GPL-2.0-or-later
"""Expressions of the model as terms and formulas of z3.

Numbers are bit vectors of the node's width; truth values, the nodes of width
1, are Booleans inside and become a bit only where one is wanted.  Each
node is translated once for each set of fields it is read over, without
recursion, operands before their users.

Only engines that need a solver import this file: z3 takes longer to load
than most commands take to run.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import z3

from model.language.expression import Expression
from model.language.machine import Machine

#: the logic of all that is asked: bit vectors of fixed width, no quantifiers
LOGIC = "QF_BV"


def solver() -> z3.Solver:
    """Return a new solver for formulas over bit vectors."""
    return z3.SolverFor(LOGIC)


def variable(name: str, width: int, suffix: str = "") -> z3.BitVecRef:
    """Return an unknown of ``width`` bits; ``suffix`` tells copies apart."""
    return z3.BitVec(name + suffix, width)


def variables(machine: Machine, suffix: str = "") -> dict[str, z3.BitVecRef]:
    """Return an unknown for each field of ``machine``, by the field's name."""
    return {
        f.name: variable(f.name, f.type.width, suffix) for f in machine.fields
    }


class Formulas:
    """Reads expressions over ``fields``: what each field stands for.

    A field of one bit may be a bit vector or a Boolean.  A field that an
    expression reads and that ``fields`` lacks is a KeyError.
    """

    def __init__(self, fields: Mapping[str, z3.ExprRef]) -> None:
        self._fields = fields
        # a node of width 1 is a Boolean here, any other a bit vector
        self._known: dict[Expression, z3.ExprRef] = {}

    def term(self, node: Expression) -> z3.BitVecRef:
        """Return ``node`` as a bit vector of its width."""
        read = self._read(node)
        return _as_bit(read) if node.width == 1 else read

    def holds(self, node: Expression) -> z3.BoolRef:
        """Return the truth value ``node`` as a formula."""
        assert node.width == 1, "a number is not a truth value"
        return self._read(node)

    def conjoined(self, nodes: Iterable[Expression]) -> z3.BoolRef:
        """Return all of the truth values ``nodes`` as one formula."""
        return z3.And([self.holds(node) for node in nodes])

    def _read(self, root: Expression) -> z3.ExprRef:
        known = self._known
        if root not in known:
            # walk() would enter what is known already
            waiting = [root]
            while waiting:
                node = waiting[-1]
                missing = [o for o in node.operands if o not in known]
                if missing:
                    waiting.extend(missing)
                    continue
                waiting.pop()
                if node not in known:
                    known[node] = self._translated(node)
        return known[root]

    def _translated(self, node: Expression) -> z3.ExprRef:
        """Return ``node``, whose operands are known."""
        if node.operator == "const":
            return _constant(node.value, node.width)
        if node.operator == "field":
            unknown = self._fields[node.name]
            return _as_truth(unknown) if node.width == 1 else unknown
        operands = [self._known[o] for o in node.operands]
        if node.operands[0].width == 1:
            return _of_truths(node, operands)
        return _of_numbers(node, operands)


def _of_truths(node: Expression, operands: list[z3.ExprRef]) -> z3.ExprRef:
    """Return ``node``, whose first operand is a truth value."""
    first = operands[0]
    match node.operator:
        case "not":
            return z3.Not(first)
        case "ite":
            return z3.If(first, operands[1], operands[2])
        case "and":
            return z3.And(first, operands[1])
        case "or":
            return z3.Or(first, operands[1])
        case "eq":
            return first == operands[1]
        case "lt":
            return z3.And(z3.Not(first), operands[1])
        case "add" | "sub":
            return z3.Xor(first, operands[1])
        case "slice" | "count":
            return first
    assert node.operator == "place"
    return _placed(_as_bit(first), node.value, node.width)


def _of_numbers(node: Expression, operands: list[z3.ExprRef]) -> z3.ExprRef:
    """Return ``node``, whose first operand has several bits."""
    first = operands[0]
    match node.operator:
        case "not":
            return ~first
        case "and":
            return first & operands[1]
        case "or":
            return first | operands[1]
        case "eq":
            return first == operands[1]
        case "lt":
            return z3.ULT(first, operands[1])
        case "add":
            return first + operands[1]
        case "sub":
            return first - operands[1]
        case "slice":
            low = node.value
            part = z3.Extract(low + node.width - 1, low, first)
            return _as_truth(part) if node.width == 1 else part
        case "place":
            return _placed(first, node.value, node.width)
    assert node.operator == "count"
    return _how_many(first, node.width)


def _constant(value: int, width: int) -> z3.ExprRef:
    if width == 1:
        return z3.BoolVal(value == 1)
    return z3.BitVecVal(value, width)


def _as_bit(truth: z3.BoolRef) -> z3.BitVecRef:
    return z3.If(truth, z3.BitVecVal(1, 1), z3.BitVecVal(0, 1))


def _as_truth(bit: z3.ExprRef) -> z3.BoolRef:
    return bit if z3.is_bool(bit) else bit == z3.BitVecVal(1, 1)


def _placed(term: z3.BitVecRef, start: int, width: int) -> z3.BitVecRef:
    """Return ``term`` from bit ``start`` on, zeros around it."""
    above = width - start - term.size()
    parts = [z3.BitVecVal(0, above)] if above else []
    parts.append(term)
    if start:
        parts.append(z3.BitVecVal(0, start))
    return z3.Concat(parts) if len(parts) > 1 else term


def _how_many(term: z3.BitVecRef, width: int) -> z3.BitVecRef:
    """Return how many bits of ``term`` are set, by ever wider adders."""
    sums = [z3.Extract(i, i, term) for i in range(term.size())]
    size = 1
    while len(sums) > 1:
        size += 1
        wide = [z3.ZeroExt(size - s.size(), s) for s in sums]
        odd = wide[-1:] if len(wide) % 2 else []
        sums = [a + b for a, b in zip(wide[::2], wide[1::2], strict=False)]
        sums += odd
    (total,) = sums
    if size > width:
        return z3.Extract(width - 1, 0, total)
    return z3.ZeroExt(width - size, total) if size < width else total
