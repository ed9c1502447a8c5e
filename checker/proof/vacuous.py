# SPDX-License-Identifier: GPL-2.0-or-later
"""A proof of a design in which nothing happens is worth nothing.

Two searches have to meet all that the properties speak of: that of the
machine that follows one granule, and that of one small disk, because the
first may do more than any disk does.  Every action has to fire, every premise
and every case of a conclusion has to be met, every ``reachable`` reached; an
action that says why it may be silent is excused.
"""

from __future__ import annotations

from collections.abc import Iterator

from attrs import evolve

from checker.engines.demands import demands
from checker.engines.exploration import (
    Coverage,
    Limits,
    Search,
    premise,
    reached,
)
from checker.engines.native.explicit import explore
from checker.engines.vacuity import still, without_object
from checker.proof.obligation import Outcome, Shown
from checker.proof.simulation import Size
from model.designs import build
from model.language.machine import Machine, Property
from model.options import Options

NAME = "every action happens, every premise is met"
#: where all that a design can do is to be seen
WITNESS = Size(2, 1, 3)
#: how much may be pending at the stop: a part of that disk, and all of it
DOWNTIMES = (1, WITNESS.chunks)
MAX_STATES = 4_000_000


def nothing_vacuous(options: Options, search: Search | None = None) -> Shown:
    """Show that all of it happens, on a small disk and as seen by ``search``.

    ``search``: of the machine that follows one granule, if there was one.
    What one limit on the downtime excludes another may allow.
    """
    if search is not None:
        shown = shown_by(search)
        if shown.outcome is not Outcome.PROVED:
            return shown
    found: list[Search] = []
    for downtime in DOWNTIMES:
        small = WITNESS.of(options)
        bounds = evolve(small.bounds, downtime=downtime)
        machine = build(evolve(small, bounds=bounds))
        found.append(explore(machine, Limits(max_states=MAX_STATES)))
        shown = shown_by(*found)
        if shown.outcome is Outcome.PROVED:
            break
    return shown


def shown_by(*searches: Search) -> Shown:
    """Show that the searches met everything; open if one was stopped."""
    first, *others = (
        dict.fromkeys(unmet(search.machine, search.coverage))
        for search in searches
    )
    reason = next((r for r in first if all(r in o for o in others)), "")
    if not reason:
        return Shown(Outcome.PROVED)
    for search in searches:
        if search.coverage.stopped:
            why = f"{reason}, but: {search.coverage.stopped}"
            return Shown(Outcome.OPEN, 0, why)
    return Shown(Outcome.REFUTED, 0, reason)


def unmet(machine: Machine, coverage: Coverage) -> Iterator[str]:
    """Yield what was never met, each in a phrase."""
    for action in machine.actions:
        if not coverage.fired[action.name] and not action.silent:
            yield f"action {action.name} never happens"
    unmoved = still(machine, coverage.never_fired)
    for prop in machine.properties:
        reason = without_object(machine, prop, unmoved)
        if reason:
            yield f"{prop.name}: {reason}"
        yield from _unmet(machine, coverage, prop)


def _unmet(
    machine: Machine, coverage: Coverage, prop: Property
) -> Iterator[str]:
    met = coverage.first_level
    if prop.kind == "reachable":
        by = any(coverage.fired[name] for name in prop.by)
        if not by and reached(prop.name) not in met:
            yield f"{prop.name} is never reached"
        return
    if premise(prop.name) not in met:
        yield f"the premise of {prop.name} is never met"
    for demand in demands(prop, machine):
        if demand.name not in met:
            yield f"{prop.name}: a case of '{demand.text}' is never met"
