# SPDX-License-Identifier: GPL-2.0-or-later
"""The graph of all reachable states and steps, as arrays.

States are numbered in the order of their levels, the initial ones first, and
within a level in the order of their packed form: so the graph, and what is
found in it, does not depend on the engine or on the number of threads.
Every transition is an edge, self-loops included, so the number of edges is
the search's number of transitions.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from checker.engines.evaluate import Evaluator
from checker.engines.exploration import Limits, Search, default_memory
from checker.engines.interpreter import InterpretedSearch, successors
from checker.engines.native.layout import Rows, layout_of
from model.language.expression import Expression
from model.language.machine import State

Numbers = NDArray[np.int64]
#: bytes that an edge takes, with what the algorithms on it need beside
EDGE_BYTES = 10 * 8


class GraphTooLargeError(Exception):
    """The edges do not fit the memory limit; ``str()`` says by how much."""


@frozen(eq=False)
class StateGraph:
    """Edges ``origin[i] -> target[i]`` by action instance ``instance[i]``.

    Edges are in the order of their origins.  ``level_offsets``: number of the
    first state of each level, and of one past the last.
    """

    origin: Numbers
    instance: Numbers
    target: Numbers
    level_offsets: Numbers
    state: Callable[[int], State]
    column: Callable[[Expression], NDArray[np.uint64]]

    def __len__(self) -> int:
        """Return the number of states."""
        return int(self.level_offsets[-1])


def graph_of(search: Search, limits: Limits, sort: bool = True) -> StateGraph:
    """Return the graph that a finished search has walked.

    Without ``sort``, the states of an explicit search keep its numbers, for
    those who do not mind.  Raises GraphTooLargeError if it does not fit
    ``limits.memory``.
    """
    needed = search.coverage.transitions * EDGE_BYTES
    allowed = limits.memory or default_memory()
    if needed > allowed:
        raise GraphTooLargeError(
            f"the graph needs {needed} bytes, the limit is {allowed}"
        )
    if isinstance(search, InterpretedSearch):
        return _interpreted(search)
    return _explicit(search, sort)


def _in_order(found: StateGraph, rows: Rows) -> StateGraph:
    """Return the graph in canonical order; ``rows`` are its packed states."""
    sizes = np.diff(found.level_offsets)
    level = np.repeat(np.arange(len(sizes)), sizes)
    keys = [rows[:, word] for word in range(rows.shape[1])]
    order = np.lexsort((*keys, level)).astype(np.int64)
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    edges = _leaving(found.origin, order)

    def column(expression: Expression) -> NDArray[np.uint64]:
        return found.column(expression)[order]

    return StateGraph(
        place[found.origin[edges]],
        found.instance[edges],
        place[found.target[edges]],
        found.level_offsets,
        lambda number: found.state(int(order[number])),
        column,
    )


def _leaving(origin: Numbers, states: Numbers) -> Numbers:
    """Return the edges that leave ``states``, in the order of these.

    ``origin``, of each edge, is in order; so are the edges of a state.
    """
    counts = np.bincount(origin, minlength=len(states))
    first = np.cumsum(counts) - counts
    sizes = counts[states]
    start = np.cumsum(sizes) - sizes
    return np.repeat(first[states] - start, sizes) + np.arange(len(origin))


def _explicit(search: Search, sort: bool) -> StateGraph:
    from checker.engines.native.found import ExplicitSearch

    assert isinstance(search, ExplicitSearch)
    levels = range(len(search.level_starts) - 1)
    parts = [steps for level in levels for steps in search.steps(level)]

    def joined(name: str) -> Numbers:
        arrays = [getattr(steps, name) for steps in parts]
        empty = np.empty(0, dtype=np.int64)
        return np.concatenate([empty, *arrays])

    def column(expression: Expression) -> NDArray[np.uint64]:
        columns = [search.column(expression, level) for level in levels]
        return np.concatenate(columns).astype(np.uint64)

    found = StateGraph(
        joined("origin"),
        joined("instance"),
        joined("target"),
        search.level_starts,
        search.state,
        column,
    )
    return _in_order(found, search.rows()) if sort else found


def _interpreted(search: InterpretedSearch) -> StateGraph:
    machine = search.machine
    states = [state for level in search.levels for state in level]
    numbers = {state: number for number, state in enumerate(states)}
    edges = [
        (numbers[state], instance, numbers[successor])
        for state in states
        for instance, successor in successors(machine, state)
    ]
    table = np.array(edges, dtype=np.int64).reshape(-1, 3)
    sizes = [len(level) for level in search.levels]

    def column(expression: Expression) -> NDArray[np.uint64]:
        values = [Evaluator(machine, s).value(expression) for s in states]
        return np.array(values, dtype=np.uint64)

    found = StateGraph(
        table[:, 0],
        table[:, 1],
        table[:, 2],
        np.concatenate(([0], np.cumsum(sizes))).astype(np.int64),
        states.__getitem__,
        column,
    )
    return _in_order(found, layout_of(machine).pack(states))
