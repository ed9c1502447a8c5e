# SPDX-License-Identifier: GPL-2.0-or-later
"""Check the measures of a file, without the search for them.

The states of the file must be closed under the steps of the count: that is
seen by doing every step in every state once.  Then the measure is checked
step by step, and all that carries the count to disks is shown again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

import numpy as np
from attrs import evolve

from checker.engines.graphs.graph import Numbers, StateGraph
from checker.engines.native.columns import column, columns
from checker.engines.native.layout import Layout, Rows, layout_of
from checker.proof.obligation import Obligation, Outcome, Shown, timed
from checker.proof.termination import on_disks
from checker.proof.termination.certificate import Claim, Claimed
from checker.proof.termination.measure import ranks_in
from checker.proof.termination.obligations import (
    CLOSED,
    FALLS,
    LACKING,
    Ranked,
    falls,
    joined,
    left_open,
    nothing_lacking,
    of_every_disk,
)
from checker.proof.termination.runs import Outside, outside
from model.language import expression as ex
from model.language.machine import Instance, Machine, State
from model.options import Options


def silent(step: str) -> None:
    """Report nothing."""


def verify(
    claim: Claim,
    report: Callable[[str], None] = silent,
    sizes: Sequence[on_disks.Sized] = on_disks.SIZES,
) -> tuple[Obligation, ...]:
    """Return what was shown of the claim; it holds if all is PROVED."""
    lemmas: list[Obligation] = []
    found: list[Obligation] = []
    for one in claim.forms:
        report(f"{claim.options.name} {one.form.name}".strip())
        found += _form(claim.options, one, sizes, lemmas)
    return joined(found)


def _form(
    options: Options,
    one: Claimed,
    sizes: Sequence[on_disks.Sized],
    lemmas: list[Obligation],
) -> Iterator[Obligation]:
    graphs: list[StateGraph] = []
    closed = timed(CLOSED, partial(_closed, one, graphs))
    yield closed
    if not graphs:
        yield left_open(FALLS, closed.detail)
        return
    (graph,) = graphs
    ranked = Ranked.of(one.view)
    runs = {
        name: outside(
            one.view, graph, one.view.machine.property(name), ranked.labels
        )
        for name in one.measures
    }
    yield timed(FALLS, partial(_falls, one, runs, ranked))
    lacking = partial(nothing_lacking, one.view, graph, one.measures)
    yield timed(LACKING, lacking)
    used = frozenset(
        name
        for values in one.measures.values()
        for name in ranks_in(values.values())
    )
    for _, work in of_every_disk(
        options, one.form, one.view, ranked.only(used), sizes, lemmas
    ):
        yield work()


def _falls(one: Claimed, runs: Mapping[str, Outside], ranked: Ranked) -> Shown:
    """Show that values are given where they must be, and that they fall."""
    for name, values in one.measures.items():
        if not runs[name].states:
            reason = f"{name}: its premise is never met before its goal"
            return Shown(Outcome.REFUTED, 0, reason)
        missing = set(runs[name].states) - set(values)
        if missing:
            reason = f"{name}: state {min(missing)} has no value"
            return Shown(Outcome.REFUTED, 0, reason)
    kept = {
        name: {s: values[s] for s in runs[name].states}
        for name, values in one.measures.items()
    }
    return falls(runs, kept, ranked)


# -- the states of the file --------------------------------------------------


def _closed(one: Claimed, graphs: list[StateGraph]) -> Shown:
    """Show that the states are closed; the graph is then in ``graphs``."""
    machine = one.view.machine
    shown = closed(machine, one.states, graphs)
    return evolve(shown, queries=len(one.states))


def closed(
    machine: Machine, states: Sequence[State], graphs: list[StateGraph]
) -> Shown:
    """Show that ``states`` have the initial ones and what they lead to.

    And that each is correct by type and meets what is always so.  The graph
    of them is added to ``graphs``.
    """
    first = len(machine.initials)
    if set(states[:first]) != set(machine.initials):
        reason = "the first states are not the initial ones"
        return Shown(Outcome.REFUTED, 0, reason)
    layout = layout_of(machine)
    rows = layout.pack(states)
    for name, holds in _always(machine):
        if not column(layout, rows, holds).all():
            return Shown(Outcome.REFUTED, 0, f"{name} does not hold")
    numbers = {row.tobytes(): n for n, row in enumerate(rows)}
    origins: list[Numbers] = []
    targets: list[Numbers] = []
    instances: list[Numbers] = []
    for number, instance in enumerate(machine.instances):
        here = np.flatnonzero(column(layout, rows, instance.enabled))
        after = _after(machine, layout, rows[here], instance)
        found = [numbers.get(row.tobytes(), -1) for row in after]
        if -1 in found:
            reason = f"{instance.label} leads out of the states"
            return Shown(Outcome.REFUTED, 0, reason)
        origins.append(here.astype(np.int64))
        targets.append(np.array(found, dtype=np.int64))
        instances.append(np.full(len(here), number, dtype=np.int64))
    origin = np.concatenate(origins)
    order = np.argsort(origin, kind="stable")
    graphs.append(
        StateGraph(
            origin[order],
            np.concatenate(instances)[order],
            np.concatenate(targets)[order],
            np.array([0, first, len(states)], dtype=np.int64),
            states.__getitem__,
            lambda e: column(layout, rows, e).astype(np.uint64),
        )
    )
    return Shown(Outcome.PROVED)


def _always(machine: Machine) -> Iterator[tuple[str, ex.Expression]]:
    yield "the type invariant", machine.type_invariant
    for prop in machine.properties:
        if prop.kind == "always":
            yield prop.name, ex.complement(prop.violated)


def _after(
    machine: Machine, layout: Layout, rows: Rows, instance: Instance
) -> Rows:
    """Return the states to which an instance leads from ``rows``."""
    effect = dict(instance.effect)
    values = columns(
        layout,
        rows,
        [effect.get(f.name, f.expression) for f in machine.fields],
    )
    made = np.zeros_like(rows)
    for one, value in zip(machine.fields, values, strict=True):
        (piece,) = layout.pieces[one.name]
        bits = value.astype(np.uint64) << np.uint64(piece.shift)
        made[:, piece.word] |= bits
    return made
