# SPDX-License-Identifier: GPL-2.0-or-later
"""Expressions evaluated in many states at once, with numpy.

A value of one bit is an array of truth values, one of up to 64 bits an array
of unsigned words, and a wider one an array of Python integers: slow, but only
the sets of a disk with more than 64 granules are that wide.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from checker.engines.native.layout import WORD, Layout, Rows
from model.language.expression import Expression, ones, walk

Column = NDArray[Any]
_ROWS_AT_ONCE = 1 << 14


def column(layout: Layout, rows: Rows, root: Expression) -> Column:
    """Return the value of ``root`` in each of ``rows``: an array as long."""
    kind: Any = bool
    if root.width > 1:
        kind = np.uint64 if root.width <= WORD else object
    result = np.empty(len(rows), dtype=kind)
    # a piece at a time: what lies between stays in the processor's cache
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        piece = rows[start : start + _ROWS_AT_ONCE]
        result[start : start + len(piece)] = _evaluate(layout, piece, root)
    return result


def _evaluate(layout: Layout, rows: Rows, root: Expression) -> Column:
    return columns(layout, rows, [root])[0]


def columns(
    layout: Layout, rows: Rows, roots: Sequence[Expression]
) -> list[Column]:
    """The values of ``roots`` in each of ``rows``, which are few."""
    known: dict[Expression, Column] = {}
    for node in walk(roots):
        if node.operator == "const":
            value = _numbers(np.array([node.value], dtype=object), node.width)
            known[node] = np.broadcast_to(value, len(rows))
        elif node.operator == "field":
            known[node] = _field(layout, rows, node)
        else:
            operands = [known[operand] for operand in node.operands]
            known[node] = _apply(node, operands)
    return [known[root] for root in roots]


def _numbers(values: Column, width: int) -> Column:
    """Return ``values``, which fit ``width`` bits, as such a column."""
    if width == 1:
        return values.astype(bool)
    return values.astype(np.uint64 if width <= WORD else object)


def _plain(values: Column) -> Column:
    """Return truth values as the numbers 0 and 1."""
    return values.astype(np.uint64) if values.dtype == bool else values


def _field(layout: Layout, rows: Rows, node: Expression) -> Column:
    pieces = layout.pieces[node.name]
    total = None
    for piece in pieces:
        bits = rows[:, piece.word] >> np.uint64(piece.shift)
        bits = bits & np.uint64(ones(piece.width))
        if len(pieces) == 1:
            return _numbers(bits, node.width)
        wide = bits.astype(object) << piece.start
        total = wide if total is None else total | wide
    assert total is not None
    return total


def _scalar(value: int, width: int) -> Any:
    return np.uint64(value) if width <= WORD else value


def _apply(node: Expression, operands: list[Column]) -> Column:
    operator, width = node.operator, node.width
    first = operands[0]
    if operator == "ite":
        return np.where(first, operands[1], operands[2])
    if operator == "and":
        return np.asarray(first & operands[1])
    if operator == "or":
        return np.asarray(first | operands[1])
    if operator == "eq":
        return np.asarray(first == operands[1]).astype(bool)
    if operator == "lt":
        return np.asarray(first < operands[1]).astype(bool)
    if width == 1 and operator == "not":
        return ~first
    if width == 1 and operator in ("add", "sub"):
        return np.asarray(first ^ operands[1])
    mask = _scalar(ones(width), width)
    if operator == "not":
        return np.asarray(mask ^ first)
    if operator == "add":
        return np.asarray(first + operands[1] & mask)
    if operator == "sub":
        return np.asarray(first - operands[1] & mask)
    return _reshape(node, first)


def _reshape(node: Expression, first: Column) -> Column:
    """Apply an operator that gives a number of another width."""
    inner, width = node.operands[0].width, node.width
    if node.operator == "slice":
        moved = first >> _scalar(node.value, inner)
        return _numbers(moved & _scalar(ones(width), inner), width)
    if node.operator == "place":
        wide = _plain(first)
        if width > WORD:
            wide = wide.astype(object)
        return np.asarray(wide << _scalar(node.value, width))
    assert node.operator == "count"
    return _numbers(np.bitwise_count(first), width)
