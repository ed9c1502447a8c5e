# SPDX-License-Identifier: GPL-2.0-or-later
"""Does the check of a measure accept what falls, and nothing else?"""

from __future__ import annotations

import random

import pytest

from checker.proof.termination.measure import Edge, Value, why_no_measure
from model.designs import schema
from model.options import Options
from tests.once import once
from tests.proof.termination.searched import counted, form_of

RANKS = frozenset({"ahead", "messages"})
NONE: frozenset[str] = frozenset()


def why(
    values: dict[int, Value],
    *edges: Edge,
    sure: str = "send",
) -> str:
    possible = dict.fromkeys(values, frozenset({sure}))
    return why_no_measure(values, possible, edges, RANKS)


def step(
    origin: int,
    target: int,
    action: str = "send",
    rises: frozenset[str] = NONE,
    falls: frozenset[str] = NONE,
) -> Edge:
    return Edge(origin, target, action, rises, falls)


def test_a_smaller_number_is_enough() -> None:
    assert why({0: (1, "send"), 1: (0, "send")}, step(0, 1)) == ""


def test_a_larger_number_is_refused() -> None:
    said = why({0: (0, "send"), 1: (1, "send")}, step(0, 1))
    assert "0 rises to 1" in said


def test_a_rank_that_falls_outweighs_what_stands_behind_it() -> None:
    values: dict[int, Value] = {
        0: (0, "ahead", 0, "send"),
        1: (0, "ahead", 7, "send"),
    }
    down = frozenset({"ahead"})
    assert why(values, step(0, 1, falls=down)) == ""
    assert "rises to" in why(values, step(0, 1))


def test_a_rank_that_rises_is_refused_before_a_smaller_number() -> None:
    values: dict[int, Value] = {
        0: (0, "ahead", 1, "send"),
        1: (0, "ahead", 0, "send"),
    }
    up = frozenset({"ahead"})
    assert "'ahead' may rise" in why(values, step(0, 1, rises=up))
    assert why(values, step(0, 1)) == ""


def test_other_ranks_do_not_compare() -> None:
    values: dict[int, Value] = {
        0: (0, "ahead", 1, "send"),
        1: (0, "messages", 0, "send"),
    }
    assert "do not compare" in why(values, step(0, 1))
    shorter: dict[int, Value] = {0: (0, "ahead", 1, "send"), 1: (0, "send")}
    assert "do not compare" in why(shorter, step(0, 1))


def test_the_helpful_action_has_to_lower_the_value() -> None:
    values: dict[int, Value] = {0: (0, "send"), 1: (0, "send")}
    assert "does not lower" in why(values, step(0, 1))
    assert why(values, step(0, 1, action="write")) == ""


def test_the_helpful_action_has_to_be_sure() -> None:
    said = why({0: (0, "send")}, sure="load")
    assert "'send' is not sure in state 0" in said


def test_the_helpful_action_may_not_change_where_nothing_falls() -> None:
    values: dict[int, Value] = {0: (0, "send"), 1: (0, "load")}
    possible = dict.fromkeys(values, frozenset({"send", "load"}))
    edges = [step(0, 1, action="write")]
    assert "do not compare" in why_no_measure(values, possible, edges, RANKS)


@pytest.mark.parametrize(
    "value",
    [
        (0, "speed", 1, "send"),
        ("send",),
        (-1, "send"),
        (0, 1, 2),
        (0, "ahead"),
    ],
)
def test_what_is_not_a_value_is_refused(value: Value) -> None:
    assert why({0: value}) != ""


def test_a_state_without_a_value_is_refused() -> None:
    sure = {0: frozenset({"send"}), 1: frozenset({"send"})}
    said = why_no_measure({0: (0, "send")}, sure, [], RANKS)
    assert said == "state 1 has no value"


def damaged() -> tuple[int, int]:
    """How many of the damages to a real measure are refused, and tried."""
    term = schema(Options(design="postcopy")).term
    count = counted(term, form_of(term, ""))
    runs = count.outside["MigrationEnds"]
    found = count.ranking("MigrationEnds")
    names = frozenset(count.labels)
    assert not why_no_measure(found.values, runs.sure, runs.edges, names)
    chance = random.Random(7)
    refused = 0
    states = sorted(found.values)
    for _ in range(200):
        values = dict(found.values)
        state, other = chance.sample(states, 2)
        value = list(values[state])
        match chance.randrange(3):
            case 0:
                value[0] = int(value[0]) + chance.choice([-9, 9, 99])
            case 1:
                value[-1] = values[other][-1]
            case _:
                value = list(values[other])
        values[state] = tuple(value)
        same = values[state] == found.values[state]
        why = why_no_measure(values, runs.sure, runs.edges, names)
        refused += bool(why) or same
    return refused, 200


def test_a_damaged_measure_is_refused() -> None:
    """But for a few that are measures as well: another helpful action."""
    refused, tried = once("damaged measures", damaged)
    assert refused >= tried * 9 // 10
