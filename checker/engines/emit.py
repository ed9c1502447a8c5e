# SPDX-License-Identifier: GPL-2.0-or-later
"""The expression DAG as LLVM IR.

An expression of n bits becomes a value of LLVM's type ``iN``, whatever n is;
LLVM cuts wide ones into words.  The meaning is that of ``evaluate``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from checker.engines.assembly import WORD, Function, Value, number
from checker.engines.layout import Layout
from model.language.expression import Expression, ones
from model.language.machine import Instance


class Emitter:
    """Writes the values of expressions in one state, each only once.

    ``words`` are the state's words as LLVM values.  Everything is written
    at the end of ``function``; use this object only where that place is
    sure to have been passed.
    """

    def __init__(
        self, function: Function, layout: Layout, words: Sequence[Value]
    ) -> None:
        self.function = function
        self.layout = layout
        self.words = words
        self._known: dict[Expression, Value] = {}

    def value(self, root: Expression) -> Value:
        """The LLVM value of ``root``."""
        pending = [root]
        while pending:
            node = pending[-1]
            missing = [o for o in node.operands if o not in self._known]
            if node in self._known:
                pending.pop()
            elif missing:
                pending.extend(reversed(missing))
            else:
                self._known[node] = self._write(node)
        return self._known[root]

    def suppose(self, conditions: Iterable[Expression]) -> None:
        """Take it that ``conditions`` hold; makes what follows shorter.

        An effect is only evaluated where its guard holds, so "the head is
        COMPLETE" in the guard makes the head a constant in the effect.
        """
        pending = list(conditions)
        while pending:
            node = pending.pop()
            self._known[node] = number(1, 1)
            if node.operator == "and":
                pending.extend(node.operands)
            elif node.operator == "not":
                self._known[node.operands[0]] = number(0, 1)
            elif node.operator == "eq":
                for one, other in (node.operands, node.operands[::-1]):
                    if other.operator == "const":
                        self._known[one] = number(other.value, one.width)

    def successor(self, instance: Instance) -> list[Value]:
        """The words of the state after ``instance``."""
        kept = [ones(WORD)] * self.layout.words
        added: list[list[Value]] = [[] for _ in kept]
        for name, expression in instance.effect:
            new = self.value(expression)
            for piece in self.layout.pieces[name]:
                kept[piece.word] &= ~(ones(piece.width) << piece.shift)
                bits = self._bits(new, expression.width, piece.start)
                bits = self.function.fit(bits, WORD)
                bits = self.function.shl(bits, number(piece.shift))
                added[piece.word].append(bits)
        words = []
        for old, mask, parts in zip(self.words, kept, added, strict=True):
            word = old
            if parts:
                word = self.function.and_(old, number(mask))
            for part in parts:
                word = self.function.or_(word, part)
            words.append(word)
        return words

    def _bits(self, value: Value, width: int, start: int) -> Value:
        if start:
            value = self.function.lshr(value, number(start, width))
        if width > WORD:
            value = self.function.fit(value, WORD)
        return value

    def _field(self, node: Expression) -> Value:
        total = number(0, node.width)
        for piece in self.layout.pieces[node.name]:
            word = self.words[piece.word]
            bits = self.function.lshr(word, number(piece.shift))
            bits = self.function.fit(bits, piece.width)
            bits = self.function.fit(bits, node.width)
            bits = self.function.shl(bits, number(piece.start, node.width))
            total = self.function.or_(total, bits)
        return total

    def _write(self, node: Expression) -> Value:
        if node.operator == "const":
            return number(node.value, node.width)
        if node.operator == "field":
            return self._field(node)
        operands = [self._known[operand] for operand in node.operands]
        write, first = self.function, operands[0]
        inner = node.operands[0].width
        match node.operator:
            case "not":
                return write.xor(first, number(ones(inner), inner))
            case "and":
                return write.and_(*operands)
            case "or":
                return write.or_(*operands)
            case "eq":
                return write.compare("eq", *operands)
            case "lt":
                return write.compare("ult", *operands)
            case "add":
                return write.add(*operands)
            case "sub":
                return write.sub(*operands)
            case "ite":
                return write.select(*operands)
            case "slice":
                moved = write.lshr(first, number(node.value, inner))
                return write.fit(moved, node.width)
            case "place":
                wide = write.fit(first, node.width)
                return write.shl(wide, number(node.value, node.width))
        assert node.operator == "count"
        return write.fit(write.ones_in(first), node.width)
