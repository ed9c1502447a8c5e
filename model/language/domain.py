# SPDX-License-Identifier: GPL-2.0-or-later
"""What a set of granules is made of: the domain a model is built against.

The model says "the granules of this chunk", "past this chunk", "no granule is
left".  What those words cost in bits is the business of the domain and of
nobody else.  ``Concrete`` gives one bit to every granule of a small disk and
a number to every position.  A domain that follows one arbitrary granule of a
disk of any size answers the same questions with one bit; for it, a parameter
of an action is "mine" or "some other".  That is why the model asks for

* ``granules`` and ``chunks``: what an action's parameter ranges over,
* ``is_empty``, ``contents``, ``past`` and so on: never for a number of bits.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from attrs import field, frozen

from model.language import expression as ex
from model.language.errors import ModelError
from model.language.expression import Expression

MAX_GRANULES = 4096
NO_CHUNK = 0  # what a chunk's name holds where it names none


@frozen
class Chunk:
    """One chunk of a disk, as a parameter of an action."""

    index: int
    label: str

    def __str__(self) -> str:
        return self.label


@frozen
class Granule:
    """One granule of a disk, as a parameter of an action."""

    index: int
    chunk: Chunk
    label: str

    def __str__(self) -> str:
        return self.label


class Named(int):
    """A number that the options call ``name``.

    A domain that forgets the number still knows which one it was.
    """

    name: str

    def __new__(cls, number: int, name: str) -> Named:
        made = super().__new__(cls, number)
        made.name = name
        return made


class Domain(Protocol):
    """What the typed values ask of a domain.

    ``set_width``, ``chunk_set_width``, ``contents_width``, ``position_width``
    and ``chunk_width`` are widths in bits; ``position_limit`` and
    ``chunk_limit`` are the greatest code in use; ``position_starts`` are the
    codes that a cursor may begin with.
    """

    @property
    def granules(self) -> tuple[Granule, ...]: ...
    @property
    def chunks(self) -> tuple[Chunk, ...]: ...
    @property
    def set_width(self) -> int: ...
    @property
    def chunk_set_width(self) -> int: ...
    @property
    def contents_width(self) -> int: ...
    @property
    def position_width(self) -> int: ...
    @property
    def position_limit(self) -> int: ...
    @property
    def position_starts(self) -> tuple[int, ...]: ...
    @property
    def chunk_width(self) -> int: ...
    @property
    def chunk_limit(self) -> int: ...

    def granule_member(self, granule: Granule) -> Expression:
        """The set that holds just ``granule``."""
        ...

    def chunk_member(self, chunk: Chunk) -> Expression:
        """The set of chunks that holds just ``chunk``."""
        ...

    def has_granule(self, members: Expression, granule: Granule) -> Expression:
        """Whether ``granule`` is in a set of granules."""
        ...

    def has_chunk(self, members: Expression, chunk: Chunk) -> Expression:
        """Whether ``chunk`` is in a set of chunks."""
        ...

    def is_empty(self, members: Expression) -> Expression:
        """Whether a set (of granules or of chunks) has no member."""
        ...

    def at_most(self, members: Expression, limit: int) -> Expression:
        """Whether a set has no more than ``limit`` members."""
        ...

    def contents(self, members: Expression, chunk: Chunk) -> Expression:
        """The part of a set of granules that lies in ``chunk``."""
        ...

    def with_contents(
        self, members: Expression, chunk: Chunk, contents: Expression
    ) -> Expression:
        """The set with the part in ``chunk`` replaced by ``contents``."""
        ...

    def chunks_with(self, members: Expression) -> Expression:
        """The chunks in which a set of granules has a member."""
        ...

    def position_at(self, position: Expression, chunk: Chunk) -> Expression:
        """Whether a cursor stands at ``chunk``."""
        ...

    def position_start(self) -> Expression:
        """The position at the first chunk."""
        ...

    def position_past(self, position: Expression, chunk: Chunk) -> Expression:
        """Where a cursor stands that stood at ``chunk`` and passed it."""
        ...

    def position_at_end(self, position: Expression) -> Expression:
        """Whether a cursor has passed the last chunk."""
        ...

    def chunks_ahead(self, position: Expression) -> Expression:
        """The chunks that a cursor has not passed."""
        ...

    def chunk_code(self, chunk: Chunk) -> Expression:
        """What a message that names ``chunk`` carries."""
        ...

    def names_chunk(self, name: Expression, chunk: Chunk) -> Expression:
        """Whether ``name`` is that of ``chunk``."""
        ...

    def show_set(self, code: int) -> str:
        """A set of granules as people write it."""
        ...

    def show_chunks(self, code: int) -> str:
        """A set of chunks as people write it."""
        ...

    def show_contents(self, code: int, name: int) -> str:
        """The granules of the chunk called ``name`` as people write them."""
        ...

    def show_position(self, code: int) -> str:
        """A cursor as people write it."""
        ...

    def show_name(self, code: int) -> str:
        """The name of a chunk as people write it."""
        ...


def _check_size(what: str, value: int) -> None:
    if not 1 <= value <= MAX_GRANULES:
        raise ModelError(f"{what} is {value}, allowed are 1 to {MAX_GRANULES}")


@frozen
class Concrete:
    """A small disk: ``chunks`` chunks of ``granules_per_chunk`` granules.

    A set of granules is a vector with one bit per granule, granule 0 in the
    lowest bit; a cursor is the number of the chunk it stands at, and the
    number of chunks when it is past the last one.
    """

    chunk_count: int = field()
    granules_per_chunk: int = field()
    chunks: tuple[Chunk, ...] = field(init=False)
    granules: tuple[Granule, ...] = field(init=False)

    def __attrs_post_init__(self) -> None:
        _check_size("chunks", self.chunk_count)
        _check_size("granules per chunk", self.granules_per_chunk)
        _check_size("the number of granules", self.set_width)
        chunks = tuple(Chunk(i, str(i)) for i in range(self.chunk_count))
        granules = tuple(
            Granule(i, chunks[i // self.granules_per_chunk], str(i))
            for i in range(self.set_width)
        )
        object.__setattr__(self, "chunks", chunks)
        object.__setattr__(self, "granules", granules)

    @property
    def set_width(self) -> int:
        return self.chunk_count * self.granules_per_chunk

    @property
    def chunk_set_width(self) -> int:
        return self.chunk_count

    @property
    def contents_width(self) -> int:
        return self.granules_per_chunk

    @property
    def position_width(self) -> int:
        return self.position_limit.bit_length()

    @property
    def position_limit(self) -> int:
        return self.chunk_count

    @property
    def chunk_width(self) -> int:
        return self.chunk_limit.bit_length()

    @property
    def chunk_limit(self) -> int:
        return self.chunk_count

    @property
    def position_starts(self) -> tuple[int, ...]:
        return (0,)

    def granule_member(self, granule: Granule) -> Expression:
        return ex.constant(1 << granule.index, self.set_width)

    def chunk_member(self, chunk: Chunk) -> Expression:
        return ex.constant(1 << chunk.index, self.chunk_set_width)

    def has_granule(self, members: Expression, granule: Granule) -> Expression:
        return _includes(members, self.granule_member(granule))

    def has_chunk(self, members: Expression, chunk: Chunk) -> Expression:
        return _includes(members, self.chunk_member(chunk))

    def is_empty(self, members: Expression) -> Expression:
        return ex.equal(members, ex.constant(0, members.width))

    def at_most(self, members: Expression, limit: int) -> Expression:
        if limit == 0:
            return self.is_empty(members)
        if limit >= members.width:
            return ex.TRUE
        size = ex.count(members)
        return ex.less(size, ex.constant(limit + 1, size.width))

    def contents(self, members: Expression, chunk: Chunk) -> Expression:
        first = chunk.index * self.granules_per_chunk
        return ex.bits_of(members, first, self.granules_per_chunk)

    def with_contents(
        self, members: Expression, chunk: Chunk, contents: Expression
    ) -> Expression:
        first = chunk.index * self.granules_per_chunk
        inside = ex.constant(
            ex.ones(self.granules_per_chunk) << first, self.set_width
        )
        outside = ex.conjunction(members, ex.complement(inside))
        return ex.disjunction(
            outside, ex.placed(contents, first, self.set_width)
        )

    def chunks_with(self, members: Expression) -> Expression:
        result = ex.constant(0, self.chunk_set_width)
        for chunk in self.chunks:
            empty = self.is_empty(self.contents(members, chunk))
            here = ex.placed(
                ex.complement(empty), chunk.index, self.chunk_set_width
            )
            result = ex.disjunction(result, here)
        return result

    def position_at(self, position: Expression, chunk: Chunk) -> Expression:
        return ex.equal(
            position, ex.constant(chunk.index, self.position_width)
        )

    def position_start(self) -> Expression:
        return ex.constant(0, self.position_width)

    def position_past(self, position: Expression, chunk: Chunk) -> Expression:
        return ex.constant(chunk.index + 1, self.position_width)

    def position_at_end(self, position: Expression) -> Expression:
        end = ex.constant(self.position_limit, self.position_width)
        return ex.equal(position, end)

    def chunks_ahead(self, position: Expression) -> Expression:
        result = ex.constant(0, self.chunk_set_width)
        for chunk in self.chunks:
            here = ex.constant(chunk.index, self.position_width)
            passed = ex.less(here, position)
            ahead = ex.choice(
                passed,
                ex.constant(0, self.chunk_set_width),
                self.chunk_member(chunk),
            )
            result = ex.disjunction(result, ahead)
        return result

    def chunk_code(self, chunk: Chunk) -> Expression:
        return ex.constant(chunk.index + 1, self.chunk_width)

    def names_chunk(self, name: Expression, chunk: Chunk) -> Expression:
        return ex.equal(name, self.chunk_code(chunk))

    def show_set(self, code: int) -> str:
        return _braces(i for i in range(self.set_width) if code >> i & 1)

    def show_chunks(self, code: int) -> str:
        return _braces(i for i in range(self.chunk_count) if code >> i & 1)

    def show_contents(self, code: int, name: int) -> str:
        first = max(0, name - 1) * self.granules_per_chunk
        return self.show_set(code << first)

    def show_position(self, code: int) -> str:
        return "end" if code == self.chunk_count else f"chunk {code}"

    def show_name(self, code: int) -> str:
        return "-" if code == NO_CHUNK else str(code - 1)


def _includes(members: Expression, one: Expression) -> Expression:
    return ex.equal(ex.conjunction(members, one), one)


def _braces(members: Iterable[int]) -> str:
    return "{" + ",".join(str(m) for m in members) + "}"
