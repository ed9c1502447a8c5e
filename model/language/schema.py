# SPDX-License-Identifier: GPL-2.0-or-later
"""A schema as plain data, and the digest that names it.

    {
      "dbmcheck-schema": 1,
      "name": "...",
      "enums": [{"name": "Link", "members": [["UP", "up"], ...]}],
      "terms": [["and", 1, [3, 7]], ["ask", "granules", [2], "contents"], ...],
      "fields": [...],      a field, or a channel in its place
      "actions": [...], "properties": [...], ...
    }

A term's operands are the numbers of terms before it; a formula is the number
of a term.  Where a width stands for a sort it is written by name.
"""

from __future__ import annotations

import enum
import hashlib
import json
from typing import Any, Final

from attrs import define, field

from model.language import expression as ex
from model.language.channel import Channel
from model.language.errors import ModelError
from model.language.expression import Expression
from model.language.machine import (
    Action,
    Conjunct,
    Field,
    Machine,
    Property,
)
from model.language.schematic import SORTS
from model.language.tally import TallyType
from model.language.tokens import Limit, key_of
from model.language.types import (
    ChunkSetType,
    ContentsType,
    CounterType,
    CursorType,
    EnumType,
    FlagType,
    GranuleSetType,
    NameType,
)

VERSION_KEY: Final = "dbmcheck-schema"
VERSION: Final = 1
OF_DISK: Final = {
    "granules": GranuleSetType,
    "chunks": ChunkSetType,
    "contents": ContentsType,
    "cursor": CursorType,
    "name": NameType,
}
ALL: Final = "all"
Table = dict[str, Any]


def as_text(schema: Machine) -> str:
    """``schema`` as JSON, on one line."""
    return json.dumps(_Writing(schema).table(), separators=(",", ":"))


def digest(schema: Machine) -> str:
    """SHA-256 of all that decides what a schema means.

    It does not depend on the wording of docstrings and texts, nor on the
    order in which terms were made.
    """
    parts = [schema.digest]
    enums: dict[str, type[enum.Enum]] = {}
    for one in schema.fields:
        if isinstance(one.type, EnumType):
            enums[one.type.members.__name__] = one.type.members
        if isinstance(one.type, TallyType):
            parts.append(f"tally {one.name} {one.type}")
    for channel in schema.channels:
        enums[channel.kinds.members.__name__] = channel.kinds.members
        carried = {k.name: v for k, v in channel.payloads.items()}
        kinds = {name: str(kind) for name, kind in channel.parts.items()}
        size = channel.capacity
        parts.append(f"channel {channel.name} {size} {carried} {kinds}")
    for name, members in enums.items():
        parts.append(f"enum {name} {[(m.name, m.value) for m in members]}")
    for action in schema.actions:
        said = (action.spends, action.needs, action.fault)
        parts.append(f"action {action.name} {said}")
    for prop in schema.properties:
        parts.append(f"property {prop.name} {prop.needs} {prop.trivial != ''}")
    parts.append(f"budgets {schema.budgets}")
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


# -- writing -----------------------------------------------------------------


@define
class _Writing:
    schema: Machine
    _terms: dict[Expression, int] = field(factory=dict, init=False)
    _rows: list[list[Any]] = field(factory=list, init=False)
    _enums: dict[type[enum.Enum], int] = field(factory=dict, init=False)

    def table(self) -> Table:
        schema = self.schema
        body: Table = {
            "name": schema.name,
            "budgets": list(schema.budgets),
            "fields": self._fields(),
            "starts": self._starts(),
            "actions": [self._action(a) for a in schema.actions],
            "properties": [self._property(p) for p in schema.properties],
            "costs": [
                [c.name, sorted(c.actions), self._term(c.when)]
                for c in schema.costs
            ],
            "ranks": [
                [r.name, [[w, self._term(e)] for w, e in r.parts], r.at_least]
                for r in schema.ranks
            ],
            "notes": [[n, self._term(e)] for n, e in schema.notes.items()],
            "not_promised": dict(schema.not_promised),
            "may_end": self._term(schema.may_end),
        }
        enums = [
            {
                "name": one.__name__,
                "members": [[m.name, m.value] for m in one],
            }
            for one in self._enums
        ]
        head = {VERSION_KEY: VERSION, "enums": enums, "terms": self._rows}
        return {**head, **body}

    def _term(self, root: Expression) -> int:
        for node in ex.walk([root]):
            if node not in self._terms:
                self._terms[node] = len(self._rows)
                self._rows.append(self._row(node))
        return self._terms[root]

    def _row(self, node: Expression) -> list[Any]:
        sort = SORTS.get(node.width)
        width: Any = node.width if sort is None else sort.name.lower()
        inside = [self._terms[operand] for operand in node.operands]
        value: Any = node.value
        if sort is not None and value == ex.ones(node.width):
            value = ALL
        return [node.operator, width, inside, value, node.name]

    def _enum(self, members: type[enum.Enum]) -> int:
        for one in members:
            if not isinstance(one.value, str):
                raise ModelError(f"{one}: the value of a member is a text")
        return self._enums.setdefault(members, len(self._enums))

    def _fields(self) -> list[Table]:
        slots = {
            name: channel
            for channel in self.schema.channels
            for name, _ in channel.fields()
        }
        found: list[Table] = []
        done: set[str] = set()
        for one in self.schema.fields:
            channel = slots.get(one.name)
            if channel is None:
                found.append(self._field(one))
            elif channel.name not in done:
                done.add(channel.name)
                found.append(self._channel(channel))
        return found

    def _field(self, one: Field) -> Table:
        return {
            "field": one.name,
            "type": self._type(one.type),
            "initial": one.initial,
            "ghost": one.ghost,
            "doc": one.doc,
            "chunk": one.chunk,
        }

    def _channel(self, channel: Channel) -> Table:
        messages = [
            [kind.name, [[p, self._type(channel.parts[p])] for p in parts]]
            for kind, parts in channel.payloads.items()
        ]
        return {
            "channel": channel.name,
            "doc": self._doc_of(channel),
            "capacity": _limit(channel.capacity),
            "enum": self._enum(channel.kinds.members),
            "messages": messages,
        }

    def _doc_of(self, channel: Channel) -> str:
        (name, _), *_ = channel.fields()
        return self.schema.fields[self.schema.position[name]].doc

    def _type(self, kind: Any) -> list[Any]:
        match kind:
            case FlagType():
                return ["flag"]
            case EnumType():
                return ["enum", self._enum(kind.members)]
            case CounterType():
                return ["counter", kind.limit]
            case TallyType():
                return ["tally", key_of(kind.limit), kind.full]
        for name, made in OF_DISK.items():
            if type(kind) is made:
                return [name, kind.disk.name]
        raise ModelError(f"a field is {kind}: a schema has no such field")

    def _starts(self) -> list[list[Any]]:
        """The initial states, each as what is not as declared."""
        fields = self.schema.fields
        found = []
        for state in self.schema.initials:
            changed = [
                [f.name, ALL if f.type.width in SORTS else code]
                for f, code in zip(fields, state, strict=True)
                if code != f.initial
            ]
            found.append(changed)
        return found

    def _action(self, action: Action) -> Table:
        return {
            "name": action.name,
            "actor": action.actor,
            "fair": action.fair,
            "fault": action.fault,
            "doc": action.doc,
            "silent": action.silent,
            "spends": action.spends,
            "needs": list(action.needs),
            "instances": [
                {
                    "arguments": [list(pair) for pair in one.arguments],
                    "guard": self._conjuncts(one.guard),
                    "effect": [[n, self._term(e)] for n, e in one.effect],
                    "said": [list(pair) for pair in one.said],
                }
                for one in action.instances
            ],
        }

    def _property(self, prop: Property) -> Table:
        return {
            "name": prop.name,
            "kind": prop.kind,
            "guarantee": prop.guarantee,
            "doc": prop.doc,
            "assumes": prop.assumes,
            "trivial": prop.trivial,
            "consequence": prop.consequence,
            "over_step": prop.over_step,
            "needs": list(prop.needs),
            "by": list(prop.by),
            "when": self._conjuncts(prop.when),
            "then": self._conjuncts(prop.then),
        }

    def _conjuncts(self, conjuncts: tuple[Conjunct, ...]) -> list[list[Any]]:
        return [[self._term(c.expression), c.text, c.means] for c in conjuncts]


def _limit(number: object) -> Any:
    if isinstance(number, Limit):
        return {"limit": key_of(number)}
    return number
