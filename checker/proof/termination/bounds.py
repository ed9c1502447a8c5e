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
from checker.proof.termination.labels import labels, shares
from checker.proof.termination.obligations import Ranked
from checker.proof.termination.runs import Mask, edges_of, reached
from model.language import expression as ex
from model.language.counted_view import CountedView
from model.language.errors import ModelError
from model.language.expression import Expression
from model.language.machine import Cost, Machine, Rank
from model.language.movement import asked_both_ways
from model.language.schematic import SORTS, Sort, asked

#: what is counted of a sort, as the costs of compare call it
NAMES: Final[Mapping[Sort, str]] = {Sort.CHUNKS: "M", Sort.TALLY: "W"}
#: the same of a set that keeps a limit, and of one that exceeds it by 1
LIMITS: Final[Mapping[str, str]] = {"downtime": "D"}
ONE_MORE: Final[Mapping[str, str]] = {"writes_beside": "F"}
EDITS: Final = "edits"


@frozen(kw_only=True)
class Bound:
    """A cost is at most this, by ``rank``.

    ``rank``: '' where no step is counted.  ``parts``: how often M, W, D, F
    and 1 are in the sum, by name; '' is 1.
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
    """Return the least bounds of each cost; two that do not compare, both."""
    best: dict[tuple[str, frozenset[str]], Bound] = {}
    for one in found:
        names = frozenset(name for name, _ in one.parts)
        known = best.get((one.cost, names))
        if known is None or one.at() < known.at():
            best[one.cost, names] = one
    return tuple(
        one
        for (cost, names), one in best.items()
        if not any(
            cost == other_cost and others < names and o.at() <= one.at()
            for (other_cost, others), o in best.items()
        )
    )


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
        if not view.numbers.limited:
            whole = (first, every)
            yield from _earlier(cost, view, calm, whole, inside, ranked)


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


def _earlier(
    cost: Cost,
    view: CountedView,
    calm: StateGraph,
    whole: tuple[Mask, Mask],
    inside: Mask,
    ranked: Ranked,
) -> Iterator[Bound]:
    """Yield bounds by ranks that are looked at before the condition begins.

    That is from where no step raises the rank any more; so it may be known to
    be small where that begins.  ``whole``: the initial states, and all.
    """
    first, every = whole
    back = evolve(calm, origin=calm.target, target=calm.origin)
    around = reached(back, inside, every) & every
    chosen = np.flatnonzero(around[calm.origin] & every[calm.target])
    edges = edges_of(view, calm, chosen, ranked.labels)
    paying = [
        e for e in edges if e.action in cost.actions and inside[e.origin]
    ]
    for rank in ranked.ranks:
        if not paying or any(rank.name not in e.falls for e in paying):
            continue
        raised = np.zeros(len(every), dtype=bool)
        for edge in edges:
            if rank.name in edge.rises and around[edge.target]:
                raised[edge.origin] = True
        region = around & ~reached(back, raised, every)
        entry = _entry(calm, first, every, region)
        if entry is None or (inside & ~region).any():
            continue
        for limited in (True, False):
            parts = _largest(view, calm, entry, rank, limited)
            if parts is not None:
                yield Bound(cost=cost.name, rank=rank.name, parts=parts)


def _kept_limit(
    view: CountedView, graph: StateGraph, entry: Mask, part: Expression
) -> str:
    """Return the limit that a set keeps in all of ``entry``, or ''."""
    for node, name in view.remembered.items():
        if node.operands == (part,):
            kept = graph.column(ex.field_value(name, 1)).astype(bool)
            if kept[entry].all():
                return asked(node)[1]
    return ""


def _never_more(view: CountedView, part: Expression) -> str:
    """Return the limit that a set of granules exceeds by 1 at most, or ''.

    Each step that may add to it adds its own parameter only, and asks
    whether what is there keeps the limit.
    """
    found: set[str] = set()
    rank = Rank("the set", ((1, part),))
    for one, label in zip(
        view.schema.instances, labels(view, rank), strict=True
    ):
        if label.rises is ex.FALSE:
            continue
        given = {
            asked(c.expression)[1]
            for c in one.guard
            if c.expression.operator == "ask"
            and asked(c.expression)[0] == "at_most"
            and c.expression.operands == (part,)
        }
        others = [s for s in shares(view, one, rank) if not s.own]
        spreads = any(
            asked_both_ways(
                ex.conjunction(s.given, ex.less(s.before, s.after))
            )
            is not ex.FALSE
            for s in others
        )
        if not given or spreads:
            return ""
        found |= given
    return found.pop() if len(found) == 1 else ""


def _largest(
    view: CountedView,
    graph: StateGraph,
    entry: Mask,
    rank: Rank,
    limited: bool = False,
) -> tuple[tuple[str, int], ...] | None:
    """Return how large a rank may be in the states ``entry``, by name.

    ``limited``: by a limit that a set of chunks keeps there, if any.

    None: the count does not say, as of granules and messages that are there.
    """
    found: dict[str, int] = {}
    for weight, part in rank.parts:
        sort = SORTS.get(part.width)
        if not (graph.column(_some(view, part)).astype(bool) & entry).any():
            continue
        name = "" if sort is None else NAMES.get(sort)
        if sort is Sort.CHUNKS and limited:
            limit = _kept_limit(view, graph, entry, part)
            name = LIMITS.get(limit, name)
        if sort is Sort.GRANULES:
            name = ONE_MORE.get(_never_more(view, part))
        question = view.counting.tallies.get(part.name, "any_left")
        if name is None or question != "any_left":
            return None
        found[name] = found.get(name, 0) + weight
    names = (*NAMES.values(), *LIMITS.values(), *ONE_MORE.values())
    order = (*names, "")
    return tuple((n, found[n]) for n in order if n in found)


def _some(view: CountedView, part: Expression) -> Expression:
    """Return whether there is some of a part of a rank, in the count."""
    if SORTS.get(part.width) is Sort.CHANNEL:
        return ex.complement(view.counting.channels[part.name].vacant(0))
    return view.counting.of(part)
