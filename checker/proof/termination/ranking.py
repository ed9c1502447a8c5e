# SPDX-License-Identifier: GPL-2.0-or-later
"""Why every fair run leaves a set of states: a measure is searched for.

The states outside the goal are taken apart.  A strong component that a fair
run cannot stay in is done: some fair action is possible in each of its states
on every disk, and no step inside takes it.  Else a rank is looked for that no
step inside raises and some lower.  Such steps are taken finitely often, so
they are left out, and the rest is taken apart again.  A component with neither
is stuck: there a fair run of the count may stay.

What comes out is a measure (``measure``): for each state the numbers of its
components, with the ranks between them, and the helpful action at the end.
The numbers fall along the steps that lead from one component to another.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from attrs import define, field, frozen

from checker.proof.termination.measure import Edge, Value


@frozen
class Stuck:
    """States among which a fair run may stay; one may do nothing there."""

    states: tuple[int, ...]


@define
class Ranking:
    """The search; ``sure``: the fair actions that are sure in each state.

    ``ranks``: names, in the order in which they are tried.
    """

    sure: Mapping[int, frozenset[str]]
    ranks: Sequence[str]
    values: dict[int, Value] = field(factory=dict, init=False)
    stuck: list[Stuck] = field(factory=list, init=False)
    used: dict[str, None] = field(factory=dict, init=False)

    def run(self, edges: Sequence[Edge]) -> None:
        """Find the value of each state, or components that are stuck."""
        self._split(tuple(self.sure), edges, ())

    def _split(
        self, states: Sequence[int], edges: Sequence[Edge], before: Value
    ) -> None:
        parts = components(states, edges)
        number = {s: n for n, part in enumerate(parts) for s in part}
        inside: list[list[Edge]] = [[] for _ in parts]
        for edge in edges:
            if number[edge.origin] == number[edge.target]:
                inside[number[edge.origin]].append(edge)
        for n, part in enumerate(parts):
            self._component(part, inside[n], (*before, n))

    def _component(
        self, states: Sequence[int], edges: Sequence[Edge], before: Value
    ) -> None:
        taken = {edge.action for edge in edges}
        helpful = frozenset.intersection(*(self.sure[s] for s in states))
        serving = sorted(helpful - taken)
        if serving:
            value = (*before, serving[0])
            self.values.update(dict.fromkeys(states, value))
            return
        for rank in self.ranks:
            left = [edge for edge in edges if rank not in edge.falls]
            if len(left) == len(edges):
                continue
            if any(rank in edge.rises for edge in edges):
                continue
            self.used[rank] = None
            self._split(states, left, (*before, rank))
            return
        self.stuck.append(Stuck(tuple(states)))


def components(
    states: Iterable[int], edges: Sequence[Edge]
) -> list[list[int]]:
    """Return the strong components, each before those that lead to it.

    Tarjan's algorithm, without recursion.
    """
    following: dict[int, list[int]] = {state: [] for state in states}
    for edge in edges:
        following[edge.origin].append(edge.target)
    index: dict[int, int] = {}
    low: dict[int, int] = {}
    open_: dict[int, None] = {}
    found: list[list[int]] = []
    for root, targets in following.items():
        if root in index:
            continue
        index[root] = low[root] = len(index)
        open_[root] = None
        work = [(root, iter(targets))]
        while work:
            state, ahead = work[-1]
            for other in ahead:
                if other not in index:
                    index[other] = low[other] = len(index)
                    open_[other] = None
                    work.append((other, iter(following[other])))
                    break
                if other in open_:
                    low[state] = min(low[state], index[other])
            else:
                work.pop()
                if work:
                    above = work[-1][0]
                    low[above] = min(low[above], low[state])
                if low[state] == index[state]:
                    part = []
                    while True:
                        last, _ = open_.popitem()
                        part.append(last)
                        if last == state:
                            break
                    found.append(part)
    return found
