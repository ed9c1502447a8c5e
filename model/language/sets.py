# SPDX-License-Identifier: GPL-2.0-or-later
"""Typed values that speak of granules and chunks: sets, cursors, names.

Each operator asks the disk's domain what it means there; nothing in this file
counts bits.
"""

from __future__ import annotations

from typing import Any, Self, TypeVar

from model.language import expression as ex
from model.language.domain import Chunk, Granule
from model.language.errors import ModelError, described
from model.language.tokens import ChunkToken, Limit, shown
from model.language.types import (
    ChunkSetType,
    ContentsType,
    CursorType,
    Disk,
    GranuleSetType,
    NameType,
)
from model.language.values import Flag, Value, check_flag, flag

AnyType = TypeVar(
    "AnyType", bound=ContentsType | ChunkSetType | GranuleSetType
)


def _term(members: Value[AnyType]) -> str:
    """The text of a set as a term of a larger one."""
    joined = any(f" {op} " in members.text for op in "|&-")
    return f"({members.text})" if joined else members.text


class _Members(Value[AnyType]):
    """What sets of granules, sets of chunks and contents have in common."""

    def __or__(self, other: Self) -> Self:
        right = self._operand(other)
        return self._with(
            ex.disjunction(self.expression, right.expression),
            f"{_term(self)} | {_term(right)}",
        )

    def __and__(self, other: Self) -> Self:
        right = self._operand(other)
        return self._with(
            ex.conjunction(self.expression, right.expression),
            f"{_term(self)} & {_term(right)}",
        )

    def __sub__(self, other: Self) -> Self:
        right = self._operand(other)
        return self._with(
            ex.conjunction(self.expression, ex.complement(right.expression)),
            f"{_term(self)} - {_term(right)}",
        )

    def __le__(self, other: Self) -> Flag:
        """Whether every member of this is a member of ``other``."""
        missing = self - other
        domain = self.type.disk.domain
        return flag(
            domain.is_empty(missing.expression),
            f"{self.text} within {self._operand(other).text}",
        )

    def only_if(self, condition: Flag) -> Self:
        """This where ``condition`` is true, else the empty set."""
        check_flag(condition)
        nothing = ex.constant(0, self.expression.width)
        return self._with(
            ex.choice(condition.expression, self.expression, nothing),
            "{}"
            if condition.expression is ex.FALSE
            else f"{self.text} if {condition.text}",
        )


def _at_most(
    members: Value[AnyType], limit: int | Limit | None, what: str
) -> Flag:
    domain: Any = members.type.disk.domain
    few = ex.TRUE
    if limit is not None:
        few = domain.at_most(members.expression, limit)
    return flag(few, f"{members.text} has at most {shown(limit)} {what}")


class GranuleSet(_Members[GranuleSetType]):
    """A set of granules of one disk."""

    def is_empty(self) -> Flag:
        """Whether the set has no member."""
        domain = self.type.disk.domain
        return flag(domain.is_empty(self.expression), f"{self.text} is empty")

    def at_most(self, limit: int | Limit | None) -> Flag:
        """Whether it has at most ``limit`` members; None: there is none."""
        return _at_most(self, limit, "granules")

    def contains(self, granule: Granule) -> Flag:
        """Whether ``granule`` is a member."""
        domain = self.type.disk.domain
        return flag(
            domain.has_granule(self.expression, granule),
            f"{shown(granule)} in {self.text}",
        )

    def chunks(self) -> ChunkSet:
        """The chunks in which this set has a member."""
        disk = self.type.disk
        return ChunkSet(
            ChunkSetType(disk),
            disk.domain.chunks_with(self.expression),
            f"chunks of {self.text}",
        )

    def contents(self, chunk: Chunk) -> Contents:
        """The part of this set that lies in ``chunk``."""
        disk = self.type.disk
        return Contents(
            ContentsType(disk),
            disk.domain.contents(self.expression, chunk),
            f"{self.text} in chunk {shown(chunk)}",
        )

    def with_contents(self, chunk: Chunk, contents: Contents) -> GranuleSet:
        """This set with its part in ``chunk`` replaced by ``contents``."""
        disk = self.type.disk
        if not isinstance(contents, Contents):
            raise ModelError(
                f"{described(contents)} is no contents of a chunk"
            )
        if contents.type.disk is not disk:
            raise ModelError(
                f"'{self.text}' is of disk {disk.name}, '{contents.text}' of "
                f"disk {contents.type.disk.name}: sets of different disks"
            )
        return self._with(
            disk.domain.with_contents(
                self.expression, chunk, contents.expression
            ),
            f"{self.text} with chunk {shown(chunk)} = {contents.text}",
        )


class ChunkSet(_Members[ChunkSetType]):
    """A set of chunks of one disk."""

    def is_empty(self) -> Flag:
        """Whether the set has no member."""
        domain = self.type.disk.domain
        return flag(domain.is_empty(self.expression), f"{self.text} is empty")

    def at_most(self, limit: int | Limit | None) -> Flag:
        """Whether it has at most ``limit`` members; None: there is none."""
        return _at_most(self, limit, "chunks")

    def contains(self, chunk: Chunk) -> Flag:
        """Whether ``chunk`` is a member."""
        domain = self.type.disk.domain
        return flag(
            domain.has_chunk(self.expression, chunk),
            f"chunk {shown(chunk)} in {self.text}",
        )


class Contents(_Members[ContentsType]):
    """The granules of one chunk, as a message carries them."""


class Cursor(Value[CursorType]):
    """A position among the chunks of a disk, or the end."""

    def at(self, chunk: Chunk) -> Flag:
        """Whether the next chunk is ``chunk``."""
        domain = self.type.disk.domain
        return flag(
            domain.position_at(self.expression, chunk),
            f"{self.text} is at chunk {shown(chunk)}",
        )

    def at_end(self) -> Flag:
        """Whether every chunk was passed."""
        domain = self.type.disk.domain
        return flag(
            domain.position_at_end(self.expression), f"{self.text} is at end"
        )

    def ahead(self) -> ChunkSet:
        """The chunks that were not passed."""
        disk = self.type.disk
        return ChunkSet(
            ChunkSetType(disk),
            disk.domain.chunks_ahead(self.expression),
            f"chunks ahead of {self.text}",
        )

    def past(self, chunk: Chunk) -> Cursor:
        """The position after ``chunk``, where this cursor stands."""
        domain = self.type.disk.domain
        return self._with(
            domain.position_past(self.expression, chunk),
            f"past chunk {shown(chunk)}",
        )

    def _stored(self, value: Any) -> Cursor:
        stored = self._operand(value)
        if isinstance(value, Value):
            return stored
        return self._with(self.type.disk.domain.position_start(), stored.text)


class ChunkName(Value[NameType]):
    """The name of a chunk, as a message carries it."""

    def _operand(self, other: Any) -> Self:
        if isinstance(other, ChunkToken):
            domain: Any = self.type.disk.domain
            return self._with(domain.chunk_code(other), shown(other))
        return super()._operand(other)

    def is_(self, chunk: Chunk) -> Flag:
        """Whether this names ``chunk``."""
        domain = self.type.disk.domain
        return flag(
            domain.names_chunk(self.expression, chunk),
            f"{self.text} is chunk {shown(chunk)}",
        )


def single(disk: Disk, granule: Granule) -> GranuleSet:
    """The set that holds just ``granule``."""
    one = disk.domain.granule_member(granule)
    return GranuleSet(GranuleSetType(disk), one, f"{{{shown(granule)}}}")


def every_granule(disk: Disk) -> GranuleSet:
    """The set of all granules of ``disk``."""
    kind = GranuleSetType(disk)
    full = ex.constant(ex.ones(kind.width), kind.width)
    return GranuleSet(kind, full, "every granule")


def chunk_alone(disk: Disk, chunk: Chunk) -> ChunkSet:
    """The set that holds just ``chunk``."""
    one = disk.domain.chunk_member(chunk)
    return ChunkSet(ChunkSetType(disk), one, f"{{chunk {shown(chunk)}}}")


def every_chunk(disk: Disk) -> ChunkSet:
    """The set of all chunks of ``disk``."""
    kind = ChunkSetType(disk)
    full = ex.constant(ex.ones(kind.width), kind.width)
    return ChunkSet(kind, full, "every chunk")
