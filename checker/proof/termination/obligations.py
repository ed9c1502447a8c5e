# SPDX-License-Identifier: GPL-2.0-or-later
"""What has to be shown so that a measure of the count is one of every disk.

The first group is of the count itself: that it was explored to the end, or
that the states in a file are closed under steps; that the measure falls.  The
second carries it to disks: by the text's structure, by z3 at any chunk, by z3
on small disks, and by lemmas for all sizes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Final

from attrs import evolve, field, frozen

from checker.engines.graphs.graph import StateGraph
from checker.proof.obligation import (
    Obligation,
    Outcome,
    Shown,
    over_all,
    timed,
)
from checker.proof.termination import on_disks
from checker.proof.termination.at_a_chunk import labels_at_a_chunk
from checker.proof.termination.failures import why_lacking
from checker.proof.termination.forms import Form
from checker.proof.termination.labels import Label, labels, usable_ranks
from checker.proof.termination.lemmas import prove_lemmas
from checker.proof.termination.measure import Value, why_no_measure
from checker.proof.termination.runs import Outside
from checker.proof.termination.structure import structure
from checker.proof.termination.success import with_success
from model.designs import schema
from model.language.counted_view import CountedView
from model.language.machine import Rank
from model.options import Options

EXPLORED: Final = "the count is explored to its fixed point"
CLOSED: Final = "the count's states are closed under its steps"
FALLS: Final = "the measure falls with every step, until the goal"
LACKING: Final = "what helps is there, whatever else may fail"
HAPPENS: Final = "every action happens in the count, every goal is reached"
MEANT: Final = "the count reads the text as it is meant"
STEPS: Final = "every step of a disk is one of the count"
STARTS: Final = "every start of a disk is one of the count"
NAMES: Final = "a message that may name a chunk names one"
SURE: Final = "what the count is sure of can happen on the disk"
RANKS: Final = "ranks move as said, at any chunk of any disk"
COUNTED: Final = "ranks move as said, counted on disks"
LEMMAS: Final = "lemmas of the count for all sizes"

Values = Mapping[int, Value]
Work = Callable[[], Obligation]


@frozen(eq=False)
class Ranked:
    """The ranks of a view, and what each step does to each."""

    ranks: tuple[Rank, ...]
    labels: Mapping[str, Sequence[Label]] = field(repr=False)

    @classmethod
    def of(cls, view: CountedView) -> Ranked:
        """Return the ranks that may be used in ``view``."""
        ranks = usable_ranks(view)
        return cls(ranks, {rank.name: labels(view, rank) for rank in ranks})

    def only(self, names: frozenset[str]) -> Ranked:
        """Return those of ``names``."""
        ranks = tuple(r for r in self.ranks if r.name in names)
        return Ranked(ranks, {r.name: self.labels[r.name] for r in ranks})


def falls(
    runs: Mapping[str, Outside],
    measures: Mapping[str, Values],
    ranked: Ranked,
) -> Shown:
    """Show that each measure is one: of each property by its name."""
    steps = 0
    names = frozenset(r.name for r in ranked.ranks)
    for name, values in measures.items():
        outside = runs[name]
        steps += len(outside.edges)
        why = why_no_measure(values, outside.sure, outside.edges, names)
        if why:
            return Shown(Outcome.REFUTED, steps, f"{name}: {why}")
    return Shown(Outcome.PROVED, steps)


def nothing_lacking(
    view: CountedView, graph: StateGraph, measures: Mapping[str, Values]
) -> Shown:
    """Show that what helps is there, whichever failures are possible."""
    tried = 0
    for name, values in measures.items():
        more, why = why_lacking(view, graph, values)
        tried += more
        if why:
            return Shown(Outcome.REFUTED, tried, f"{name}: {why}")
    return Shown(Outcome.PROVED, tried)


def of_every_disk(
    options: Options,
    form: Form,
    view: CountedView,
    ranked: Ranked,
    sizes: Sequence[on_disks.Sized],
    lemmas: list[Obligation],
) -> Iterator[tuple[str, Work]]:
    """Yield what carries ``view`` to disks: name, work.

    ``ranked``: the ranks that are used.  ``lemmas``: where the lemmas' outcome
    is kept; they are the same in every form.
    """
    many = tuple(on_disks.disks(options, form, view, ranked.ranks, sizes))
    meant = partial(structure, with_success(schema(options).term), view)
    yield MEANT, partial(timed, MEANT, meant)
    told = partial(on_disks.labels_hold, ranks=ranked.labels)
    of_disks: dict[str, Callable[[on_disks.Disk], Shown]] = {
        STEPS: on_disks.steps_are_counted,
        STARTS: on_disks.starts_are_counted,
        NAMES: on_disks.names_stay,
        SURE: on_disks.sure_is_possible,
        COUNTED: told,
    }
    for name, show in of_disks.items():
        yield name, partial(over_all, name, many, show)
    at_chunk = partial(labels_at_a_chunk, view, ranked.ranks, ranked.labels)
    yield RANKS, partial(timed, RANKS, at_chunk)
    yield LEMMAS, partial(_lemmas, view, lemmas)


def _lemmas(view: CountedView, known: list[Obligation]) -> Obligation:
    if known:
        return evolve(known[0], seconds=0.0, queries=0)
    found = timed(LEMMAS, partial(prove_lemmas, view))
    known.append(found)
    return found


def joined(obligations: Sequence[Obligation]) -> tuple[Obligation, ...]:
    """Return each obligation once, those of one name as one."""
    found: dict[str, Obligation] = {}
    for one in obligations:
        before = found.get(one.name)
        if before is not None:
            worst = before if not before.proved else one
            found[one.name] = evolve(
                worst,
                seconds=before.seconds + one.seconds,
                queries=before.queries + one.queries,
            )
        else:
            found[one.name] = one
    return tuple(found.values())


def left_open(name: str, detail: str) -> Obligation:
    """Return an obligation that was not worked on, with the reason."""
    return Obligation(
        name=name, outcome=Outcome.OPEN, seconds=0.0, detail=detail
    )
