# SPDX-License-Identifier: GPL-2.0-or-later
"""A number from 0 to a limit that the model text never sees.

The text may ask whether any is left and whether it is full, and say one more,
one less, none.  Without a limit there is no such number: it is always full,
some are always left, and nothing is written.  A guard may ask these two
questions, and never the other way round, so a limit can only keep an action
from happening.
"""

from __future__ import annotations

from typing import Any

from attrs import field, frozen

from model.language import expression as ex
from model.language.expression import Expression
from model.language.schematic import Sort, ask
from model.language.tokens import Limit, shown
from model.language.values import YES, Counter, Flag, Update, flag


@frozen(eq=False)
class Tally:
    """A counter that moves by one, or none at all."""

    counter: Counter | None

    def any_left(self) -> Flag:
        """Whether it is more than 0."""
        return YES if self.counter is None else self.counter > 0

    def is_full(self) -> Flag:
        """Whether it is at its limit."""
        if self.counter is None:
            return YES
        return self.counter.is_(self.counter.type.limit)

    def one_more(self) -> tuple[Update, ...]:
        """Effect: one more, but never more than the limit."""
        if self.counter is None:
            return ()
        top = self.counter.type.limit
        return (self.counter.becomes((self.counter + 1).capped(top)),)

    def one_less(self) -> tuple[Update, ...]:
        """Effect: one less, but never less than 0."""
        if self.counter is None:
            return ()
        return (self.counter.becomes(self.counter - 1),)

    def emptied(self) -> tuple[Update, ...]:
        """Effect: none is left."""
        if self.counter is None:
            return ()
        return (self.counter.becomes(0),)


@frozen
class TallyType:
    """A number from 0 to a limit that is not known, or none at all.

    ``full``: it starts at the limit, else at 0.
    """

    limit: Limit = field(eq=shown)
    full: bool

    @property
    def width(self) -> int:
        return int(Sort.TALLY)

    def encode(self, literal: Any, where: str) -> int:
        return 0

    def show(self, code: int) -> str:
        return "some"

    def is_valid(self, value: Expression) -> Expression:
        return ex.TRUE

    def __str__(self) -> str:
        start = "full" if self.full else "empty"
        return f"a tally up to {self.limit}, {start} at first"


@frozen(eq=False)
class SchematicTally(Tally):
    """A tally whose limit, if it has one, is not known yet."""

    name: str
    type: TallyType

    @property
    def now(self) -> Expression:
        return ex.field_value(self.name, int(Sort.TALLY))

    def any_left(self) -> Flag:
        return flag(ask("any_left", 1, self.now), f"{self.name} > 0")

    def is_full(self) -> Flag:
        text = f"{self.name} is {self.type.limit}"
        return flag(ask("is_full", 1, self.now), text)

    def one_more(self) -> tuple[Update, ...]:
        return self._moves("one_more", f"{self.name} + 1")

    def one_less(self) -> tuple[Update, ...]:
        return self._moves("one_less", f"{self.name} - 1")

    def emptied(self) -> tuple[Update, ...]:
        return self._moves("emptied", "0")

    def _moves(self, how: str, text: str) -> tuple[Update, ...]:
        new = ask(how, Sort.TALLY, self.now)
        return (Update(self.name, self.type, new, text),)
