# SPDX-License-Identifier: GPL-2.0-or-later
"""The runs of the count that stay outside the goal, as states and steps.

Of all states those are looked at that come after the premise without meeting
the goal.  Each has a number; each step is told with what it does to ranks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from checker.engines.graphs.graph import StateGraph
from checker.proof.termination.labels import Label
from checker.proof.termination.measure import Edge
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
    instance of the schema.
    """
    beyond = ~graph.column(prop.conclusion).astype(bool)
    premise = graph.column(prop.premise).astype(bool)
    inside = _reached(graph, premise & beyond, beyond)
    both = np.flatnonzero(inside[graph.origin] & inside[graph.target])
    states = tuple(int(s) for s in np.flatnonzero(inside))
    origin, instance = graph.origin[both], graph.instance[both]
    number = np.array(view.origin, dtype=np.int64)[instance]
    told = _told(graph, ranks, origin, number)
    names = [i.action for i in view.schema.instances]
    edges = tuple(
        Edge(int(o), int(t), names[n], rises, falls)
        for o, t, n, (rises, falls) in zip(
            origin, graph.target[both], number, told, strict=True
        )
    )
    sure = _sure(view, graph, states)
    return Outside(graph, states, edges, tuple(map(int, instance)), sure)


def _reached(graph: StateGraph, start: Mask, beyond: Mask) -> Mask:
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
