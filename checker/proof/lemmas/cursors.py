# SPDX-License-Identifier: GPL-2.0-or-later
"""Lemmas on cursors, names of chunks and indices, for a disk of any size.

Like those on sets: what an operation means on a disk, seen from the granule
that is followed, is among the values of the domain's own expression.
"""

from __future__ import annotations

from collections.abc import Iterator

import z3

from checker.proof.lemmas.terms import (
    CHUNK_PARAMETERS,
    CHUNKS,
    DISK,
    SIZE,
    K,
    Lemma,
    among,
    in_disk,
    is_position,
    seen_name,
    seen_position,
)
from model.language import expression as ex
from model.language.domain import NO_CHUNK
from model.language.projected import Projected
from model.language.sets import ChunkName, Cursor
from model.language.types import CursorType, Disk, NameType


def position_lemmas(domain: Projected) -> Iterator[Lemma]:
    """Yield all lemmas about the cursors and names of one domain."""
    disk = Disk("disk", domain)
    yield from _cursors(disk)
    yield from _names(disk)


def _cursors(disk: Disk) -> Iterator[Lemma]:
    domain, p = disk.domain, z3.Int("p")
    width = domain.position_width
    cursor = Cursor(CursorType(disk), ex.field_value("A", width), "A")
    fields = {"A": seen_position(p, width)}
    stands = z3.And(DISK, is_position(p))
    for parameter, (chunk, known) in CHUNK_PARAMETERS.items():
        yield among(
            f"position_at: {parameter}",
            f"Whether a cursor is at the chunk '{parameter}' is an answer.",
            z3.And(stands, known),
            [(cursor.at(parameter).expression, p == chunk)],
            fields,
        )
        # one instance asks both, and its answers have to fit both
        told = [
            (cursor.at(parameter).expression, z3.BoolVal(True)),
            (
                cursor.past(parameter).expression,
                seen_position(chunk + 1, width),
            ),
        ]
        yield among(
            f"position_past: {parameter}",
            f"Where a cursor stands that was at '{parameter}' and passed it.",
            z3.And(stands, known, p == chunk),
            told,
            fields,
        )
    first = seen_position(z3.IntVal(0), width)
    yield among(
        "position_start",
        "Where a cursor stands that is put at the first chunk.",
        stands,
        [(cursor.becomes(0).expression, first)],
        fields,
    )
    yield Lemma(
        "position_starts",
        "Where a cursor stands at first is one of the initial positions.",
        DISK,
        z3.Or(
            [first == z3.BitVecVal(n, width) for n in domain.position_starts]
        ),
    )
    yield Lemma(
        "position_limit",
        "Every position of a cursor is seen as a code in use.",
        stands,
        z3.ULE(fields["A"], z3.BitVecVal(domain.position_limit, width)),
    )
    yield among(
        "position_at_end",
        "Whether a cursor has passed the last chunk is an answer.",
        stands,
        [(cursor.at_end().expression, p == CHUNKS)],
        fields,
    )
    yield among(
        "chunks_ahead",
        "What is seen of the set of the chunks that were not passed.",
        stands,
        [(cursor.ahead().expression, p <= K)],
        fields,
    )


def _names(disk: Disk) -> Iterator[Lemma]:
    domain, n = disk.domain, z3.Int("n")
    width = domain.chunk_width
    name = ChunkName(NameType(disk), ex.field_value("A", width), "A")
    fields = {"A": seen_name(n, width)}
    is_name = z3.And(DISK, n >= 0, n <= CHUNKS)
    for parameter, (chunk, known) in CHUNK_PARAMETERS.items():
        yield among(
            f"chunk_code: {parameter}",
            f"What is seen of the name of the chunk '{parameter}'.",
            z3.And(DISK, known),
            [
                (
                    name.becomes(parameter).expression,
                    seen_name(chunk + 1, width),
                )
            ],
            fields,
        )
        yield among(
            f"names_chunk: {parameter}",
            f"Whether a name is that of the chunk '{parameter}' is an answer.",
            z3.And(is_name, known),
            [(name.is_(parameter).expression, n == chunk + 1)],
            fields,
        )
    yield among(
        "chunk_code: none",
        "What is seen of the name of no chunk.",
        DISK,
        [
            (
                name.becomes(None).expression,
                seen_name(z3.IntVal(NO_CHUNK), width),
            )
        ],
        fields,
    )
    yield Lemma(
        "chunk_limit",
        "Every name of a chunk is seen as a code in use.",
        is_name,
        z3.ULE(fields["A"], z3.BitVecVal(domain.chunk_limit, width)),
    )


def index_lemmas() -> Iterator[Lemma]:
    """Yield lemmas: a granule is a chunk and an offset, and also a number.

    That is ``chunk * G + offset``.  Products are unknowns here, of which is
    known only that a chunk more is at least G granules more.
    """
    a, b, q, y = z3.Ints("a b q y")
    start = {t: z3.Int(f"{t}*G") for t in (a, q, CHUNKS)}
    rises = [
        z3.Implies(t < u, start[t] + SIZE <= start[u])
        for t in start
        for u in start
        if t is not u
    ]
    same = [
        z3.Implies(t == u, start[t] == start[u])
        for t in start
        for u in start
        if t is not u
    ]
    # the same of chunk 0, which starts at 0
    for t, first in start.items():
        rises += [
            z3.Implies(t < 0, first + SIZE <= 0),
            z3.Implies(t > 0, first >= SIZE),
        ]
        same.append(z3.Implies(t == 0, first == 0))
    facts = z3.And(CHUNKS >= 1, SIZE >= 1, *rises, *same)
    less = z3.And(SIZE >= 1, a < q)
    yield Lemma(
        "index: a chunk more",
        "Of two chunks the later starts at least G granules later.",
        less,
        a * SIZE + SIZE <= q * SIZE,
    )
    yield Lemma(
        "index: one granule each",
        "Two granules of the disk have two numbers.",
        z3.And(facts, in_disk(a, b), in_disk(q, y)),
        z3.Implies(start[a] + b == start[q] + y, z3.And(a == q, b == y)),
    )
    yield Lemma(
        "index: below M * G",
        "The number of a granule of the disk is one of 0 to M * G - 1.",
        z3.And(facts, in_disk(a, b)),
        z3.And(start[a] + b >= 0, start[a] + b < start[CHUNKS]),
    )
    number = start[q] + y
    yield Lemma(
        "index: none left out",
        "A number below M * G, divided by G, is that of a granule.",
        z3.And(
            facts,
            *(y >= 0, y < SIZE),
            *(number >= 0, number < start[CHUNKS]),
        ),
        in_disk(q, y),
    )
