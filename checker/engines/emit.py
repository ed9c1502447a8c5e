# SPDX-License-Identifier: GPL-2.0-or-later
"""The expression DAG as LLVM IR.

An expression of n bits becomes a value of LLVM's type ``iN``, whatever n is;
LLVM cuts wide ones into words.  The meaning is that of ``evaluate``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from checker.engines.assembly import WORD, Function, Value, same_number
from checker.engines.layout import Layout
from model.language.expression import Expression, ones
from model.language.machine import Instance


class Emitter:
    """Writes the values of expressions in one state, each only once.

    ``words`` are the state's words as LLVM values.  With ``lanes``, they are
    the words of so many states side by side, and so is every value.

    Everything is written at the end of ``function``; use this object only
    where that place is sure to have been passed.
    """

    def __init__(
        self,
        function: Function,
        layout: Layout,
        words: Sequence[Value],
        lanes: int = 1,
    ) -> None:
        self.function = function
        self.layout = layout
        self.words = words
        self.lanes = lanes
        self._known: dict[Expression, Value] = {}

    def _number(self, value: int, width: int = WORD) -> Value:
        return same_number(self.lanes, value, width)

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
            self._known[node] = self._number(1, 1)
            if node.operator == "and":
                pending.extend(node.operands)
            elif node.operator == "not":
                self._known[node.operands[0]] = self._number(0, 1)
            elif node.operator == "eq":
                for one, other in (node.operands, node.operands[::-1]):
                    if other.operator == "const":
                        self._known[one] = self._number(other.value, one.width)

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
                bits = self._moved(bits, piece.shift)
                added[piece.word].append(bits)
        words = []
        for old, mask, parts in zip(self.words, kept, added, strict=True):
            word = old
            if parts:
                word = self.function.and_(old, self._number(mask))
            for part in parts:
                word = self.function.or_(word, part)
            words.append(word)
        return words

    def _moved(self, value: Value, up: int, down: int = 0) -> Value:
        """``value`` moved by a constant number of bits."""
        width = int(value.type.rpartition("i")[2].rstrip(">"))
        if up:
            value = self.function.shl(value, self._number(up, width))
        if down:
            value = self.function.lshr(value, self._number(down, width))
        return value

    def _bits(self, value: Value, width: int, start: int) -> Value:
        value = self._moved(value, 0, start)
        return self.function.fit(value, min(width, WORD))

    def _field(self, node: Expression) -> Value:
        total = None
        for piece in self.layout.pieces[node.name]:
            bits = self._moved(self.words[piece.word], 0, piece.shift)
            bits = self.function.fit(bits, piece.width)
            bits = self.function.fit(bits, node.width)
            bits = self._moved(bits, piece.start)
            total = self.function.or_(total, bits) if total else bits
        assert total is not None
        return total

    def _write(self, node: Expression) -> Value:
        if node.operator == "const":
            return self._number(node.value, node.width)
        if node.operator == "field":
            return self._field(node)
        operands = [self._known[operand] for operand in node.operands]
        write, first = self.function, operands[0]
        inner = node.operands[0].width
        match node.operator:
            case "not":
                return write.xor(first, self._number(ones(inner), inner))
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
                moved = self._moved(first, 0, node.value)
                return write.fit(moved, node.width)
            case "place":
                return self._moved(write.fit(first, node.width), node.value)
        assert node.operator == "count"
        return write.fit(write.ones_in(first), node.width)
