# SPDX-License-Identifier: GPL-2.0-or-later
"""Each operation of a small disk, alone, against its definition.

The lemmas speak of what the operations mean; that a disk of 1 to 64 granules
means it so is seen here, with sets of Python.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from model.language import Concrete
from model.language import expression as ex
from model.language.domain import Chunk
from model.language.expression import Expression
from model.language.terms import OPERATIONS

SIZES = [
    (chunks, granules)
    for chunks in range(1, 65)
    for granules in range(1, 65)
    if chunks * granules <= 64
    and (1 in (chunks, granules) or (chunks + granules) % 3 == 0)
]
TRIED = 12


def number(expression: Expression) -> int:
    """What a term of constants comes to."""
    assert expression.operator == "const"
    return expression.value


def code(members: set[int]) -> int:
    return sum(1 << one for one in members)


def granule_sets(disk: Concrete) -> Iterator[tuple[set[int], Expression]]:
    """None, all, each alone, and some at random."""
    chance = random.Random(disk.chunk_count * 100 + disk.granules_per_chunk)
    every = range(disk.set_width)
    some = [set(), set(every), *({one} for one in every)]
    some += [
        set(chance.sample(every, chance.randint(0, len(every)))) for _ in every
    ]
    for members in some[:TRIED] + some[-TRIED:]:
        yield members, ex.constant(code(members), disk.set_width)


def chunk_sets(disk: Concrete) -> Iterator[tuple[set[int], Expression]]:
    for members, _ in granule_sets(disk):
        of = {m // disk.granules_per_chunk for m in members}
        yield of, ex.constant(code(of), disk.chunk_set_width)


def positions(disk: Concrete) -> Iterator[tuple[int, Expression]]:
    for at in range(disk.chunk_count + 1):
        yield at, ex.constant(at, disk.position_width)


def inside(disk: Concrete, chunk: Chunk) -> range:
    first = chunk.index * disk.granules_per_chunk
    return range(first, first + disk.granules_per_chunk)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_sets_of_granules(size: tuple[int, int]) -> None:
    disk = Concrete(*size)
    width = disk.contents_width
    for granule in disk.granules:
        alone = number(disk.granule_member(granule))
        assert alone == code({granule.index})
        assert granule.index in inside(disk, granule.chunk)
    for members, term in granule_sets(disk):
        assert number(disk.is_empty(term)) == (not members)
        for limit in (0, 1, 2, len(members), size[0] * size[1]):
            few = len(members) <= limit
            assert number(disk.at_most(term, limit)) == few
        for granule in disk.granules:
            there = granule.index in members
            assert number(disk.has_granule(term, granule)) == there
        touched = {m // size[1] for m in members}
        assert number(disk.chunks_with(term)) == code(touched)
        for chunk in disk.chunks:
            here = inside(disk, chunk)
            part = {m - here[0] for m in members & set(here)}
            assert number(disk.contents(term, chunk)) == code(part)
            for new in (set(), set(range(width)), {width - 1}):
                made = disk.with_contents(
                    term, chunk, ex.constant(code(new), width)
                )
                rest = members - set(here)
                whole = rest | {here[0] + one for one in new}
                assert number(made) == code(whole)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_sets_of_chunks(size: tuple[int, int]) -> None:
    disk = Concrete(*size)
    for chunk in disk.chunks:
        assert number(disk.chunk_member(chunk)) == code({chunk.index})
    for members, term in chunk_sets(disk):
        assert number(disk.is_empty(term)) == (not members)
        for limit in (0, 1, 2, len(members), size[0]):
            few = len(members) <= limit
            assert number(disk.at_most(term, limit)) == few
        for chunk in disk.chunks:
            there = chunk.index in members
            assert number(disk.has_chunk(term, chunk)) == there


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_cursors_and_names(size: tuple[int, int]) -> None:
    disk = Concrete(*size)
    assert number(disk.position_start()) == 0
    assert disk.position_starts == (0,)
    assert disk.position_limit == disk.chunk_count
    for at, term in positions(disk):
        assert number(disk.position_at_end(term)) == (at == size[0])
        ahead = {c.index for c in disk.chunks if c.index >= at}
        assert number(disk.chunks_ahead(term)) == code(ahead)
        for chunk in disk.chunks:
            here = at == chunk.index
            assert number(disk.position_at(term, chunk)) == here
            past = number(disk.position_past(term, chunk))
            assert past == chunk.index + 1
    codes = [number(disk.chunk_code(chunk)) for chunk in disk.chunks]
    assert len({0, *codes}) == size[0] + 1
    assert max(codes) == disk.chunk_limit
    for chunk in disk.chunks:
        for named in (0, *codes):
            term = ex.constant(named, disk.chunk_width)
            same = named == codes[chunk.index]
            assert number(disk.names_chunk(term, chunk)) == same


def test_no_operation_is_left_out() -> None:
    """All that a term may ask a disk is asked above."""
    with open(__file__, encoding="utf-8") as file:
        text = file.read()
    of_disk = [n for n in OPERATIONS if hasattr(Concrete, n)]
    assert len(of_disk) == 16
    for name in of_disk:
        assert f"disk.{name}(" in text
