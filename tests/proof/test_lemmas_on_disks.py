# SPDX-License-Identifier: GPL-2.0-or-later
"""Do the lemmas speak of the disk that the model speaks of?

What an operation means is told three times: by the domain of a small disk, by
Python's own sets, and by the lemma's arrays and integers.  On small disks the
three have to agree, seen from every granule.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import z3
from attrs import frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from checker.proof.lemmas import terms as lt
from checker.proof.lemmas.all import lemmas
from checker.proof.projection import project
from model.language import (
    Chunk,
    ChunkName,
    ChunkSet,
    Concrete,
    Contents,
    Cursor,
    Disk,
    GranuleSet,
    MachineBuilder,
    NameType,
    Projected,
    Step,
    choose,
    chunk_alone,
    every_chunk,
    every_granule,
    single,
)
from model.language import expression as ex
from model.language.types import (
    ChunkSetType,
    ContentsType,
    CursorType,
    FlagType,
    GranuleSetType,
)
from model.language.values import Flag
from tests.unit.meaning import number, worth

Pair = tuple[int, int]
LEMMAS = {lemma.name: lemma for lemma in lemmas()}
#: whose answer depends on the rest of the disk: the lemma's meaning is a
#: truth value of which only something is known
OPEN = ("is_empty", "<=", "at_most", "chunks_with")


@frozen
class Small:
    """A small disk, the granule that is followed, another, and values."""

    chunks: int
    size: int
    k: int
    r: int
    j: int
    s: int
    left: frozenset[Pair]
    right: frozenset[Pair]
    some: frozenset[int]
    others: frozenset[int]
    part: frozenset[int]
    parts: frozenset[int]
    position: int
    name: int
    given: bool
    limit: int

    @property
    def c(self) -> Pair:
        return self.k, self.r


def subsets(pool: list[Any]) -> st.SearchStrategy[frozenset[Any]]:
    return st.frozensets(st.sampled_from(pool))


@st.composite
def small_disks(draw: st.DrawFn) -> Small:
    chunks, size = draw(st.integers(1, 3)), draw(st.integers(1, 2))
    all_chunks, offsets = list(range(chunks)), list(range(size))
    pairs = [(i, o) for i in all_chunks for o in offsets]
    chunk, offset = st.sampled_from(all_chunks), st.sampled_from(offsets)
    return Small(
        chunks,
        size,
        *(draw(chunk), draw(offset), draw(chunk), draw(offset)),
        *(draw(subsets(pairs)), draw(subsets(pairs))),
        *(draw(subsets(all_chunks)), draw(subsets(all_chunks))),
        *(draw(subsets(offsets)), draw(subsets(offsets))),
        draw(st.integers(0, chunks)),
        draw(st.integers(0, chunks)),
        draw(st.booleans()),
        draw(st.integers(0, 2)),
    )


def code(small: Small, members: frozenset[Any]) -> int:
    """The vector of a set of granules, of chunks or of offsets."""
    size = small.size
    return sum(
        1 << (m[0] * size + m[1] if isinstance(m, tuple) else m)
        for m in members
    )


def agreed(value: Any, state: dict[str, int], expected: int) -> None:
    assert worth(value, **state) == expected


def seen_position(small: Small, position: int) -> int:
    return (position >= small.k) + (position > small.k)


def seen_name(small: Small, name: int) -> int:
    return 0 if name == 0 else 1 if name == small.k + 1 else 2


Case = tuple[str, int]


def sets_of(small: Small, disk: Disk) -> Iterator[tuple[str, Any, Any, Any]]:
    """Kind of set, its class and type, two of them, and what c sees."""

    def of(class_: Any, type_: Any, pair: tuple[str, str]) -> Any:
        return [class_(type_, ex.field_value(n, type_.width), n) for n in pair]

    yield (
        "granules",
        of(GranuleSet, GranuleSetType(disk), ("S", "T")),
        (small.left, small.right),
        lambda found: small.c in found,
    )
    yield (
        "chunks",
        of(ChunkSet, ChunkSetType(disk), ("D", "E")),
        (small.some, small.others),
        lambda found: small.k in found,
    )
    # the contents of chunk j
    yield (
        "contents",
        of(Contents, ContentsType(disk), ("P", "Q")),
        (small.part, small.parts),
        lambda found: small.j == small.k and small.r in found,
    )


def of_sets(small: Small, disk: Disk, state: dict[str, int]) -> Iterator[Case]:
    """Each lemma on operators of sets, with what is seen on this disk."""
    flag = Flag(FlagType(), ex.field_value("F", 1), "F")
    for kind, (a, b), (x, y), sees in sets_of(small, disk):
        nothing: frozenset[Any] = frozenset()
        for name, value, result in (
            ("|", a | b, x | y),
            ("&", a & b, x & y),
            ("-", a - b, x - y),
            ("only_if", a.only_if(flag), x if small.given else nothing),
            ("choose", choose(flag, a, b), x if small.given else y),
            ("empty", a.becomes(frozenset()), nothing),
        ):
            assert number(value.expression, state) == code(small, result)
            yield f"{name}: {kind}", sees(result)
        agreed(a <= b, state, x <= y)
        yield f"<=: {kind}", x <= y
        if kind != "contents":
            agreed(a.is_empty(), state, not x)
            yield f"is_empty: {kind}", not x
        if kind == "chunks":
            agreed(a.at_most(small.limit), state, len(x) <= small.limit)
            yield f"at_most: {small.limit}", len(x) <= small.limit
        if kind == "granules":
            agreed(a.at_most(small.limit), state, len(x) <= small.limit)
            yield f"at_most: {small.limit} granules", len(x) <= small.limit


def chunk_cases(
    small: Small, disk: Disk, state: dict[str, int], chunk: Chunk, label: str
) -> Iterator[Case]:
    """Each lemma on an operation with a chunk as its parameter."""
    i, size = chunk.index, small.size
    granules = GranuleSet(
        GranuleSetType(disk), ex.field_value("S", size * small.chunks), "S"
    )
    some = ChunkSet(ChunkSetType(disk), ex.field_value("D", small.chunks), "D")
    part = Contents(ContentsType(disk), ex.field_value("P", size), "P")
    cursor_type, name_type = CursorType(disk), NameType(disk)
    cursor = Cursor(cursor_type, ex.field_value("p", cursor_type.width), "p")
    name = ChunkName(name_type, ex.field_value("n", name_type.width), "n")
    agreed(chunk_alone(disk, chunk), state, 1 << i)
    yield f"chunk_member: {label}", i == small.k
    agreed(some.contains(chunk), state, i in small.some)
    yield f"has_chunk: {label}", i in small.some
    inside = frozenset(o for j, o in small.left if j == i)
    agreed(granules.contents(chunk), state, code(small, inside))
    yield f"contents: {label}", i == small.k and small.r in inside
    outside = {(j, o) for j, o in small.left if j != i}
    new = frozenset(outside | {(i, o) for o in small.part})
    agreed(granules.with_contents(chunk, part), state, code(small, new))
    yield f"with_contents: {label}", small.c in new
    agreed(cursor.at(chunk), state, small.position == i)
    yield f"position_at: {label}", small.position == i
    agreed(name.is_(chunk), state, small.name == i + 1)
    yield f"names_chunk: {label}", small.name == i + 1
    stored = name.becomes(chunk).expression
    assert number(stored, state) == i + 1
    yield f"chunk_code: {label}", seen_name(small, i + 1)
    if small.position == i:
        agreed(cursor.past(chunk), state, i + 1)
        yield f"position_past: {label}", seen_position(small, i + 1)


def plain_cases(
    small: Small, disk: Disk, state: dict[str, int]
) -> Iterator[Case]:
    """Each lemma on an operation without a parameter, or with a granule."""
    total = small.size * small.chunks
    granules = GranuleSet(GranuleSetType(disk), ex.field_value("S", total), "")
    cursor_type = CursorType(disk)
    cursor = Cursor(cursor_type, ex.field_value("p", cursor_type.width), "p")
    label = "elsewhere"
    if small.j == small.k:
        label = "c" if small.s == small.r else "neighbour"
    granule = disk.domain.granules[small.j * small.size + small.s]
    agreed(single(disk, granule), state, 1 << granule.index)
    yield f"granule_member: {label}", (small.j, small.s) == small.c
    within = (small.j, small.s) in small.left
    agreed(granules.contains(granule), state, within)
    yield f"has_granule: {label}", within
    found = frozenset(i for i, _ in small.left)
    agreed(granules.chunks(), state, code(small, found))
    yield "chunks_with", small.k in found
    assert number(cursor.becomes(0).expression, state) == 0
    yield "position_start", seen_position(small, 0)
    ended = small.position == small.chunks
    agreed(cursor.at_end(), state, ended)
    yield "position_at_end", ended
    ahead = frozenset(range(small.position, small.chunks))
    agreed(cursor.ahead(), state, code(small, ahead))
    yield "chunks_ahead", small.k in ahead
    agreed(every_granule(disk), state, ex.ones(total))
    yield "every_granule", True
    agreed(every_chunk(disk), state, ex.ones(small.chunks))
    yield "every_chunk", True
    yield "chunk_code: none", 0


def on_disk(small: Small) -> z3.BoolRef:
    """The unknowns of the lemmas, as they are on this disk."""
    granules = {"S": small.left, "T": small.right}
    numbers = {
        "D": small.some,
        "E": small.others,
        "P": small.part,
        "Q": small.parts,
    }
    facts = [
        small.chunks == lt.CHUNKS,
        small.size == lt.SIZE,
        small.k == lt.K,
        small.r == lt.R,
        small.j == lt.J,
        small.s == lt.S,
        z3.Bool("F") == small.given,
        z3.Int("p") == small.position,
        z3.Int("n") == small.name,
        z3.Int("number") == len(small.some),
        z3.Int("total") == len(small.left),
        z3.Int("limit") == small.limit,
    ]
    for name, pairs in granules.items():
        facts += [
            lt.granules(name)[i][o] == ((i, o) in pairs)
            for i in range(small.chunks)
            for o in range(small.size)
        ]
    for name, found in numbers.items():
        bound = small.chunks if name in "DE" else small.size
        facts += [lt.numbers(name)[i] == (i in found) for i in range(bound)]
    return z3.And(facts)


def cases(small: Small) -> Iterator[Case]:
    disk = Disk("disk", Concrete(small.chunks, small.size))
    state = {
        "S": code(small, small.left),
        "T": code(small, small.right),
        "D": code(small, small.some),
        "E": code(small, small.others),
        "P": code(small, small.part),
        "Q": code(small, small.parts),
        "p": small.position,
        "n": small.name,
        "F": int(small.given),
    }
    yield from of_sets(small, disk, state)
    yield from plain_cases(small, disk, state)
    chunks = disk.domain.chunks
    yield from chunk_cases(small, disk, state, chunks[small.k], "k")
    if small.j != small.k:
        yield from chunk_cases(small, disk, state, chunks[small.j], "other")


@settings(max_examples=60)
@given(small_disks())
def test_a_lemma_means_what_a_small_disk_does(small: Small) -> None:
    solver = z3.SimpleSolver()
    solver.add(on_disk(small))
    for name, seen in cases(small):
        lemma = LEMMAS[name]
        meaning = lemma.meaning[-1]
        here = z3.BoolVal(bool(seen))
        if not z3.is_bool(meaning):
            here = z3.BitVecVal(int(seen), meaning.size())
        solver.push()
        solver.add(lemma.premise)
        assert solver.check(meaning == here) == z3.sat, (name, seen)
        if not name.startswith(OPEN):
            assert solver.check(meaning != here) == z3.unsat, (name, seen)
        solver.pop()


def test_every_lemma_that_tells_a_value_is_compared() -> None:
    shapes: list[dict[str, int]] = [
        {"j": 0, "s": 0},
        {"j": 0, "s": 1},
        {"j": 1, "s": 1},
    ]
    nothing: frozenset[Any] = frozenset()
    met = set()
    for shape in shapes:
        for limit in range(3):
            for position in range(3):
                small = Small(
                    chunks=2,
                    size=2,
                    k=0,
                    r=0,
                    left=nothing,
                    right=nothing,
                    some=nothing,
                    others=nothing,
                    part=nothing,
                    parts=nothing,
                    position=position,
                    name=0,
                    given=False,
                    limit=limit,
                    **shape,
                )
                met |= {name for name, _ in cases(small)}
    told = {
        lemma.name
        for lemma in lemmas(channels=[])
        if lemma.meaning and not lemma.name.endswith(("all", "somewhere"))
    }
    assert met == told


@settings(max_examples=40)
@given(small_disks())
def test_the_lemmas_and_the_projection_see_alike(small: Small) -> None:
    def machine(domain: Any) -> Any:
        build, disk = MachineBuilder("fields"), Disk("disk", domain)
        build.granules("S", disk)
        build.chunk_set("D", disk)
        build.cursor("p", disk)
        name = build.chunk_name("n", disk)
        build.contents("P", disk, of=name)
        done = build.flag("done")
        build.action("nobody")(lambda: Step([], [done.becomes(True)]))
        return build.machine()

    domain = Concrete(small.chunks, small.size)
    granule = domain.granules[small.k * small.size + small.r]
    seen = project(machine(domain), machine(Projected()), granule)
    codes = {
        "S": code(small, small.left),
        "D": code(small, small.some),
        "p": small.position,
        "n": small.name,
        "P": code(small, small.part),
        "done": 0,
    }
    read: dict[str, Callable[[], Any]] = {
        "S": lambda: lt.seen_granules(lt.granules("S")),
        "D": lambda: lt.seen_chunks(lt.numbers("D")),
        "p": lambda: lt.seen_position(z3.Int("p"), 2),
        "n": lambda: lt.seen_name(z3.Int("n"), 2),
        "P": lambda: lt.seen_contents(lt.numbers("P"), z3.Int("n") - 1),
    }
    solver = z3.SimpleSolver()
    solver.add(on_disk(small))
    for name, term in read.items():
        value = term()
        told: Any = number(seen.fields[name], codes)
        if z3.is_bool(value):
            told = bool(told)
        assert solver.check(value != told) == z3.unsat, name
