# SPDX-License-Identifier: GPL-2.0-or-later
"""A disk of which nothing is known: what a model text is run against.

A text is run once, before there is a size.  What it asks of a set or of a
cursor stays a named question (``ask``), and a chunk or granule is a token,
the parameter of one action.  So what it makes is one finite term for disks of
every size, a *schema*; ``instance`` reads it in a domain.  Whatever else the
text does in Python, it did it before there was a size, for all sizes alike.

The width of such a term is no number of bits; it says which sort it is of.
"""

from __future__ import annotations

import enum
from typing import Any, Final

from attrs import field, frozen

from model.language import expression as ex
from model.language.errors import ModelError, described
from model.language.expression import Expression
from model.language.tokens import (
    CHUNKS,
    GRANULES,
    ChunkToken,
    Every,
    GranuleToken,
    Limit,
    Token,
    key_of,
)


class Sort(enum.IntEnum):
    """What stands in place of a width; no real one is as large as these."""

    GRANULES = 10_007
    CHUNKS = 10_009
    CONTENTS = 10_037
    POSITION = 10_039
    NAME = 10_061
    CHANNEL = 10_067
    TALLY = 10_069


SORTS: Final = {int(s): s for s in Sort}
SETS: Final = frozenset({Sort.GRANULES, Sort.CHUNKS, Sort.CONTENTS})
#: what parts the name of an operation from what it is asked about
OF: Final = "|"


def ask(
    operation: str, width: int, *operands: Expression, of: object = None
) -> Expression:
    """The answer to a question about ``operands`` and the token ``of``."""
    about = key_of(of) if isinstance(of, Token) else of
    name = operation if about is None else f"{operation}{OF}{about}"
    return ex.asked(name, int(width), operands)


def asked(node: Expression) -> tuple[str, str]:
    """The operation that a question names, and what it is about or ''."""
    operation, _, of = node.name.partition(OF)
    return operation, of


def _chunk(given: object) -> ChunkToken:
    if not isinstance(given, ChunkToken):
        raise ModelError(f"{type(given).__name__} is no chunk of the disk")
    return given


def _granule(given: object) -> GranuleToken:
    if not isinstance(given, GranuleToken):
        raise ModelError(f"{type(given).__name__} is no granule of the disk")
    return given


def _all_chunks() -> Any:
    return Every(CHUNKS)


def _all_granules() -> Any:
    return Every(GRANULES)


@frozen
class Schematic:
    """The domain of which no size is known."""

    granules: Any = field(factory=_all_granules, eq=False)
    chunks: Any = field(factory=_all_chunks, eq=False)
    set_width: int = int(Sort.GRANULES)
    chunk_set_width: int = int(Sort.CHUNKS)
    contents_width: int = int(Sort.CONTENTS)
    position_width: int = int(Sort.POSITION)
    position_limit: int = ex.ones(int(Sort.POSITION))
    position_starts: tuple[int, ...] = (0,)
    chunk_width: int = int(Sort.NAME)
    chunk_limit: int = ex.ones(int(Sort.NAME))

    def granule_member(self, granule: Any) -> Expression:
        return ask("granule_member", Sort.GRANULES, of=_granule(granule))

    def chunk_member(self, chunk: Any) -> Expression:
        return ask("chunk_member", Sort.CHUNKS, of=_chunk(chunk))

    def has_granule(self, members: Expression, granule: Any) -> Expression:
        return ask("has_granule", 1, members, of=_granule(granule))

    def has_chunk(self, members: Expression, chunk: Any) -> Expression:
        return ask("has_chunk", 1, members, of=_chunk(chunk))

    def is_empty(self, members: Expression) -> Expression:
        return ask("is_empty", 1, members)

    def at_most(self, members: Expression, limit: Any) -> Expression:
        if not isinstance(limit, Limit):
            plain = isinstance(limit, int) and not isinstance(limit, bool)
            if not plain or limit < 0:
                raise ModelError(f"{described(limit)} is no limit on a number")
        return ask("at_most", 1, members, of=limit)

    def contents(self, members: Expression, chunk: Any) -> Expression:
        return ask("contents", Sort.CONTENTS, members, of=_chunk(chunk))

    def with_contents(
        self, members: Expression, chunk: Any, contents: Expression
    ) -> Expression:
        about = _chunk(chunk)
        both = (members, contents)
        return ask("with_contents", Sort.GRANULES, *both, of=about)

    def chunks_with(self, members: Expression) -> Expression:
        return ask("chunks_with", Sort.CHUNKS, members)

    def position_at(self, position: Expression, chunk: Any) -> Expression:
        return ask("position_at", 1, position, of=_chunk(chunk))

    def position_start(self) -> Expression:
        return ask("position_start", Sort.POSITION)

    def position_past(self, position: Expression, chunk: Any) -> Expression:
        return ask("position_past", Sort.POSITION, position, of=_chunk(chunk))

    def position_at_end(self, position: Expression) -> Expression:
        return ask("position_at_end", 1, position)

    def chunks_ahead(self, position: Expression) -> Expression:
        return ask("chunks_ahead", Sort.CHUNKS, position)

    def chunk_code(self, chunk: Any) -> Expression:
        return ask("chunk_code", Sort.NAME, of=_chunk(chunk))

    def names_chunk(self, name: Expression, chunk: Any) -> Expression:
        return ask("names_chunk", 1, name, of=_chunk(chunk))

    def show_set(self, code: int) -> str:
        return "{}" if code == 0 else "every"

    def show_chunks(self, code: int) -> str:
        return self.show_set(code)

    def show_contents(self, code: int, name: int) -> str:
        return self.show_set(code)

    def show_position(self, code: int) -> str:
        return "chunk 0"

    def show_name(self, code: int) -> str:
        return "-"
