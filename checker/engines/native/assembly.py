# SPDX-License-Identifier: GPL-2.0-or-later
"""LLVM's assembly language, written line by line.

A builder with an object for every instruction (llvmlite.ir) took ten times
longer to write the same text, and a small model's search takes less time than
that.  What is written here is checked by LLVM when it reads it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Final, NamedTuple

WORD: Final = 64
I64: Final = f"i{WORD}"
POINTER: Final = "ptr"


class Value(NamedTuple):
    """An operand: what it is called in the text, and its type."""

    text: str
    type: str


def number(value: int, width: int = WORD) -> Value:
    """A constant of ``width`` bits."""
    return Value(str(value), f"i{width}")


def vector_of(lanes: int, kind: str) -> str:
    """The type of ``lanes`` values side by side; of one value for 1."""
    return kind if lanes == 1 else f"<{lanes} x {kind}>"


@cache
def same_number(lanes: int, value: int, width: int) -> Value:
    """A constant of ``width`` bits in every lane."""
    if lanes == 1:
        return number(value, width)
    inside = ", ".join([f"i{width} {value}"] * lanes)
    return Value(f"<{inside}>", vector_of(lanes, f"i{width}"))


def _split(kind: str) -> tuple[int, int]:
    """Lanes and width of a type of numbers."""
    lanes, _, inner = kind.strip("<>").rpartition(" x ")
    return int(lanes or 1), int(inner[1:])


class Module:
    """The functions that are compiled together."""

    def __init__(self) -> None:
        self._functions: list[Function] = []
        self._declared: dict[str, str] = {}

    def add(self, function: Function) -> None:
        """``function`` is part of the text from now on."""
        self._functions.append(function)

    def declare(self, name: str, result: str, types: Sequence[str]) -> str:
        """The text of the name of a function that LLVM provides."""
        self._declared[name] = f"declare {result} @{name}({', '.join(types)})"
        return f"@{name}"

    def text(self) -> str:
        """The whole module, for LLVM to read."""
        functions = [function.text() for function in self._functions]
        return "\n".join([*self._declared.values(), *functions])


class Function:
    """One function under construction; instructions go to its end.

    ``arguments`` are its parameters, ``p`` for a pointer and ``i`` for a
    word each; it returns a word.  An ``inner`` function is seen only inside
    its module.
    """

    def __init__(
        self, module: Module, name: str, arguments: str, inner: bool = False
    ) -> None:
        self.name = name
        self.arguments = [
            Value(f"%a{i}", POINTER if kind == "p" else I64)
            for i, kind in enumerate(arguments)
        ]
        self._module = module
        self._inner = inner
        self._places: list[str] = []
        self._lines: list[str] = []
        self._names = 0
        module.add(self)

    def text(self) -> str:
        """The whole function."""
        linkage = "internal " if self._inner else ""
        parameters = ", ".join(f"{a.type} {a.text}" for a in self.arguments)
        head = f"define {linkage}{I64} @{self.name}({parameters}) {{"
        return "\n".join([head, *self._places, *self._lines, "}"])

    def _name(self) -> str:
        self._names += 1
        return f"%v{self._names}"

    def _new(self, kind: str, instruction: str) -> Value:
        name = self._name()
        self._lines.append(f"{name} = {instruction}")
        return Value(name, kind)

    # -- arithmetic ------------------------------------------------------

    def _binary(self, name: str, a: Value, b: Value) -> Value:
        return self._new(a.type, f"{name} {a.type} {a.text}, {b.text}")

    def add(self, a: Value, b: Value) -> Value:
        """Sum modulo 2**width."""
        return self._binary("add", a, b)

    def sub(self, a: Value, b: Value) -> Value:
        """Difference modulo 2**width."""
        return self._binary("sub", a, b)

    def mul(self, a: Value, b: Value) -> Value:
        """Product modulo 2**width."""
        return self._binary("mul", a, b)

    def and_(self, a: Value, b: Value) -> Value:
        """Bitwise and."""
        return self._binary("and", a, b)

    def or_(self, a: Value, b: Value) -> Value:
        """Bitwise or."""
        return b if a.text == "0" else self._binary("or", a, b)

    def xor(self, a: Value, b: Value) -> Value:
        """Bitwise exclusive or."""
        return self._binary("xor", a, b)

    def shl(self, a: Value, b: Value) -> Value:
        """``a`` moved up by ``b`` bits."""
        return self._binary("shl", a, b)

    def lshr(self, a: Value, b: Value) -> Value:
        """``a`` moved down by ``b`` bits."""
        return self._binary("lshr", a, b)

    def not_(self, truth: Value) -> Value:
        """The opposite of a truth value."""
        return self.xor(truth, number(1, 1))

    def inverse(self, word: Value) -> Value:
        """Every bit of a word turned over."""
        return self.xor(word, number((1 << WORD) - 1))

    def compare(self, how: str, a: Value, b: Value) -> Value:
        """A truth value, or a vector of them; ``how`` is eq, ne or ult."""
        kind = vector_of(_split(a.type)[0], "i1")
        return self._new(kind, f"icmp {how} {a.type} {a.text}, {b.text}")

    def select(self, truth: Value, a: Value, b: Value) -> Value:
        """``a`` where ``truth`` is 1, else ``b``."""
        return self._new(
            a.type,
            f"select {truth.type} {truth.text}, {a.type} {a.text}, "
            f"{b.type} {b.text}",
        )

    def fit(self, a: Value, width: int) -> Value:
        """``a`` in ``width`` bits: zeros in front, or its front cut off."""
        lanes, old = _split(a.type)
        if old == width:
            return a
        if a.text.isdigit():
            return number(int(a.text) & (1 << width) - 1, width)
        name = "zext" if old < width else "trunc"
        kind = vector_of(lanes, f"i{width}")
        return self._new(kind, f"{name} {a.type} {a.text} to {kind}")

    def bitcast(self, a: Value, kind: str) -> Value:
        """The same bits as another type."""
        return self._new(kind, f"bitcast {a.type} {a.text} to {kind}")

    def spread(self, word: Value, count: int) -> Value:
        """A vector that holds ``word`` ``count`` times."""
        kind = vector_of(count, word.type)
        one = self._new(
            kind,
            f"insertelement {kind} poison, {word.type} {word.text}, i32 0",
        )
        return self._new(
            kind,
            f"shufflevector {kind} {one.text}, {kind} poison, "
            f"<{count} x i32> zeroinitializer",
        )

    def ones_in(self, a: Value) -> Value:
        """How many bits of ``a`` are set."""
        lanes, width = _split(a.type)
        many = f"v{lanes}" if lanes > 1 else ""
        name = f"llvm.ctpop.{many}i{width}"
        called = self._module.declare(name, a.type, [a.type])
        return self._new(a.type, f"call {a.type} {called}({a.type} {a.text})")

    def lowest_one(self, word: Value) -> Value:
        """Number of the lowest bit that is set; there must be one."""
        called = self._module.declare("llvm.cttz.i64", I64, [I64, "i1"])
        return self._new(I64, f"call i64 {called}(i64 {word.text}, i1 true)")

    # -- memory ----------------------------------------------------------

    def place(self, words: int = 1) -> Value:
        """Memory for some words, while the function runs."""
        name = self._name()
        self._places.append(f"{name} = alloca i64, i64 {words}, align 8")
        return Value(name, POINTER)

    def at(self, base: Value, index: Value) -> Value:
        """Address of word ``index`` of the array ``base``."""
        if index.text == "0":
            return base
        return self._new(
            POINTER,
            f"getelementptr i64, ptr {base.text}, i64 {index.text}",
        )

    def read(self, place: Value, kind: str = I64, align: int = 8) -> Value:
        """What lies at an address."""
        return self._new(kind, f"load {kind}, ptr {place.text}, align {align}")

    def write(self, value: Value, place: Value) -> None:
        """Put ``value`` to an address."""
        self._lines.append(
            f"store {value.type} {value.text}, ptr {place.text}, align 8"
        )

    def fetch(self, place: Value) -> None:
        """Have what lies at an address brought near."""
        called = self._module.declare(
            "llvm.prefetch.p0", "void", [POINTER, "i32", "i32", "i32"]
        )
        self._lines.append(
            f"call void {called}(ptr {place.text}, i32 0, i32 3, i32 1)"
        )

    # -- control ---------------------------------------------------------

    def label(self) -> str:
        """A new place to jump to."""
        self._names += 1
        return f"l{self._names}"

    def here(self, label: str) -> None:
        """What follows is what a jump to ``label`` leads to."""
        self._lines.append(f"{label}:")

    def jump(self, label: str) -> None:
        """Go on at ``label``."""
        self._lines.append(f"br label %{label}")

    def fork(self, truth: Value, then: str, otherwise: str) -> None:
        """Go on at one label or at the other."""
        self._lines.append(
            f"br i1 {truth.text}, label %{then}, label %{otherwise}"
        )

    def call(self, called: Function, *arguments: Value) -> Value:
        """The result of another function of this module."""
        inside = ", ".join(f"{a.type} {a.text}" for a in arguments)
        return self._new(I64, f"call i64 @{called.name}({inside})")

    def result(self, value: Value) -> None:
        """End the function with ``value``."""
        self._lines.append(f"ret i64 {value.text}")
