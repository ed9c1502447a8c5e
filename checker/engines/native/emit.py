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

from checker.engines.native.assembly import Function
from checker.engines.native.layout import WORD, Layout
from checker.engines.native.value import Value, constant, vector_of
from model.language.expression import Expression, ones
from model.language.machine import Instance

#: widths of the processor's own numbers, and of truth values
NATIVE = (1, 8, 16, 32, WORD)


def native(width: int) -> int:
    """Return the bits of the number that holds ``width`` bits."""
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

    def _number(self, value: int, width: int) -> Value:
        """Return a constant, in every lane."""
        kind = vector_of(self.lanes, f"i{native(width)}")
        return constant(value, kind, self.function)

    def value(self, root: Expression) -> Value:
        """Return ``root`` as a number of ``native(root.width)`` bits."""
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
        """Return the words of the state after ``instance``."""
        kept = [ones(WORD)] * self.layout.words
        added: list[list[Value]] = [[] for _ in kept]
        for name, expression in instance.effect:
            new = self.value(expression)
            for piece in self.layout.pieces[name]:
                kept[piece.word] &= ~(ones(piece.width) << piece.shift)
                bits = _moved(new, 0, piece.start).fit(WORD)
                added[piece.word].append(_moved(bits, piece.shift))
        words = []
        for old, mask, parts in zip(self.words, kept, added, strict=True):
            word = old & mask if parts else old
            for part in parts:
                word = word | part
            words.append(word)
        return words

    def _field(self, node: Expression) -> Value:
        total = None
        for piece in self.layout.pieces[node.name]:
            bits = _moved(self.words[piece.word], 0, piece.shift)
            bits = _cut(bits, piece.width).fit(native(node.width))
            bits = _moved(bits, piece.start)
            total = bits if total is None else total | bits
        assert total is not None
        return total

    def _write(self, node: Expression) -> Value:
        if node.operator == "const":
            return self._number(node.value, node.width)
        if node.operator == "field":
            return self._field(node)
        operands = [self._known[operand] for operand in node.operands]
        a, b = operands[0], operands[-1]
        width = node.width
        match node.operator:
            case "not":
                return a ^ ones(width)
            case "and":
                return a & b
            case "or":
                return a | b
            case "eq":
                return a.is_(b)
            case "lt":
                return a < b
            case "add":
                return _cut(a + b, width)
            case "sub":
                return _cut(a - b, width)
            case "ite":
                return a.choose(operands[1], b)
            case "slice":
                return _cut(_moved(a, 0, node.value), width)
            case "place":
                return _moved(a.fit(native(width)), node.value)
        assert node.operator == "count"
        return a.count_ones().fit(native(width))


def _moved(value: Value, up: int, down: int = 0) -> Value:
    """Return ``value`` moved by a constant number of bits."""
    if up:
        value = value << up
    if down:
        value = value >> down
    return value


def _cut(value: Value, width: int) -> Value:
    """Return the lowest ``width`` bits of ``value``."""
    value = value.fit(native(width))
    if native(width) == width:
        return value
    return value & ones(width)
