# SPDX-License-Identifier: GPL-2.0-or-later
"""Are ``eventually`` verdicts and costs right?

Small random graphs, written as machines, against definitions that are tried
out by brute force: every set of states as the set that a run visits for ever.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations

import networkx as nx
import pytest
from attrs import frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from checker.engines.exploration import Limits
from checker.engines.graphs.costs import most, share_at_risk
from checker.engines.graphs.graph import GraphTooLargeError, graph_of
from checker.engines.graphs.liveness import find_lasso
from checker.engines.interpreter import interpret
from model.language import Machine, MachineBuilder, Step, any_of

STATES = 5


@frozen
class Edge:
    """A step of ``action`` from one state to another."""

    action: int
    start: int
    end: int


@frozen
class Drawing:
    """A graph; actions below ``fair`` are weakly fair."""

    edges: tuple[Edge, ...]
    fair: int
    trigger: frozenset[int]
    goal: frozenset[int]


def machine_of(drawing: Drawing) -> Machine:
    """The machine whose state graph is ``drawing``; it starts in 0."""
    build = MachineBuilder("drawing")
    here = build.counter("here", limit=STATES - 1)
    for action in sorted({e.action for e in drawing.edges}):
        mine = [e for e in drawing.edges if e.action == action]

        def step(which: int, mine: list[Edge] = mine) -> Step:
            edge = mine[which]
            return Step([here.is_(edge.start)], [here.becomes(edge.end)])

        declare = build.action(
            "x", over=range(len(mine)), fair=action < drawing.fair
        )
        declare(named(step, f"a{action}"))
    build.eventually(
        "Goal",
        "",
        "",
        when=[any_of(*(here.is_(s) for s in sorted(drawing.trigger)))],
        then=[any_of(*(here.is_(s) for s in sorted(drawing.goal)))],
    )
    build.cost("paid", by=["a0"], when=here <= STATES)
    return build.machine()


def named(step: Callable[[int], Step], name: str) -> Callable[[int], Step]:
    """``step`` as a function of one parameter called ``name``."""

    def call(which: int) -> Step:
        return step(which)

    call.__name__ = name
    return call


@st.composite
def drawings(draw: st.DrawFn) -> Drawing:
    states = st.integers(0, STATES - 1)
    edge = st.builds(Edge, st.integers(0, 3), states, states)
    edges = draw(st.lists(edge, min_size=1, max_size=12, unique=True))
    some = st.frozensets(states)
    return Drawing(
        (Edge(0, 0, draw(states)), *edges),
        draw(st.integers(0, 4)),
        draw(some),
        draw(some),
    )


def reachable(drawing: Drawing, start: set[int], within: set[int]) -> set[int]:
    found = start & within
    while True:
        more = {
            e.end
            for e in drawing.edges
            if e.start in found and e.end in within
        }
        if more <= found:
            return found
        found = found | more


def can_stay(drawing: Drawing, states: frozenset[int]) -> bool:
    """Whether a fair run can visit exactly ``states`` for ever."""
    inside = [
        e for e in drawing.edges if e.start in states and e.end in states
    ]
    graph = nx.DiGraph()
    graph.add_nodes_from(states)
    graph.add_edges_from((e.start, e.end) for e in inside)
    if not nx.is_strongly_connected(graph):
        return False
    for action in range(drawing.fair):
        enabled = {e.start for e in drawing.edges if e.action == action}
        taken = any(e.action == action for e in inside)
        if states <= enabled and not taken:
            return False
    return True


def breaks_by_brute_force(drawing: Drawing) -> bool:
    everything = set(range(STATES))
    outside = everything - drawing.goal
    found = reachable(drawing, {0}, everything)
    after = reachable(drawing, found & drawing.trigger & outside, outside)
    return any(
        can_stay(drawing, frozenset(states))
        for size in range(1, len(after) + 1)
        for states in combinations(sorted(after), size)
    )


@settings(max_examples=400)
@given(drawings())
def test_lassos(drawing: Drawing) -> None:
    machine = machine_of(drawing)
    graph = graph_of(interpret(machine), Limits())
    lasso = find_lasso(machine, graph, machine.property("Goal"))
    assert (lasso is not None) == breaks_by_brute_force(drawing)
    if lasso is None:
        return
    at = [graph.state(int(n))[0] for n in graph.target]
    start = [graph.state(int(n))[0] for n in graph.origin]
    place = 0
    for edge in (*lasso.stem, *lasso.cycle):
        assert start[edge] == place
        place = at[edge]
    cycle = [at[e] for e in lasso.cycle] or [place]
    assert place == cycle[-1]
    assert not set(cycle) & drawing.goal
    for action in range(drawing.fair):
        enabled = {e.start for e in drawing.edges if e.action == action}
        taken = any(
            machine.instances[int(graph.instance[e])].action == f"a{action}"
            for e in lasso.cycle
        )
        assert taken or not set(cycle) <= enabled


def costliest(drawing: Drawing) -> int | None:
    """The most steps of action 0 on a run; None: as many as one likes."""
    graph = nx.MultiDiGraph()
    graph.add_nodes_from(range(STATES))
    for edge in drawing.edges:
        graph.add_edge(edge.start, edge.end, paid=edge.action == 0)
    found = reachable(drawing, {0}, set(range(STATES)))
    best = dict.fromkeys(found, 0)
    # without a paid step on a cycle no run pays more often than this
    for _ in range(STATES * len(drawing.edges) + 1):
        for edge in drawing.edges:
            if edge.start in found:
                paid = best[edge.start] + (edge.action == 0)
                best[edge.end] = max(best[edge.end], paid)
    most_paid = max(best.values())
    return None if most_paid > STATES else most_paid


@settings(max_examples=300)
@given(drawings())
def test_costs(drawing: Drawing) -> None:
    machine = machine_of(drawing)
    graph = graph_of(interpret(machine), Limits())
    assert most(machine, graph, machine.costs[0]) == costliest(drawing)


def test_the_share_at_risk() -> None:
    build = MachineBuilder("risk")
    here = build.counter("here", limit=4)

    def move(start: int, end: int) -> Step:
        return Step([here.is_(start)], [here.becomes(end)])

    @build.action("x")
    def first() -> Step:
        return move(0, 1)

    @build.action("x")
    def second() -> Step:
        return move(1, 2)

    @build.action("x", fault=True)
    def early() -> Step:
        return move(0, 2)

    @build.action("x", fault=True)
    def late() -> Step:
        return move(1, 3)

    @build.action("x")
    def sink() -> Step:
        return move(3, 4)

    machine = build.machine()
    graph = graph_of(interpret(machine), Limits())
    under_way = (here <= 1).expression
    lost = here.is_(4).expression
    asked = [("late",), ("early",), ("early", "late")]
    shares = [
        share_at_risk(machine, graph, under_way, lost, failures)
        for failures in asked
    ]
    assert shares == [(1, 2), (0, 2), (1, 2)]


def test_a_graph_that_does_not_fit() -> None:
    build = MachineBuilder("long")
    here = build.counter("here", limit=100)

    @build.action("x")
    def on() -> Step:
        return Step([here < 100], [here.becomes((here + 1).capped(100))])

    search = interpret(build.machine())
    with pytest.raises(GraphTooLargeError, match="the limit is 100"):
        graph_of(search, Limits(memory=100))
