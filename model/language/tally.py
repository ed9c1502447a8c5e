# SPDX-License-Identifier: GPL-2.0-or-later
"""A number from 0 to a limit that the model text never sees.

The text may ask whether any is left and whether it is full, and say one more,
one less, none.  Without a limit there is no such number: it is always full,
some are always left, and nothing is written.
"""

from __future__ import annotations

from attrs import frozen

from model.language.values import YES, Counter, Flag, Update


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
