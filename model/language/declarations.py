# SPDX-License-Identifier: GPL-2.0-or-later
"""Declaring the fields of a machine.

Each method declares one field (or the slots of a channel) and returns the
typed value that stands for it in guards and effects.  ``doc``: what it means,
as a clause.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from attrs import define
from attrs import field as attribute

from model.language import expression as ex
from model.language.channel import Channel, KindType
from model.language.errors import ModelError
from model.language.machine import Field, Variable
from model.language.projected import Projected
from model.language.projected_channel import SLOTS, ProjectedChannel
from model.language.schematic_channel import SchematicChannel, is_schematic
from model.language.sets import (
    ChunkName,
    ChunkSet,
    Contents,
    Cursor,
    GranuleSet,
)
from model.language.tally import SchematicTally, Tally, TallyType
from model.language.tokens import Limit
from model.language.types import (
    ChunkSetType,
    ContentsType,
    CounterType,
    CursorType,
    Disk,
    EnumType,
    FlagType,
    GranuleSetType,
    NameType,
    Type,
)
from model.language.unknown import is_unknown
from model.language.values import Counter, EnumValue, Flag

Member = TypeVar("Member", bound=enum.Enum)


def _channel(
    name: str,
    capacity: Any,
    kinds: KindType,
    parts: Mapping[str, Type],
    payloads: Mapping[enum.Enum, tuple[str, ...]],
) -> Channel:
    """A FIFO in the form that the domain of its messages asks for."""
    if is_schematic(capacity, parts):
        return SchematicChannel(name, capacity, kinds, parts, payloads)
    for type_ in parts.values():
        domain = type_.disk.domain if isinstance(type_, NameType) else None
        if isinstance(domain, Projected):
            any_ = domain.any_channel
            slots = SLOTS if any_ else capacity
            return ProjectedChannel(name, slots, kinds, parts, payloads, any_)
    return Channel(name, capacity, kinds, parts, payloads)


@define(eq=False)
class Declarations:
    """The fields of the machine ``name``, in the order they are declared."""

    name: str
    _fields: dict[str, Field] = attribute(factory=dict, init=False)
    _variables: list[Variable] = attribute(factory=list, init=False)
    _invariants: list[ex.Expression] = attribute(factory=list, init=False)
    _channels: list[Channel] = attribute(factory=list, init=False)
    _alternatives: dict[str, tuple[int, ...]] = attribute(
        factory=dict, init=False
    )

    def flag(
        self,
        name: str,
        initial: bool = False,
        ghost: bool = False,
        doc: str = "",
    ) -> Flag:
        """Declare a field that is yes or no."""
        return Flag(*self._declare(name, FlagType(), initial, ghost, doc))

    def enum(
        self, name: str, initial: Member, ghost: bool = False, doc: str = ""
    ) -> EnumValue[Member]:
        """Declare a field that is a member of ``initial``'s enumeration."""
        kind = EnumType(type(initial))
        return EnumValue(*self._declare(name, kind, initial, ghost, doc))

    def counter(
        self,
        name: str,
        limit: int,
        initial: int = 0,
        ghost: bool = False,
        doc: str = "",
    ) -> Counter:
        """Declare a field that counts from 0 to ``limit``."""
        kind = CounterType(limit)
        return Counter(*self._declare(name, kind, initial, ghost, doc))

    def tally(
        self,
        name: str,
        limit: int | Limit | None,
        full: bool = False,
        doc: str = "",
    ) -> Tally:
        """Declare a number from 0 to ``limit``; None: there is no limit."""
        if isinstance(limit, Limit):
            kind = TallyType(limit, full)
            self._declare(name, kind, 0, doc=doc)
            return SchematicTally(None, name, kind)
        if limit is None:
            return Tally(None)
        return Tally(self.counter(name, limit, limit if full else 0))

    def granules(
        self, name: str, disk: Disk, ghost: bool = False, doc: str = ""
    ) -> GranuleSet:
        """Declare a set of granules, empty at first."""
        kind = GranuleSetType(disk)
        return GranuleSet(*self._declare(name, kind, frozenset(), ghost, doc))

    def chunk_set(
        self, name: str, disk: Disk, ghost: bool = False, doc: str = ""
    ) -> ChunkSet:
        """Declare a set of chunks, empty at first."""
        kind = ChunkSetType(disk)
        return ChunkSet(*self._declare(name, kind, frozenset(), ghost, doc))

    def contents(
        self,
        name: str,
        disk: Disk,
        of: ChunkName | None = None,
        doc: str = "",
    ) -> Contents:
        """Declare a buffer for the granules of one chunk, empty at first.

        ``of``: the field that names the chunk, where there is one.
        """
        kind = ContentsType(disk)
        chunk = "" if of is None else of.field_name()
        return Contents(
            *self._declare(name, kind, frozenset(), doc=doc, chunk=chunk)
        )

    def cursor(self, name: str, disk: Disk, doc: str = "") -> Cursor:
        """Declare a position among the chunks of ``disk``, at the start."""
        made = Cursor(*self._declare(name, CursorType(disk), 0, doc=doc))
        self._alternatives[name] = disk.domain.position_starts
        return made

    def chunk_name(self, name: str, disk: Disk, doc: str = "") -> ChunkName:
        """Declare a field that names a chunk, none at first."""
        return ChunkName(*self._declare(name, NameType(disk), None, doc=doc))

    def channel(
        self,
        name: str,
        capacity: Any,
        messages: Mapping[Any, Mapping[str, Type]],
        doc: str = "",
    ) -> Channel:
        """Declare a FIFO of ``capacity`` messages, empty at first.

        ``messages`` maps every member of one enumeration to the typed parts
        that a message of this kind carries.
        """
        if not isinstance(capacity, Limit) and capacity < 1:
            raise ModelError(f"channel {name}: capacity {capacity} is below 1")
        enums = {type(kind) for kind in messages}
        if len(enums) != 1:
            raise ModelError(
                f"channel {name}: the kinds of messages are members of "
                f"{len(enums)} enumerations, allowed is 1"
            )
        kinds = KindType(enums.pop())
        parts: dict[str, Type] = {}
        for kind, payload in messages.items():
            for part, type_ in payload.items():
                if parts.setdefault(part, type_) != type_:
                    raise ModelError(
                        f"channel {name}: part '{part}' of {kind.value} has "
                        "two types"
                    )
        carried = {kind: tuple(payload) for kind, payload in messages.items()}
        channel = _channel(name, capacity, kinds, parts, carried)
        for field_name, type_ in channel.fields():
            self._add_field(Field(field_name, type_, 0, doc=doc))
        self._channels.append(channel)
        names = tuple(n for n, _ in channel.fields())
        self._variables.append(Variable(name, names, channel.show))
        self._invariants.append(channel.canonical())
        return channel

    def _declare(
        self,
        name: str,
        kind: Any,
        initial: object,
        ghost: bool = False,
        doc: str = "",
        chunk: str = "",
    ) -> tuple[Any, ex.Expression, str]:
        code = kind.encode(initial, f"field {name}")
        made = Field(name, kind, code, ghost, chunk, doc)
        self._add_field(made)

        def show(codes: tuple[int, ...]) -> str:
            return str(kind.show(codes[0]))

        self._variables.append(Variable(name, (name,), show, ghost))
        return kind, made.expression, name

    def _add_field(self, made: Field) -> None:
        if made.name in self._fields:
            raise ModelError(f"field {made.name} is declared twice")
        if made.name.endswith("'"):
            raise ModelError(
                f"field {made.name}: a prime is for the value after a step"
            )
        self._fields[made.name] = made

    def _ghosts(self, names: Iterable[str]) -> list[str]:
        return sorted(
            n for n in names if not is_unknown(n) and self._fields[n].ghost
        )

    def _check_declared(self, names: Iterable[str]) -> None:
        for name in sorted(names):
            if name not in self._fields and not is_unknown(name):
                raise ModelError(f"field {name} is not declared")
