# SPDX-License-Identifier: GPL-2.0-or-later
"""What a run may cost at most, and what a failure may destroy, exactly.

A cost counts certain steps along a run.  If such a step lies on a cycle, a
run can repeat it for ever: there is no most.  Otherwise the components of
the graph form no cycle and the most expensive run is a longest path.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from checker.engines.graphs.graph import Numbers, StateGraph
from checker.engines.graphs.liveness import components
from model.language.expression import Expression
from model.language.machine import Cost, Machine

UNLIMITED = None


def most(machine: Machine, graph: StateGraph, cost: Cost) -> int | None:
    """Return the most that a run may cost; None if there is no most."""
    paid = np.array([i.action in cost.actions for i in machine.instances])
    when = graph.column(cost.when).astype(bool)
    pays = paid[graph.instance] & when[graph.origin]
    if not pays.any():
        return 0
    # what is before the first such step, or after the last, costs nothing
    pay = np.zeros(len(graph), dtype=bool)
    pay[graph.origin[pays]] = True
    after = _closure(pay, graph.origin, graph.target)
    inside = after[graph.origin] & after[graph.target]
    number = np.cumsum(after) - 1
    origin, target = number[graph.origin[inside]], number[graph.target[inside]]
    weight = pays[inside].astype(np.int64)
    count, label = components(int(after.sum()), origin, target)
    origin, target = label[origin], label[target]
    if weight[origin == target].any():
        return UNLIMITED
    between = origin != target
    origin, target, weight = origin[between], target[between], weight[between]
    best = np.zeros(count, dtype=np.int64)
    while True:
        # longest path by relaxation; the graph of components has no cycle,
        # so this ends after as many rounds as the longest path has steps
        new = best.copy()
        np.maximum.at(new, target, best[origin] + weight)
        if (new == best).all():
            return int(best.max())
        best = new


def leaves(graph: StateGraph, within: Expression) -> bool:
    """Return whether a step leads out of the states ``within``."""
    inside = graph.column(within).astype(bool)
    return bool((inside[graph.origin] & ~inside[graph.target]).any())


def always_passes(
    graph: StateGraph, within: Expression, through: Expression
) -> bool:
    """Return whether no run leaves the states ``within`` but over ``through``.

    ``through`` may lie on either side of the border.  False as well if no
    run gets ``within``, or none ever meets ``through``.
    """
    inside = graph.column(within).astype(bool)
    met = graph.column(through).astype(bool)
    start = np.zeros(len(graph), dtype=bool)
    start[: graph.level_offsets[1]] = True
    open_ = ~met[graph.origin] & ~met[graph.target]
    origin, target = graph.origin[open_], graph.target[open_]
    entered = _closure(start & ~met, origin, target) & inside
    around = _closure(entered, origin, target) & ~inside
    return bool(met.any() and inside.any() and not around.any())


def share_at_risk(
    machine: Machine,
    graph: StateGraph,
    under_way: Expression,
    lost: Expression,
    failures: Collection[str],
) -> tuple[int, int]:
    """Return in how many states one of ``failures`` may end in a loss.

    Looks at the states in which a migration is ``under_way`` and nothing has
    failed: reached from an initial state without a fault.  A state counts if
    one more step, one of ``failures``, leads to where ``lost`` can become
    true without any further fault.  Returns how many states count, and of
    how many.
    """
    faults = {action.name for action in machine.actions if action.fault}
    faulty = np.array([i.action in faults for i in machine.instances])
    asked_for = np.array([i.action in failures for i in machine.instances])
    quiet = ~faulty[graph.instance]
    origin, target = graph.origin[quiet], graph.target[quiet]
    doomed = _closure(graph.column(lost).astype(bool), target, origin)
    start = np.zeros(len(graph), dtype=bool)
    start[: graph.level_offsets[1]] = True
    calm = _closure(start, origin, target)
    asked = calm & graph.column(under_way).astype(bool)
    fatal = asked_for[graph.instance] & doomed[graph.target]
    risky = np.zeros(len(graph), dtype=bool)
    risky[graph.origin[fatal]] = True
    return int((risky & asked).sum()), int(asked.sum())


def _closure(
    start: NDArray[np.bool_], origin: Numbers, target: Numbers
) -> NDArray[np.bool_]:
    """Return the states that the edges reach from ``start``, with these."""
    from scipy.sparse import csr_matrix
    from scipy.sparse.csgraph import breadth_first_order

    size, starts = len(start), np.flatnonzero(start)
    # one more vertex, the last, leads to all of them
    origins = np.concatenate((origin, np.full(len(starts), size)))
    targets = np.concatenate((target, starts))
    ones = np.ones(len(targets), dtype=np.int8)
    edges = csr_matrix((ones, (origins, targets)), shape=(size + 1, size + 1))
    order = breadth_first_order(edges, size, return_predecessors=False)
    found = np.zeros(size + 1, dtype=bool)
    found[order] = True
    return found[:size]
