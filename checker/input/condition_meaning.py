# SPDX-License-Identifier: GPL-2.0-or-later
"""What a condition means in a machine: an expression over its fields.

The names in quotes are those of the machine's own conjuncts and properties.
A name that stands for two things is refused.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cached_property

from attrs import frozen

from checker.input.condition import (
    Both,
    Compared,
    Condition,
    Either,
    Holds,
    Is,
    Leaf,
    Member,
    Named,
    Not,
    Statement,
    Within,
    Yes,
)
from checker.input.condition_parser import (
    EMPTY,
    ConditionError,
    Words,
    parse,
)
from checker.input.nearest import meant
from model.language import expression as ex
from model.language.channel import Channel
from model.language.expression import Expression
from model.language.machine import Conjunct, Field, Machine, Property
from model.language.types import (
    ChunkSetType,
    ContentsType,
    CounterType,
    FlagType,
    GranuleSetType,
)

#: the values of a field are listed up to this many bits
LISTED = 8
_CHUNK = "chunk "
_SETS = (GranuleSetType, ChunkSetType, ContentsType)
_NONE: Mapping[str, str] = {}


@frozen(eq=False)
class Meaning:
    """The words of a machine, and what they stand for.

    ``aliases``: other names of conjuncts, each with the name that the machine
    itself has.  ``absent``: numbers that it does not count.
    """

    machine: Machine
    aliases: Mapping[str, str] = _NONE
    absent: Collection[str] = ()

    # -- what may be written ---------------------------------------------

    @cached_property
    def words(self) -> Words:
        """The fields with their values, and the properties."""
        return Words(
            {name: tuple(self._values(name)) for name in self._things},
            tuple(p.name for p in self.machine.properties),
            self.absent,
        )

    @cached_property
    def _things(self) -> dict[str, Field | Channel]:
        """Each field and each channel, by the name that people know."""
        machine = self.machine
        channels = {c.name: c for c in machine.channels}
        found: dict[str, Field | Channel] = {}
        for variable in machine.variables:
            name = variable.name
            if name in channels:
                found[name] = channels[name]
            else:
                found[name] = machine.fields[machine.position[name]]
        return found

    @cached_property
    def _codes(self) -> dict[str, dict[str, int]]:
        """For each field with few codes, its code for each value."""
        return {
            name: _codes(thing)
            for name, thing in self._things.items()
            if isinstance(thing, Field)
        }

    def _values(self, name: str) -> list[str]:
        thing = self._things[name]
        if isinstance(thing, Channel):
            return [EMPTY, *(str(kind.value) for kind in thing.payloads)]
        return [EMPTY] if _is_set(thing) else list(self._codes[name])

    @cached_property
    def named(self) -> dict[str, list[Expression]]:
        """What each name of a conjunct stands for; one thing, if all agree."""
        machine = self.machine
        found: dict[str, list[Expression]] = {}
        asked = [c for p in machine.properties for c in (*p.when, *p.then)]
        guards = [c for i in machine.instances for c in i.guard]
        for conjunct in (*asked, *guards):
            meanings = found.setdefault(conjunct.text, [])
            if conjunct.expression not in meanings:
                meanings.append(conjunct.expression)
        for alias, name in self.aliases.items():
            if name in found:
                found.setdefault(alias, found[name])
        return found

    # -- what it means ---------------------------------------------------

    def statement(self, text: str) -> Statement:
        """The statement that ``text`` is; ConditionError if it is none."""
        return parse(text, self.words)

    def conjunct(self, condition: Condition) -> Conjunct:
        """The condition, as a conjunct of a property."""
        return Conjunct(str(condition), self.of(condition))

    def of(self, condition: Condition) -> Expression:
        """What the condition means; ConditionError if it means nothing."""
        match condition:
            case Not(inside):
                return ex.complement(self.of(inside))
            case Both(parts):
                return ex.all_of([self.of(part) for part in parts])
            case Either(parts):
                return ex.any_of([self.of(part) for part in parts])
        return self._of_leaf(condition)

    def _of_leaf(self, leaf: Leaf) -> Expression:
        match leaf:
            case Is(name, values):
                return self._is(name, values, leaf)
            case Yes(name):
                return self._yes(name, leaf)
            case Compared(name, sign, number):
                return self._compared(name, sign, number, leaf)
            case Member(number, name):
                return self._member(number, name, leaf)
            case Within(name, other):
                return self._within(name, other, leaf)
            case Holds(name, kind):
                return self._holds(name, kind, leaf)
            case Named(name):
                return self._named(name, leaf)

    def _is(
        self, name: str, values: tuple[str, ...], leaf: Leaf
    ) -> Expression:
        thing = self._things[name]
        if isinstance(thing, Channel):
            if set(values) != {EMPTY}:
                raise _wrong(leaf, f"a channel is '{EMPTY}', or holds one")
            return thing.is_empty().expression
        if _is_set(thing):
            return _equals(thing, 0)
        codes = self._codes[name]
        return ex.any_of(_equals(thing, codes[value]) for value in values)

    def _yes(self, name: str, leaf: Leaf) -> Expression:
        thing = self._things[name]
        if isinstance(thing, Field) and isinstance(thing.type, FlagType):
            return thing.expression
        what = "a channel" if isinstance(thing, Channel) else str(thing.type)
        values = " or ".join(self._values(name))
        raise _wrong(
            leaf, f"this is {what}, no flag; write {name} is {values}"
        )

    def _compared(
        self, name: str, sign: str, number: int, leaf: Leaf
    ) -> Expression:
        thing = self._things[name]
        if isinstance(thing, Channel) or not isinstance(
            thing.type, CounterType
        ):
            numbers = self._of_type(CounterType)
            raise _wrong(
                leaf, f"'{sign}' compares numbers, and {name} is none{numbers}"
            )
        limit = thing.type.limit
        # 'less than' a number beyond the limit says nothing of the field
        if not 0 <= number <= limit:
            raise _wrong(leaf, f"{name} counts from 0 to {limit}")
        this, other = thing.expression, ex.constant(number, thing.type.width)
        less, more = ex.less(this, other), ex.less(other, this)
        return {
            "<": less,
            ">": more,
            "<=": ex.complement(more),
            ">=": ex.complement(less),
        }[sign]

    def _member(self, number: int, name: str, leaf: Leaf) -> Expression:
        thing = self._things[name]
        if isinstance(thing, Channel) or not isinstance(
            thing.type, GranuleSetType | ChunkSetType
        ):
            sets = self._of_type(GranuleSetType, ChunkSetType)
            raise _wrong(leaf, f"'in' asks a set, and {name} is none{sets}")
        if number >= thing.type.width:
            raise _wrong(
                leaf, f"{name} has members 0 to {thing.type.width - 1} here"
            )
        return ex.bits_of(thing.expression, number, 1)

    def _within(self, name: str, other: str, leaf: Leaf) -> Expression:
        one, two = self._things[name], self._things[other]
        if (
            isinstance(one, Channel)
            or isinstance(two, Channel)
            or not _is_set(one)
            or isinstance(one.type, ContentsType)
            or one.type != two.type
        ):
            sets = self._of_type(GranuleSetType, ChunkSetType)
            raise _wrong(leaf, f"'within' compares two sets of one kind{sets}")
        outside = ex.conjunction(one.expression, ex.complement(two.expression))
        return ex.equal(outside, ex.constant(0, one.type.width))

    def _holds(self, name: str, kind: str, leaf: Leaf) -> Expression:
        thing = self._things[name]
        if not isinstance(thing, Channel) or kind == EMPTY:
            channels = ", ".join(c.name for c in self.machine.channels)
            raise _wrong(
                leaf,
                f"'holds' asks a channel for a message; channels are "
                f"{channels or 'none'}",
            )
        kinds = {str(one.value): one for one in thing.payloads}
        return thing.holds(kinds[kind]).expression

    def _named(self, name: str, leaf: Leaf) -> Expression:
        machine = self.machine
        for prop in machine.properties:
            if prop.name == name:
                return _of_property(prop, leaf)
        found = self.named.get(name, [])
        if len(found) == 1:
            return found[0]
        if found:
            raise _wrong(
                leaf, f"{len(found)} things have this name; write the fields"
            )
        known = (*self.words.properties, *self.named)
        raise _wrong(
            leaf,
            f"{machine.name} has no conjunct and no property of this name"
            f"{meant(name, known)}; 'dbmcheck model {_design(machine)} "
            "--properties' prints them",
        )

    def _of_type(self, *types: type) -> str:
        names = [
            name
            for name, thing in self._things.items()
            if isinstance(thing, Field) and isinstance(thing.type, types)
        ]
        return f"; allowed are {', '.join(names) or 'none'}"


def _design(machine: Machine) -> str:
    return machine.name.split()[0]


def _wrong(leaf: Leaf, message: str) -> ConditionError:
    return ConditionError(message, leaf.at, str(leaf))


def _is_set(field: Field) -> bool:
    return isinstance(field.type, _SETS)


def _equals(field: Field, code: int) -> Expression:
    return ex.equal(field.expression, ex.constant(code, field.type.width))


def _codes(field: Field) -> dict[str, int]:
    """The code of each value, as it is shown; a chunk by its number."""
    kind = field.type
    if _is_set(field):
        return {}
    if isinstance(kind, CounterType):
        most = min(kind.limit, ex.ones(LISTED))
        return {str(number): number for number in range(most + 1)}
    return {
        kind.show(code).removeprefix(_CHUNK): code
        for code in range(1 << min(kind.width, LISTED))
        if kind.is_valid(ex.constant(code, kind.width)) is ex.TRUE
    }


def _of_property(prop: Property, leaf: Leaf) -> Expression:
    """Whether a state meets what the property asks of states."""
    if prop.kind == "always":
        return ex.complement(prop.violated)
    if prop.kind == "reachable" and prop.then:
        return prop.conclusion
    kind = "by a step" if prop.kind == "reachable" else "in time"
    raise _wrong(leaf, f"it is met {kind}; no state alone says whether it is")
