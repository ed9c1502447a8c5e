# SPDX-License-Identifier: GPL-2.0-or-later
"""Typed values: what the model's guards and effects are written in.

A value is an expression with a type and with the text it was written as.  The
operators below are the whole vocabulary; each is total and has no branch, so
one text serves a search, a proof and an export.  Using a value as a Python
truth value is an error, because the model would silently lose a branch.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from typing import Any, Generic, NoReturn, Self, TypeVar

from attrs import evolve, field, frozen

from model.language import expression as ex
from model.language.errors import ModelError, described
from model.language.expression import Expression
from model.language.types import (
    CounterType,
    EnumType,
    FlagType,
    Type,
)

_LONGEST_TEXT = 300

AnyType = TypeVar("AnyType", bound=Type)
Member = TypeVar("Member", bound=enum.Enum)


def _short(text: str) -> str:
    if len(text) <= _LONGEST_TEXT:
        return text
    return text[: _LONGEST_TEXT - 3] + "..."


@frozen(eq=False)
class Update:
    """This field becomes that value: one line of an effect.

    ``field``: its name, or '' of one that this variant does not have.
    ``line``: how people read it, if not as an assignment.  ``part_of``: the
    name of the effect that it belongs to, or ''.
    """

    field: str
    type: Type
    expression: Expression
    text: str
    line: str = ""
    part_of: str = ""

    def __str__(self) -> str:
        """The line as people read it."""
        return self.line or f"{self.field} := {self.text}"


@frozen(eq=False, repr=False)
class Value(Generic[AnyType]):
    """A typed expression with the text it was written as.

    ``means``: where ``text`` is a name, what it stands for.  ``absent``: it
    stands for a field that this variant does not have: it keeps one value, and
    setting it does nothing.
    """

    type: AnyType
    expression: Expression
    text: str = field(converter=_short)
    means: str = ""
    absent: bool = False

    def __bool__(self) -> NoReturn:
        raise ModelError(
            f"'{self.text}' is used as a truth value; an action has no "
            "branches: combine flags with &, | and ~, choose with choose()"
        )

    def __eq__(self, other: object) -> NoReturn:
        raise ModelError(
            f"'{self.text}' is compared with ==; write .is_(...) instead"
        )

    def __hash__(self) -> int:
        return id(self)

    def __repr__(self) -> str:
        return self.text

    def named(self, text: str) -> Self:
        """The same value under a name that explains it."""
        means = self.means or self.text
        return type(self)(self.type, self.expression, text, means)

    def _with(self, expression: Expression, text: str) -> Self:
        return type(self)(self.type, expression, text)

    def _operand(self, other: Any) -> Self:
        """``other`` as a value of this type, or an error with both texts."""
        if isinstance(other, Value):
            if other.type != self.type:
                raise ModelError(
                    f"'{self.text}' is {self.type} but '{other.text}' is "
                    f"{other.type}"
                )
            return self._with(other.expression, other.text)
        code = self.type.encode(other, f"'{self.text}'")
        width = self.type.width
        return self._with(ex.constant(code, width), self.type.show(code))

    def becomes(self, value: Any) -> Update:
        """The update that stores ``value`` in this field.

        Raises ModelError if this is no field or ``value`` has another type.
        """
        stored = self._stored(value)
        name = "" if self.absent else self.field_name()
        return Update(name, self.type, stored.expression, stored.text)

    def _stored(self, value: Any) -> Value[Any]:
        return self._operand(value)

    def field_name(self) -> str:
        """Name of the field that this value is; an error if it is none."""
        if self.expression.operator != "field":
            raise ModelError(f"'{self.text}' is no field, it cannot be set")
        return self.expression.name


class Flag(Value[FlagType]):
    """A truth value."""

    def __and__(self, other: Flag | bool) -> Flag:
        right = self._operand(other)
        if self.is_said(True) or right.is_said(True):
            return right if self.is_said(True) else self
        return self._with(
            ex.conjunction(self.expression, right.expression),
            f"{_inner(self)} and {_inner(right)}",
        )

    def __or__(self, other: Flag | bool) -> Flag:
        right = self._operand(other)
        if self.is_said(False) or right.is_said(False):
            return right if self.is_said(False) else self
        return self._with(
            ex.disjunction(self.expression, right.expression),
            f"{_inner(self)} or {_inner(right)}",
        )

    def is_said(self, value: bool) -> bool:
        """Whether it is the plain constant, which says nothing to a reader."""
        plain, text = (ex.TRUE, "yes") if value else (ex.FALSE, "no")
        return self.expression is plain and self.text == text

    def __invert__(self) -> Flag:
        if self.is_said(True) or self.is_said(False):
            return NO if self.is_said(True) else YES
        text = self.text
        bare = text.removeprefix("not ")
        if bare != text and not _is_compound(text):
            opposite = bare
        else:
            opposite = f"not ({text})" if " " in text else f"not {text}"
        return self._with(ex.complement(self.expression), opposite)

    def implies(self, other: Flag) -> Flag:
        """False only where this is true and ``other`` is false."""
        right = self._operand(other)
        return self._with(
            ex.disjunction(ex.complement(self.expression), right.expression),
            f"if {self.text} then {right.text}",
        )


def _is_compound(text: str) -> bool:
    return any(word in text for word in (" and ", " or ", "if "))


def _inner(flag: Flag) -> str:
    return f"({flag.text})" if _is_compound(flag.text) else flag.text


def flag(expression: Expression, text: str) -> Flag:
    """A truth value made of an expression of one bit."""
    return Flag(FlagType(), expression, text)


def check_flag(condition: object) -> None:
    """Raise ModelError if ``condition`` is no flag of the model."""
    if not isinstance(condition, Flag):
        raise ModelError(
            f"{described(condition)} is used as a condition: no flag"
        )


YES = flag(ex.TRUE, "yes")
NO = flag(ex.FALSE, "no")


def all_of(*flags: Flag) -> Flag:
    """True where all of ``flags`` are; true when there are none."""
    said = [f for f in flags if not f.is_said(True)]
    text = " and ".join(_inner(f) for f in said) or "yes"
    return flag(ex.all_of(f.expression for f in flags), text)


def any_of(*flags: Flag) -> Flag:
    """True where at least one of ``flags`` is; false when there are none."""
    said = [f for f in flags if not f.is_said(False)]
    text = " or ".join(_inner(f) for f in said) or "no"
    return flag(ex.any_of(f.expression for f in flags), text)


class EnumValue(Value[EnumType[Member]], Generic[Member]):
    """One member of an enumeration."""

    def is_(self, *members: Member) -> Flag:
        """Whether this is one of ``members``."""
        if not members:
            raise ModelError(f"'{self.text}'.is_() names no member")
        codes = [self._operand(m) for m in members]
        return flag(
            ex.any_of(ex.equal(self.expression, c.expression) for c in codes),
            f"{self.text} is {' or '.join(c.text for c in codes)}",
        )

    def is_not(self, *members: Member) -> Flag:
        """Whether this is none of ``members``."""
        found = self.is_(*members)
        names = [self.type.show(self.type.encode(m, "")) for m in members]
        return flag(
            ex.complement(found.expression),
            f"{self.text} is not {' or '.join(names)}",
        )

    def switch(
        self,
        cases: Mapping[Member, Member | EnumValue[Member]],
        otherwise: Member | None = None,
    ) -> EnumValue[Member]:
        """What ``cases`` say of the member that this is.

        Else ``otherwise``; this itself, if that is not given.
        """
        if not cases:
            raise ModelError(f"'{self.text}'.switch() names no member")
        rest = self if otherwise is None else self._operand(otherwise)
        chosen, texts = rest.expression, []
        for member, value in reversed(list(cases.items())):
            code, new = self._operand(member), self._operand(value)
            here = ex.equal(self.expression, code.expression)
            chosen = ex.choice(here, new.expression, chosen)
            texts.append(f"{new.text} if {code.text}")
        if otherwise is not None:
            texts.insert(0, f"else {rest.text}")
        return self._with(chosen, ", ".join(reversed(texts)))


class Counter(Value[CounterType]):
    """A number from 0 to ``type.limit``; sums widen the limit."""

    def _stored(self, value: Any) -> Counter:
        if not isinstance(value, Counter):
            return self._operand(value)
        if value.type.limit > self.type.limit:
            raise ModelError(
                f"field {self.text} holds 0 to {self.type.limit}, but "
                f"'{value.text}' may be {value.type.limit}: a counter out of "
                f"range; narrow it with .capped({self.type.limit})"
            )
        return value._widened(self.type.limit)

    def _widened(self, limit: int) -> Counter:
        wide = CounterType(limit)
        return Counter(wide, _fit(self.expression, wide.width), self.text)

    def _pair(self, other: Counter | int) -> tuple[Counter, Counter]:
        if not isinstance(other, Counter):
            if isinstance(other, bool) or not isinstance(other, int):
                raise ModelError(
                    f"'{self.text}' is {self.type}, it cannot be used with "
                    f"{described(other)}"
                )
            if other < 0:
                raise ModelError(f"{other} is no count: 0 is the least")
            other = Counter(
                CounterType(max(other, 1)),
                ex.constant(other, max(1, other.bit_length())),
                str(other),
            )
        limit = max(self.type.limit, other.type.limit)
        return self._widened(limit), other._widened(limit)

    def is_(self, other: Counter | int) -> Flag:
        """Whether both are the same number."""
        a, b = self._pair(other)
        return flag(
            ex.equal(a.expression, b.expression), f"{a.text} is {b.text}"
        )

    def __lt__(self, other: Counter | int) -> Flag:
        a, b = self._pair(other)
        return flag(
            ex.less(a.expression, b.expression), f"{a.text} < {b.text}"
        )

    def __le__(self, other: Counter | int) -> Flag:
        a, b = self._pair(other)
        more = ex.less(b.expression, a.expression)
        return flag(ex.complement(more), f"{a.text} <= {b.text}")

    def __gt__(self, other: Counter | int) -> Flag:
        a, b = self._pair(other)
        return flag(
            ex.less(b.expression, a.expression), f"{a.text} > {b.text}"
        )

    def __ge__(self, other: Counter | int) -> Flag:
        a, b = self._pair(other)
        fewer = ex.less(a.expression, b.expression)
        return flag(ex.complement(fewer), f"{a.text} >= {b.text}")

    def __add__(self, other: Counter | int) -> Counter:
        a, b = self._pair(other)
        limit = self.type.limit + (
            other.type.limit if isinstance(other, Counter) else other
        )
        a, b = a._widened(limit), b._widened(limit)
        total = ex.add(a.expression, b.expression)
        return Counter(CounterType(limit), total, f"{a.text} + {b.text}")

    def __sub__(self, other: Counter | int) -> Counter:
        """The difference, but never less than 0."""
        a, b = self._pair(other)
        rest = ex.choice(
            ex.less(a.expression, b.expression),
            ex.constant(0, a.type.width),
            ex.subtract(a.expression, b.expression),
        )
        kept = CounterType(self.type.limit)
        return Counter(kept, _fit(rest, kept.width), f"{a.text} - {b.text}")

    def capped(self, limit: int) -> Counter:
        """This number, or ``limit`` where it is more."""
        if limit >= self.type.limit:
            return self
        top = ex.constant(limit, self.type.width)
        capped = ex.choice(ex.less(top, self.expression), top, self.expression)
        kept = CounterType(limit)
        text = f"min({self.text}, {limit})"
        return Counter(kept, _fit(capped, kept.width), text)


def _fit(expression: Expression, width: int) -> Expression:
    """``expression`` in ``width`` bits; what is cut off is known to be 0."""
    if expression.width < width:
        return ex.placed(expression, 0, width)
    return ex.bits_of(expression, 0, width)


def effect(name: str, updates: Iterable[Update]) -> tuple[Update, ...]:
    """These updates under one name that explains them."""
    return tuple(evolve(update, part_of=name) for update in updates)


AnyValue = TypeVar("AnyValue", bound=Value[Any])


def choose(condition: Flag, then: AnyValue, otherwise: Any) -> AnyValue:
    """``then`` where ``condition`` is true, else ``otherwise``.

    ``otherwise`` is a value of the same type or a literal of it.
    """
    check_flag(condition)
    other = then._operand(otherwise)
    return then._with(
        ex.choice(condition.expression, then.expression, other.expression),
        f"({then.text} if {condition.text} else {other.text})",
    )
