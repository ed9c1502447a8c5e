# SPDX-License-Identifier: GPL-2.0-or-later
"""Counts with one mistake each: what they show must not be called a proof."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from model.language import expression as ex
from model.language.by_chunk import AtCursor, ByChunk
from model.language.counted import Counting, Outside
from model.language.counted_channel import CountedChannel
from model.language.counted_view import Reading
from model.language.expression import Expression
from model.language.schematic import asked


class NeverAtEnd(Counting):
    """A cursor that passes a chunk is never at the end."""

    def _answer(self, node: Expression, inside: Sequence[Any]) -> Any:
        if asked(node)[0] == "position_past":
            return ex.FALSE
        return super()._answer(node, inside)


class EndAfterOne(Counting):
    """A cursor that passes a chunk is at the end."""

    def _answer(self, node: Expression, inside: Sequence[Any]) -> Any:
        if asked(node)[0] == "position_past":
            return ex.TRUE
        return super()._answer(node, inside)


class BitwiseDifference(Counting):
    """A set that is not empty takes all from another that is not."""

    def _common(self, node: Expression, one: Any, other: Any) -> Expression:
        if isinstance(one, Outside):
            one, other = other, one
        if isinstance(other, Outside):
            return ex.conjunction(one, ex.complement(other.members))
        return super()._common(node, one, other)


class NothingPends(Counting):
    """A limit on what is in a set is always kept."""

    def _at_most(
        self, node: Expression, members: Expression, limit: str
    ) -> Expression:
        return ex.TRUE


class AlwaysLeft(Counting):
    """A set from which something is taken is never empty."""

    def _common(self, node: Expression, one: Any, other: Any) -> Expression:
        if isinstance(one, Outside):
            one, other = other, one
        if isinstance(other, Outside):
            kept: Expression = one
            return kept
        return super()._common(node, one, other)


class AlwaysRoom(CountedChannel):
    """One more message fits, always."""

    def _has_room(self) -> Expression:
        return ex.TRUE


class RunOfOne(CountedChannel):
    """A run of messages is gone with its first."""

    def _taken(self) -> dict[str, Expression]:
        found = {}
        for slot, name in enumerate(self.fields()):
            shifted = ex.constant(0, self.channel.kinds.width)
            if slot + 1 < self.slots:
                shifted = self._kind(slot + 1)
            found[name] = shifted
        return found


class PassesAll(ByChunk):
    """A cursor that passes a chunk passes each other chunk as well."""

    def _past(self, node: Expression, cursor: AtCursor) -> AtCursor:
        return AtCursor(ex.FALSE, ex.TRUE)


class TakesAll(ByChunk):
    """What is taken from a set of granules takes the whole chunk."""

    def _of_granules(self, node: Expression, one: Any, other: Any) -> Any:
        found = super()._of_granules(node, one, other)
        if isinstance(other, Outside):
            return type(found)(ex.FALSE, ex.FALSE)
        return found


BROKEN = {
    "never at end": Reading(counting=NeverAtEnd),
    "end after one": Reading(counting=EndAfterOne),
    "bitwise difference": Reading(counting=BitwiseDifference),
    "nothing pends": Reading(counting=NothingPends),
    "always left": Reading(counting=AlwaysLeft),
    "always room": Reading(channel=AlwaysRoom),
    "run of one": Reading(channel=RunOfOne),
    "passes all": Reading(by_chunk=PassesAll),
    "takes all": Reading(by_chunk=TakesAll),
}
