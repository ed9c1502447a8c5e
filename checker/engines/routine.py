# SPDX-License-Identifier: GPL-2.0-or-later
"""Native functions written like structured code.

``Routine`` adds to llvmlite's builder what the search kernel is written with:
variables, counted and conditional loops, arrays of words.  Everything is a
64-bit word or a pointer to words.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from llvmlite import ir  # type: ignore[import-untyped] # ships no types

from checker.engines.emit import I64, number

POINTER = ir.PointerType()
_I32 = ir.IntType(32)


class Variable:
    """A word that changes while the function runs."""

    def __init__(self, builder: ir.IRBuilder, initial: ir.Value) -> None:
        self._builder = builder
        with builder.goto_entry_block():
            self._place = builder.alloca(I64)
        self.set(initial)

    def get(self) -> ir.Value:
        """The present value."""
        return self._builder.load(self._place, typ=I64)

    def set(self, value: ir.Value) -> None:
        """Make ``value`` the present value."""
        self._builder.store(value, self._place)

    def add(self, amount: ir.Value) -> None:
        """Add ``amount``; a truth value counts as 0 or 1."""
        if amount.type != I64:
            amount = self._builder.zext(amount, I64)
        self.set(self._builder.add(self.get(), amount))


class Routine:
    """One function under construction.

    ``arguments`` are its parameters, ``p`` for a pointer and ``i`` for a
    word each; it returns a word.  An ``inner`` function is seen only inside
    its module.
    """

    def __init__(
        self, module: ir.Module, name: str, arguments: str, inner: bool = False
    ) -> None:
        types = [POINTER if a == "p" else I64 for a in arguments]
        kind = ir.FunctionType(I64, types)
        self.function = ir.Function(module, kind, name)
        if inner:
            self.function.linkage = "internal"
        self.arguments: Sequence[ir.Value] = self.function.args
        self._body = self.function.append_basic_block("entry")
        self.builder = ir.IRBuilder(self._body)
        self._module = module

    def variable(self, initial: ir.Value | int = 0) -> Variable:
        """A new variable."""
        return Variable(self.builder, self.word(initial))

    @staticmethod
    def word(value: ir.Value | int) -> ir.Value:
        """``value`` as an operand."""
        return number(value) if isinstance(value, int) else value

    # -- memory ----------------------------------------------------------

    def at(self, base: ir.Value, index: ir.Value | int) -> ir.Value:
        """Address of word ``index`` of the array ``base``."""
        return self.builder.gep(base, [self.word(index)], source_etype=I64)

    def load(self, base: ir.Value, index: ir.Value | int) -> ir.Value:
        """Word ``index`` of the array ``base``."""
        return self.builder.load(self.at(base, index), typ=I64)

    def pointer(self, base: ir.Value, index: ir.Value | int) -> ir.Value:
        """Word ``index`` of the array ``base``, which is an address."""
        return self.builder.load(self.at(base, index), typ=POINTER)

    def store(
        self, value: ir.Value, base: ir.Value, index: ir.Value | int
    ) -> None:
        """Make ``value`` word ``index`` of the array ``base``."""
        self.builder.store(value, self.at(base, index))

    def increase(
        self, amount: ir.Value, base: ir.Value, index: ir.Value | int
    ) -> None:
        """Add ``amount`` to word ``index`` of the array ``base``."""
        old = self.load(base, index)
        self.store(self.builder.add(old, amount), base, index)

    def row(
        self, base: ir.Value, index: ir.Value, size: int, words: int
    ) -> list[ir.Value]:
        """The first ``words`` words of row ``index``; rows have ``size``."""
        start = self.at(base, self.builder.mul(index, number(size)))
        return [self.load(start, i) for i in range(words)]

    def store_row(
        self, row: Sequence[ir.Value], base: ir.Value, index: ir.Value
    ) -> None:
        """Make ``row`` row ``index`` of ``base``."""
        start = self.at(base, self.builder.mul(index, number(len(row))))
        for i, value in enumerate(row):
            self.store(value, start, i)

    def prefetch(self, base: ir.Value, index: ir.Value) -> None:
        """Have word ``index`` of ``base`` brought near."""
        kind = ir.FunctionType(ir.VoidType(), [POINTER, _I32, _I32, _I32])
        fetch = self._module.globals.get("llvm.prefetch.p0")
        if fetch is None:
            fetch = ir.Function(self._module, kind, "llvm.prefetch.p0")
        read, near, data = number(0, 32), number(3, 32), number(1, 32)
        self.builder.call(fetch, [self.at(base, index), read, near, data])

    # -- comparisons -----------------------------------------------------

    def less(self, a: ir.Value, b: ir.Value | int) -> ir.Value:
        """Whether ``a`` is less than ``b``, both unsigned."""
        return self.builder.icmp_unsigned("<", a, self.word(b))

    def same(self, a: ir.Value, b: ir.Value | int) -> ir.Value:
        """Whether ``a`` is ``b``."""
        return self.builder.icmp_unsigned("==", a, self.word(b))

    def differ(
        self, one: Sequence[ir.Value], other: Sequence[ir.Value]
    ) -> ir.Value:
        """Whether two rows are different."""
        builder = self.builder
        bits = number(0)
        for a, b in zip(one, other, strict=True):
            bits = builder.or_(bits, builder.xor(a, b))
        return builder.icmp_unsigned("!=", bits, number(0))

    # -- control ---------------------------------------------------------

    @contextmanager
    def as_long_as(self, condition: Callable[[], ir.Value]) -> Iterator[None]:
        """A loop: the body runs while ``condition``, asked before it."""
        head = self.builder.append_basic_block("head")
        body = self.builder.append_basic_block("body")
        done = self.builder.append_basic_block("done")
        self.builder.branch(head)
        self.builder.position_at_end(head)
        self.builder.cbranch(condition(), body, done)
        self.builder.position_at_end(body)
        yield
        self.builder.branch(head)
        self.builder.position_at_end(done)

    @contextmanager
    def each(
        self, first: ir.Value | int, end: ir.Value | int
    ) -> Iterator[ir.Value]:
        """A loop over the numbers from ``first`` to ``end`` - 1."""
        counter = self.variable(first)
        limit = self.word(end)
        with self.as_long_as(lambda: self.less(counter.get(), limit)):
            index = counter.get()
            yield index
            counter.set(self.builder.add(index, number(1)))

    def call(self, routine: Routine, *arguments: ir.Value) -> ir.Value:
        """The result of another function of this module."""
        return self.builder.call(routine.function, list(arguments))

    def result(self, value: ir.Value | int) -> None:
        """End the function with ``value``."""
        self.builder.ret(self.word(value))
