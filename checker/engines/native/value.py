# SPDX-License-Identifier: GPL-2.0-or-later
"""Operands of LLVM's instructions, with Python's operators.

``(a ^ b >> 32) * 5`` appends three instructions to the function that ``a``
belongs to, and is the value of the last one.  A Python integer beside a
value is a constant of the same type.  All numbers are unsigned, and an
operator works modulo 2**width; on a vector it works lane by lane.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Final, Protocol

from attrs import frozen

from checker.engines.native.layout import WORD

I64: Final = f"i{WORD}"
POINTER: Final = "ptr"


class Body(Protocol):
    """What a value needs of the function that it belongs to."""

    def new(self, kind: str, instruction: str) -> Value:
        """Append an instruction; return its result, of type ``kind``."""
        ...

    def do(self, instruction: str) -> None:
        """Append an instruction that has no result."""
        ...

    def declare(self, name: str, result: str, types: Sequence[str]) -> str:
        """Return the text that calls a function that LLVM provides."""
        ...


@cache
def vector_of(lanes: int, kind: str) -> str:
    """Return the type of ``lanes`` values side by side; ``kind`` for 1."""
    return kind if lanes == 1 else f"<{lanes} x {kind}>"


@cache
def _shape(kind: str) -> tuple[int, int]:
    """Return lanes, and bits in each, of a type of numbers."""
    lanes, _, inner = kind.strip("<>").rpartition(" x ")
    return int(lanes or 1), int(inner[1:])


@cache
def _text(value: int, kind: str) -> str:
    """Return the text of the number ``value`` in every lane of ``kind``."""
    lanes, width = _shape(kind)
    if lanes == 1:
        return str(value)
    return f"<{', '.join([f'i{width} {value}'] * lanes)}>"


@frozen(eq=False)
class Value:
    """An operand: its text, its type, and the function it belongs to.

    A number, a vector of numbers, or an address.  An address is that of an
    array of words: ``a[i]`` is its word i.
    """

    text: str
    type: str
    body: Body

    def __bool__(self) -> bool:
        raise TypeError("a value is not known while the code is written")

    @property
    def width(self) -> int:
        """Bits of a number, or of one lane of a vector."""
        return _shape(self.type)[1]

    @property
    def lanes(self) -> int:
        """Numbers side by side."""
        return _shape(self.type)[0]

    def like(self, value: Value | int) -> Value:
        """Return ``value`` as an operand; an integer is a constant."""
        if isinstance(value, Value):
            return value
        return constant(value, self.type, self.body)

    # -- arithmetic ------------------------------------------------------

    def _with(self, name: str, other: Value | int) -> Value:
        text = (
            other.text if isinstance(other, Value) else _text(other, self.type)
        )
        return self.body.new(
            self.type, f"{name} {self.type} {self.text}, {text}"
        )

    def __add__(self, other: Value | int) -> Value:
        return self._with("add", other)

    def __sub__(self, other: Value | int) -> Value:
        return self._with("sub", other)

    def __rsub__(self, other: int) -> Value:
        return self.like(other) - self

    def __mul__(self, other: Value | int) -> Value:
        return self._with("mul", other)

    def __and__(self, other: Value | int) -> Value:
        return self._with("and", other)

    def __or__(self, other: Value | int) -> Value:
        if self.text == "0" and isinstance(other, Value):
            return other
        return self._with("or", other)

    def __xor__(self, other: Value | int) -> Value:
        return self._with("xor", other)

    def __invert__(self) -> Value:
        return self ^ (1 << self.width) - 1

    def __lshift__(self, other: Value | int) -> Value:
        return self._with("shl", other)

    def __rshift__(self, other: Value | int) -> Value:
        return self._with("lshr", other)

    def __rrshift__(self, other: int) -> Value:
        return self.like(other) >> self

    def fit(self, width: int) -> Value:
        """Return it in ``width`` bits: zeros in front, or its front cut off.

        A bit that becomes a word counts as 0 or 1.
        """
        lanes, old = _shape(self.type)
        if old == width:
            return self
        kind = vector_of(lanes, f"i{width}")
        if self.text.isdigit():
            cut = int(self.text) & (1 << width) - 1
            return Value(str(cut), kind, self.body)
        name = "zext" if old < width else "trunc"
        return self.body.new(kind, f"{name} {self.type} {self.text} to {kind}")

    def as_type(self, kind: str) -> Value:
        """Return the same bits as another type."""
        return self.body.new(
            kind, f"bitcast {self.type} {self.text} to {kind}"
        )

    def spread(self, lanes: int) -> Value:
        """Return a vector that holds it ``lanes`` times."""
        kind = vector_of(lanes, self.type)
        one = self.body.new(
            kind,
            f"insertelement {kind} poison, {self.type} {self.text}, i32 0",
        )
        return self.body.new(
            kind,
            f"shufflevector {kind} {one.text}, {kind} poison, "
            f"<{lanes} x i32> zeroinitializer",
        )

    def count_ones(self) -> Value:
        """Return how many bits are set."""
        lanes, width = _shape(self.type)
        many = f"v{lanes}" if lanes > 1 else ""
        name = f"llvm.ctpop.{many}i{width}"
        called = self.body.declare(name, self.type, [self.type])
        return self.body.new(
            self.type, f"call {self.type} {called}({self.type} {self.text})"
        )

    def lowest_one(self) -> Value:
        """Return the number of a word's lowest bit that is set.

        There must be one.
        """
        called = self.body.declare("llvm.cttz.i64", I64, [I64, "i1"])
        return self.body.new(
            I64, f"call i64 {called}(i64 {self.text}, i1 true)"
        )

    # -- truth values ----------------------------------------------------

    def _compare(self, how: str, other: Value | int) -> Value:
        kind = vector_of(self.lanes, "i1")
        text = self.like(other).text
        return self.body.new(
            kind, f"icmp {how} {self.type} {self.text}, {text}"
        )

    def __lt__(self, other: Value | int) -> Value:
        return self._compare("ult", other)

    def is_(self, other: Value | int) -> Value:
        """Return whether both are the same number."""
        return self._compare("eq", other)

    def is_not(self, other: Value | int) -> Value:
        """Return whether both are different numbers."""
        return self._compare("ne", other)

    def choose(self, one: Value, other: Value) -> Value:
        """Return ``one`` where this truth value is 1, else ``other``."""
        return self.body.new(
            one.type,
            f"select {self.type} {self.text}, {one.type} {one.text}, "
            f"{other.type} {other.text}",
        )

    def at_most(self, other: Value | int) -> Value:
        """Return the lesser of two numbers."""
        other = self.like(other)
        return (self < other).choose(self, other)

    # -- memory ----------------------------------------------------------

    def read(self, kind: str = I64, align: int = 8) -> Value:
        """Return what lies at this address."""
        return self.body.new(
            kind, f"load {kind}, ptr {self.text}, align {align}"
        )

    def write(self, value: Value) -> None:
        """Put ``value`` to this address."""
        self.body.do(
            f"store {value.type} {value.text}, ptr {self.text}, align 8"
        )

    def fetch(self) -> None:
        """Have what lies at this address brought into the near cache."""
        called = self.body.declare(
            "llvm.prefetch.p0", "void", [POINTER, "i32", "i32", "i32"]
        )
        self.body.do(
            f"call void {called}(ptr {self.text}, i32 0, i32 3, i32 1)"
        )

    def word_at(self, index: Value | int) -> Value:
        """Return the address of word ``index``."""
        text = index.text if isinstance(index, Value) else str(index)
        if text == "0":
            return self
        return self.body.new(
            POINTER, f"getelementptr i64, ptr {self.text}, i64 {text}"
        )

    def __getitem__(self, index: Value | int) -> Value:
        return self.word_at(index).read()

    def __setitem__(self, index: Value | int, value: Value) -> None:
        self.word_at(index).write(value)

    def pointer(self, index: Value | int) -> Value:
        """Return word ``index``, which is an address."""
        return self.word_at(index).read(POINTER)

    def increase(self, index: Value | int, amount: Value) -> None:
        """Add ``amount`` to word ``index``."""
        place = self.word_at(index)
        place.write(place.read() + amount)

    def row_at(self, index: Value, size: int) -> Value:
        """Return the address of row ``index``, of ``size`` words."""
        return self.word_at(index * size)

    def row(self, index: Value, size: int) -> list[Value]:
        """Return the ``size`` words of row ``index``."""
        start = self.row_at(index, size)
        return [start[i] for i in range(size)]

    def set_row(self, index: Value, row: Sequence[Value]) -> None:
        """Make ``row`` the words of row ``index``."""
        start = self.row_at(index, len(row))
        for i, value in enumerate(row):
            start[i] = value


def constant(value: int, kind: str, body: Body) -> Value:
    """Return the number ``value`` in every lane of ``kind``."""
    return Value(_text(value, kind), kind, body)


def differ(one: Sequence[Value], other: Sequence[Value]) -> Value:
    """Return whether two rows have different words."""
    bits = one[0].like(0)
    for a, b in zip(one, other, strict=True):
        bits = a ^ b | bits
    return bits.is_not(0)
