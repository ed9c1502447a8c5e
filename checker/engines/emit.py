# SPDX-License-Identifier: GPL-2.0-or-later
"""The expression DAG as LLVM IR.

An expression of n bits becomes a value of LLVM's type ``iN``, whatever n is;
LLVM cuts wide ones into words.  The meaning is that of ``evaluate``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from llvmlite import ir  # type: ignore[import-untyped] # ships no types

from checker.engines.layout import WORD, Layout
from model.language.expression import Expression, ones
from model.language.machine import Instance

I64 = ir.IntType(WORD)


def number(value: int, width: int = WORD) -> ir.Constant:
    """A constant of ``width`` bits."""
    return ir.Constant(ir.IntType(width), value)


class Emitter:
    """Writes the values of expressions in one state, each only once.

    ``words`` are the state's words as LLVM values.  Everything is written
    where ``builder`` stands; the builder must not leave that block (or blocks
    that it dominates) while this object is in use.
    """

    def __init__(
        self, builder: ir.IRBuilder, layout: Layout, words: Sequence[ir.Value]
    ) -> None:
        self.builder = builder
        self.layout = layout
        self.words = words
        self._known: dict[Expression, ir.Value] = {}

    def value(self, root: Expression) -> ir.Value:
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

    def successor(self, instance: Instance) -> list[ir.Value]:
        """The words of the state after ``instance``."""
        kept = [ones(WORD)] * self.layout.words
        added: list[list[ir.Value]] = [[] for _ in kept]
        for name, expression in instance.effect:
            new = self.value(expression)
            for piece in self.layout.pieces[name]:
                kept[piece.word] &= ~(ones(piece.width) << piece.shift)
                bits = self._bits(new, expression.width, piece.start)
                bits = self._fit(bits, WORD)
                bits = self.builder.shl(bits, number(piece.shift))
                added[piece.word].append(bits)
        words = []
        for old, mask, parts in zip(self.words, kept, added, strict=True):
            word = old
            if parts:
                word = self.builder.and_(old, number(mask))
            for part in parts:
                word = self.builder.or_(word, part)
            words.append(word)
        return words

    def _bits(self, value: ir.Value, width: int, start: int) -> ir.Value:
        if start:
            value = self.builder.lshr(value, number(start, width))
        if width > WORD:
            value = self.builder.trunc(value, I64)
        return value

    def _fit(self, value: ir.Value, width: int) -> ir.Value:
        """``value`` with zeros in front or its front cut off."""
        if value.type.width < width:
            return self.builder.zext(value, ir.IntType(width))
        if value.type.width > width:
            return self.builder.trunc(value, ir.IntType(width))
        return value

    def _field(self, node: Expression) -> ir.Value:
        total = None
        for piece in self.layout.pieces[node.name]:
            word = self.words[piece.word]
            bits = self.builder.lshr(word, number(piece.shift))
            bits = self._fit(bits, piece.width)
            bits = self._fit(bits, node.width)
            if total is None:
                total = bits
            else:
                place = number(piece.start, node.width)
                total = self.builder.or_(total, self.builder.shl(bits, place))
        return total

    def _write(self, node: Expression) -> ir.Value:
        if node.operator == "const":
            return number(node.value, node.width)
        if node.operator == "field":
            return self._field(node)
        operands = [self._known[operand] for operand in node.operands]
        builder, first = self.builder, operands[0]
        inner = node.operands[0].width
        match node.operator:
            case "not":
                return builder.xor(first, number(ones(inner), inner))
            case "and":
                return builder.and_(*operands)
            case "or":
                return builder.or_(*operands)
            case "eq":
                return builder.icmp_unsigned("==", *operands)
            case "lt":
                return builder.icmp_unsigned("<", *operands)
            case "add":
                return builder.add(*operands)
            case "sub":
                return builder.sub(*operands)
            case "ite":
                return builder.select(*operands)
            case "slice":
                moved = builder.lshr(first, number(node.value, inner))
                return self._fit(moved, node.width)
            case "place":
                wide = self._fit(first, node.width)
                return builder.shl(wide, number(node.value, node.width))
        assert node.operator == "count"
        return self._fit(builder.ctpop(first), node.width)
