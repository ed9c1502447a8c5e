# SPDX-License-Identifier: GPL-2.0-or-later
"""The meaning of the twelve operators, as z3 bit vectors.

Written from the comments beside the operators' names, not from the code that
evaluates or simplifies them.
"""

from __future__ import annotations

import z3

from model.language.expression import Expression

Term = z3.BitVecRef


def truth(condition: z3.BoolRef) -> Term:
    """A truth value as one bit."""
    return z3.If(condition, z3.BitVecVal(1, 1), z3.BitVecVal(0, 1))


def widened(term: Term, width: int) -> Term:
    """``term`` in ``width`` bits, zeros in front."""
    return z3.ZeroExt(width - term.size(), term)


def how_many(term: Term, width: int) -> Term:
    """How many bits of ``term`` are set."""
    bits = [z3.Extract(i, i, term) for i in range(term.size())]
    return z3.Sum([z3.BitVecVal(0, width), *(widened(b, width) for b in bits)])


def meaning(
    operator: str, width: int, operands: list[Term], value: int = 0
) -> Term:
    """``operator`` applied to ``operands``, without any simplification."""
    first = operands[0]
    if operator == "not":
        return ~first
    if operator == "slice":
        return z3.Extract(value + width - 1, value, first)
    if operator == "place":
        return widened(first, width) << value
    if operator == "count":
        return how_many(first, width)
    second = operands[1]
    if operator == "ite":
        return z3.If(first == 1, second, operands[2])
    if operator == "eq":
        return truth(first == second)
    if operator == "lt":
        return truth(z3.ULT(first, second))
    known = {
        "and": first & second,
        "or": first | second,
        "add": first + second,
        "sub": first - second,
    }
    return known[operator]


class Reader:
    """Reads expressions; each node once."""

    def __init__(self) -> None:
        self._known: dict[Expression, Term] = {}

    def term(self, node: Expression) -> Term:
        """``node`` as a bit vector of its width."""
        if node not in self._known:
            self._known[node] = self._read(node)
        return self._known[node]

    def holds(self, node: Expression) -> z3.BoolRef:
        """The truth value ``node`` as a formula."""
        return self.term(node) == 1

    def _read(self, node: Expression) -> Term:
        if node.operator == "const":
            return z3.BitVecVal(node.value, node.width)
        if node.operator == "field":
            return z3.BitVec(node.name, node.width)
        operands = [self.term(operand) for operand in node.operands]
        return meaning(node.operator, node.width, operands, node.value)
