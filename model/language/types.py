# SPDX-License-Identifier: GPL-2.0-or-later
"""The types of the language: what a field may hold and how people read it.

A type knows its width in bits, the codes it uses, how to encode a Python
literal, and how to show a code.  Two types are equal if values may be mixed:
the same enumeration, sets of the same disk.  Codes are dense from 0, and 0 is
what a field holds when it means nothing; ``is_valid`` states the range as a
type invariant.
"""

from __future__ import annotations

import enum
from typing import Any, Generic, Protocol, TypeVar

from attrs import field, frozen

from model.language import expression as ex
from model.language.domain import NO_CHUNK, Chunk, Domain
from model.language.errors import ModelError, described
from model.language.expression import Expression

MAX_COUNT = 1 << 32
Member = TypeVar("Member", bound=enum.Enum)


class Type(Protocol):
    """What every type offers."""

    @property
    def width(self) -> int:
        """Bits that a value of this type takes."""
        ...

    def encode(self, literal: Any, where: str) -> int:
        """Code of a Python literal; ModelError naming ``where`` if none."""
        ...

    def show(self, code: int) -> str:
        """A code as people write it."""
        ...

    def is_valid(self, value: Expression) -> Expression:
        """Type invariant: whether ``value`` is a code in use."""
        ...


def _reject(where: str, kind: object, literal: object, allowed: str) -> Any:
    raise ModelError(
        f"{where} is {kind}: {described(literal)} is not {allowed}"
    )


def alike(one: type[enum.Enum], other: type[enum.Enum]) -> bool:
    """Whether two enumerations have one name and the same members.

    A machine's enumerations are made of data, the vocabulary's are not.
    """
    if one is other:
        return True
    members = [[(m.name, m.value) for m in kind] for kind in (one, other)]
    return one.__name__ == other.__name__ and members[0] == members[1]


def _below(value: Expression, last: int) -> Expression:
    if last == ex.ones(value.width):
        return ex.TRUE
    return ex.less(value, ex.constant(last + 1, value.width))


@frozen
class FlagType:
    """Yes or no."""

    @property
    def width(self) -> int:
        return 1

    def encode(self, literal: Any, where: str) -> int:
        if not isinstance(literal, bool):
            _reject(where, self, literal, "True or False")
        return int(literal)

    def show(self, code: int) -> str:
        return "yes" if code else "no"

    def is_valid(self, value: Expression) -> Expression:
        return ex.TRUE

    def __str__(self) -> str:
        return "a flag"


@frozen
class EnumType(Generic[Member]):
    """One member of a Python enumeration; the values are what is shown."""

    members: type[Member]

    @property
    def width(self) -> int:
        return max(1, (len(self.members) - 1).bit_length())

    def encode(self, literal: Any, where: str) -> int:
        if not isinstance(literal, enum.Enum) or not alike(
            type(literal), self.members
        ):
            name = self.members.__name__
            _reject(where, self, literal, f"a member of {name}")
        return [m.name for m in self.members].index(literal.name)

    def member(self, code: int) -> Member:
        """The member with this code."""
        return list(self.members)[code]

    def show(self, code: int) -> str:
        if code >= len(self.members):
            return "?"
        return str(self.member(code).value)

    def is_valid(self, value: Expression) -> Expression:
        return _below(value, len(self.members) - 1)

    def __str__(self) -> str:
        return f"a {self.members.__name__}"


@frozen
class CounterType:
    """A number from 0 to ``limit``."""

    limit: int = field()

    def __attrs_post_init__(self) -> None:
        if not 1 <= self.limit <= MAX_COUNT:
            raise ModelError(
                f"a counter's limit is {self.limit}, allowed are 1 to "
                f"{MAX_COUNT}"
            )

    @property
    def width(self) -> int:
        return self.limit.bit_length()

    def encode(self, literal: Any, where: str) -> int:
        whole = isinstance(literal, int) and not isinstance(literal, bool)
        if not whole or not 0 <= literal <= self.limit:
            _reject(where, self, literal, "in range")
        return int(literal)

    def show(self, code: int) -> str:
        return str(code)

    def is_valid(self, value: Expression) -> Expression:
        return _below(value, self.limit)

    def __str__(self) -> str:
        return f"a counter from 0 to {self.limit}"


@frozen(eq=False)
class Disk:
    """One disk; sets of two disks never mix."""

    name: str
    domain: Domain


@frozen
class _OfDisk:
    disk: Disk


@frozen
class _SetType(_OfDisk):
    """What the three kinds of sets have in common: any bits may be set."""

    def encode(self, literal: Any, where: str) -> int:
        if literal != frozenset():
            _reject(where, self, literal, "a value of this type")
        return 0

    def is_valid(self, value: Expression) -> Expression:
        return ex.TRUE


@frozen
class GranuleSetType(_SetType):
    """A set of granules of ``disk``."""

    @property
    def width(self) -> int:
        return self.disk.domain.set_width

    def show(self, code: int) -> str:
        return self.disk.domain.show_set(code)

    def __str__(self) -> str:
        return f"a set of granules of {self.disk.name}"


@frozen
class ChunkSetType(_SetType):
    """A set of chunks of ``disk``."""

    @property
    def width(self) -> int:
        return self.disk.domain.chunk_set_width

    def show(self, code: int) -> str:
        return self.disk.domain.show_chunks(code)

    def __str__(self) -> str:
        return f"a set of chunks of {self.disk.name}"


@frozen
class ContentsType(_SetType):
    """The granules of one chunk of ``disk``."""

    @property
    def width(self) -> int:
        return self.disk.domain.contents_width

    def show(self, code: int) -> str:
        return self.disk.domain.show_contents(code, NO_CHUNK)

    def __str__(self) -> str:
        return f"the contents of a chunk of {self.disk.name}"


@frozen
class CursorType(_OfDisk):
    """A position among the chunks of ``disk``; 0 is its first chunk."""

    @property
    def width(self) -> int:
        return self.disk.domain.position_width

    def encode(self, literal: Any, where: str) -> int:
        if literal != 0 or isinstance(literal, bool):
            _reject(where, self, literal, "0, the start")
        return self.disk.domain.position_starts[0]

    def show(self, code: int) -> str:
        return self.disk.domain.show_position(code)

    def is_valid(self, value: Expression) -> Expression:
        return _below(value, self.disk.domain.position_limit)

    def __str__(self) -> str:
        return f"a cursor over {self.disk.name}"


@frozen
class NameType(_OfDisk):
    """The name of one chunk of ``disk``, or of none."""

    @property
    def width(self) -> int:
        return self.disk.domain.chunk_width

    def encode(self, literal: Any, where: str) -> int:
        if literal is None:
            return NO_CHUNK
        if not isinstance(literal, Chunk):
            _reject(where, self, literal, "a chunk or None")
        return self.disk.domain.chunk_code(literal).value

    def show(self, code: int) -> str:
        return self.disk.domain.show_name(code)

    def is_valid(self, value: Expression) -> Expression:
        return _below(value, self.disk.domain.chunk_limit)

    def __str__(self) -> str:
        return f"the name of a chunk of {self.disk.name}"
