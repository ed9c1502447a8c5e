# SPDX-License-Identifier: GPL-2.0-or-later
"""Native functions written like structured code.

``Routine`` adds to LLVM's instructions what the search kernel is written
with: variables, counted and conditional loops, rows of words.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager

from checker.engines.native.assembly import (
    POINTER,
    WORD,
    Function,
    Value,
    number,
)


class Variable:
    """A word that changes while the function runs."""

    def __init__(self, routine: Routine, initial: Value) -> None:
        self._routine = routine
        self._place = routine.place()
        self.set(initial)

    def get(self) -> Value:
        """The present value."""
        return self._routine.read(self._place)

    def set(self, value: Value) -> None:
        """Make ``value`` the present value."""
        self._routine.write(value, self._place)

    def increase(self, amount: Value) -> None:
        """Add ``amount``; a truth value counts as 0 or 1."""
        amount = self._routine.fit(amount, WORD)
        self.set(self._routine.add(self.get(), amount))


class Routine(Function):
    """A function with variables, arrays and loops."""

    def variable(self, initial: Value | int = 0) -> Variable:
        """A new variable."""
        return Variable(self, self.word(initial))

    @staticmethod
    def word(value: Value | int) -> Value:
        """``value`` as an operand."""
        return number(value) if isinstance(value, int) else value

    # -- arrays ----------------------------------------------------------

    def load(self, base: Value, index: Value | int) -> Value:
        """Word ``index`` of the array ``base``."""
        return self.read(self.at(base, self.word(index)))

    def pointer(self, base: Value, index: Value | int) -> Value:
        """Word ``index`` of the array ``base``, which is an address."""
        return self.read(self.at(base, self.word(index)), POINTER)

    def store(self, value: Value, base: Value, index: Value | int) -> None:
        """Make ``value`` word ``index`` of the array ``base``."""
        self.write(value, self.at(base, self.word(index)))

    def increase(self, amount: Value, base: Value, index: Value | int) -> None:
        """Add ``amount`` to word ``index`` of the array ``base``."""
        place = self.at(base, self.word(index))
        self.write(self.add(self.read(place), amount), place)

    def row_at(self, base: Value, index: Value, size: int) -> Value:
        """Address of row ``index``; rows have ``size`` words."""
        return self.at(base, self.mul(index, number(size)))

    def row(self, base: Value, index: Value, size: int) -> list[Value]:
        """Row ``index`` of ``base``; rows have ``size`` words."""
        start = self.row_at(base, index, size)
        return [self.load(start, i) for i in range(size)]

    def store_row(
        self, row: Sequence[Value], base: Value, index: Value
    ) -> None:
        """Make ``row`` row ``index`` of ``base``."""
        start = self.row_at(base, index, len(row))
        for i, value in enumerate(row):
            self.store(value, start, i)

    # -- comparisons -----------------------------------------------------

    def less(self, a: Value, b: Value | int) -> Value:
        """Whether ``a`` is less than ``b``, both unsigned."""
        return self.compare("ult", a, self.word(b))

    def same(self, a: Value, b: Value | int) -> Value:
        """Whether ``a`` is ``b``."""
        return self.compare("eq", a, self.word(b))

    def other(self, a: Value, b: Value | int) -> Value:
        """Whether ``a`` is not ``b``."""
        return self.compare("ne", a, self.word(b))

    def least(self, a: Value, b: Value | int) -> Value:
        """The lesser of two words."""
        return self.select(self.less(a, b), a, self.word(b))

    def differ(self, one: Sequence[Value], other: Sequence[Value]) -> Value:
        """Whether two rows are different."""
        bits = number(0)
        for a, b in zip(one, other, strict=True):
            bits = self.or_(self.xor(a, b), bits)
        return self.other(bits, 0)

    # -- control ---------------------------------------------------------

    @contextmanager
    def as_long_as(self, condition: Callable[[], Value]) -> Iterator[None]:
        """A loop: the body runs while ``condition``, asked before it."""
        head, body, done = self.label(), self.label(), self.label()
        self.jump(head)
        self.here(head)
        self.fork(condition(), body, done)
        self.here(body)
        yield
        self.jump(head)
        self.here(done)

    @contextmanager
    def each(self, first: Value | int, end: Value | int) -> Iterator[Value]:
        """A loop over the numbers from ``first`` to ``end`` - 1."""
        counter = self.variable(first)
        limit = self.word(end)
        with self.as_long_as(lambda: self.less(counter.get(), limit)):
            index = counter.get()
            yield index
            counter.set(self.add(index, number(1)))

    @contextmanager
    def each_bit(self, bits: Value) -> Iterator[Value]:
        """A loop over the numbers of the bits that are set."""
        left = self.variable(bits)
        with self.as_long_as(lambda: self.other(left.get(), 0)):
            present = left.get()
            yield self.lowest_one(present)
            rest = self.sub(present, number(1))
            left.set(self.and_(present, rest))

    @contextmanager
    def when(self, condition: Value) -> Iterator[None]:
        """The body runs if ``condition``."""
        body, done = self.label(), self.label()
        self.fork(condition, body, done)
        self.here(body)
        yield
        self.jump(done)
        self.here(done)

    @contextmanager
    def either(
        self, condition: Value
    ) -> Iterator[
        tuple[AbstractContextManager[None], AbstractContextManager[None]]
    ]:
        """Two bodies: the first runs if ``condition``, else the second."""
        yes, no, done = self.label(), self.label(), self.label()

        @contextmanager
        def arm(label: str) -> Iterator[None]:
            self.here(label)
            yield
            self.jump(done)

        self.fork(condition, yes, no)
        yield arm(yes), arm(no)
        self.here(done)
