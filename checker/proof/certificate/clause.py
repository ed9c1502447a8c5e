# SPDX-License-Identifier: GPL-2.0-or-later
"""A clause of an invariant: what it means, and how people read it.

A literal says that a field holds one of some values; a clause says that at
least one of its literals is true.  People read it as "if ..., then ...": what
is said of the whole attempt becomes the condition, what is said of the one
granule the conclusion.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from attrs import frozen

from model.language import expression as ex
from model.language.channel import KindType, slot_field
from model.language.expression import Expression
from model.language.machine import Field, Machine
from model.language.projected import FOLLOWED, MINE
from model.language.projected_channel import EARLIER_WITH, EARLIER_WITHOUT
from model.language.types import (
    ChunkSetType,
    ContentsType,
    FlagType,
    GranuleSetType,
)
from model.language.unknown import replaced


@frozen
class Literal:
    """The field called ``field`` holds one of ``codes``."""

    field: str
    codes: frozenset[int]


@frozen
class Clause:
    """At least one of ``literals`` is true.

    No field is named twice, and fields stand in the machine's order.
    """

    literals: tuple[Literal, ...]

    def __len__(self) -> int:
        return len(self.literals)


def codes_in_use(machine: Machine) -> dict[str, tuple[int, ...]]:
    """Return, for each field, the codes that its type allows, ascending."""
    return {f.name: _in_use(f) for f in machine.fields}


def _in_use(field: Field) -> tuple[int, ...]:
    valid, width = field.type.is_valid(field.expression), field.type.width
    found = []
    for code in range(1 << width):
        given = {field.name: ex.constant(code, width)}
        (answer,) = replaced([valid], given)
        if answer is ex.TRUE:
            found.append(code)
    return tuple(found)


def clause_of(
    machine: Machine, allowed: Mapping[str, Sequence[int]]
) -> Clause:
    """Return the clause "a field holds one of its ``allowed`` codes"."""
    return Clause(
        tuple(
            Literal(f.name, frozenset(allowed[f.name]))
            for f in machine.fields
            if f.name in allowed
        )
    )


def meaning(machine: Machine, clause: Clause) -> Expression:
    """Return the clause as a truth value over the fields of ``machine``."""
    return ex.any_of(_holds(machine, literal) for literal in clause.literals)


def _holds(machine: Machine, literal: Literal) -> Expression:
    field = machine.fields[machine.position[literal.field]]
    return ex.any_of(
        ex.equal(field.expression, ex.constant(code, field.type.width))
        for code in sorted(literal.codes)
    )


class Words:
    """Clauses over the fields of ``machine`` as sentences."""

    def __init__(self, machine: Machine) -> None:
        self._fields = {f.name: f for f in machine.fields}
        self._in_use = codes_in_use(machine)
        self._slots = {
            slot_field(channel.name, slot, part): (channel.name, slot, part)
            for channel in machine.channels
            for slot in range(channel.capacity)
            for part in ("kind", *channel.kept)
        }

    def sentence(self, clause: Clause) -> str:
        """Return the clause as "if ..., then ...", or as a plain statement."""
        if not clause.literals:
            return "never"
        then = self._conclusion(clause)
        conclusion = " or ".join(self._said(x) for x in then)
        rest = [x for x in clause.literals if x not in then]
        if not rest:
            return conclusion
        said = [self._said(self._opposite(x)) for x in rest]
        several = any(" or " in x or " nor " in x for x in said)
        premise = (", and " if several else " and ").join(said)
        return f"if {premise}, then {conclusion}"

    def _conclusion(self, clause: Clause) -> list[Literal]:
        """Return what is said of c, else what makes the sentence shortest."""
        here = [x for x in clause.literals if self._puts_in(x)]
        if here:
            return here
        found = [x for x in clause.literals if not self._of_bits(x)]
        return [
            min(
                found or clause.literals[-1:],
                key=lambda x: (
                    len(self._said(x)) - len(self._said(self._opposite(x)))
                ),
            )
        ]

    def _opposite(self, literal: Literal) -> Literal:
        others = frozenset(self._in_use[literal.field]) - literal.codes
        return Literal(literal.field, others)

    def _of_bits(self, literal: Literal) -> bool:
        """Return whether the literal speaks of the bits of c."""
        type_ = self._fields[literal.field].type
        return isinstance(type_, (GranuleSetType, ContentsType))

    def _puts_in(self, literal: Literal) -> bool:
        """Return whether the literal says that c is in a set."""
        return self._of_bits(literal) and literal.codes == {1}

    def _said(self, literal: Literal) -> str:
        """Return the literal in words."""
        field = self._fields[literal.field]
        name = self._called(literal.field)
        yes = literal.codes == {1}
        if isinstance(field.type, (GranuleSetType, ContentsType)):
            return f"{FOLLOWED} is {'in' if yes else 'not in'} {name}"
        if isinstance(field.type, ChunkSetType):
            return f"{MINE} is {'in' if yes else 'not in'} {name}"
        if isinstance(field.type, FlagType):
            return self._flag(literal.field, yes)
        others = self._opposite(literal).codes
        if isinstance(field.type, KindType) and {0} in (literal.codes, others):
            return f"there is {'no' if literal.codes == {0} else 'a'} {name}"
        if len(literal.codes) <= len(others):
            return f"{name} is {self._listed(field, literal.codes, 'or')}"
        without = "not" if len(others) == 1 else "neither"
        return f"{name} is {without} {self._listed(field, others, 'nor')}"

    def _listed(self, field: Field, codes: frozenset[int], word: str) -> str:
        shown = [field.type.show(code) for code in sorted(codes)]
        missing = "none" if isinstance(field.type, KindType) else "no chunk"
        return f" {word} ".join(missing if s == "-" else s for s in shown)

    def _called(self, name: str) -> str:
        if name not in self._slots:
            return name
        channel, slot, _ = self._slots[name]
        return f"message {slot + 1} of {channel}"

    def _flag(self, name: str, yes: bool) -> str:
        part = self._slots[name][2] if name in self._slots else ""
        if part in (EARLIER_WITH, EARLIER_WITHOUT):
            one = "one" if yes else "none"
            does = "with" if part == EARLIER_WITH else "without"
            place = self._called(name)
            return f"{one} {does} {FOLLOWED} went just before {place}"
        return name if yes else f"not {name}"
