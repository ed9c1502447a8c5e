# SPDX-License-Identifier: GPL-2.0-or-later
"""What a run costs at most, for every size: a rank that pays for each step.

A cost counts steps of some actions, taken where a condition is true.  If no
step inside that condition raises a rank, and each that is counted lowers it,
then no more are counted than the rank was where the condition began.  What
comes after the last that may be counted does not matter, and the condition
must not come true twice before.  How large the rank can be there is read of
the count: of an empty set nothing, of a set of chunks M at most, of a budget
its amount.

As in the explored costs nothing fails and the user edits nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import numpy as np
from attrs import evolve, frozen

from checker.engines.graphs.graph import StateGraph
from checker.proof.termination.obligations import Ranked
from checker.proof.termination.runs import Mask, edges_of, reached
from model.language import expression as ex
from model.language.counted_view import CountedView
from model.language.errors import ModelError
from model.language.expression import Expression
from model.language.machine import Cost, Machine, Rank
from model.language.schematic import SORTS, Sort

#: what is counted of a sort, as the costs of compare call it
NAMES: Final[Mapping[Sort, str]] = {Sort.CHUNKS: "M", Sort.TALLY: "W"}
EDITS: Final = "edits"


@frozen(kw_only=True)
class Bound:
    """A cost is at most this, by ``rank``.

    ``rank``: '' where no step is counted.  ``parts``: how often M, W and 1
    are in the sum, by name; '' is 1.
    """

    cost: str
    rank: str
    parts: tuple[tuple[str, int], ...]

    def at(self, **sizes: int) -> int:
        """Return the bound where M and W are these."""
        return sum(n * sizes.get(name, 1) for name, n in self.parts)

    def __str__(self) -> str:
        terms = []
        for name, number in self.parts:
            if not name:
                terms.append(str(number))
            else:
                terms.append(name if number == 1 else f"{number} {name}")
        return " + ".join(terms) or "0"


def least(found: Sequence[Bound]) -> tuple[Bound, ...]:
    """Return the least bound of each cost, as far as they compare."""
    best: dict[str, Bound] = {}
    for one in found:
        known = best.get(one.cost)
        if known is None or one.at(M=1, W=1) < known.at(M=1, W=1):
            best[one.cost] = one
    return tuple(best.values())


def bounds(
    schema: Machine, view: CountedView, graph: StateGraph, ranked: Ranked
) -> Iterator[Bound]:
    """Yield what is shown of the costs of ``schema``, in one form.

    ``graph``: of the machine of ``view``.  The labels of the ranks are to be
    shown elsewhere.
    """
    calm = _calm(view, graph)
    first = np.zeros(len(graph), dtype=bool)
    first[: graph.level_offsets[1]] = True
    every = reached(calm, first, np.ones(len(graph), dtype=bool))
    for cost in schema.costs:
        try:
            when = view.counting.of(cost.when)
            inside = graph.column(when).astype(bool) & every
        except (KeyError, ModelError):
            continue  # the count has forgotten what it depends on
        inside &= _before_the_last(view, calm, cost, inside)
        entry = _entry(calm, first, every, inside)
        if entry is None:
            continue
        yield from _bounds(cost, view, calm, inside, entry, ranked)


def _calm(view: CountedView, graph: StateGraph) -> StateGraph:
    """Return the graph without failures and edits."""
    calm = np.array(
        [
            not action.fault and action.spends != EDITS
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


def _before_the_last(
    view: CountedView, calm: StateGraph, cost: Cost, inside: Mask
) -> Mask:
    """Return the states from which a step that is counted may still come."""
    pays = np.array(
        [i.action in cost.actions for i in view.machine.instances], dtype=bool
    )
    paying = pays[calm.instance] & inside[calm.origin]
    start = np.zeros(len(inside), dtype=bool)
    start[calm.origin[paying]] = True
    back = evolve(calm, origin=calm.target, target=calm.origin)
    return reached(back, start, np.ones(len(inside), dtype=bool))


def _entry(
    calm: StateGraph, first: Mask, every: Mask, inside: Mask
) -> Mask | None:
    """Return where the condition begins; None if it may begin twice."""
    enters = every[calm.origin] & ~inside[calm.origin] & inside[calm.target]
    entry = first & inside
    entry[calm.target[enters]] = True
    leaves = inside[calm.origin] & ~inside[calm.target]
    left = np.zeros(len(every), dtype=bool)
    left[calm.target[leaves]] = True
    later = reached(calm, left, np.ones(len(every), dtype=bool))
    return None if (later & inside).any() else entry


def _bounds(
    cost: Cost,
    view: CountedView,
    calm: StateGraph,
    inside: Mask,
    entry: Mask,
    ranked: Ranked,
) -> Iterator[Bound]:
    chosen = np.flatnonzero(inside[calm.origin])
    edges = edges_of(view, calm, chosen, ranked.labels)
    stays = inside[calm.target[chosen]]
    paying = [edge for edge in edges if edge.action in cost.actions]
    within = [e for e, stay in zip(edges, stays, strict=True) if stay]
    for rank in ranked.ranks:
        if any(rank.name in edge.rises for edge in within):
            continue
        if any(rank.name not in edge.falls for edge in paying):
            continue
        parts = _largest(view, calm, entry, rank)
        if parts is not None:
            yield Bound(
                cost=cost.name,
                rank=rank.name if paying else "",
                parts=parts if paying else (),
            )
        if not paying:
            return


def _largest(
    view: CountedView, graph: StateGraph, entry: Mask, rank: Rank
) -> tuple[tuple[str, int], ...] | None:
    """Return how large a rank may be in the states ``entry``, by name.

    None: the count does not say, as of granules and messages that are there.
    """
    found: dict[str, int] = {}
    for weight, part in rank.parts:
        sort = SORTS.get(part.width)
        if not (graph.column(_some(view, part)).astype(bool) & entry).any():
            continue
        name = "" if sort is None else NAMES.get(sort)
        question = view.counting.tallies.get(part.name, "any_left")
        if name is None or question != "any_left":
            return None
        found[name] = found.get(name, 0) + weight
    order = (*NAMES.values(), "")
    return tuple((n, found[n]) for n in order if n in found)


def _some(view: CountedView, part: Expression) -> Expression:
    """Return whether there is some of a part of a rank, in the count."""
    if SORTS.get(part.width) is Sort.CHANNEL:
        return ex.complement(view.counting.channels[part.name].vacant(0))
    return view.counting.of(part)
