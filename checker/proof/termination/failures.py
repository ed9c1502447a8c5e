# SPDX-License-Identifier: GPL-2.0-or-later
"""Whatever may fail: the measure serves where some kinds of failure do not.

A disk's machine lacks the actions that need a budget which is 0, fair ones
too.  A run of it is a run of the machine that has them all, but it need not be
fair to an action that it lacks.  So a helpful action must not be one that is
lacking in a state that is reached without it.

An action is lacking where all alternatives of one of its needs are 0.  The
less is 0 the more is reached; so for each need it suffices to leave out its
alternatives and what spends or needs them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from checker.engines.graphs.graph import StateGraph
from checker.proof.termination.measure import Value
from model.language.counted_view import CountedView
from model.language.machine import Action

Mask = NDArray[np.bool_]


def why_lacking(
    view: CountedView, graph: StateGraph, values: Mapping[int, Value]
) -> tuple[int, str]:
    """Return how many sets of failures were tried, and what is lacking.

    ``values``: the measure.  '' if no helpful action is lacking where it is
    needed.
    """
    helpful: dict[str, list[int]] = {}
    for state, value in values.items():
        helpful.setdefault(str(value[-1]), []).append(state)
    tried = 0
    reached: dict[frozenset[str], Mask] = {}
    known = {action.name for action in view.machine.actions}
    for name in helpful:
        if name not in known:
            return tried, f"there is no action '{name}'"
        for absent in _lacking(view.machine.action(name)):
            tried += 1
            if absent not in reached:
                reached[absent] = _reached(view, graph, absent)
            met = reached[absent][helpful[name]]
            if met.any():
                state = helpful[name][int(np.argmax(met))]
                gone = ", ".join(sorted(absent))
                return tried, f"without {gone} there is no {name} in {state}"
    return tried, ""


def _lacking(action: Action) -> Iterator[frozenset[str]]:
    """Yield the least sets of budgets without which the action is not."""
    for need in (*action.needs, action.spends):
        if need:
            yield frozenset(need.split("|"))


def is_there(action: Action, absent: frozenset[str]) -> bool:
    """Return whether a machine without the budgets ``absent`` has it."""
    return not any(lacks <= absent for lacks in _lacking(action))


def _reached(
    view: CountedView, graph: StateGraph, absent: frozenset[str]
) -> Mask:
    """Return the states that are reached without the budgets ``absent``."""
    there = np.array(
        [
            is_there(action, absent)
            for action in view.machine.actions
            for _ in action.instances
        ],
        dtype=bool,
    )
    kept = there[graph.instance]
    origin, target = graph.origin[kept], graph.target[kept]
    found = np.zeros(len(graph), dtype=bool)
    found[: graph.level_offsets[1]] = True
    while True:
        new = found.copy()
        new[target[found[origin]]] = True
        if (new == found).all():
            return found
        found = new
