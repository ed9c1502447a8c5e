# SPDX-License-Identifier: GPL-2.0-or-later
"""Which properties may be asked of one granule, and what is asked then?"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import pytest
from attrs import frozen
from hypothesis import given
from hypothesis import strategies as st

from model.language import (
    ChunkSet,
    Concrete,
    Cursor,
    Disk,
    Domain,
    Flag,
    GranuleSet,
    MachineBuilder,
    Projected,
    Step,
    any_of,
)
from model.language.domain import Granule
from model.language.per_granule import (
    NEEDS_RUNS,
    at_one_granule,
    polarities,
    reason_against,
)
from model.language.projected import ELSEWHERE, FOLLOWED
from tests.unit.meaning import number


@frozen(eq=False)
class Sets:
    """What the properties speak of, over one domain."""

    build: MachineBuilder
    disk: Disk
    a: GranuleSet
    b: GranuleSet
    c: GranuleSet
    d: GranuleSet
    chunks: ChunkSet
    cursor: Cursor
    on: Flag

    @property
    def where(self) -> tuple[Granule, ...]:
        return self.disk.domain.granules


def sets(domain: Domain | None = None) -> Sets:
    domain = domain or Projected()
    build = MachineBuilder("sets", isinstance(domain, Projected))
    disk = Disk("disk", domain)
    return Sets(
        build,
        disk,
        *(build.granules(name, disk) for name in "ABCD"),
        chunks=build.chunk_set("chunks", disk),
        cursor=build.cursor("cursor", disk),
        on=build.flag("on"),
    )


#: name -> premise and conclusion; what the granule followed is asked
Text = tuple[Sequence[Flag], Sequence[Flag]]


def accepted(s: Sets) -> dict[str, Text]:
    return {
        "a flag": ([], [~s.on]),
        "within": ([s.on], [s.a <= s.b]),
        "within a union": ([], [s.a <= s.b | s.c]),
        "empty": ([s.on], [s.a.is_empty()]),
        "each alone": ([], [s.a <= s.b, s.c <= s.d]),
        "where nothing is": ([s.a.is_empty(), s.b <= s.c], [s.c <= s.d]),
        "a flag or within": ([], [s.on | (s.a <= s.b)]),
        "where something is": ([~s.a.is_empty()], [s.on]),
        "within where both": ([s.on], [(s.a <= s.b) & (s.a <= s.b)]),
        "chunks of a set": ([], [s.a.chunks() <= s.chunks]),
        "ahead": ([], [s.chunks <= s.cursor.ahead()]),
        "at the end": ([s.cursor.at_end()], [s.a <= s.b]),
    }


def refused(s: Sets) -> dict[str, tuple[Text, str]]:
    neighbour = s.where[1]
    within, other = s.a <= s.b, s.c <= s.d
    return {
        "a number": (
            ([], [s.chunks.at_most(1)]),
            "'at most 1 are in chunks' depends on more than one granule",
        ),
        "either": (
            ([], [within | other]),
            "'elsewhere: nothing is in (and A (not B))' and 'elsewhere: "
            "nothing is in (and C (not D))' may fail at two different "
            "granules",
        ),
        "something here, something there": (
            ([~s.a.is_empty()], [s.b.is_empty()]),
            "'elsewhere: nothing is in A' and 'elsewhere: nothing is in B' "
            "may fail at two different granules",
        ),
        "both ways": (
            ([], [(within & s.on) | (~within & ~s.on)]),
            "'elsewhere: nothing is in (and A (not B))' is asked both ways",
        ),
        "nowhere, and somewhere": (
            ([s.a.is_empty() & s.on], [s.a.is_empty()]),
            "'elsewhere: nothing is in A' is asked both ways",
        ),
        "a neighbour": (
            ([], [s.a.contains(neighbour)]),
            "'neighbour is in A' depends on more than one granule",
        ),
        "not at the end": (
            ([], [s.cursor.at_end()]),
            "'no chunk is left for cursor' depends on more than one granule",
        ),
        "chunks without": (
            ([], [s.chunks <= s.a.chunks()]),
            "'another granule of k is in A' depends on more than one granule",
        ),
    }


@pytest.mark.parametrize("name", accepted(sets()))
def test_a_property_of_one_granule_is_accepted(name: str) -> None:
    when, then = accepted(sets())[name]
    whens = [f.expression for f in when]
    thens = [f.expression for f in then]
    assert reason_against(whens, thens) == ""


@pytest.mark.parametrize("name", refused(sets()))
def test_a_property_of_several_granules_is_refused(name: str) -> None:
    (when, then), reason = refused(sets())[name]
    whens = [f.expression for f in when]
    thens = [f.expression for f in then]
    assert reason_against(whens, thens) == reason


def asked(flags: Sequence[Flag], state: dict[str, int]) -> bool:
    """Whether all of the flags are true, of the granule followed alone."""
    found = at_one_granule([f.expression for f in flags])
    return all(number(one, state) for one in found)


def test_the_granule_followed_is_asked_the_same_of_itself() -> None:
    s = sets()
    for a, b in product((0, 1), repeat=2):
        state = {"A": a, "B": b}
        assert asked([s.a <= s.b], state) == (a <= b)
        assert asked([s.a.is_empty()], state) == (not a)
        assert asked([any_of(s.a <= s.b, s.b <= s.a)], state)


CODES = {"A": 4, "B": 4, "C": 4, "D": 4, "chunks": 2, "on": 1}


@given(
    st.fixed_dictionaries(
        {
            **{n: st.integers(0, 2**w - 1) for n, w in CODES.items()},
            "cursor": st.integers(0, 2),
        }
    )
)
def test_a_violation_on_a_disk_shows_at_one_of_its_granules(
    state: dict[str, int],
) -> None:
    domain = Concrete(2, 2)
    whole, seen = accepted(sets(domain)), accepted(sets())

    def at(granule: Granule) -> dict[str, int]:
        """What is seen of the state from one granule."""
        here = granule.chunk.index
        codes = {n: state[n] >> granule.index & 1 for n in "ABCD"}
        cursor = (state["cursor"] >= here) + (state["cursor"] > here)
        chunks = state["chunks"] >> here & 1
        return codes | {"chunks": chunks, "cursor": cursor, "on": state["on"]}

    views = [at(granule) for granule in domain.granules]
    for name, (when, then) in whole.items():
        holds = all(number(f.expression, state) for f in when)
        violated = holds and not all(number(f.expression, state) for f in then)
        premise, conclusion = seen[name]
        shown = any(
            asked(premise, view) and not asked(conclusion, view)
            for view in views
        )
        # one that is followed may show what is none, never the contrary
        assert shown or not violated, name


def test_how_a_question_is_met() -> None:
    s = sets()
    within = (s.a <= s.b).expression
    (name,) = polarities(within)
    assert polarities(within) == {name: {True}}
    assert polarities((~(s.a <= s.b)).expression) == {name: {False}}
    both = (s.a <= s.b).implies(s.on) & (s.a <= s.b)
    assert polarities(both.expression) == {name: {True, False}}


# -- what the builder makes of it --------------------------------------------


def declared(s: Sets) -> MachineBuilder:
    build = s.build

    @build.action("actor")
    def turn_on() -> Step:
        """Turn it on."""
        return Step(when=[~s.on], then=[s.on.becomes(True)])

    build.always("Within", "g", "doc", then=[s.a <= s.b])
    build.always("Few", "g", "doc", then=[s.chunks.at_most(1)])
    build.reachable("CanTurnOn", "doc", then=[s.on])
    build.reachable("Turns", "doc", by=["turn_on"])
    build.eventually("TurnsOn", "g", "doc", then=[s.on])
    return build


def test_what_cannot_be_asked_is_left_undecided_with_its_reason() -> None:
    machine = declared(sets()).machine()
    assert [p.name for p in machine.properties] == ["Within"]
    assert machine.undecided == {
        "Few": "'at most 1 are in chunks' depends on more than one granule",
        "CanTurnOn": NEEDS_RUNS,
        "Turns": NEEDS_RUNS,
        "TurnsOn": NEEDS_RUNS,
    }
    kept = machine.property("Within")
    assert number(kept.violated, {"A": 1, "B": 0}) == 1
    assert number(kept.violated, {"A": 1, "B": 1}) == 0


def test_a_disk_of_known_size_decides_all() -> None:
    machine = declared(sets(Concrete(2, 2))).machine()
    assert len(machine.properties) == 5
    assert machine.undecided == {}


def test_the_granule_followed_is_no_neighbour_of_itself() -> None:
    s = sets()
    assert s.a.contains(FOLLOWED).expression is s.a.expression
    assert s.a.contains(ELSEWHERE).expression is not s.a.expression
