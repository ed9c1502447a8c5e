# SPDX-License-Identifier: GPL-2.0-or-later
"""A bounded FIFO of typed messages.

A channel of capacity K is K slots; slot 0 is the head.  A slot holds the kind
of the message (0: no message) and its payload.  The form is canonical: the
messages stand at the front and an unused slot is all zero, so that one
content is one state.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from typing import Any

from attrs import evolve, frozen

from model.language import expression as ex
from model.language.domain import NO_CHUNK, Chunk
from model.language.errors import ModelError, described
from model.language.expression import Expression
from model.language.sets import ChunkName, Contents
from model.language.tokens import shown
from model.language.types import (
    ContentsType,
    EnumType,
    FlagType,
    NameType,
    Type,
    alike,
)
from model.language.values import EnumValue, Flag, Update, Value, flag


@frozen
class KindType:
    """The kind of the message in a slot; 0 where there is none."""

    members: type[enum.Enum]

    @property
    def width(self) -> int:
        return len(self.members).bit_length()

    def encode(self, literal: Any, where: str) -> int:
        if not isinstance(literal, enum.Enum) or not alike(
            type(literal), self.members
        ):
            raise ModelError(
                f"{where} carries {self.members.__name__}: "
                f"{described(literal)} is not a member of "
                f"{self.members.__name__}"
            )
        return [m.name for m in self.members].index(literal.name) + 1

    def show(self, code: int) -> str:
        if code == 0:
            return "-"
        return str(list(self.members)[code - 1].value)

    def is_valid(self, value: Expression) -> Expression:
        last = len(self.members)
        if last == ex.ones(self.width):
            return ex.TRUE
        return ex.less(value, ex.constant(last + 1, self.width))

    def __str__(self) -> str:
        return f"a kind of message: {self.members.__name__}"


def slot_field(channel: str, slot: int, part: str) -> str:
    """Name of the field that holds ``part`` of a slot."""
    return f"{channel}[{slot}].{part}"


@frozen(eq=False)
class Channel:
    """A FIFO; ``payloads`` maps each kind to the parts it carries."""

    name: str
    capacity: int
    kinds: KindType
    parts: Mapping[str, Type]
    payloads: Mapping[enum.Enum, tuple[str, ...]]

    @property
    def kept(self) -> Mapping[str, Type]:
        """The parts of a message that a slot keeps, beside its kind."""
        return self.parts

    def _kind(self, slot: int) -> Expression:
        name = slot_field(self.name, slot, "kind")
        return ex.field_value(name, self.kinds.width)

    def _part(self, slot: int, part: str) -> Expression:
        name = slot_field(self.name, slot, part)
        return ex.field_value(name, self.kept[part].width)

    def _code(self, kind: enum.Enum) -> Expression:
        code = self.kinds.encode(kind, f"channel {self.name}")
        return ex.constant(code, self.kinds.width)

    def _vacant(self, slot: int) -> Expression:
        return ex.equal(self._kind(slot), ex.constant(0, self.kinds.width))

    def has_room(self) -> Flag:
        """Whether one more message fits."""
        vacant = self._vacant(self.capacity - 1)
        return flag(vacant, f"{self.name} has room")

    def is_empty(self) -> Flag:
        """Whether no message is in flight."""
        return flag(self._vacant(0), f"{self.name} is empty")

    def head_is(self, kind: enum.Enum) -> Flag:
        """Whether the oldest message in flight is of this kind."""
        return flag(
            ex.equal(self._kind(0), self._code(kind)),
            f"next in {self.name} is {kind.value}",
        )

    def holds(self, kind: enum.Enum) -> Flag:
        """Whether a message of this kind is in flight."""
        code = self._code(kind)
        slots = range(self.capacity)
        found = ex.any_of(ex.equal(self._kind(s), code) for s in slots)
        return flag(found, f"{self.name} holds {kind.value}")

    def holds_chunk(self, chunk: Chunk) -> Flag:
        """Whether a message that names ``chunk`` is in flight."""
        part, type_ = self._chunk_part()
        code = type_.encode(chunk, f"channel {self.name}")
        named = ex.constant(code, type_.width)
        slots = range(self.capacity)
        found = ex.any_of(ex.equal(self._part(s, part), named) for s in slots)
        return self._holds_chunk(found, chunk)

    def _chunk_part(self) -> tuple[str, NameType]:
        """The first part that names a chunk, and its type."""
        for part, type_ in self.parts.items():
            if isinstance(type_, NameType):
                return part, type_
        raise ModelError(f"channel {self.name} carries no chunk")

    def _holds_chunk(self, found: Expression, chunk: Chunk) -> Flag:
        return flag(found, f"{self.name} holds chunk {shown(chunk)}")

    def head_chunk(self, part: str = "chunk") -> ChunkName:
        """The chunk that the oldest message names."""
        kind = self.parts.get(part)
        if not isinstance(kind, NameType):
            raise ModelError(f"channel {self.name} carries no chunk '{part}'")
        text = f"{part} of next in {self.name}"
        return ChunkName(kind, self._part(0, part), text)

    def head_contents(self, part: str = "contents") -> Contents:
        """The granules that the oldest message carries."""
        kind = self.parts.get(part)
        if not isinstance(kind, ContentsType):
            raise ModelError(
                f"channel {self.name} carries no contents '{part}'"
            )
        text = f"{part} of next in {self.name}"
        return Contents(kind, self._part(0, part), text)

    def head_member(self, part: str) -> EnumValue[Any]:
        """The member of an enumeration that the oldest message carries."""
        kind = self.parts.get(part)
        if not isinstance(kind, EnumType):
            raise ModelError(f"channel {self.name} carries no member '{part}'")
        text = f"{part} of next in {self.name}"
        return EnumValue(kind, self._part(0, part), text)

    def head_flag(self, part: str) -> Flag:
        """The flag that the oldest message carries."""
        kind = self.parts.get(part)
        if not isinstance(kind, FlagType):
            raise ModelError(f"channel {self.name} carries no flag '{part}'")
        return flag(self._part(0, part), f"{part} of next in {self.name}")

    def put(self, kind: enum.Enum, **payload: Any) -> tuple[Update, ...]:
        """Add a message at the back; the guard asks ``has_room``."""
        self._check_payload(kind, payload)
        stored: dict[str, Expression] = {"kind": self._code(kind)}
        for part, type_ in self.parts.items():
            stored[part] = self._encoded(kind, part, type_, payload.get(part))
        updates = []
        for slot in range(self.capacity):
            here = self._vacant(slot)
            if slot > 0:
                before = ex.complement(self._vacant(slot - 1))
                here = ex.conjunction(here, before)
            for part, type_, old in self._slot(slot):
                new = ex.choice(here, stored[part], old)
                updates.append(self._update(slot, part, type_, new))
        return self._told(updates, f"+ {kind.value}")

    def _check_payload(
        self, kind: enum.Enum, payload: Mapping[str, Any]
    ) -> None:
        if kind not in self.payloads:
            allowed = ", ".join(k.name for k in self.payloads)
            raise ModelError(
                f"channel {self.name} carries {allowed}, not {kind}"
            )
        expected = self.payloads[kind]
        if set(payload) != set(expected):
            raise ModelError(
                f"message {kind.value} of {self.name} carries "
                f"{sorted(expected)}, not {sorted(payload)}"
            )

    def _encoded(
        self, kind: enum.Enum, part: str, type_: Type, raw: Any
    ) -> Expression:
        if part not in self.payloads[kind]:
            return ex.constant(0, type_.width)
        where = f"part '{part}' of {kind.value}"
        if isinstance(raw, Value):
            if raw.type != type_:
                raise ModelError(f"{where} is {type_}, '{raw.text}' is not")
            return raw.expression
        return ex.constant(type_.encode(raw, where), type_.width)

    def take(self) -> tuple[Update, ...]:
        """Remove the oldest message; the guard asks ``head_is``."""
        updates = []
        for slot in range(self.capacity):
            for part, type_, _ in self._slot(slot):
                new = ex.constant(0, type_.width)
                if slot + 1 < self.capacity:
                    new = self._stored(slot + 1, part)
                updates.append(self._update(slot, part, type_, new))
        return self._told(updates, "- next")

    def _stored(self, slot: int, part: str) -> Expression:
        return self._kind(slot) if part == "kind" else self._part(slot, part)

    def lose_all(self) -> tuple[Update, ...]:
        """Lose every message in flight."""
        updates = [
            self._update(slot, part, type_, ex.constant(0, type_.width))
            for slot in range(self.capacity)
            for part, type_, _ in self._slot(slot)
        ]
        return self._told(updates, "- all")

    def _told(
        self, updates: Sequence[Update], what: str
    ) -> tuple[Update, ...]:
        line = f"{self.name} {what}"
        return tuple(evolve(update, line=line) for update in updates)

    def _slot(self, slot: int) -> list[tuple[str, Type, Expression]]:
        found: list[tuple[str, Type, Expression]] = [
            ("kind", self.kinds, self._kind(slot))
        ]
        for part, type_ in self.kept.items():
            found.append((part, type_, self._part(slot, part)))
        return found

    def _update(
        self, slot: int, part: str, type_: Type, new: Expression
    ) -> Update:
        name = slot_field(self.name, slot, part)
        return Update(name, type_, new, f"{self.name} moves")

    def canonical(self) -> Expression:
        """Type invariant: messages at the front, unused slots all zero."""
        holds = []
        for slot in range(self.capacity):
            vacant = self._vacant(slot)
            if slot > 0:
                before = ex.complement(self._vacant(slot - 1))
                holds.append(ex.disjunction(vacant, before))
            for part, type_, value in self._slot(slot)[1:]:
                carries = ex.any_of(
                    ex.equal(self._kind(slot), self._code(kind))
                    for kind, carried in self.payloads.items()
                    if part in carried
                )
                zero = ex.equal(value, ex.constant(0, type_.width))
                holds.append(ex.disjunction(carries, zero))
        return ex.all_of(holds)

    def fields(self) -> list[tuple[str, Type]]:
        """Names and types of the fields that make up the channel."""
        return [
            (slot_field(self.name, slot, part), type_)
            for slot in range(self.capacity)
            for part, type_, _ in self._slot(slot)
        ]

    def show(self, codes: tuple[int, ...]) -> str:
        """The messages in flight, oldest first."""
        size = 1 + len(self.kept)
        shown = []
        for start in range(0, len(codes), size):
            kind, *rest = codes[start : start + size]
            if kind:
                shown.append(self._show_message(kind, rest))
        return " ".join(shown) if shown else "empty"

    def _show_message(self, code: int, payload: list[int]) -> str:
        kind = list(self.kinds.members)[code - 1]
        values = dict(zip(self.parts, payload, strict=True))
        inside = []
        for part in self.payloads[kind]:
            type_ = self.parts[part]
            if isinstance(type_, ContentsType):
                domain = type_.disk.domain
                name = values.get("chunk", NO_CHUNK)
                inside.append(domain.show_contents(values[part], name))
            else:
                inside.append(type_.show(values[part]))
        if not inside:
            return str(kind.value)
        return f"{kind.value}({': '.join(inside)})"
