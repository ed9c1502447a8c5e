# SPDX-License-Identifier: GPL-2.0-or-later
"""``eventually`` properties under weak fairness, on the reachable graph.

"After P, sooner or later Q" fails if, from some reachable state with P and
not Q, a fair run stays outside Q for ever.  Such a run ends up in a strongly
connected component of the graph without the Q states.  Under weak fairness a
component can be stayed in for ever exactly if each fair action is either
disabled somewhere in it or taken inside it; then the whole component serves,
so only maximal components are looked at.  A state in which no fair action is
enabled can be stayed in for ever by doing nothing.

The counterexample is a lasso: the fewest steps to the component, then a cycle
that meets each fair action's condition.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import cached_property

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from checker.engines.graphs.graph import StateGraph
from model.language.machine import Machine, Property

Numbers = NDArray[np.int64]
Mask = NDArray[np.bool_]
_WORD = 63


@frozen(eq=False)
class Lasso:
    """Edges (numbers into the graph's arrays) from an initial state.

    ``stem`` leads into the cycle; ``cycle`` is empty if the run stays in the
    last state and does nothing.
    """

    stem: tuple[int, ...]
    cycle: tuple[int, ...]
    start: int


@frozen(eq=False)
class _Edges:
    """Edges by origin: those of state i are ``order[first[i]:first[i+1]]``."""

    order: Numbers
    first: Numbers

    @classmethod
    def of(cls, origin: Numbers, states: int) -> _Edges:
        order = np.arange(len(origin))
        if (origin[1:] < origin[:-1]).any():
            order = np.argsort(origin, kind="stable").astype(np.int64)
        counts = np.bincount(origin, minlength=states)
        first = np.concatenate(([0], np.cumsum(counts)))
        return cls(order, first)

    def leaving(self, states: Numbers) -> Numbers:
        """Return the edges that leave ``states``."""
        starts, ends = self.first[states], self.first[states + 1]
        sizes = ends - starts
        total = int(sizes.sum())
        if total == 0:
            return np.empty(0, dtype=np.int64)
        ahead = np.repeat(starts - np.cumsum(sizes) + sizes, sizes)
        return self.order[ahead + np.arange(total)]


def components(
    states: int, origin: Numbers, target: Numbers
) -> tuple[int, Numbers]:
    """Return the number of strong components, and each state's component."""
    from scipy.sparse import csr_matrix
    from scipy.sparse.csgraph import connected_components

    ones = np.ones(len(origin), dtype=np.int8)
    matrix = csr_matrix((ones, (origin, target)), shape=(states, states))
    number, labels = connected_components(matrix, connection="strong")
    return int(number), labels.astype(np.int64)


class _Hunt:
    """One property's search for a fair run outside the goal."""

    def __init__(
        self, machine: Machine, graph: StateGraph, prop: Property
    ) -> None:
        self.graph = graph
        self.states = len(graph)
        self.outside: Mask = ~graph.column(prop.conclusion).astype(bool)
        self.trigger: Mask = graph.column(prop.premise).astype(bool)
        # texts of one action, of several variants, are fair together
        fair = dict.fromkeys(a.name for a in machine.actions if a.fair)
        numbers = {name: i for i, name in enumerate(fair)}
        #: number of the fair action of each instance, -1 for the others
        self.fair_of: Numbers = np.array(
            [numbers.get(i.action, -1) for i in machine.instances],
            dtype=np.int64,
        )
        self.fair_count = len(fair)

    @cached_property
    def edges(self) -> _Edges:
        """The graph's edges by their origins."""
        return _Edges.of(self.graph.origin, self.states)

    def run(self) -> Lasso | None:
        distance, parent = self._distances()
        kept, within, label = self._split(distance >= 0)
        if len(kept) == 0:
            return None
        entry = int(kept[np.argmin(distance[kept])])
        members = (distance >= 0) & (label == label[entry])
        cycle = self._cycle(entry, members, within, label)
        return Lasso(self._stem(entry, parent), cycle, entry)

    def starts(self) -> Numbers:
        """Return the states in which a fair run may stay outside the goal."""
        anywhere = self._split(self.outside)[0]
        if len(anywhere) == 0:
            return anywhere
        # no run leaves what lies after the trigger but to the goal, so the
        # components there are those of the whole
        distance, _ = self._distances()
        return anywhere[distance[anywhere] >= 0]

    def _split(self, inside: Mask) -> tuple[Numbers, Numbers, Numbers]:
        """Return those of ``inside`` that a fair run may stay among.

        With the edges inside a component, and each state's component.
        """
        both = inside[self.graph.origin] & inside[self.graph.target]
        origin = self.graph.origin[both]
        target = self.graph.target[both]
        count, label = components(self.states, origin, target)
        within = np.flatnonzero(both)[label[origin] == label[target]]
        fair = self._fair_components(count, label, inside, within)
        return np.flatnonzero(inside & fair[label]), within, label

    def _distances(self) -> tuple[Numbers, Numbers]:
        """Return the fewest steps to each state outside the goal.

        Returns -1 where there is no way; ``parent`` is the edge that was
        taken, -1 where the way starts (at a state that has the trigger).
        """
        distance = np.full(self.states, -1, dtype=np.int64)
        parent = np.full(self.states, -1, dtype=np.int64)
        sources = self.trigger & self.outside
        offsets = self.graph.level_offsets
        frontier = np.empty(0, dtype=np.int64)
        step = 0
        while step < len(offsets) - 1 or len(frontier):
            fresh = frontier
            if step < len(offsets) - 1:
                level = np.arange(offsets[step], offsets[step + 1])
                new = level[sources[level] & (distance[level] < 0)]
                distance[new] = step
                fresh = np.concatenate((frontier, new))
            edges = self.edges.leaving(fresh)
            target = self.graph.target[edges]
            good = self.outside[target] & (distance[target] < 0)
            frontier, index = np.unique(target[good], return_index=True)
            step += 1
            distance[frontier] = step
            parent[frontier] = edges[good][index]
        return distance, parent

    def _fair_components(
        self, count: int, label: Numbers, inside: Mask, within: Numbers
    ) -> Mask:
        """Return, for each component, whether a fair run can stay in it."""
        result = np.zeros(count, dtype=bool)
        result[label[inside]] = True
        for low in range(0, self.fair_count, _WORD):
            high = min(low + _WORD, self.fair_count)
            always = self._enabled(low, high)
            everywhere = np.full(count, -1, dtype=np.int64)
            chosen = np.flatnonzero(inside)
            np.bitwise_and.at(everywhere, label[chosen], always[chosen])
            taken = np.zeros(count, dtype=np.int64)
            bits = self._bits(within, low, high)
            np.bitwise_or.at(taken, label[self.graph.origin[within]], bits)
            result &= (everywhere & ~taken & ((1 << (high - low)) - 1)) == 0
        return result

    def _fair(self, edge: int) -> int:
        """Return the number of an edge's fair action, -1 if it is not fair."""
        return int(self.fair_of[self.graph.instance[edge]])

    def _bits(self, edges: Numbers, low: int, high: int) -> Numbers:
        mine = (self.fair_of >= low) & (self.fair_of < high)
        shift = np.where(mine, self.fair_of - low, 0)
        bits = np.where(mine, np.int64(1) << shift, 0)
        return bits[self.graph.instance[edges]]

    def _enabled(self, low: int, high: int) -> Numbers:
        """Return, for each state, its enabled actions among fair low..high."""
        enabled = np.zeros(self.states, dtype=np.int64)
        every = np.arange(len(self.graph.origin))
        bits = self._bits(every, low, high)
        some = bits != 0
        np.bitwise_or.at(enabled, self.graph.origin[some], bits[some])
        return enabled

    def _stem(self, entry: int, parent: Numbers) -> tuple[int, ...]:
        edges: list[int] = []
        state = entry
        while parent[state] >= 0:
            edges.append(int(parent[state]))
            state = int(self.graph.origin[edges[-1]])
        edges.extend(self._from_initial(state))
        return tuple(reversed(edges))

    def _from_initial(self, state: int) -> list[int]:
        """Return the edges of a shortest way to ``state``, last one first."""
        offsets = self.graph.level_offsets
        level = int(np.searchsorted(offsets, state, side="right")) - 1
        edges: list[int] = []
        while level > 0:
            origin = self.graph.origin
            into = np.flatnonzero(
                (self.graph.target == state) & (origin < offsets[level])
            )
            edges.append(int(into[0]))
            state = int(origin[edges[-1]])
            level -= 1
        return edges

    def _cycle(
        self, entry: int, members: Mask, within: Numbers, label: Numbers
    ) -> tuple[int, ...]:
        """Return a closed walk from ``entry`` that is fair."""
        own = within[label[self.graph.origin[within]] == label[entry]]
        if len(own) == 0:
            return ()
        steps = _Edges.of(self.graph.origin[own], self.states)
        pending = self._unserved(entry, set(range(self.fair_count)))
        walk: list[int] = []
        state = entry
        while pending:
            for edge in self._nearest(state, own, steps, pending):
                walk.append(edge)
                state = int(self.graph.target[edge])
                pending.discard(self._fair(edge))
                pending = self._unserved(state, pending)
        if state != entry:
            walk += self._search(
                state,
                own,
                steps,
                lambda edge: int(self.graph.target[edge]) == entry,
            )
        return tuple(walk)

    def _unserved(self, state: int, pending: set[int]) -> set[int]:
        """Return the actions of ``pending`` that are enabled in ``state``."""
        here = self.edges.leaving(np.array([state]))
        return pending & {self._fair(edge) for edge in here}

    def _nearest(
        self, start: int, own: Numbers, steps: _Edges, pending: set[int]
    ) -> list[int]:
        """Return the fewest edges from ``start`` to a pending fair action.

        It is served by being taken, or by being disabled at the end.
        """

        def serves(edge: int) -> bool:
            if self._fair(edge) in pending:
                return True
            there = int(self.graph.target[edge])
            return len(self._unserved(there, pending)) < len(pending)

        return self._search(start, own, steps, serves)

    def _search(
        self,
        start: int,
        own: Numbers,
        steps: _Edges,
        found: Callable[[int], bool],
    ) -> list[int]:
        came: dict[int, int] = {start: -1}
        queue = deque([start])
        while queue:
            state = queue.popleft()
            for index in steps.leaving(np.array([state])):
                edge = int(own[index])
                there = int(self.graph.target[edge])
                if found(edge):
                    return self._unwind(came, state, edge)
                if there not in came:
                    came[there] = edge
                    queue.append(there)
        raise AssertionError("a component is not strongly connected")

    def _unwind(
        self, came: dict[int, int], state: int, last: int
    ) -> list[int]:
        path = [last]
        while came[state] >= 0:
            path.append(came[state])
            state = int(self.graph.origin[came[state]])
        path.reverse()
        return path


def find_lasso(
    machine: Machine, graph: StateGraph, prop: Property
) -> Lasso | None:
    """Return a fair run that breaks the ``eventually`` property, or None."""
    return _Hunt(machine, graph, prop).run()


def starts_of_lassos(
    machine: Machine, graph: StateGraph, prop: Property
) -> Numbers:
    """Return the states in which runs that break the property may stay.

    The numbers of all such states; none if it holds.
    """
    return _Hunt(machine, graph, prop).starts()
