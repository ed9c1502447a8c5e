# SPDX-License-Identifier: GPL-2.0-or-later
"""What the count finds of a schema, beside what a small disk does."""

from __future__ import annotations

from collections.abc import Iterator

from attrs import evolve, frozen

from checker.engines.exploration import Limits
from checker.engines.graphs.graph import StateGraph, graph_of
from checker.engines.graphs.liveness import find_lasso
from checker.engines.native.explicit import explore
from checker.proof.termination.forms import WITHOUT_END, Form, forms
from checker.proof.termination.labels import Label, labels, usable_ranks
from checker.proof.termination.ranking import Ranking
from checker.proof.termination.runs import Outside, outside
from model.language import Machine
from model.language.counted_view import CountedView, counted_view
from model.language.instance import instance
from model.options import Bounds, Failures, Options


@frozen(eq=False)
class Counted:
    """The count of one schema in one form, explored."""

    view: CountedView
    graph: StateGraph
    labels: dict[str, tuple[Label, ...]]
    outside: dict[str, Outside]

    def ends(self, name: str, unfair: str = "") -> bool:
        """Whether a measure is found for a property.

        ``unfair``: the name of an action that is not fair here.
        """
        return not self.ranking(name, unfair).stuck

    def ranking(self, name: str, unfair: str = "") -> Ranking:
        """The search for a measure."""
        runs = self.outside[name]
        sure = {state: fair - {unfair} for state, fair in runs.sure.items()}
        found = Ranking(sure, list(self.labels))
        found.run(runs.edges)
        return found


def form_of(schema: Machine, name: str) -> Form:
    """The form of that name."""
    (found,) = (form for form in forms(schema) if form.name == name)
    return found


def counted(schema: Machine, form: Form) -> Counted:
    """The count of ``schema`` in ``form``."""
    view = counted_view(schema, form.numbers)
    told = {rank.name: labels(view, rank) for rank in usable_ranks(view)}
    search = explore(view.machine, Limits())
    assert not search.coverage.stopped
    graph = graph_of(search, Limits())
    runs = {
        prop.name: outside(view, graph, prop, told)
        for prop in view.machine.properties
        if prop.kind == "eventually"
    }
    return Counted(view, graph, told, runs)


@frozen(eq=False)
class OnDisk:
    """A small disk's machine, explored."""

    machine: Machine
    graph: StateGraph

    def ends(self, name: str, unfair: str = "") -> bool | None:
        """Whether the property holds there; None: it is not asked."""
        if all(p.name != name for p in self.machine.properties):
            return None
        actions = tuple(
            evolve(a, fair=a.fair and a.name != unfair)
            for a in self.machine.actions
        )
        machine = evolve(self.machine, actions=actions)
        prop = machine.property(name)
        return find_lasso(machine, self.graph, prop) is None


def on_disk(
    schema: Machine,
    options: Options,
    form: Form,
    chunks: int = 2,
    downtime: int = 1,
    failures: Failures = WITHOUT_END,
) -> OnDisk:
    """The disk of ``schema``, with failures without end, without edits."""
    bounds = Bounds(chunks=chunks, channel=2)
    small = form.of(
        evolve(options, bounds=bounds), failures, downtime=downtime
    )
    writes = 1 if form.name == "bounded" else small.bounds.writes
    small = evolve(small, bounds=evolve(small.bounds, edits=0, writes=writes))
    machine = instance(schema, small.domain, small)
    search = explore(machine, Limits())
    assert not search.coverage.stopped
    return OnDisk(machine, graph_of(search, Limits()))


def disagreements(
    count: Counted, disks: list[OnDisk], unfair: str = ""
) -> Iterator[tuple[str, bool, bool]]:
    """Properties on which the count and the disks differ, with both answers.

    The disks together: it holds if it does on each.
    """
    for name in count.outside:
        answers = [disk.ends(name, unfair) for disk in disks]
        if None in answers:
            continue
        there, here = all(answers), count.ends(name, unfair)
        if there != here:
            yield name, there, here
