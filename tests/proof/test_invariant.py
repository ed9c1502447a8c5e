# SPDX-License-Identifier: GPL-2.0-or-later
"""Are the invariants that are found true, short, minimal, and repeatable?"""

from __future__ import annotations

import numpy as np
import pytest

from checker.engines.exploration import Limits
from checker.engines.native.explicit import explore
from checker.proof.certificate.clause import Clause, Literal, Words, meaning
from checker.proof.certificate.induction import check
from checker.proof.certificate.invariant import Mining, NoInvariantError, mine
from checker.proof.certificate.separation import Separation
from model.design import DESIGNS
from model.lookup import mechanisms_of
from tests.proof.claims import (
    NOT_NEEDED,
    claim,
    each_design,
    empty,
    mined,
    saying,
    without_clause,
)

REDUNDANT = [
    (design, mechanism.name)
    for design in DESIGNS
    for mechanism in mechanisms_of(design)
    if mechanism.why_redundant(design)
]


@each_design
def test_clauses_are_few_and_short(design: str) -> None:
    found = mined(design)
    assert len(found.clauses) <= 120
    assert max(map(len, found.clauses)) <= 8
    assert found.found >= len(found.clauses)
    assert len(set(found.clauses)) == len(found.clauses)


@each_design
def test_every_reached_state_meets_every_clause(design: str) -> None:
    machine = empty(design).machine
    search = explore(machine)
    assert mined(design).states == len(search)
    for clause in mined(design).clauses:
        truth = meaning(machine, clause)
        for level in range(search.coverage.levels):
            assert np.all(search.column(truth, level))


@pytest.mark.full
def test_a_design_without_a_redundant_mechanism() -> None:
    one = claim("postcopy", NOT_NEEDED)
    assert all(o.proved for o in check(one.machine, one.clauses))


@pytest.mark.slow
@pytest.mark.parametrize(("design", "mechanism"), REDUNDANT)
def test_every_redundant_mechanism(design: str, mechanism: str) -> None:
    one = claim(design, mechanism)
    assert all(o.proved for o in check(one.machine, one.clauses))


@pytest.mark.slow
@each_design
def test_no_clause_can_go(design: str) -> None:
    one = claim(design)
    for number in range(len(one.clauses)):
        fewer = without_clause(one, number)
        assert not all(o.proved for o in check(one.machine, fewer.clauses))


def test_some_clauses_cannot_go() -> None:
    one = claim("stop-copy")
    for number in (0, len(one.clauses) // 2, len(one.clauses) - 1):
        fewer = without_clause(one, number)
        assert not all(o.proved for o in check(one.machine, fewer.clauses))


def test_the_same_machine_gives_the_same_clauses() -> None:
    machine = empty("stop-copy").machine
    search = explore(machine)
    assert mine(machine, search).clauses == mined("stop-copy").clauses


@pytest.mark.parametrize(
    ("mechanism", "violated"),
    [
        ("drain-at-stop", "NoLostDirtyBitOnDestination"),
        ("no-resume-after-run", "NoLostDirtyBitOnSource"),
    ],
)
def test_there_is_none_where_a_property_is_violated(
    mechanism: str, violated: str
) -> None:
    machine = empty("postcopy", mechanism).machine
    with pytest.raises(NoInvariantError, match=f"{violated} is violated"):
        mine(machine)


def test_there_is_none_where_not_all_states_are_known() -> None:
    machine = empty("live").machine
    search = explore(machine, Limits(max_states=100))
    with pytest.raises(NoInvariantError, match="not all states are known"):
        mine(machine, search)


def test_progress_is_reported_and_may_interrupt() -> None:
    seen: list[Mining] = []

    def stop(progress: Mining) -> None:
        seen.append(progress)
        if progress.clauses == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        mine(empty("stop-copy").machine, report=stop)
    assert [p.clauses for p in seen] == [1, 2, 3, 4, 5]
    assert {p.stage for p in seen} == {"finding clauses"}


# -- separation ----------------------------------------------------------


def test_a_reached_state_cannot_be_excluded() -> None:
    machine = empty("stop-copy").machine
    search = explore(machine)
    separation = Separation(search)
    assert separation.clause_against(machine.initials[0]) is None
    assert separation.clause_against(search.state(len(search) - 1)) is None


def test_a_clause_excludes_the_state_and_nothing_else() -> None:
    machine = empty("stop-copy").machine
    search = explore(machine)
    place = machine.position["ghost_missed"]
    state = list(machine.initials[0])
    state[place] = 1
    clause = Separation(search).clause_against(tuple(state))
    assert clause == Clause((Literal("ghost_missed", frozenset({0})),))


# -- words -----------------------------------------------------------------

SENTENCES = [
    (
        {
            "source__bits": ["{c}"],
            "destination__vm": ["running", "died"],
            "ghost_true_dirty": ["{}"],
        },
        "if destination.vm is neither running nor died, and c is in "
        "ghost_true_dirty, then c is in source.bits",
    ),
    (
        {"source__has_bitmap": ["yes"], "source__vm": ["gone"]},
        "if not source.has_bitmap, then source.vm is gone",
    ),
    (
        {"source__bits": ["{c}"], "destination__bits": ["{c}"]},
        "c is in source.bits or c is in destination.bits",
    ),
    ({"source__bits": ["{}"]}, "c is not in source.bits"),
    ({"source__busy": ["no"]}, "not source.busy"),
    ({"source__cursor": ["at k"]}, "source.cursor is at k"),
    ({"source__meta": ["{k}"]}, "k is in source.meta"),
    ({"source__chunk": ["k", "-"]}, "source.chunk is not other"),
]


@pytest.mark.parametrize(("values", "expected"), SENTENCES)
def test_a_clause_in_words(
    values: dict[str, list[str]], expected: str
) -> None:
    machine = empty("live").machine
    clause = saying(machine, **values)
    assert Words(machine).sentence(clause) == expected


def test_a_clause_that_nothing_meets() -> None:
    assert Words(empty("live").machine).sentence(Clause(())) == "never"


SLOTS = [
    ("kind", {0}, "there is no message 2 of stream"),
    ("kind", {1, 2, 3, 4}, "there is a message 2 of stream"),
    ("kind", {1, 4}, "message 2 of stream is START or RUN"),
    ("contents", {1}, "c is in message 2 of stream"),
    ("earlier_with", {1}, "one with c went just before message 2 of stream"),
    (
        "earlier_without",
        {0},
        "none without c went just before message 2 of stream",
    ),
]


@pytest.mark.parametrize(("part", "codes", "expected"), SLOTS)
def test_a_slot_in_words(part: str, codes: set[int], expected: str) -> None:
    literal = Literal(f"stream[1].{part}", frozenset(codes))
    words = Words(empty("live").machine)
    assert words.sentence(Clause((literal,))) == expected
