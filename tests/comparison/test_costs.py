# SPDX-License-Identifier: GPL-2.0-or-later
"""Are formulas exact where they are known, and silent where they are not?"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import numpy as np
import pytest

from checker.answer.costs import (
    NEVER,
    UNKNOWN,
    UNLIMITED,
    Cost,
    Frame,
    Most,
    cost,
    sent_cost,
    stopped_cost,
)
from checker.answer.real_disks import (
    EXAMPLE,
    Disk,
    as_built_stops,
    changed_chunks,
    downtime_chunks,
    least_limit,
    send_seconds,
    stopped_seconds,
)
from checker.engines.graphs.costs import always_passes, leaves, most
from checker.engines.graphs.graph import StateGraph
from model.language import Cost as Counted
from model.language import Instance, Machine
from model.language import expression as ex
from model.language.machine import Action
from model.options import Bounds

At = Callable[[Bounds], Most]


def live(bounds: Bounds) -> Most:
    """What is pending at the stop, and what was in flight then."""
    return min(bounds.chunks, bounds.downtime + bounds.in_flight)


def fits_only(bounds: Bounds) -> Most:
    """All of it, where all of it fits the limit."""
    return bounds.chunks if bounds.downtime >= bounds.chunks else NEVER


@pytest.mark.parametrize(
    ("at", "formula"),
    [
        (live, "min(M, D + F)"),
        (fits_only, "M (D >= M)"),
        (lambda _: 0, "0"),
        (lambda b: b.chunks, "M"),
        (lambda b: 2 * b.chunks + b.in_flight + 3, "2 M + F + 3"),
        (lambda _: NEVER, "never"),
        (lambda _: UNLIMITED, "unlimited"),
        (lambda b: UNKNOWN if b.chunks > 2 else live(b), "unknown"),
        (lambda b: b.chunks**2, "no formula"),
        (lambda b: live(b) if b.downtime else NEVER, "no formula"),
    ],
)
def test_what_is_sent_while_stopped(at: At, formula: str) -> None:
    found = stopped_cost(at)
    assert str(found) == formula
    if found.plane is not None:
        for point, value in found.points.items():
            assert value in (NEVER, found.plane.at(*point))


@pytest.mark.parametrize(
    ("at", "formula"),
    [
        (lambda b: b.chunks + 2 * b.writes, "M + 2 W"),
        (lambda b: b.chunks, "M"),
        (fits_only, "M (D >= M)"),
        (lambda b: b.chunks * b.writes, "no formula"),
        (lambda b: UNKNOWN if b.chunks > 1 else 1, "unknown"),
    ],
)
def test_what_is_sent_in_all(at: At, formula: str) -> None:
    assert str(sent_cost(at, whatever=False)) == formula


@pytest.mark.parametrize(
    ("at", "formula"),
    [
        (lambda b: b.chunks, "M"),
        (lambda b: b.chunks + int(live(b)), "M + min(M, D + F)"),
        (lambda b: 2 * b.chunks + b.in_flight + 3, "2 M + F + 3"),
        (lambda _: 0, "0"),
        (lambda b: b.chunks**2, "no formula"),
    ],
)
def test_what_is_sent_whatever_the_guest_does(at: At, formula: str) -> None:
    found = sent_cost(at, whatever=True)
    assert str(found) == formula
    if found.plane is not None:
        for point, value in found.points.items():
            assert found.plane.at(*point) == value


@pytest.mark.parametrize("gbit", [1, 10])
def test_the_least_limit_at_which_the_vm_stops(gbit: int) -> None:
    whole = stopped_cost(fits_only)
    once = sent_cost(lambda b: b.chunks + int(live(b)), whatever=True)
    flat = sent_cost(lambda b: b.chunks, whatever=True)
    part = stopped_cost(live)
    all_of_it = EXAMPLE.chunks
    assert least_limit(flat, whole, EXAMPLE, gbit, 1000) == all_of_it
    assert least_limit(flat, part, EXAMPLE, gbit, 1000) is None
    few = least_limit(once, part, EXAMPLE, gbit, 1000)
    many = least_limit(once, part, EXAMPLE, gbit, 20000)
    assert few is not None and many is not None
    assert 0 < few < many < all_of_it
    # so many bits at random places leave hardly a chunk as it was
    assert changed_chunks(EXAMPLE, 1e7, 1.0) == all_of_it
    assert changed_chunks(EXAMPLE, 0, 1.0) == 0


def test_one_point_more_refutes_a_formula() -> None:
    points: dict[tuple[int, ...], Most] = {(1, 0): 1, (2, 0): 2, (1, 1): 1}
    frame = Frame((1, 0), ((2, 0), (1, 1)))
    names = ("M", "D")
    assert str(cost(names, points, [frame])) == "M"
    assert str(cost(names, {**points, (2, 1): 3}, [frame])) == "no formula"


@pytest.mark.parametrize("gbit", [1, 10])
def test_seconds_of_a_real_disk(gbit: int) -> None:
    whole = send_seconds(EXAMPLE.chunks, gbit)
    assert stopped_seconds(stopped_cost(live), EXAMPLE, gbit) == whole
    assert stopped_seconds(stopped_cost(fits_only), EXAMPLE, gbit) == whole
    unknown = Cost(names=("M", "D"), points={(1, 1): UNKNOWN})
    assert stopped_seconds(unknown, EXAMPLE, gbit) is None


def test_a_disk_that_does_not_fit_the_limit() -> None:
    huge = Disk(size=1 << 50, granularity=64 << 10)
    assert downtime_chunks(1) < huge.chunks
    assert stopped_seconds(stopped_cost(fits_only), huge, 1) is None
    found = stopped_seconds(stopped_cost(live), huge, 1)
    assert found is not None and 0.3 < found < 0.31
    assert not as_built_stops(EXAMPLE, 1)
    assert as_built_stops(EXAMPLE, 10)


# -- on graphs ---------------------------------------------------------------


def graph(
    edges: list[tuple[int, int, int]], states: int, marks: dict[str, set[int]]
) -> StateGraph:
    """States from 0, the first one initial; edges with their instances.

    A mark is a field that is 1 in the states given.
    """
    found = np.array(sorted(edges), dtype=np.int64).reshape(-1, 3)

    def column(expression: ex.Expression) -> np.ndarray:
        inside = marks[expression.name]
        return np.array([n in inside for n in range(states)], dtype=np.uint64)

    return StateGraph(
        found[:, 0],
        found[:, 1],
        found[:, 2],
        np.array([0, 1, states], dtype=np.int64),
        lambda number: (number,),
        column,
    )


def machine(*names: str) -> Machine:
    """Actions of these names, one instance each."""
    actions = tuple(
        Action(name, "", False, False, "", (Instance(name, "", (), (), ()),))
        for name in names
    )
    return Machine("a test's model", (), (), ((),), actions, ())


def mark(name: str) -> ex.Expression:
    return ex.field_value(name, 1)


def plain_most(
    edges: list[tuple[int, int, int]], states: int, paid: set[int]
) -> int | None:
    """The most expensive run, edge by edge; None: no most."""
    best = [0] * states
    for _ in range(states * 2 + 1):
        changed = False
        for origin, instance, target in edges:
            value = best[origin] + (instance == 0 and origin in paid)
            if value > best[target]:
                best[target], changed = value, True
        if not changed:
            return max(best)
    return None


@pytest.mark.parametrize("seed", range(60))
def test_the_most_expensive_run(seed: int) -> None:
    random = Random(seed)
    states = random.randint(1, 9)
    edges = sorted(
        {
            (
                random.randrange(states),
                random.randrange(2),
                random.randrange(states),
            )
            for _ in range(random.randint(0, 12))
        }
    )
    # every state is reached from the first, as in a search
    edges = sorted({*edges, *((0, 1, n) for n in range(1, states))})
    if seed % 2:
        edges = [e for e in edges if e[0] < e[2]]
    paid = {n for n in range(states) if random.random() < 0.7}
    cost_ = Counted("cost", frozenset({"pays"}), mark("paid"))
    made = machine("pays", "other")
    found = most(made, graph(edges, states, {"paid": paid}), cost_)
    assert found == plain_most(edges, states, paid)


def test_a_way_around() -> None:
    way = [(0, 0, 1), (1, 0, 2), (2, 0, 3)]
    marks = {"within": {1, 2}, "through": {3}}
    within, through = mark("within"), mark("through")
    assert leaves(graph(way, 4, marks), within)
    assert always_passes(graph(way, 4, marks), within, through)
    # past the one state, back to the start
    around = [*way, (2, 0, 0)]
    assert not always_passes(graph(around, 4, marks), within, through)
    # nobody gets out, or nobody ever meets it
    shut = [(0, 0, 1), (1, 0, 2), (2, 0, 1)]
    assert not leaves(graph(shut, 3, marks), within)
    nowhere = {"within": {1, 2}, "through": set()}
    assert not always_passes(graph(way, 4, nowhere), within, through)
