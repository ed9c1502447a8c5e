# SPDX-License-Identifier: GPL-2.0-or-later
"""A FIFO of any capacity, seen through one granule of the disk.

A message that names another chunk than k says nothing about c, so it is not
kept: it may stand in front at any time, and taking it changes nothing.  What
is kept are the messages without a chunk and those of chunk k.

With ``any_capacity`` a run of messages of chunk k, however long, takes one
slot: the contents of the last one, whether an earlier one carries c, and
whether an earlier one does not.  Then a few slots hold whatever a channel of
any capacity can hold, as long as the last slot is never used: that is a
property of the machine (``fits``), to be proved with the others.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Any, Final

from attrs import frozen

from model.language import expression as ex
from model.language.channel import Channel
from model.language.domain import NO_CHUNK, Chunk
from model.language.errors import ModelError
from model.language.expression import Expression
from model.language.projected import NAME_MINE, NAME_OTHER
from model.language.sets import ChunkName, Contents
from model.language.types import ContentsType, FlagType, NameType, Type
from model.language.unknown import elsewhere, open_question
from model.language.values import Flag, Update, flag

#: for START, chunks, RUN, chunks, COMPLETE, and one that must stay vacant
SLOTS: Final = 6
EARLIER_WITH: Final = "earlier_with"
EARLIER_WITHOUT: Final = "earlier_without"


def slots_suffice(channel: str) -> str:
    """Name of the property that ``channel`` never uses its last slot."""
    return f"SlotsSuffice({channel})"


@frozen(eq=False)
class ProjectedChannel(Channel):
    """See the module's docstring; ``capacity`` counts the slots kept."""

    any_capacity: bool = True

    def __attrs_post_init__(self) -> None:
        for kind in filter(self._names_chunk, self.payloads):
            for part in self.payloads[kind]:
                if not isinstance(self.parts[part], NameType | ContentsType):
                    raise ModelError(
                        f"channel {self.name}: a message that names a chunk "
                        f"carries '{part}' as well; one granule does not see "
                        "of which message it is"
                    )
        naming = [k.value for k in self.payloads if self._names_chunk(k)]
        if len(naming) > 1:
            raise ModelError(
                f"channel {self.name}: messages {' and '.join(naming)} name a "
                "chunk; seen from one granule, one kind may"
            )

    # -- what a slot is made of ------------------------------------------

    def _part_of(self, kind: type[Type]) -> str:
        """The only part of this type that a message may carry, or ''."""
        found = [n for n, t in self.parts.items() if isinstance(t, kind)]
        if len(found) > 1:
            raise ModelError(f"channel {self.name} carries {found}: one only")
        return found[0] if found else ""

    @property
    def kept(self) -> Mapping[str, Type]:
        """The parts of a message that a slot keeps, beside its kind."""
        name = self._part_of(NameType)
        kept = {n: t for n, t in self.parts.items() if n != name}
        if self.any_capacity:
            kept[EARLIER_WITH] = kept[EARLIER_WITHOUT] = FlagType()
        return kept

    def _names_chunk(self, kind: enum.Enum) -> bool:
        return self._part_of(NameType) in self.payloads[kind]

    def _is_run(self, slot: int) -> Expression:
        """Whether the slot holds messages of chunk k."""
        return ex.any_of(
            ex.equal(self._kind(slot), self._code(kind))
            for kind in self.payloads
            if self._names_chunk(kind)
        )

    def _skips(self) -> Expression:
        """Whether the oldest message is of another chunk, not kept here."""
        skips = open_question(f"next in {self.name} is of another chunk")
        if self.any_capacity:
            return skips
        room = self._vacant(self.capacity - 1)
        return ex.conjunction(skips, room)

    # -- what a guard asks -----------------------------------------------

    def has_room(self) -> Flag:
        """Whether one more message fits: open, but for lack of a slot."""
        vacant = self._vacant(self.capacity - 1)
        fits = open_question(f"one more message fits {self.name}")
        return flag(ex.conjunction(vacant, fits), f"{self.name} has room")

    def is_empty(self) -> Flag:
        """Whether no message is in flight; others may be."""
        alone = elsewhere(f"no message is in {self.name}")
        vacant = ex.conjunction(self._vacant(0), alone)
        return flag(vacant, f"{self.name} is empty")

    def head_is(self, kind: enum.Enum) -> Flag:
        """Whether the oldest message in flight is of this kind."""
        kept = ex.equal(self._kind(0), self._code(kind))
        here = ex.conjunction(ex.complement(self._skips()), kept)
        if self._names_chunk(kind):
            here = ex.disjunction(self._skips(), here)
        return flag(here, f"next in {self.name} is {kind.value}")

    def holds(self, kind: enum.Enum) -> Flag:
        """Whether a message of this kind is in flight."""
        held = super().holds(kind)
        if not self._names_chunk(kind):
            return held
        other = open_question(f"{self.name} holds another {kind.value}")
        return flag(ex.disjunction(held.expression, other), held.text)

    def holds_chunk(self, chunk: Chunk) -> Flag:
        """Whether a message that names ``chunk`` is in flight."""
        _, type_ = self._chunk_part()
        code = type_.encode(chunk, f"channel {self.name}")
        found = ex.any_of(map(self._is_run, self._numbers()))
        if code != NAME_MINE:
            found = open_question(f"{self.name} holds chunk {chunk}")
        return self._holds_chunk(found, chunk)

    def head_chunk(self, part: str = "chunk") -> ChunkName:
        """The chunk that the oldest message names."""
        type_ = self.parts.get(part)
        if not isinstance(type_, NameType):
            raise ModelError(f"channel {self.name} carries no chunk '{part}'")

        def code(name: int) -> Expression:
            return ex.constant(name, type_.width)

        kept = ex.choice(self._is_run(0), code(NAME_MINE), code(NO_CHUNK))
        name = ex.choice(self._skips(), code(NAME_OTHER), kept)
        return ChunkName(type_, name, f"{part} of next in {self.name}")

    def head_contents(self, part: str = "contents") -> Contents:
        """The granules that the oldest message carries."""
        type_ = self.parts.get(part)
        if not isinstance(type_, ContentsType):
            raise ModelError(
                f"channel {self.name} carries no contents '{part}'"
            )
        kept = self._part(0, part)
        if self.any_capacity:
            kept = ex.choice(self._has_earlier(), self._earliest(), kept)
        here = ex.choice(self._skips(), ex.constant(0, 1), kept)
        return Contents(type_, here, f"{part} of next in {self.name}")

    def _has_earlier(self) -> Expression:
        """Whether the run in front has messages before its last one."""
        return ex.disjunction(
            self._part(0, EARLIER_WITH), self._part(0, EARLIER_WITHOUT)
        )

    def _earliest(self) -> Expression:
        """Whether the oldest of those carries c: open if there are both."""
        first = open_question(f"c is in the next of {self.name}")
        either = ex.disjunction(
            ex.complement(self._part(0, EARLIER_WITHOUT)), first
        )
        return ex.conjunction(self._part(0, EARLIER_WITH), either)

    # -- what an effect does ---------------------------------------------

    def put(self, kind: enum.Enum, **payload: Any) -> tuple[Update, ...]:
        """Add a message at the back; one of another chunk is not kept."""
        stored = self._stored_parts(kind, payload)
        kept: Expression = ex.TRUE
        joins: Expression = ex.FALSE
        if self._names_chunk(kind):
            part = self._part_of(NameType)
            kept = ex.equal(
                self._encoded(kind, part, self.parts[part], payload[part]),
                ex.constant(NAME_MINE, self.parts[part].width),
            )
            if self.any_capacity:
                joins = ex.any_of(map(self._ends_with_run, self._numbers()))
        updates = []
        for slot in self._numbers():
            here = self._vacant(slot)
            if slot > 0:
                before = ex.complement(self._vacant(slot - 1))
                here = ex.conjunction(here, before)
            fresh = ex.all_of([kept, here, ex.complement(joins)])
            merged = ex.all_of([kept, joins, self._ends_with_run(slot)])
            for part, type_, old in self._slot(slot):
                new = stored[part]
                later = self._after_joining(slot, part, new)
                value = ex.choice(merged, later, ex.choice(fresh, new, old))
                updates.append(self._update(slot, part, type_, value))
        return tuple(updates)

    def _numbers(self) -> range:
        return range(self.capacity)

    def _ends_with_run(self, slot: int) -> Expression:
        """Whether the newest message kept is of chunk k, in this slot."""
        if slot + 1 == self.capacity:
            return self._is_run(slot)
        return ex.conjunction(self._is_run(slot), self._vacant(slot + 1))

    def _stored_parts(
        self, kind: enum.Enum, payload: Mapping[str, Any]
    ) -> dict[str, Expression]:
        self._check_payload(kind, payload)
        stored = {"kind": self._code(kind)}
        for part, type_ in self.kept.items():
            if part in (EARLIER_WITH, EARLIER_WITHOUT):
                stored[part] = ex.FALSE
            else:
                raw = payload.get(part)
                stored[part] = self._encoded(kind, part, type_, raw)
        return stored

    def take(self) -> tuple[Update, ...]:
        """Remove the oldest message; one of another chunk is not kept."""
        stays = self._has_earlier() if self.any_capacity else ex.FALSE
        updates = []
        for slot in self._numbers():
            for part, type_, old in self._slot(slot):
                shifted = ex.constant(0, type_.width)
                if slot + 1 < self.capacity:
                    shifted = self._stored(slot + 1, part)
                kept = self._after_earliest(part) if slot == 0 else old
                rest = ex.choice(stays, kept, shifted)
                new = ex.choice(self._skips(), old, rest)
                updates.append(self._update(slot, part, type_, new))
        return tuple(updates)

    def _after_joining(
        self, slot: int, part: str, new: Expression
    ) -> Expression:
        """A part of a run to which a message with ``new`` parts is added."""
        last = self._part(slot, self._part_of(ContentsType))
        if part == EARLIER_WITH:
            return ex.disjunction(self._part(slot, part), last)
        if part == EARLIER_WITHOUT:
            return ex.disjunction(self._part(slot, part), ex.complement(last))
        return new

    def _after_earliest(self, part: str) -> Expression:
        """A part of the run in front once its oldest message is gone."""
        old = self._stored(0, part)
        more = open_question(f"{self.name} holds more like the next")
        if part == EARLIER_WITH:
            return ex.choice(self._earliest(), more, old)
        if part == EARLIER_WITHOUT:
            return ex.choice(self._earliest(), old, more)
        return old

    # -- what holds of its form ------------------------------------------

    def fits(self) -> Flag:
        """Whether the slots are enough for a channel of any capacity."""
        vacant = self._vacant(self.capacity - 1)
        return flag(vacant, f"the last slot of {self.name} is vacant")

    def canonical(self) -> Expression:
        """Type invariant: in front, no two runs side by side, rest zero."""
        holds = []
        for slot in self._numbers():
            run = self._is_run(slot)
            if slot > 0:
                before = ex.complement(self._vacant(slot - 1))
                holds.append(ex.disjunction(self._vacant(slot), before))
                if self.any_capacity:
                    both = ex.conjunction(run, self._is_run(slot - 1))
                    holds.append(ex.complement(both))
            for _, _, value in self._slot(slot)[1:]:
                holds.append(ex.disjunction(run, ex.complement(value)))
        return ex.all_of(holds)

    def _show_message(self, code: int, payload: list[int]) -> str:
        kind = list(self.kinds.members)[code - 1]
        if not self._names_chunk(kind):
            return str(kind.value)
        inside = "k: {c}" if payload[0] else "k: {}"
        many = " after others" if any(payload[1:]) else ""
        return f"{kind.value}({inside}{many})"
