# SPDX-License-Identifier: GPL-2.0-or-later
"""What a condition on a state is made of, and how it is written.

    source.migration is failed or completed    a field has one of some values
    source.busy                                a flag is yes
    source.bits is empty                       a set or a channel
    0 in source.bits                           a granule, or a chunk, by number
    source.bits within ghost_true_dirty        of two sets
    stream holds COMPLETE                      a message in flight
    cut_left > 0                               a number
    "no bitmap is busy", UsableIsWhole         by the name the model gives it
    not A    A and B    A or B    (A)

``is not a or b`` is neither.  'and' beside 'or' needs parentheses.  The
parser is in ``condition_parser``; ``condition_meaning`` says what a condition
means in a machine.
"""

from __future__ import annotations

from attrs import field, frozen


def _place() -> int:
    """The character, from 1, at which a part begins; no part of it."""
    found: int = field(default=0, eq=False, kw_only=True)
    return found


@frozen
class Is:
    """The field has one of the values, each as people read it."""

    field: str
    values: tuple[str, ...]
    at: int = _place()

    def __str__(self) -> str:
        return f"{self.field} is {' or '.join(self.values)}"


@frozen
class Yes:
    """The flag is yes."""

    field: str
    at: int = _place()

    def __str__(self) -> str:
        return self.field


@frozen
class Compared:
    """The number is less, or more, than another one; ``sign``: '<='."""

    field: str
    sign: str
    number: int
    at: int = _place()

    def __str__(self) -> str:
        return f"{self.field} {self.sign} {self.number}"


@frozen
class Member:
    """The granule or chunk with this number is in the set."""

    number: int
    field: str
    at: int = _place()

    def __str__(self) -> str:
        return f"{self.number} in {self.field}"


@frozen
class Within:
    """Each member of one set is in the other."""

    field: str
    other: str
    at: int = _place()

    def __str__(self) -> str:
        return f"{self.field} within {self.other}"


@frozen
class Holds:
    """A message of this kind is in the channel."""

    field: str
    kind: str
    at: int = _place()

    def __str__(self) -> str:
        return f"{self.field} holds {self.kind}"


@frozen
class Named:
    """What the model calls by this name: a conjunct or a property."""

    name: str
    at: int = _place()

    def __str__(self) -> str:
        return f'"{self.name}"'


@frozen
class Not:
    """The condition is false."""

    of: Condition

    def __str__(self) -> str:
        if isinstance(self.of, Is):
            return f"{self.of.field} is not {' or '.join(self.of.values)}"
        return f"not {_inside(self.of)}"


@frozen
class Both:
    """Two or more conditions are true."""

    parts: tuple[Condition, ...]

    def __str__(self) -> str:
        return " and ".join(map(_inside, self.parts))


@frozen
class Either:
    """One of two or more conditions is true."""

    parts: tuple[Condition, ...]

    def __str__(self) -> str:
        return " or ".join(map(_inside, self.parts))


Leaf = Is | Yes | Compared | Member | Within | Holds | Named
Condition = Leaf | Not | Both | Either


@frozen
class Statement:
    """A condition, or 'if A then B'."""

    then: Condition
    when: Condition | None = None

    def __str__(self) -> str:
        if self.when is None:
            return str(self.then)
        return f"if {self.when} then {self.then}"


def _inside(part: Condition) -> str:
    """``part`` as it is written beside others."""
    one = part.of if isinstance(part, Not) else part
    listed = isinstance(one, Is) and len(one.values) > 1
    if listed or isinstance(part, Both | Either):
        return f"({part})"
    return str(part)


def parts_of(condition: Condition) -> tuple[Condition, ...]:
    """The conditions that all have to be true."""
    return condition.parts if isinstance(condition, Both) else (condition,)
