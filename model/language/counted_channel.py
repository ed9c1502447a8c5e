# SPDX-License-Identifier: GPL-2.0-or-later
"""A FIFO of any capacity, of which only the kinds in flight are known.

The kinds of the messages stand in their order, and a run of messages of one
kind that names chunks, however long, takes one slot.  Whether one more
message fits is known where none is in flight.  A channel whose capacity the
text itself gives is kept as it is.
"""

from __future__ import annotations

from typing import Final

from attrs import frozen

from model.language import expression as ex
from model.language.channel import Channel, slot_field
from model.language.errors import ModelError
from model.language.expression import Expression
from model.language.types import NameType
from model.language.unknown import open_question

#: for START, chunks, RUN, chunks, COMPLETE, and one that must stay vacant
SLOTS: Final = 6


@frozen(eq=False)
class CountedChannel:
    """The count's view of ``channel``, a channel of a schema.

    ``slots``: how many are kept.  ``any_capacity``: whether the slots stand
    for a channel of any capacity, at least 1.
    """

    channel: Channel
    slots: int
    any_capacity: bool

    @property
    def name(self) -> str:
        """The channel's name."""
        return self.channel.name

    def fields(self) -> list[str]:
        """Return the names of the slots' fields, the front first."""
        return [
            slot_field(self.name, slot, "kind") for slot in range(self.slots)
        ]

    def is_run(self, kind: str) -> bool:
        """Return whether messages of this kind name chunks."""
        member = self.channel.kinds.members[kind]
        carried = self.channel.payloads[member]
        return any(
            isinstance(self.channel.parts[part], NameType) for part in carried
        )

    def _kind(self, slot: int) -> Expression:
        width = self.channel.kinds.width
        return ex.field_value(slot_field(self.name, slot, "kind"), width)

    def code(self, kind: str) -> Expression:
        """Return what a slot holds for a message of this kind."""
        member = self.channel.kinds.members[kind]
        number = self.channel.kinds.encode(member, self.name)
        return ex.constant(number, self.channel.kinds.width)

    def vacant(self, slot: int) -> Expression:
        """Return whether a slot holds no message."""
        zero = ex.constant(0, self.channel.kinds.width)
        return ex.equal(self._kind(slot), zero)

    def front_is(self, kind: str) -> Expression:
        """Return whether the oldest message is of this kind."""
        return ex.equal(self._kind(0), self.code(kind))

    def fits(self) -> Expression:
        """Return whether the slots suffice: the last one is vacant."""
        if not self.any_capacity:
            return ex.TRUE
        return self.vacant(self.slots - 1)

    def canonical(self) -> Expression:
        """Return the form: in front, no two runs of a kind side by side."""
        holds = []
        for slot in range(1, self.slots):
            before = ex.complement(self.vacant(slot - 1))
            holds.append(ex.disjunction(self.vacant(slot), before))
            if self.any_capacity:
                for kind in filter(self.is_run, self._kinds()):
                    both = [
                        ex.equal(self._kind(s), self.code(kind))
                        for s in (slot - 1, slot)
                    ]
                    holds.append(ex.complement(ex.all_of(both)))
        return ex.all_of(holds)

    def _kinds(self) -> list[str]:
        return [member.name for member in self.channel.payloads]

    # -- what a guard asks -----------------------------------------------

    def answer(self, operation: str, of: str) -> Expression:
        """Return the answer to a question of the language.

        ``of``: the kind or the part that it is about, or ''.
        """
        match operation:
            case "no_message":
                return self.vacant(0)
            case "has_room":
                return self._has_room()
            case "head_is":
                return self.front_is(of)
            case "holds":
                return ex.any_of(
                    ex.equal(self._kind(slot), self.code(of))
                    for slot in range(self.slots)
                )
            case "head_chunk":
                runs = filter(self.is_run, self._kinds())
                return ex.any_of(self.front_is(kind) for kind in runs)
            case "head_contents":
                return open_question(f"{of} of next in {self.name} is some")
        raise ModelError(f"channel {self.name}: '{operation}' is not counted")

    def _has_room(self) -> Expression:
        last = self.vacant(self.slots - 1)
        if not self.any_capacity:
            return last
        fits = open_question(f"one more message fits {self.name}")
        return ex.disjunction(self.vacant(0), ex.conjunction(last, fits))

    # -- what an effect does ---------------------------------------------

    def effect(self, operation: str, of: str) -> dict[str, Expression]:
        """Return each slot after ``operation``; ``of``: the kind put."""
        match operation:
            case "put":
                return self._put(of)
            case "take":
                return self._taken()
            case "lose_all":
                zero = ex.constant(0, self.channel.kinds.width)
                return dict.fromkeys(self.fields(), zero)
        raise ModelError(f"channel {self.name}: '{operation}' is not counted")

    def _put(self, kind: str) -> dict[str, Expression]:
        found = {}
        for slot, name in enumerate(self.fields()):
            here = self.vacant(slot)
            if slot > 0:
                before = self._kind(slot - 1)
                taken = ex.complement(self.vacant(slot - 1))
                joins = ex.equal(before, self.code(kind))
                if not (self.any_capacity and self.is_run(kind)):
                    joins = ex.FALSE
                here = ex.all_of([here, taken, ex.complement(joins)])
            found[name] = ex.choice(here, self.code(kind), self._kind(slot))
        return found

    def _taken(self) -> dict[str, Expression]:
        stays: Expression = ex.FALSE
        if self.any_capacity:
            runs = filter(self.is_run, self._kinds())
            is_run = ex.any_of(self.front_is(kind) for kind in runs)
            more = open_question(f"{self.name} holds more like the next")
            stays = ex.conjunction(is_run, more)
        found = {}
        for slot, name in enumerate(self.fields()):
            shifted = ex.constant(0, self.channel.kinds.width)
            if slot + 1 < self.slots:
                shifted = self._kind(slot + 1)
            found[name] = ex.choice(stays, self._kind(slot), shifted)
        return found
