# SPDX-License-Identifier: GPL-2.0-or-later
"""What a state of a disk looks like from one granule: the projection.

A state of the machine of a small disk and a granule c give a state of the
machine that follows one granule (``Projected``).  Each field of the latter is
an expression over the fields of the former; what is not there any more
(budgets of failures, messages of other chunks) is forgotten.

The channel is projected by the text that the model itself uses: every message
in flight, oldest first, is put into an empty projected channel.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from attrs import frozen

from model.language import expression as ex
from model.language.channel import Channel, slot_field
from model.language.domain import NO_CHUNK, Concrete, Granule
from model.language.expression import Expression
from model.language.machine import Field, Instance, Machine
from model.language.projected import (
    AFTER,
    AT,
    BEFORE,
    ELSEWHERE,
    FOLLOWED,
    MINE,
    NAME_MINE,
    NAME_OTHER,
    NEIGHBOUR,
    OTHER,
)
from model.language.sets import ChunkName, Contents
from model.language.types import (
    ChunkSetType,
    ContentsType,
    CursorType,
    GranuleSetType,
    NameType,
    Type,
)
from model.language.unknown import replaced

_ARRIVING = "arriving message."


@frozen(eq=False)
class Projection:
    """``concrete`` seen from ``granule``, in terms of ``projected``.

    ``fields``: each field of ``projected`` as an expression over the fields
    of ``concrete``.
    """

    concrete: Machine
    projected: Machine
    granule: Granule
    fields: Mapping[str, Expression]

    def of(self, *expressions: Expression) -> tuple[Expression, ...]:
        """Return projected expressions, read in the disk's state."""
        return replaced(expressions, self.fields)

    def after(self, instance: Instance) -> dict[str, Expression]:
        """Return the projected fields that a step of the disk may change.

        Each as an expression over the disk's fields before the step.
        """
        effect = dict(instance.effect)
        names = [n for n, read in self._reads.items() if read & effect.keys()]
        after = replaced([self.fields[name] for name in names], effect)
        return dict(zip(names, after, strict=True))

    def seen(self, state: tuple[int, ...]) -> tuple[int, ...]:
        """Return the projection of one state of the disk."""
        codes = {
            f.name: ex.constant(code, f.type.width)
            for f, code in zip(self.concrete.fields, state, strict=True)
        }
        seen = replaced(
            [self.fields[f.name] for f in self.projected.fields], codes
        )
        return tuple(value.value for value in seen)

    def parameter(self, action: str, label: str) -> str:
        """Return the name of a parameter as the granule sees it."""
        return _parameter(self, action, label)

    @cached_property
    def _reads(self) -> dict[str, frozenset[str]]:
        """The fields of the disk that each projected field depends on."""
        return {
            name: ex.fields_read([value])
            for name, value in self.fields.items()
        }


def project(
    concrete: Machine, projected: Machine, granule: Granule
) -> Projection:
    """Return the projection of ``concrete`` to ``granule`` of its disk.

    Both machines come from the same model text.  Raises ValueError if
    ``projected`` has a field that says nothing about ``concrete``.
    """
    channels = {c.name: c for c in concrete.channels}
    fields: dict[str, Expression] = {}
    slots: set[str] = set()
    for channel in projected.channels:
        known = channels[channel.name]
        fields.update(_channel(known, channel, granule))
        slots.update(name for name, _ in channel.fields())
    here = {f.name: f for f in concrete.fields}
    for wanted in projected.fields:
        if wanted.name in slots:
            continue
        if wanted.name not in here:
            raise ValueError(f"{wanted.name} is not a field of a small disk")
        fields[wanted.name] = _field(here[wanted.name], here, granule)
    ordered = {f.name: fields[f.name] for f in projected.fields}
    return Projection(concrete, projected, granule, ordered)


def disk_of(machine: Machine) -> Concrete:
    """Return the size of the disk that ``machine`` is of."""
    for field in machine.fields:
        if isinstance(field.type, GranuleSetType):
            return _domain(field.type)
    raise ValueError(f"{machine.name} has no set of granules")


def _domain(type_: Any) -> Concrete:
    domain = type_.disk.domain
    assert isinstance(domain, Concrete), "the disk has no size"
    return domain


def _field(
    known: Field, others: Mapping[str, Field], granule: Granule
) -> Expression:
    value = known.expression
    if isinstance(known.type, ContentsType) and known.chunk:
        name = others[known.chunk]
        return _contents(
            known.type, name.type, value, name.expression, granule
        )
    return _value(known.type, value, granule)


def _value(type_: Type, value: Expression, granule: Granule) -> Expression:
    """Return what is seen of a value that stands for itself."""
    chunk = granule.chunk
    if isinstance(type_, GranuleSetType):
        return _domain(type_).has_granule(value, granule)
    if isinstance(type_, ChunkSetType):
        return _domain(type_).has_chunk(value, chunk)
    if isinstance(type_, CursorType):
        here = ex.constant(chunk.index, type_.width)
        at_or_after = ex.choice(
            ex.equal(value, here), _small(AT), _small(AFTER)
        )
        return ex.choice(ex.less(value, here), _small(BEFORE), at_or_after)
    if isinstance(type_, NameType):
        none = ex.equal(value, ex.constant(NO_CHUNK, type_.width))
        mine = ex.equal(value, _domain(type_).chunk_code(chunk))
        named = ex.choice(mine, _small(NAME_MINE), _small(NAME_OTHER))
        return ex.choice(none, _small(NO_CHUNK), named)
    assert not isinstance(type_, ContentsType), "contents of no chunk"
    return value


def _small(code: int) -> Expression:
    return ex.constant(code, 2)


def _contents(
    type_: ContentsType,
    name_type: Type,
    contents: Expression,
    name: Expression,
    granule: Granule,
) -> Expression:
    """Return whether the granule is in the contents of the named chunk."""
    domain = _domain(type_)
    offset = granule.index - granule.chunk.index * domain.granules_per_chunk
    bit = ex.bits_of(contents, offset, 1)
    code = domain.chunk_code(granule.chunk)
    assert name_type.width == code.width
    return ex.conjunction(ex.equal(name, code), bit)


def _channel(
    known: Channel, projected: Channel, granule: Granule
) -> dict[str, Expression]:
    """Return the projected slots after the messages in ``known`` were put."""
    slots = {
        name: ex.constant(0, type_.width) for name, type_ in projected.fields()
    }
    for slot in range(known.capacity):
        kind = ex.field_value(
            slot_field(known.name, slot, "kind"), known.kinds.width
        )
        arriving = _arriving(known, slot, granule)
        before = dict(slots)
        for member, carried in projected.payloads.items():
            code = known.kinds.encode(member, known.name)
            is_this = ex.equal(kind, ex.constant(code, known.kinds.width))
            updates = projected.put(
                member, **{p: _placeholder(projected, p) for p in carried}
            )
            values = replaced(
                [u.expression for u in updates], {**before, **arriving}
            )
            for update, value in zip(updates, values, strict=True):
                old = slots[update.field]
                slots[update.field] = ex.choice(is_this, value, old)
    return slots


def _placeholder(channel: Channel, part: str) -> ChunkName | Contents:
    """Return the value that stands for a part of a message that arrives."""
    type_ = channel.parts[part]
    expression = ex.field_value(_ARRIVING + part, type_.width)
    if isinstance(type_, NameType):
        return ChunkName(type_, expression, part)
    assert isinstance(type_, ContentsType), f"part {part} of no chunk"
    return Contents(type_, expression, part)


def _arriving(
    known: Channel, slot: int, granule: Granule
) -> dict[str, Expression]:
    """Return what is seen of the parts of the message in a slot."""

    def value(part: str) -> Expression:
        name = slot_field(known.name, slot, part)
        return ex.field_value(name, known.parts[part].width)

    names = [p for p, t in known.parts.items() if isinstance(t, NameType)]
    seen = {}
    for part, type_ in known.parts.items():
        if isinstance(type_, ContentsType):
            (name,) = names
            seen[part] = _contents(
                type_, known.parts[name], value(part), value(name), granule
            )
        else:
            seen[part] = _value(type_, value(part), granule)
    return {_ARRIVING + part: code for part, code in seen.items()}


def _parameter(projection: Projection, action: str, label: str) -> str:
    known = {
        instance.arguments[0][1]
        for instance in projection.projected.action(action).instances
        if instance.arguments
    }
    if known & {str(NEIGHBOUR), str(ELSEWHERE)}:
        return str(_seen(projection, label))
    if known <= {str(MINE), str(OTHER)}:
        mine = label == str(projection.granule.chunk)
        return str(MINE if mine else OTHER)
    return label


def _seen(projection: Projection, label: str) -> Granule:
    """Return the granule called ``label``, from the one that is followed."""
    (found,) = (
        granule
        for granule in disk_of(projection.concrete).granules
        if str(granule) == label
    )
    if found == projection.granule:
        return FOLLOWED
    near = found.chunk == projection.granule.chunk
    return NEIGHBOUR if near else ELSEWHERE
