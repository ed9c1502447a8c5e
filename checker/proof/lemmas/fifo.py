# SPDX-License-Identifier: GPL-2.0-or-later
"""A projected channel, its slots and its messages in the terms of z3.

The lemmas on channels are about these: arbitrary states of the slots, an
arbitrary message that is put, and what is told of the one in front.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import z3
from attrs import field, frozen

from checker.engines.smt.formula import Formulas, variable
from checker.proof.lemmas.terms import value
from model.language import expression as ex
from model.language.builder import MachineBuilder
from model.language.domain import NO_CHUNK
from model.language.expression import Expression
from model.language.projected import NAME_MINE, NAME_OTHER, Projected
from model.language.projected_channel import ProjectedChannel
from model.language.types import ContentsType, Disk, NameType
from model.language.unknown import unknowns
from model.language.values import Update, Value

Slots = Mapping[str, z3.ExprRef]
Truths = list[tuple[Expression, z3.ExprRef]]
_NOTHING = Formulas({})


class Word(enum.Enum):
    """What the channel carries that the lemmas are about by default."""

    START = "START"
    BITS = "BITS"
    COMPLETE = "COMPLETE"
    RUN = "RUN"


def channel_of(domain: Projected) -> ProjectedChannel:
    """Return a channel as the designs have it, declared over ``domain``."""
    disk = Disk("disk", domain)
    chunk, contents = NameType(disk), ContentsType(disk)
    made = MachineBuilder("lemmas").channel(
        "wire",
        1,
        {
            Word.START: {},
            Word.BITS: {"chunk": chunk, "contents": contents},
            Word.COMPLETE: {},
            Word.RUN: {},
        },
    )
    assert isinstance(made, ProjectedChannel)
    return made


@frozen(eq=False)
class Message:
    """An arbitrary message: seen from c, and what its kind says of it."""

    kind: z3.BitVecRef
    names: z3.BoolRef
    mine: z3.BoolRef
    bit: z3.BoolRef


@frozen(eq=False, slots=False)
class Fifo:
    """The questions about one channel, and the states they are asked in."""

    channel: ProjectedChannel
    chunk_part: str = field(init=False)
    contents_part: str = field(init=False)

    def __attrs_post_init__(self) -> None:
        for name, kind in (
            ("chunk_part", NameType),
            ("contents_part", ContentsType),
        ):
            parts = self.channel.parts.items()
            (found,) = (n for n, type_ in parts if isinstance(type_, kind))
            object.__setattr__(self, name, found)

    # -- states ----------------------------------------------------------

    def slots(self, suffix: str) -> dict[str, z3.ExprRef]:
        """Return an arbitrary state of the slots."""
        return {
            name: unknown(name + suffix, type_.width)
            for name, type_ in self.channel.fields()
        }

    def vacant(self) -> dict[str, z3.ExprRef]:
        """Return the projection of the empty list."""
        return {
            name: value(_NOTHING, ex.constant(0, type_.width))
            for name, type_ in self.channel.fields()
        }

    def well_formed(self, slots: Slots) -> z3.BoolRef:
        """Return that codes are in use and that the channel has its form."""
        formulas = Formulas(slots)
        valid = [
            type_.is_valid(ex.field_value(name, type_.width))
            for name, type_ in self.channel.fields()
        ]
        return formulas.conjoined([*valid, self.channel.canonical()])

    def fits(self, slots: Slots) -> z3.BoolRef:
        """Return whether the last slot is vacant."""
        return Formulas(slots).holds(self.channel.fits().expression)

    # -- effects ---------------------------------------------------------

    def _effect(self, updates: Sequence[Update]) -> dict[str, Expression]:
        """Return every field's new value; the old one if it is not updated."""
        new = {
            name: ex.field_value(name, type_.width)
            for name, type_ in self.channel.fields()
        }
        return {**new, **{u.field: u.expression for u in updates}}

    def after(
        self, updates: Sequence[Update], fields: Mapping[str, z3.ExprRef]
    ) -> dict[str, z3.ExprRef]:
        """Return what the updates make of the slots, read over ``fields``."""
        formulas = Formulas(fields)
        new = self._effect(updates)
        return {name: value(formulas, new[name]) for name in new}

    def becomes(self, updates: Sequence[Update], slots: Slots) -> Truths:
        """Return the truths that say that the updates lead to ``slots``."""
        new = self._effect(updates)
        return [(new[name], slots[name]) for name in new]

    # -- messages --------------------------------------------------------

    def code(self, kind: enum.Enum) -> int:
        """Return the code of a kind of message in a slot."""
        return self.channel.kinds.encode(kind, self.channel.name)

    def is_run(self, kind: enum.Enum) -> bool:
        """Return whether messages of this kind name a chunk."""
        return self.chunk_part in self.channel.payloads[kind]

    def oldest(self) -> tuple[Message, z3.BoolRef]:
        """Return an arbitrary message, and the formula that it is one."""
        kind = variable("oldest.kind", self.channel.kinds.width)
        codes = {k: kind == self.code(k) for k in self.channel.payloads}
        names = z3.Or([is_k for k, is_k in codes.items() if self.is_run(k)])
        mine, bit = z3.Bools("oldest.mine oldest.bit")
        return Message(kind, names, mine, bit), z3.Or(list(codes.values()))

    def sent(self, kind: enum.Enum, suffix: str) -> Message:
        """Return an arbitrary message of a kind."""
        mine, bit = z3.Bool(f"mine{suffix}"), z3.Bool(f"bit{suffix}")
        code = z3.BitVecVal(self.code(kind), self.channel.kinds.width)
        return Message(code, z3.BoolVal(self.is_run(kind)), mine, bit)

    def after_put(
        self, slots: Slots, kind: enum.Enum, message: Message
    ) -> dict[str, z3.ExprRef]:
        """Return the slots after ``message``, of this kind, was put last."""
        values = {}
        for part in self.channel.payloads[kind]:
            type_: Any = self.channel.parts[part]
            text = f"sent.{part}"
            values[part] = Value(
                type_, ex.field_value(text, type_.width), text
            )
        updates = self.channel.put(kind, **values)
        return self.after(updates, {**slots, **self._seen(message)})

    def _seen(self, message: Message) -> dict[str, z3.ExprRef]:
        """Return the parts of a message that is sent, as c sees them."""
        seen: dict[str, z3.ExprRef] = {}
        for part, type_ in self.channel.parts.items():
            if part == self.chunk_part:
                seen[part] = _either(message.mine, type_.width)
            elif part == self.contents_part:
                seen[part] = z3.And(message.mine, message.bit)
            else:
                seen[part] = unknown(f"sent.{part}", type_.width)
        return {f"sent.{part}": value for part, value in seen.items()}

    @cached_property
    def before(self) -> dict[str, z3.ExprRef]:
        """The arbitrary state to which ``more`` adds one message."""
        return self.slots("")

    @cached_property
    def more(self) -> Mapping[enum.Enum, tuple[Message, Slots]]:
        """For each kind: a message, and the slots once it was put."""
        found: dict[enum.Enum, tuple[Message, Slots]] = {}
        for kind in self.channel.payloads:
            message = self.sent(kind, f" {kind.name}")
            found[kind] = message, self.after_put(self.before, kind, message)
        return found

    # -- the front -------------------------------------------------------

    def front(self, message: Message) -> Truths:
        """Return what is told of the oldest message if it is ``message``."""
        here = message.names
        told: Truths = [
            (
                self.channel.head_is(kind).expression,
                message.kind == self.code(kind),
            )
            for kind in self.channel.payloads
        ]
        name = self.channel.head_chunk(self.chunk_part)
        nameless = z3.BitVecVal(NO_CHUNK, name.type.width)
        width = name.type.width
        told.append(
            (
                name.expression,
                z3.If(here, _either(message.mine, width), nameless),
            )
        )
        told.append(
            (
                self.channel.head_contents(self.contents_part).expression,
                z3.And(here, message.mine, message.bit),
            )
        )
        return told

    def taken(self, message: Message, rest: Slots) -> Truths:
        """Return what ``front`` does, and that taking it leaves ``rest``."""
        left = self.becomes(self.channel.take(), rest)
        return [*self.front(message), *left]


def unknown(name: str, width: int) -> z3.ExprRef:
    """Return an arbitrary value: a Boolean for one bit, else a vector."""
    return z3.Bool(name) if width == 1 else variable(name, width)


def _either(mine: z3.BoolRef, width: int) -> z3.BitVecRef:
    return z3.If(
        mine, z3.BitVecVal(NAME_MINE, width), z3.BitVecVal(NAME_OTHER, width)
    )


def answered(truths: Truths, fields: Slots) -> z3.BoolRef:
    """Return the premise that some answers give the true values."""
    roots = [expression for expression, _ in truths]
    answers = {name: z3.Bool(name) for name in unknowns(roots)}
    formulas = Formulas({**fields, **answers})
    return z3.And([value(formulas, e) == truth for e, truth in truths])
