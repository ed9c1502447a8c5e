# SPDX-License-Identifier: GPL-2.0-or-later
"""Native functions written like structured code.

``Routine`` adds to LLVM's instructions what the search kernel is written
with: variables, counted and conditional loops, branches.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from checker.engines.native.assembly import Function
from checker.engines.native.layout import WORD
from checker.engines.native.value import Value


class Variable:
    """A word that changes while the function runs.

    To read ``now`` writes an instruction that loads the present value, and
    to set it one that stores a new value.
    """

    def __init__(self, routine: Routine, initial: Value | int) -> None:
        self._routine = routine
        self._place = routine.place()
        self.now = initial

    @property
    def now(self) -> Value:
        """The present value."""
        return self._place.read()

    @now.setter
    def now(self, value: Value | int) -> None:
        self._place.write(self._routine.word(value))

    def increase(self, amount: Value | int) -> None:
        """Add ``amount``; a truth value counts as 0 or 1."""
        amount = self._routine.word(amount).fit(WORD)
        self.now = self.now + amount


class Routine(Function):
    """A function with variables and loops."""

    def variable(self, initial: Value | int = 0) -> Variable:
        """Return a new variable."""
        return Variable(self, initial)

    @contextmanager
    def as_long_as(self, condition: Callable[[], Value]) -> Iterator[None]:
        """Run the body while ``condition``, asked before each turn."""
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
        """Run the body with each number from ``first`` to ``end`` - 1."""
        counter = self.variable(first)
        with self.as_long_as(lambda: counter.now < end):
            index = counter.now
            yield index
            counter.now = index + 1

    @contextmanager
    def each_bit(self, bits: Value) -> Iterator[Value]:
        """Run the body with the number of each bit that is set."""
        left = self.variable(bits)
        with self.as_long_as(lambda: left.now.is_not(0)):
            present = left.now
            yield present.lowest_one()
            left.now = present & present - 1

    @contextmanager
    def when(self, condition: Value) -> Iterator[None]:
        """Run the body if ``condition``."""
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
        """Run the first of two bodies if ``condition``, else the second."""
        yes, no, done = self.label(), self.label(), self.label()

        @contextmanager
        def arm(label: str) -> Iterator[None]:
            self.here(label)
            yield
            self.jump(done)

        self.fork(condition, yes, no)
        yield arm(yes), arm(no)
        self.here(done)
