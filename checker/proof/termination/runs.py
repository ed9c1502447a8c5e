# SPDX-License-Identifier: GPL-2.0-or-later
"""The runs of the count that stay outside the goal, as states and steps.

Of all states those are looked at that come after the premise without meeting
the goal.  Each has a number; each step is told with what it does to ranks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from attrs import evolve, frozen
from numpy.typing import NDArray

from checker.engines.graphs.graph import StateGraph
from checker.proof.termination.labels import Label
from checker.proof.termination.measure import Edge
from checker.proof.termination.success import is_calm
from model.language.counted_view import CountedView, fair_actions
from model.language.expression import Expression
from model.language.machine import Property, State

Mask = NDArray[np.bool_]


@frozen(eq=False)
class Outside:
    """States after the premise and before the goal, and the steps there.

    ``states``: numbers of the graph's.  ``edges``: the steps between them.
    ``sure``: for each, the fair actions that are sure.  ``instances``: for
    each edge, the number of the view's instance.
    """

    graph: StateGraph
    states: tuple[int, ...]
    edges: tuple[Edge, ...]
    instances: tuple[int, ...]
    sure: Mapping[int, frozenset[str]]

    def state(self, number: int) -> State:
        """Return the codes of a state."""
        return self.graph.state(number)


def outside(
    view: CountedView,
    graph: StateGraph,
    prop: Property,
    ranks: Mapping[str, Sequence[Label]],
) -> Outside:
    """Return what lies between the premise and the goal of ``prop``.

    ``graph``: of the view's machine.  ``ranks``: the labels of each, for each
    instance of the schema.  Of a property that is asked where nothing fails,
    the runs begin where the premise is come to, and no step is a failure.
    """
    if is_calm(prop):
        return _calm(view, graph, prop, ranks)
    beyond = ~graph.column(prop.conclusion).astype(bool)
    premise = graph.column(prop.premise).astype(bool)
    inside = reached(graph, premise & beyond, beyond)
    return _told_of(view, graph, inside, ranks)


def _calm(
    view: CountedView,
    graph: StateGraph,
    prop: Property,
    ranks: Mapping[str, Sequence[Label]],
) -> Outside:
    premise = graph.column(prop.premise).astype(bool)
    begins = ~premise[graph.origin] & premise[graph.target]
    begun = np.zeros(len(graph), dtype=bool)
    begun[graph.target[begins]] = True
    calm = _without_faults(view, graph)
    beyond = ~graph.column(prop.conclusion).astype(bool)
    inside = reached(calm, begun & beyond, beyond)
    return _told_of(view, calm, inside, ranks)


def _without_faults(view: CountedView, graph: StateGraph) -> StateGraph:
    """Return the graph without the steps that are failures."""
    calm = np.array(
        [
            not action.fault
            for action in view.machine.actions
            for _ in action.instances
        ],
        dtype=bool,
    )
    kept = calm[graph.instance]
    return evolve(
        graph,
        origin=graph.origin[kept],
        instance=graph.instance[kept],
        target=graph.target[kept],
    )


def _told_of(
    view: CountedView,
    graph: StateGraph,
    inside: Mask,
    ranks: Mapping[str, Sequence[Label]],
) -> Outside:
    """Return the states ``inside``, and the steps of ``graph`` there."""
    both = np.flatnonzero(inside[graph.origin] & inside[graph.target])
    states = tuple(int(s) for s in np.flatnonzero(inside))
    return Outside(
        graph=graph,
        states=states,
        edges=edges_of(view, graph, both, ranks),
        instances=tuple(map(int, graph.instance[both])),
        sure=_sure(view, graph, states),
    )


def edges_of(
    view: CountedView,
    graph: StateGraph,
    chosen: NDArray[np.int64],
    ranks: Mapping[str, Sequence[Label]],
) -> tuple[Edge, ...]:
    """Return the ``chosen`` steps of ``graph``, with what they do to ranks."""
    origin, instance = graph.origin[chosen], graph.instance[chosen]
    number = np.array(view.origin, dtype=np.int64)[instance]
    told = _told(graph, ranks, origin, number)
    names = [i.action for i in view.schema.instances]
    return tuple(
        Edge(int(o), int(t), names[n], rises, falls)
        for o, t, n, (rises, falls) in zip(
            origin, graph.target[chosen], number, told, strict=True
        )
    )


def reached(graph: StateGraph, start: Mask, beyond: Mask) -> Mask:
    """Return the states that are reached from ``start`` within ``beyond``."""
    found = start.copy()
    good = beyond[graph.origin] & beyond[graph.target]
    origin, target = graph.origin[good], graph.target[good]
    while True:
        new = found.copy()
        new[target[found[origin]]] = True
        if (new == found).all():
            return found
        found = new


def _told(
    graph: StateGraph,
    ranks: Mapping[str, Sequence[Label]],
    origin: NDArray[np.int64],
    number: NDArray[np.int64],
) -> list[tuple[frozenset[str], frozenset[str]]]:
    """Return, for each edge, the ranks that it raises and that it lowers."""
    columns: dict[Expression, Mask] = {}

    def column(expression: Expression) -> Mask:
        if expression not in columns:
            columns[expression] = graph.column(expression).astype(bool)
        return columns[expression]

    known: dict[tuple[int, ...], frozenset[str]] = {}
    names = list(ranks)
    rises = np.zeros((len(origin), len(names)), dtype=bool)
    falls = np.zeros((len(origin), len(names)), dtype=bool)
    for place, name in enumerate(names):
        for n in np.unique(number):
            label = ranks[name][int(n)]
            mine = np.flatnonzero(number == n)
            rises[mine, place] = column(label.rises)[origin[mine]]
            falls[mine, place] = ~column(label.stays)[origin[mine]]

    def named(row: NDArray[np.bool_]) -> frozenset[str]:
        key = tuple(int(i) for i in np.flatnonzero(row))
        if key not in known:
            known[key] = frozenset(names[i] for i in key)
        return known[key]

    return [
        (named(up), named(down)) for up, down in zip(rises, falls, strict=True)
    ]


def _sure(
    view: CountedView, graph: StateGraph, states: Sequence[int]
) -> Mapping[int, frozenset[str]]:
    columns = {
        name: graph.column(view.sure(name)).astype(bool)
        for name in fair_actions(view.machine)
    }
    return {
        state: frozenset(n for n, column in columns.items() if column[state])
        for state in states
    }
