# SPDX-License-Identifier: GPL-2.0-or-later
"""A schema read from its file form; see ``schema``.

Every field is declared again in its order, every term is made again as it
was.  What a file may contain is checked here; that its terms mean something
on every disk is the business of ``terms``.
"""

from __future__ import annotations

import enum
import json
from collections.abc import Mapping
from functools import cache
from typing import Any, get_args

from attrs import define, evolve, field

from model.language import expression as ex
from model.language.budgets import counted
from model.language.builder import MachineBuilder
from model.language.errors import ModelError
from model.language.expression import Expression
from model.language.machine import (
    Action,
    Conjunct,
    Cost,
    Instance,
    Machine,
    Property,
    Rank,
)
from model.language.schema import ALL, OF_DISK, VERSION, VERSION_KEY, Table
from model.language.schematic import Schematic, Sort
from model.language.tally import TallyType
from model.language.tokens import Limit
from model.language.types import CounterType, Disk, EnumType, FlagType


def from_text(text: str | bytes) -> Machine:
    """The schema that ``as_text`` wrote; ModelError if it is none."""
    try:
        return _reading(json.loads(text))
    except (
        ValueError,
        KeyError,
        IndexError,
        TypeError,
        AttributeError,
        RecursionError,
    ) as error:
        raise ModelError(f"this is no schema: {error!r}") from None


@cache
def _enumeration(
    name: str, members: tuple[tuple[str, str], ...]
) -> type[enum.Enum]:
    """An enumeration, the same object for the same data."""
    # to mypy, which knows members in the text only, this makes a member
    made: Any = enum.EnumType.__call__(enum.Enum, name, list(members))
    found: type[enum.Enum] = made
    return found


def _reading(table: Table) -> Machine:
    if table[VERSION_KEY] != VERSION:
        raise ValueError(f"version {table[VERSION_KEY]}")
    enums = [
        _enumeration(one["name"], tuple((n, v) for n, v in one["members"]))
        for one in table["enums"]
    ]
    terms = _terms(table["terms"])
    fields = _Fields(enums)
    for one in table["fields"]:
        fields.add(one)
    frame = fields.build.machine()
    budgets = tuple(table["budgets"])
    for name in budgets:
        kind = frame.fields[frame.position[counted(name)]].type
        if not isinstance(kind, TallyType):
            raise ValueError(f"budget {name}")
    return evolve(
        frame,
        name=table["name"],
        initials=tuple(_state(frame, one) for one in table["starts"]),
        actions=tuple(_action(one, terms) for one in table["actions"]),
        properties=tuple(_property(o, terms) for o in table["properties"]),
        costs=tuple(
            Cost(name, frozenset(by), terms[when])
            for name, by, when in table["costs"]
        ),
        ranks=tuple(
            Rank(
                name,
                tuple((weight, terms[one]) for weight, one in parts),
                tuple((limit, least) for limit, least in at_least),
            )
            for name, parts, at_least in table["ranks"]
        ),
        notes={name: terms[one] for name, one in table["notes"]},
        not_promised=table["not_promised"],
        may_end=terms[table["may_end"]],
        budgets=budgets,
    )


def _terms(rows: list[list[Any]]) -> list[Expression]:
    found: list[Expression] = []
    sorts = {sort.name.lower(): int(sort) for sort in Sort}
    for operator, wide, inside, number, name in rows:
        if operator not in get_args(ex.Operator):
            raise ValueError(f"operator {operator}")
        width = sorts[wide] if isinstance(wide, str) else int(wide)
        value = ex.ones(width) if number == ALL else int(number)
        operands = tuple(found[number] for number in inside)
        found.append(ex.again(operator, width, operands, value, str(name)))
    return found


@define
class _Fields:
    """Declares fields and channels again, in their order."""

    enums: list[type[enum.Enum]]
    build: MachineBuilder = field(factory=lambda: MachineBuilder("schema"))
    disks: dict[str, Disk] = field(factory=dict)
    names: dict[str, Any] = field(factory=dict)

    def add(self, one: Table) -> None:
        if "channel" in one:
            self._channel(one)
        else:
            self.names[one["field"]] = self._field(one)

    def _channel(self, one: Table) -> None:
        members = self.enums[one["enum"]]
        size = one["capacity"]
        self.build.channel(
            one["channel"],
            Limit(size["limit"]) if isinstance(size, dict) else int(size),
            {
                members[kind]: {part: self._type(t) for part, t in parts}
                for kind, parts in one["messages"]
            },
            one["doc"],
        )

    def _type(self, written: list[Any]) -> Any:
        match written:
            case ["flag"]:
                return FlagType()
            case ["enum", int(number)]:
                return EnumType(self.enums[number])
            case ["counter", int(limit)]:
                return CounterType(limit)
            case [str(kind), str(disk)] if kind in OF_DISK:
                return OF_DISK[kind](self._disk(disk))
        raise ValueError(f"type {written}")

    def _disk(self, name: str) -> Disk:
        return self.disks.setdefault(name, Disk(name, Schematic()))

    def _field(self, one: Table) -> Any:
        build, name, ghost = self.build, one["field"], one["ghost"]
        doc = one["doc"]
        match one["type"]:
            case ["tally", str(key), bool(full)]:
                return build.tally(name, Limit(key), full, doc)
            case ["enum", int(number)]:
                kind = EnumType(self.enums[number])
                return build.enum(
                    name, kind.member(one["initial"]), ghost, doc
                )
            case ["flag"]:
                return build.flag(name, bool(one["initial"]), ghost, doc)
            case ["counter", int(limit)]:
                return build.counter(name, limit, one["initial"], ghost, doc)
            case ["granules", str(disk)]:
                return build.granules(name, self._disk(disk), ghost, doc)
            case ["chunks", str(disk)]:
                return build.chunk_set(name, self._disk(disk), ghost, doc)
            case ["contents", str(disk)]:
                of = self.names[one["chunk"]] if one["chunk"] else None
                return build.contents(name, self._disk(disk), of, doc)
            case ["cursor", str(disk)]:
                return build.cursor(name, self._disk(disk), doc)
            case ["name", str(disk)]:
                return build.chunk_name(name, self._disk(disk), doc)
        raise ValueError(f"field {one}")


def _state(frame: Machine, changed: list[list[Any]]) -> tuple[int, ...]:
    codes = {f.name: f.initial for f in frame.fields}
    widths = {f.name: f.type.width for f in frame.fields}
    for name, code in changed:
        codes[name] = ex.ones(widths[name]) if code == ALL else int(code)
    return tuple(codes.values())


def _action(one: Table, terms: list[Expression]) -> Action:
    instances = tuple(
        Instance(
            one["name"],
            one["actor"],
            tuple((name, label) for name, label in made["arguments"]),
            _conjuncts(made["guard"], terms),
            tuple((name, terms[value]) for name, value in made["effect"]),
            said=tuple((line, name) for line, name in made["said"]),
        )
        for made in one["instances"]
    )
    return Action(
        one["name"],
        one["actor"],
        one["fair"],
        one["fault"],
        one["doc"],
        instances,
        one["silent"],
        one["spends"],
        tuple(one["needs"]),
    )


def _property(one: Mapping[str, Any], terms: list[Expression]) -> Property:
    return Property(
        one["name"],
        one["kind"],
        one["guarantee"],
        one["doc"],
        _conjuncts(one["when"], terms),
        _conjuncts(one["then"], terms),
        tuple(one["by"]),
        one["assumes"],
        tuple(one["needs"]),
        one["trivial"],
        one["consequence"],
        bool(one["over_step"]),
    )


def _conjuncts(
    written: list[list[Any]], terms: list[Expression]
) -> tuple[Conjunct, ...]:
    return tuple(
        Conjunct(text, terms[number], means) for number, text, means in written
    )
