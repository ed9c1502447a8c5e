# SPDX-License-Identifier: GPL-2.0-or-later
"""A FIFO of which no capacity is known, as a model text uses it.

Everything that is asked of it is a named question (``schematic.ask``) about
one field, the channel itself.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Any

from attrs import frozen

from model.language import expression as ex
from model.language.channel import Channel
from model.language.domain import Chunk
from model.language.errors import ModelError
from model.language.expression import Expression
from model.language.schematic import Schematic, Sort, ask
from model.language.sets import ChunkName, Contents
from model.language.tokens import ChunkToken, Limit
from model.language.types import (
    ContentsType,
    EnumType,
    FlagType,
    NameType,
    Type,
)
from model.language.values import EnumValue, Flag, Update, Value, flag


@frozen
class ChannelType:
    """The messages in flight on one channel of any capacity."""

    name: str

    @property
    def width(self) -> int:
        return int(Sort.CHANNEL)

    def encode(self, literal: Any, where: str) -> int:
        raise ModelError(f"{where}: a channel is not set, it moves")

    def show(self, code: int) -> str:
        return "empty"

    def is_valid(self, value: Expression) -> Expression:
        return ex.TRUE

    def __str__(self) -> str:
        return f"channel {self.name}"


@frozen(eq=False)
class SchematicChannel(Channel):
    """``capacity`` is a token, or a number that the text itself gives."""

    def fields(self) -> list[tuple[str, Type]]:
        return [(self.name, ChannelType(self.name))]

    def canonical(self) -> Expression:
        return ex.TRUE

    def show(self, codes: tuple[int, ...]) -> str:
        return "empty"

    @property
    def now(self) -> Expression:
        return ex.field_value(self.name, int(Sort.CHANNEL))

    def _named(self, kind: enum.Enum) -> str:
        self.kinds.encode(kind, f"channel {self.name}")
        return kind.name

    def has_room(self) -> Flag:
        room = ask("has_room", 1, self.now)
        return flag(room, f"{self.name} has room")

    def is_empty(self) -> Flag:
        return flag(ask("no_message", 1, self.now), f"{self.name} is empty")

    def head_is(self, kind: enum.Enum) -> Flag:
        found = ask("head_is", 1, self.now, of=self._named(kind))
        return flag(found, f"next in {self.name} is {kind.value}")

    def holds(self, kind: enum.Enum) -> Flag:
        found = ask("holds", 1, self.now, of=self._named(kind))
        return flag(found, f"{self.name} holds {kind.value}")

    def holds_chunk(self, chunk: Chunk) -> Flag:
        self._chunk_part()
        found = ask("holds_chunk", 1, self.now, of=chunk)
        return self._holds_chunk(found, chunk)

    def head_chunk(self, part: str = "chunk") -> ChunkName:
        type_ = self.parts.get(part)
        if not isinstance(type_, NameType):
            raise ModelError(f"channel {self.name} carries no chunk '{part}'")
        name = ask("head_chunk", Sort.NAME, self.now, of=part)
        return ChunkName(type_, name, f"{part} of next in {self.name}")

    def head_contents(self, part: str = "contents") -> Contents:
        type_ = self.parts.get(part)
        if not isinstance(type_, ContentsType):
            raise ModelError(
                f"channel {self.name} carries no contents '{part}'"
            )
        found = ask("head_contents", Sort.CONTENTS, self.now, of=part)
        return Contents(type_, found, f"{part} of next in {self.name}")

    def head_member(self, part: str) -> EnumValue[Any]:
        type_ = self.parts.get(part)
        if not isinstance(type_, EnumType):
            raise ModelError(f"channel {self.name} carries no member '{part}'")
        found = ask("head_member", type_.width, self.now, of=part)
        return EnumValue(type_, found, f"{part} of next in {self.name}")

    def head_flag(self, part: str) -> Flag:
        if not isinstance(self.parts.get(part), FlagType):
            raise ModelError(f"channel {self.name} carries no flag '{part}'")
        found = ask("head_flag", 1, self.now, of=part)
        return flag(found, f"{part} of next in {self.name}")

    def put(self, kind: enum.Enum, **payload: Any) -> tuple[Update, ...]:
        self._check_payload(kind, payload)
        carried = [
            self._carried(kind, part, payload[part])
            for part in self.payloads[kind]
        ]
        moved = ask("put", Sort.CHANNEL, self.now, *carried, of=kind.name)
        told = [
            value.text if isinstance(value := payload[part], Value) else part
            for part in self.payloads[kind]
        ]
        carries = f"({', '.join(told)})" if told else ""
        return self._moves(moved, f"+ {kind.value}{carries}")

    def _carried(self, kind: enum.Enum, part: str, raw: Any) -> Expression:
        type_ = self.parts[part]
        if isinstance(raw, ChunkToken) and isinstance(type_, NameType):
            domain: Any = type_.disk.domain
            code: Expression = domain.chunk_code(raw)
            return code
        if not isinstance(raw, Value):
            where = f"part '{part}' of {kind.value}"
            return ex.constant(type_.encode(raw, where), type_.width)
        return self._encoded(kind, part, type_, raw)

    def take(self) -> tuple[Update, ...]:
        return self._moves(ask("take", Sort.CHANNEL, self.now), "- next")

    def lose_all(self) -> tuple[Update, ...]:
        lost = ask("lose_all", Sort.CHANNEL, self.now)
        return self._moves(lost, "- all")

    def _moves(self, new: Expression, what: str) -> tuple[Update, ...]:
        kind, text = ChannelType(self.name), f"{self.name} moves"
        line = f"{self.name} {what}"
        return (Update(self.name, kind, new, text, line),)


def is_schematic(capacity: object, parts: Mapping[str, Type]) -> bool:
    """Whether a channel is declared before there is a size."""
    if isinstance(capacity, Limit):
        return True
    disks = [getattr(type_, "disk", None) for type_ in parts.values()]
    return any(
        d is not None and isinstance(d.domain, Schematic) for d in disks
    )
