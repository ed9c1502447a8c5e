# SPDX-License-Identifier: GPL-2.0-or-later
"""The expression DAG as LLVM IR.

An expression of n bits becomes a number of 1, 8, 16, 32 or 64 bits, or of as
many words as it takes, with zeros in front.  LLVM knows every width, but its
code generator ends the whole process on vectors of some odd ones (a vector of
64 numbers of 4 bits that is cut to 3), so it never sees an odd one here.  The
meaning is that of ``evaluate``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from checker.engines.native.assembly import WORD, Function, Value, same_number
from checker.engines.native.layout import Layout
from model.language.expression import Expression, ones
from model.language.machine import Instance

#: widths of the processor's own numbers, and of truth values
NATIVE = (1, 8, 16, 32, WORD)


def native(width: int) -> int:
    """Width of the number that holds an expression of ``width`` bits."""
    if width > WORD:
        return -(-width // WORD) * WORD
    return next(native for native in NATIVE if width <= native)


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
        return same_number(self.lanes, value, native(width))

    def value(self, root: Expression) -> Value:
        """The LLVM value of ``root``, ``native(root.width)`` bits wide."""
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
                bits = self._moved(new, 0, piece.start)
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

    def _cut(self, value: Value, width: int) -> Value:
        """The lowest ``width`` bits of ``value``."""
        value = self.function.fit(value, native(width))
        if native(width) == width:
            return value
        return self.function.and_(value, self._number(ones(width), width))

    def _field(self, node: Expression) -> Value:
        total = None
        for piece in self.layout.pieces[node.name]:
            bits = self._moved(self.words[piece.word], 0, piece.shift)
            bits = self._cut(bits, piece.width)
            bits = self.function.fit(bits, native(node.width))
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
        write, first, width = self.function, operands[0], node.width
        match node.operator:
            case "not":
                return write.xor(first, self._number(ones(width), width))
            case "and":
                return write.and_(*operands)
            case "or":
                return write.or_(*operands)
            case "eq":
                return write.compare("eq", *operands)
            case "lt":
                return write.compare("ult", *operands)
            case "add":
                return self._cut(write.add(*operands), width)
            case "sub":
                return self._cut(write.sub(*operands), width)
            case "ite":
                return write.select(*operands)
            case "slice":
                return self._cut(self._moved(first, 0, node.value), width)
            case "place":
                return self._moved(write.fit(first, native(width)), node.value)
        assert node.operator == "count"
        return write.fit(write.ones_in(first), native(width))
