# SPDX-License-Identifier: GPL-2.0-or-later
"""What a state of a small disk looks like in the count.

Each field of the count is an expression over the fields of a disk's machine:
whether a set has a member, whether a cursor is at the end, whether a limit is
kept.  The channel is read by the count's own text: every message in flight,
oldest first, is put into an empty channel.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import frozen

from checker.proof.projection import Projection, disk_of
from model.language import expression as ex
from model.language.channel import Channel, slot_field
from model.language.counted_channel import CountedChannel
from model.language.counted_view import CountedView
from model.language.expression import Expression
from model.language.machine import Field, Machine, Rank
from model.language.meaning import Meaning, Numbers
from model.language.schematic import SORTS, Sort
from model.language.tokens import named_in
from model.language.types import CounterType, CursorType, NameType
from model.language.unknown import replaced


@frozen(eq=False)
class CountedProjection(Projection):
    """A disk's machine in terms of the count's."""

    def parameter(self, action: str, label: str) -> str:
        """Return the count's name for a parameter: its only one, if any."""
        for one in self.projected.action(action).instances:
            for _, text in one.arguments[:1]:
                if named_in(text):
                    return text
        return label


def seen_in_count(
    disk: Machine, view: CountedView, numbers: Numbers
) -> CountedProjection:
    """Return how the machine ``disk`` looks in ``view``.

    ``numbers``: those of the disk.  Both machines come from one schema.
    """
    here = {f.name: f for f in disk.fields}
    channels = {c.name: c for c in disk.channels}
    fields: dict[str, Expression] = {}
    for name, channel in view.counting.channels.items():
        fields.update(_channel(channels[name], channel))
    meaning = meaning_of(disk, numbers)
    for node, name in view.remembered.items():
        (fields[name],) = meaning.of([node])
    for one in view.schema.fields:
        if one.name not in view.counting.channels:
            question = view.counting.tallies.get(one.name, "")
            fields[one.name] = _field(here[one.name], question)
    ordered = {f.name: fields[f.name] for f in view.machine.fields}
    any_granule = disk_of(disk).granules[0]
    return CountedProjection(disk, view.machine, any_granule, ordered)


def meaning_of(disk: Machine, numbers: Numbers) -> Meaning:
    """Return what a schema's terms mean on a disk, over its fields."""
    things: dict[str, Any] = {f.name: f for f in disk.fields}
    things.update({c.name: c for c in disk.channels})
    return Meaning(disk_of(disk), numbers, things)


def _field(one: Field, question: str) -> Expression:
    """Return what is seen of a field; ``question``: asked of a tally."""
    kind, value = one.type, one.expression
    match kind:
        case CursorType():
            return ex.equal(
                value, ex.constant(kind.disk.domain.position_limit, kind.width)
            )
        case NameType():
            return _is_some(value)
        case CounterType() if question == "is_full":
            return ex.equal(value, ex.constant(kind.limit, kind.width))
        case CounterType() if question == "any_left":
            return _is_some(value)
    return _is_some(value) if hasattr(kind, "disk") else value


def _is_some(value: Expression) -> Expression:
    return ex.complement(ex.equal(value, ex.constant(0, value.width)))


def _channel(known: Channel, counted: CountedChannel) -> dict[str, Expression]:
    """Return the count's slots after the messages in ``known`` were put."""
    width = known.kinds.width
    slots = {name: ex.constant(0, width) for name in counted.fields()}
    for slot in range(known.capacity):
        kind = ex.field_value(slot_field(known.name, slot, "kind"), width)
        before = dict(slots)
        for member in known.payloads:
            is_this = ex.equal(kind, counted.code(member.name))
            effect = counted.effect("put", member.name)
            values = replaced(list(effect.values()), before)
            for name, value in zip(effect, values, strict=True):
                slots[name] = ex.choice(is_this, value, slots[name])
    return slots


# -- what else is known of a disk, and how much there is ---------------------


def messages_name_chunks(disk: Machine) -> Expression:
    """Return the invariant that a message that may name a chunk names one."""
    holds = []
    for channel in disk.channels:
        for part, type_ in channel.parts.items():
            if not isinstance(type_, NameType):
                continue
            for slot in range(channel.capacity):
                kind = ex.field_value(
                    slot_field(channel.name, slot, "kind"), channel.kinds.width
                )
                name = ex.field_value(
                    slot_field(channel.name, slot, part), type_.width
                )
                carries = ex.any_of(
                    ex.equal(kind, ex.constant(_code(channel, k), kind.width))
                    for k, parts in channel.payloads.items()
                    if part in parts
                )
                named = ex.disjunction(ex.complement(carries), _is_some(name))
                holds.append(named)
    return ex.all_of(holds)


def _code(channel: Channel, kind: Any) -> int:
    return channel.kinds.encode(kind, channel.name)


def amount(disk: Machine, rank: Rank, meaning: Meaning) -> Expression:
    """Return a rank as a number over the fields of a disk's machine."""
    width = 12
    total = ex.constant(0, width)
    for weight, part in rank.parts:
        total = ex.add(
            total, _weighed(_how_many(disk, part, meaning), weight, width)
        )
    return total


def _how_many(disk: Machine, part: Expression, meaning: Meaning) -> Expression:
    sort = SORTS.get(part.width)
    if sort is Sort.CHANNEL:
        (channel,) = (c for c in disk.channels if c.name == part.name)
        found = ex.constant(0, 5)
        for slot in range(channel.capacity):
            name = slot_field(channel.name, slot, "kind")
            kind = ex.field_value(name, channel.kinds.width)
            one = ex.placed(_is_some(kind), 0, 5)
            found = ex.add(found, one)
        return found
    if sort is Sort.TALLY:
        return disk.fields[disk.position[part.name]].expression
    (meant,) = meaning.of([part])
    return meant if sort is None else ex.count(meant)


def _weighed(number: Expression, weight: int, width: int) -> Expression:
    wide = ex.placed(number, 0, width)
    total = ex.constant(0, width)
    for _ in range(weight):
        total = ex.add(total, wide)
    return total


def read_in(
    projection: Projection, formulas: Mapping[str, Expression]
) -> dict[str, Expression]:
    """Return formulas over the count, read in the disk's state."""
    values = projection.of(*formulas.values())
    return dict(zip(formulas, values, strict=True))
