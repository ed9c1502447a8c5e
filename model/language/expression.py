# SPDX-License-Identifier: GPL-2.0-or-later
"""The expression DAG that every engine reads.

An expression is a vector of ``width`` bits; a truth value has width 1.  There
are twelve operators, all total: no operator can fail or trap, whatever its
operands are, so an engine may evaluate both branches of a choice.  A further
one, ``ask``, is met in a schema only, and by no engine.

Nodes are hash-consed: two expressions that are written alike are the same
object, so an engine that remembers nodes by identity evaluates each one once.
Constants are folded here and nowhere else.

The model does not use this file; it writes typed values (``values``), and
those build expressions.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, Literal

from attrs import field, frozen

from model.language.errors import ModelError

Operator = Literal[
    "const",  # value
    "field",  # the state's field called ``name``
    "not",  # bitwise complement within ``width``
    "and",
    "or",
    "eq",  # 1 bit
    "lt",  # unsigned, 1 bit
    "add",  # modulo 2**width
    "sub",  # modulo 2**width
    "ite",  # operand 0 (1 bit) chooses operand 1 or 2
    "slice",  # ``width`` bits of operand 0, from bit ``value`` on
    "place",  # operand 0 moved up by ``value`` bits, zero elsewhere
    "count",  # how many bits of operand 0 are set
    "ask",  # what ``name`` asks of a disk that is not known yet
]
COMMUTATIVE: Final = frozenset({"and", "or", "eq", "add"})


@frozen(eq=False, repr=False)
class Expression:
    """One node: ``operator`` applied to ``operands``.

    ``value`` is the constant of ``const`` and the bit offset of ``slice`` and
    ``place``; ``name`` is the field of ``field``.  Compare nodes with ``is``.
    """

    operator: Operator
    width: int
    operands: tuple[Expression, ...] = ()
    value: int = 0
    name: str = ""
    _serial: int = field(default=0, alias="serial")

    def __bool__(self) -> bool:
        raise ModelError(
            "an expression has no truth value while the model is built; "
            "combine flags with &, | and ~"
        )

    def __repr__(self) -> str:
        if self.operator == "const":
            return f"{self.value}:{self.width}"
        if self.operator == "field":
            return self.name
        inside = " ".join(repr(operand) for operand in self.operands)
        at = f"@{self.value}" if self.operator in ("slice", "place") else ""
        return f"({self.operator}{at} {inside})"


_Key = tuple[str, int, tuple[int, ...], int, str]
_known: Final[dict[_Key, Expression]] = {}


def _node(
    operator: Operator,
    width: int,
    operands: tuple[Expression, ...] = (),
    value: int = 0,
    name: str = "",
) -> Expression:
    key = (operator, width, tuple(o._serial for o in operands), value, name)
    found = _known.get(key)
    if found is None:
        found = Expression(
            operator, width, operands, value, name, serial=len(_known)
        )
        _known[key] = found
    return found


def constant(value: int, width: int) -> Expression:
    """The number ``value`` in ``width`` bits."""
    if value < 0 or value.bit_length() > width:
        raise ModelError(f"{value} does not fit {width} bits")
    return _node("const", width, value=value)


FALSE: Final = constant(0, 1)
TRUE: Final = constant(1, 1)


def ones(width: int) -> int:
    """The number with the lowest ``width`` bits set."""
    return (1 << width) - 1


def field_value(name: str, width: int) -> Expression:
    """The present value of the state's field ``name``."""
    return _node("field", width, name=name)


def asked(
    name: str, width: int, operands: tuple[Expression, ...]
) -> Expression:
    """The answer of a disk that is not known yet to the question ``name``."""
    return _node("ask", width, operands, name=name)


def again(
    operator: Operator,
    width: int,
    operands: tuple[Expression, ...],
    value: int,
    name: str,
) -> Expression:
    """A node that was written down, as it is: nothing is folded."""
    if operator in COMMUTATIVE and len(operands) == 2:
        operands = _ordered(*operands)
    return _node(operator, width, operands, value, name)


def rebuilt(node: Expression, operands: tuple[Expression, ...]) -> Expression:
    """``node`` with other operands, folded where possible."""
    if operands == node.operands:
        return node
    match node.operator:
        case "not":
            return complement(*operands)
        case "and":
            return conjunction(*operands)
        case "or":
            return disjunction(*operands)
        case "eq":
            return equal(*operands)
        case "lt":
            return less(*operands)
        case "add":
            return add(*operands)
        case "sub":
            return subtract(*operands)
        case "ite":
            return choice(*operands)
        case "slice":
            return bits_of(operands[0], node.value, node.width)
        case "place":
            return placed(operands[0], node.value, node.width)
        case "ask":
            return asked(node.name, node.width, operands)
    return count(*operands)


def complement(a: Expression) -> Expression:
    """Every bit of ``a`` turned over; for a truth value, its negation."""
    if a.operator == "const":
        return constant(ones(a.width) & ~a.value, a.width)
    if a.operator == "not":
        return a.operands[0]
    return _node("not", a.width, (a,))


def _same_width(a: Expression, b: Expression) -> int:
    if a.width != b.width:
        raise ModelError(f"widths {a.width} and {b.width} do not match")
    return a.width


def conjunction(a: Expression, b: Expression) -> Expression:
    """Bitwise and."""
    width = _same_width(a, b)
    for one, other in ((a, b), (b, a)):
        if one.operator == "const":
            if one.value == 0:
                return one
            if one.value == ones(width):
                return other
    if a is b:
        return a
    if a.operator == "const" and b.operator == "const":
        return constant(a.value & b.value, width)
    return _node("and", width, _ordered(a, b))


def disjunction(a: Expression, b: Expression) -> Expression:
    """Bitwise or."""
    width = _same_width(a, b)
    for one, other in ((a, b), (b, a)):
        if one.operator == "const":
            if one.value == 0:
                return other
            if one.value == ones(width):
                return one
    if a is b:
        return a
    if a.operator == "const" and b.operator == "const":
        return constant(a.value | b.value, width)
    return _node("or", width, _ordered(a, b))


def _ordered(a: Expression, b: Expression) -> tuple[Expression, Expression]:
    return (a, b) if a._serial <= b._serial else (b, a)


def all_of(parts: Iterable[Expression]) -> Expression:
    """Conjunction of truth values; true when there are none."""
    result = TRUE
    for part in parts:
        result = conjunction(result, part)
    return result


def any_of(parts: Iterable[Expression]) -> Expression:
    """Disjunction of truth values; false when there are none."""
    result = FALSE
    for part in parts:
        result = disjunction(result, part)
    return result


def equal(a: Expression, b: Expression) -> Expression:
    """1 if ``a`` and ``b`` are the same number."""
    _same_width(a, b)
    if a is b:
        return TRUE
    if a.operator == "const" and b.operator == "const":
        return constant(int(a.value == b.value), 1)
    if a.width == 1:
        for one, other in ((a, b), (b, a)):
            if one is TRUE:
                return other
            if one is FALSE:
                return complement(other)
    return _node("eq", 1, _ordered(a, b))


def less(a: Expression, b: Expression) -> Expression:
    """1 if ``a`` is less than ``b``, both unsigned."""
    _same_width(a, b)
    if a is b or (b.operator == "const" and b.value == 0):
        return FALSE
    if a.operator == "const" and b.operator == "const":
        return constant(int(a.value < b.value), 1)
    return _node("lt", 1, (a, b))


def add(a: Expression, b: Expression) -> Expression:
    """Sum modulo ``2**width``."""
    width = _same_width(a, b)
    if a.operator == "const" and b.operator == "const":
        return constant((a.value + b.value) & ones(width), width)
    for one, other in ((a, b), (b, a)):
        if one.operator == "const" and one.value == 0:
            return other
    return _node("add", width, _ordered(a, b))


def subtract(a: Expression, b: Expression) -> Expression:
    """Difference modulo ``2**width``."""
    width = _same_width(a, b)
    if a.operator == "const" and b.operator == "const":
        return constant((a.value - b.value) & ones(width), width)
    if b.operator == "const" and b.value == 0:
        return a
    return _node("sub", width, (a, b))


def choice(c: Expression, a: Expression, b: Expression) -> Expression:
    """``a`` where the truth value ``c`` is 1, else ``b``."""
    width = _same_width(a, b)
    if c.width != 1:
        raise ModelError(f"a condition has 1 bit, not {c.width}")
    if c is TRUE or a is b:
        return a
    if c is FALSE:
        return b
    if width == 1:
        return disjunction(conjunction(c, a), conjunction(complement(c), b))
    return _node("ite", width, (c, a, b))


def bits_of(a: Expression, start: int, width: int) -> Expression:
    """``width`` bits of ``a``, from bit ``start`` on."""
    if start < 0 or width < 1 or start + width > a.width:
        raise ModelError(f"no bits {start}..{start + width} in {a.width}")
    if width == a.width:
        return a
    if a.operator == "const":
        return constant((a.value >> start) & ones(width), width)
    return _node("slice", width, (a,), value=start)


def placed(a: Expression, start: int, width: int) -> Expression:
    """``a`` at bit ``start`` of ``width`` bits, zero elsewhere."""
    if start < 0 or start + a.width > width:
        raise ModelError(f"{a.width} bits at {start} do not fit {width}")
    if width == a.width:
        return a
    if a.operator == "const":
        return constant(a.value << start, width)
    return _node("place", width, (a,), value=start)


def count(a: Expression) -> Expression:
    """How many bits of ``a`` are set."""
    width = a.width.bit_length()
    if a.operator == "const":
        return constant(a.value.bit_count(), width)
    if a.width == 1:
        return a
    return _node("count", width, (a,))


def walk(roots: Iterable[Expression]) -> Iterator[Expression]:
    """Every node below ``roots`` once, operands before their users."""
    seen: set[int] = set()
    stack = [(root, False) for root in reversed(list(roots))]
    while stack:
        node, done = stack.pop()
        if done:
            yield node
        elif node._serial not in seen:
            seen.add(node._serial)
            stack.append((node, True))
            stack.extend((o, False) for o in reversed(node.operands))


def fields_read(roots: Iterable[Expression]) -> frozenset[str]:
    """Names of the fields that the expressions look at."""
    return frozenset(n.name for n in walk(roots) if n.operator == "field")
