# SPDX-License-Identifier: GPL-2.0-or-later
"""LLVM's assembly language, written line by line.

A builder with an object for every instruction (llvmlite.ir) took ten times
longer to write the same text, and a small model's search takes less time than
that.  LLVM checks the text when it reads it.
"""

from __future__ import annotations

from collections.abc import Sequence

from checker.engines.native.value import I64, POINTER, Value


class Module:
    """The functions that are compiled together."""

    def __init__(self) -> None:
        self._functions: list[Function] = []
        self._declared: dict[str, str] = {}

    def add(self, function: Function) -> None:
        """Make ``function`` part of the text."""
        self._functions.append(function)

    def declare(self, name: str, result: str, types: Sequence[str]) -> str:
        """Return the text that calls a function that LLVM provides."""
        self._declared[name] = f"declare {result} @{name}({', '.join(types)})"
        return f"@{name}"

    def text(self) -> str:
        """Return the whole module, for LLVM to read."""
        functions = [function.text() for function in self._functions]
        return "\n".join([*self._declared.values(), *functions])


class Function:
    """One function under construction; instructions go to its end.

    ``arguments`` are its parameters, ``p`` for an address and ``i`` for a
    word each; it returns a word.  An ``inner`` function is seen only inside
    its module.
    """

    def __init__(
        self, module: Module, name: str, arguments: str, inner: bool = False
    ) -> None:
        self.name = name
        self.arguments = [
            Value(f"%a{i}", POINTER if kind == "p" else I64, self)
            for i, kind in enumerate(arguments)
        ]
        self._module = module
        self._inner = inner
        self._places: list[str] = []
        self._lines: list[str] = []
        self._names = 0
        module.add(self)

    def text(self) -> str:
        """Return the whole function."""
        linkage = "internal " if self._inner else ""
        parameters = ", ".join(f"{a.type} {a.text}" for a in self.arguments)
        head = f"define {linkage}{I64} @{self.name}({parameters}) {{"
        return "\n".join([head, *self._places, *self._lines, "}"])

    # -- lines -----------------------------------------------------------

    def _name(self) -> str:
        self._names += 1
        return f"%v{self._names}"

    def new(self, kind: str, instruction: str) -> Value:
        """Append an instruction; return its result, of type ``kind``."""
        name = self._name()
        self._lines.append(f"{name} = {instruction}")
        return Value(name, kind, self)

    def do(self, instruction: str) -> None:
        """Append an instruction that has no result."""
        self._lines.append(instruction)

    def declare(self, name: str, result: str, types: Sequence[str]) -> str:
        """Return the text that calls a function that LLVM provides."""
        return self._module.declare(name, result, types)

    # -- operands --------------------------------------------------------

    def word(self, value: Value | int) -> Value:
        """Return ``value`` as an operand; an integer is a word."""
        if isinstance(value, Value):
            return value
        return Value(str(value), I64, self)

    def place(self, words: int = 1) -> Value:
        """Return the address of some words, there while it runs."""
        name = self._name()
        self._places.append(f"{name} = alloca i64, i64 {words}, align 8")
        return Value(name, POINTER, self)

    # -- control ---------------------------------------------------------

    def label(self) -> str:
        """Return a new place to jump to."""
        self._names += 1
        return f"l{self._names}"

    def here(self, label: str) -> None:
        """Let a jump to ``label`` lead to what follows."""
        self.do(f"{label}:")

    def jump(self, label: str) -> None:
        """Go on at ``label``."""
        self.do(f"br label %{label}")

    def fork(self, truth: Value, then: str, otherwise: str) -> None:
        """Go on at ``then`` if ``truth``, else at ``otherwise``."""
        self.do(f"br i1 {truth.text}, label %{then}, label %{otherwise}")

    def call(self, called: Function, *arguments: Value | int) -> Value:
        """Return the result of another function of this module."""
        operands = [self.word(a) for a in arguments]
        inside = ", ".join(f"{a.type} {a.text}" for a in operands)
        return self.new(I64, f"call i64 @{called.name}({inside})")

    def result(self, value: Value | int) -> None:
        """End the function with ``value``."""
        self.do(f"ret i64 {self.word(value).text}")
