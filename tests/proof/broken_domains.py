# SPDX-License-Identifier: GPL-2.0-or-later
"""Views of a disk and of a channel that are wrong in one thing each.

Each lemma has to fail for the one that it is there for.
"""

from __future__ import annotations

import enum
from typing import Any

from checker.proof.lemmas.fifo import channel_of
from model.language import Chunk, Granule, Projected, Update
from model.language import expression as ex
from model.language.expression import Expression
from model.language.projected import (
    AFTER,
    AT,
    BEFORE,
    ELSEWHERE,
    FOLLOWED,
    MINE,
    NAME_MINE,
    NEIGHBOUR,
)
from model.language.projected_channel import ProjectedChannel
from model.language.unknown import replaced
from model.language.values import Flag, flag


def at(code: int) -> Expression:
    return ex.constant(code, 2)


class NeighbourIsC(Projected):
    def granule_member(self, granule: Granule) -> Expression:
        return ex.constant(int(granule.chunk is MINE), 1)


class EveryChunkIsMine(Projected):
    def chunk_member(self, chunk: Chunk) -> Expression:
        return ex.TRUE


class NobodyElseIsIn(Projected):
    def has_granule(self, members: Expression, granule: Granule) -> Expression:
        return members if granule is FOLLOWED else ex.FALSE


class NeighboursAreAlike(Projected):
    def has_granule(self, members: Expression, granule: Granule) -> Expression:
        if granule is NEIGHBOUR:
            return members
        return super().has_granule(members, granule)


class NoOtherChunkIsIn(Projected):
    def has_chunk(self, members: Expression, chunk: Chunk) -> Expression:
        return members if chunk is MINE else ex.FALSE


class EmptyHereIsEmpty(Projected):
    def is_empty(self, members: Expression) -> Expression:
        return ex.complement(members)


class NeverEmpty(Projected):
    def is_empty(self, members: Expression) -> Expression:
        return ex.FALSE


class AlwaysMany(Projected):
    def at_most(self, members: Expression, limit: int) -> Expression:
        return ex.FALSE


class NoneOnlyIfNotHere(Projected):
    def at_most(self, members: Expression, limit: int) -> Expression:
        if limit == 0:
            return ex.complement(members)
        return super().at_most(members, limit)


class ContentsOfAnyChunk(Projected):
    def contents(self, members: Expression, chunk: Chunk) -> Expression:
        return members


class AnyChunkReplacesC(Projected):
    def with_contents(
        self, members: Expression, chunk: Chunk, contents: Expression
    ) -> Expression:
        return contents


class ContentsAreAdded(Projected):
    def with_contents(
        self, members: Expression, chunk: Chunk, contents: Expression
    ) -> Expression:
        if chunk is not MINE:
            return members
        return ex.disjunction(members, contents)


class NoNeighbourHasBits(Projected):
    def chunks_with(self, members: Expression) -> Expression:
        return members


class NeverAtAnotherChunk(Projected):
    def position_at(self, position: Expression, chunk: Chunk) -> Expression:
        if chunk is not MINE:
            return ex.FALSE
        return super().position_at(position, chunk)


class AlwaysFirst(Projected):
    def position_start(self) -> Expression:
        return at(AT)


class NeverReachesK(Projected):
    def position_past(self, position: Expression, chunk: Chunk) -> Expression:
        return at(AFTER) if chunk is MINE else position


class StaysAtK(Projected):
    def position_past(self, position: Expression, chunk: Chunk) -> Expression:
        if chunk is MINE:
            return position
        return super().position_past(position, chunk)


class KIsTheLastChunk(Projected):
    def position_at_end(self, position: Expression) -> Expression:
        return ex.equal(position, at(AFTER))


class NothingAheadAtK(Projected):
    def chunks_ahead(self, position: Expression) -> Expression:
        return ex.equal(position, at(BEFORE))


class AllChunksHaveOneName(Projected):
    def chunk_code(self, chunk: Chunk) -> Expression:
        return at(NAME_MINE)

    def names_chunk(self, name: Expression, chunk: Chunk) -> Expression:
        return Projected().names_chunk(name, chunk)


class OneOtherChunk(Projected):
    def names_chunk(self, name: Expression, chunk: Chunk) -> Expression:
        return ex.equal(name, self.chunk_code(chunk))


class StartsAtKOnly(Projected):
    @property
    def position_starts(self) -> tuple[int, ...]:
        return (AT,)


class NeverAfterK(Projected):
    @property
    def position_limit(self) -> int:
        return AT


class NoOtherName(Projected):
    @property
    def chunk_limit(self) -> int:
        return NAME_MINE


#: a wrong view, and the operations whose lemmas have to fail, all of them
BROKEN_DOMAINS: tuple[tuple[Projected, set[str]], ...] = (
    (NeighbourIsC(), {"granule_member"}),
    (EveryChunkIsMine(), {"chunk_member"}),
    (NobodyElseIsIn(), {"has_granule"}),
    (NeighboursAreAlike(), {"has_granule"}),
    (NoOtherChunkIsIn(), {"has_chunk"}),
    # to be within is to have nothing left that is not
    (EmptyHereIsEmpty(), {"is_empty", "<="}),
    (NeverEmpty(), {"is_empty", "<="}),
    (AlwaysMany(), {"at_most"}),
    (NoneOnlyIfNotHere(), {"at_most"}),
    (ContentsOfAnyChunk(), {"contents"}),
    (AnyChunkReplacesC(), {"with_contents"}),
    (ContentsAreAdded(), {"with_contents"}),
    (NoNeighbourHasBits(), {"chunks_with"}),
    (NeverAtAnotherChunk(), {"position_at", "position_past"}),
    (AlwaysFirst(), {"position_start"}),
    (NeverReachesK(), {"position_past"}),
    (StaysAtK(), {"position_past"}),
    (KIsTheLastChunk(), {"position_at_end"}),
    (NothingAheadAtK(), {"chunks_ahead"}),
    (AllChunksHaveOneName(), {"chunk_code"}),
    (OneOtherChunk(), {"names_chunk"}),
    (StartsAtKOnly(), {"position_starts"}),
    (NeverAfterK(), {"position_limit"}),
    (NoOtherName(), {"chunk_limit"}),
    (Projected(granules=(FOLLOWED, ELSEWHERE)), {"granules"}),
    (Projected(granules=(FOLLOWED, NEIGHBOUR)), {"granules"}),
    (Projected(chunks=(MINE,)), {"chunks"}),
)


# -- channels ----------------------------------------------------------------


class ForgetsEarlierOnes(ProjectedChannel):
    """Taking one message takes the whole run."""

    def _has_earlier(self) -> Expression:
        return ex.FALSE


class RemembersTheLastOnly(ProjectedChannel):
    """A message that joins a run hides those before it."""

    def _after_joining(
        self, slot: int, part: str, new: Expression
    ) -> Expression:
        return new


class OthersDoNotTravel(ProjectedChannel):
    """No message of another chunk is ever in front."""

    def _skips(self) -> Expression:
        return ex.FALSE


class RunsEndSoon(ProjectedChannel):
    """There are no two alike before the last of a run."""

    def _after_earliest(self, part: str) -> Expression:
        found = super()._after_earliest(part)
        return denied(found, "?open: wire holds more like the next")


class OldestLacksC(ProjectedChannel):
    """Where the earlier ones differ, the oldest does not carry c."""

    def _earliest(self) -> Expression:
        return denied(super()._earliest(), "?open: c is in the next of wire")


class LastInFront(ProjectedChannel):
    """The last of a run is read first."""

    def _earliest(self) -> Expression:
        return self._part(0, "contents")


class NoHeadBehindOthers(ProjectedChannel):
    def head_is(self, kind: enum.Enum) -> Flag:
        return super(ProjectedChannel, self).head_is(kind)


class EveryHeadIsMine(ProjectedChannel):
    def head_chunk(self, part: str = "chunk") -> Any:
        name = super().head_chunk(part)
        kept = ex.choice(self._is_run(0), at(NAME_MINE), at(0))
        return type(name)(name.type, kept, name.text)


class HoldsWhatIsKept(ProjectedChannel):
    def holds(self, kind: enum.Enum) -> Flag:
        return super(ProjectedChannel, self).holds(kind)


class HoldsTheNextChunkOnly(ProjectedChannel):
    """A chunk is in flight only where it is in front."""

    def holds_chunk(self, chunk: Chunk) -> Flag:
        return flag(self._is_run(0), f"chunk {chunk} is next")


class EmptyHereIsEmptyChannel(ProjectedChannel):
    def is_empty(self) -> Flag:
        return super(ProjectedChannel, self).is_empty()


class NeverEmptyChannel(ProjectedChannel):
    def is_empty(self) -> Flag:
        return flag(ex.FALSE, "no")


class LosesTheFirst(ProjectedChannel):
    def lose_all(self) -> tuple[Update, ...]:
        found = super().lose_all()
        return found[: len(found) // self.capacity]


class RunsSideBySide(ProjectedChannel):
    """A message joins no run: each has its own slot."""

    def _ends_with_run(self, slot: int) -> Expression:
        return ex.FALSE


class AlwaysFits(ProjectedChannel):
    def fits(self) -> Flag:
        return flag(ex.TRUE, "yes")


class FullBeforeItIs(ProjectedChannel):
    def has_room(self) -> Flag:
        return flag(self._vacant(1), "the second slot is vacant")


def denied(expression: Expression, question: str) -> Expression:
    """``expression`` where the question is answered with no."""
    (found,) = replaced([expression], {question: ex.FALSE})
    return found


def like(
    kind: type[ProjectedChannel], known: ProjectedChannel | None = None
) -> ProjectedChannel:
    """The channel of the lemmas, as one of this kind."""
    known = known or channel_of(Projected())
    return kind(
        known.name,
        known.capacity,
        known.kinds,
        known.parts,
        known.payloads,
        known.any_capacity,
    )


#: a wrong channel, and lemmas that have to fail
BROKEN_CHANNELS: tuple[tuple[type[ProjectedChannel], set[str]], ...] = (
    (
        ForgetsEarlierOnes,
        {"take: BITS behind others", "take: BITS from a run"},
    ),
    (RemembersTheLastOnly, {"put: BITS behind a run"}),
    (OthersDoNotTravel, {"take: BITS alone"}),
    (RunsEndSoon, {"take: BITS behind others", "take: BITS from a run"}),
    (OldestLacksC, {"take: BITS behind others", "take: BITS from a run"}),
    (LastInFront, {"take: BITS behind others", "take: BITS from a run"}),
    (NoHeadBehindOthers, {"take: BITS alone"}),
    (EveryHeadIsMine, {"take: BITS alone"}),
    (HoldsWhatIsKept, {"holds: BITS"}),
    (HoldsTheNextChunkOnly, {"holds_chunk: k", "holds_chunk: other"}),
    (EmptyHereIsEmptyChannel, {"is_empty: channel"}),
    (NeverEmptyChannel, {"channel: empty"}),
    (LosesTheFirst, {"lose_all"}),
    (RunsSideBySide, {"put: form"}),
    (AlwaysFits, {"take: START behind others", "holds: START"}),
    (FullBeforeItIs, {"has_room"}),
)
