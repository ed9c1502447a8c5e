# SPDX-License-Identifier: GPL-2.0-or-later
"""A disk of any size, seen through one of its granules.

``Projected`` follows one arbitrary granule c, which lies in chunk k, and
forgets all others.  The same model text then makes a machine that does at c
whatever the model of any disk does at c:

    set of granules       one bit: c is in it
    set of chunks         one bit: k is in it
    contents of a chunk   one bit: c is in them; none if the chunk is not k
    cursor                before k, at k or after k
    name of a chunk       none, k, or some other
    parameter             c, another granule of k, one elsewhere; k, or
                          another chunk
    limit on a number     open: it may or may not be kept

What depends on other granules is an unknown (``unknown``).  So the machine
may do more than any disk does, never less; the checker proves that.
"""

from __future__ import annotations

from typing import Final

from attrs import frozen

from model.language import expression as ex
from model.language.domain import NO_CHUNK, Chunk, Granule, Named
from model.language.expression import Expression
from model.language.unknown import elsewhere, open_question

MINE: Final = Chunk(0, "k")
OTHER: Final = Chunk(1, "other")
FOLLOWED: Final = Granule(0, MINE, "c")
NEIGHBOUR: Final = Granule(1, MINE, "neighbour")
ELSEWHERE: Final = Granule(2, OTHER, "elsewhere")

BEFORE, AT, AFTER = range(3)
NAME_MINE, NAME_OTHER = 1, 2
_POSITION_WIDTH = 2
_NAME_WIDTH = 2


def _position(code: int) -> Expression:
    return ex.constant(code, _POSITION_WIDTH)


@frozen
class Projected:
    """The domain that follows one granule of a disk of any size.

    ``any_channel``: forget how many messages fit the channel as well (see
    ``projected_channel``); else it is bounded as the model says.
    """

    any_channel: bool = True
    granules: tuple[Granule, ...] = (FOLLOWED, NEIGHBOUR, ELSEWHERE)
    chunks: tuple[Chunk, ...] = (MINE, OTHER)

    @property
    def set_width(self) -> int:
        return 1

    @property
    def chunk_set_width(self) -> int:
        return 1

    @property
    def contents_width(self) -> int:
        return 1

    @property
    def position_width(self) -> int:
        return _POSITION_WIDTH

    @property
    def position_limit(self) -> int:
        return AFTER

    @property
    def position_starts(self) -> tuple[int, ...]:
        """k is the first chunk, or it is not."""
        return (AT, BEFORE)

    @property
    def chunk_width(self) -> int:
        return _NAME_WIDTH

    @property
    def chunk_limit(self) -> int:
        return NAME_OTHER

    def granule_member(self, granule: Granule) -> Expression:
        return ex.constant(int(granule is FOLLOWED), 1)

    def chunk_member(self, chunk: Chunk) -> Expression:
        return ex.constant(int(chunk is MINE), 1)

    def has_granule(self, members: Expression, granule: Granule) -> Expression:
        if granule is FOLLOWED:
            return members
        return open_question(f"{granule} is in {members!r}")

    def has_chunk(self, members: Expression, chunk: Chunk) -> Expression:
        if chunk is MINE:
            return members
        return open_question(f"chunk {chunk} is in {members!r}")

    def is_empty(self, members: Expression) -> Expression:
        nothing_here = ex.complement(members)
        return ex.conjunction(
            nothing_here, elsewhere(f"nothing is in {members!r}")
        )

    def at_most(self, members: Expression, limit: int) -> Expression:
        """Open for any limit: it stands for every number at once."""
        few = limit.name if isinstance(limit, Named) else str(limit)
        return open_question(f"at most {few} are in {members!r}")

    def contents(self, members: Expression, chunk: Chunk) -> Expression:
        return members if chunk is MINE else ex.constant(0, 1)

    def with_contents(
        self, members: Expression, chunk: Chunk, contents: Expression
    ) -> Expression:
        return contents if chunk is MINE else members

    def chunks_with(self, members: Expression) -> Expression:
        neighbour = open_question(f"another granule of k is in {members!r}")
        return ex.disjunction(members, neighbour)

    def position_at(self, position: Expression, chunk: Chunk) -> Expression:
        at_mine = ex.equal(position, _position(AT))
        if chunk is MINE:
            return at_mine
        here = open_question(f"{position!r} is at that other chunk")
        return ex.conjunction(ex.complement(at_mine), here)

    def position_start(self) -> Expression:
        return ex.choice(
            open_question("k is the first chunk"),
            _position(AT),
            _position(BEFORE),
        )

    def position_past(self, position: Expression, chunk: Chunk) -> Expression:
        if chunk is MINE:
            return _position(AFTER)
        was_before = ex.equal(position, _position(BEFORE))
        reaches = open_question(f"{position!r} reaches k")
        return ex.choice(
            ex.conjunction(was_before, reaches), _position(AT), position
        )

    def position_at_end(self, position: Expression) -> Expression:
        after = ex.equal(position, _position(AFTER))
        last = open_question(f"no chunk is left for {position!r}")
        return ex.conjunction(after, last)

    def chunks_ahead(self, position: Expression) -> Expression:
        return ex.complement(ex.equal(position, _position(AFTER)))

    def chunk_code(self, chunk: Chunk) -> Expression:
        code = NAME_MINE if chunk is MINE else NAME_OTHER
        return ex.constant(code, _NAME_WIDTH)

    def names_chunk(self, name: Expression, chunk: Chunk) -> Expression:
        same_kind = ex.equal(name, self.chunk_code(chunk))
        if chunk is MINE:
            return same_kind
        this_one = open_question(f"{name!r} is that other chunk")
        return ex.conjunction(same_kind, this_one)

    def show_set(self, code: int) -> str:
        return "{c}" if code else "{}"

    def show_chunks(self, code: int) -> str:
        return "{k}" if code else "{}"

    def show_contents(self, code: int, name: int) -> str:
        return self.show_set(code)

    def show_position(self, code: int) -> str:
        return ("before k", "at k", "after k")[code]

    def show_name(self, code: int) -> str:
        return {NO_CHUNK: "-", NAME_MINE: str(MINE)}.get(code, str(OTHER))
