# SPDX-License-Identifier: GPL-2.0-or-later
"""The smallest configuration that still breaks a property.

Greedy, to a fixed point: fewer failures, a smaller disk, a smaller channel,
fewer writes, fewer of them at a time, fewer edits.  Each candidate is
searched, and taken only if the same property is still broken there.  For each
dimension the smallest value that serves is taken, so the result is the same
in every run; no single dimension of it can be made smaller.  A smaller
channel may make the trace a step longer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from attrs import evolve, frozen

from checker.engines.exploration import (
    INTERRUPTED,
    TYPE_INVARIANT,
    Engine,
    Limits,
    silent,
    violated,
)
from checker.engines.verdict import DEADLOCK
from checker.input.configuration import options_table
from checker.input.own_properties import (
    OWN,
    Own,
    OwnPropertyError,
    machine_with,
)
from checker.text import plural
from checker.traces.shortest import shortest_to, shortest_to_deadlock
from checker.traces.trace import Trace
from model.language import expression as ex
from model.language.errors import ModelError
from model.language.machine import Conjunct, Machine
from model.options import Failures, Options

MAX_STATES = 200_000
MOST_TRIED = 5
Find = Callable[[Options, str, Limits], Trace | None]
_FAILURES = Failures.names()
#: what may be made smaller, and its least value
_SIZES = {
    "chunks": 1,
    "granules": 1,
    "channel": 1,
    "writes": 1,
    "in_flight": 1,
    "edits": 0,
}


class NotShownError(Exception):
    """The property is not broken where it was said to be; one line."""


@frozen
class Reduction:
    """One dimension of a configuration that was made smaller."""

    name: str
    before: int | str
    after: int | str

    def __str__(self) -> str:
        return f"{self.name}: {self.before} -> {self.after}"


def minimise(
    options: Options,
    property_name: str,
    explore: Engine,
    limits: Limits | None = None,
    find: Find | None = None,
    own: Own | None = None,
) -> tuple[Options, Trace]:
    """The smallest configuration found, and its trace.

    ``explore`` decides always properties, deadlock and the type invariant;
    for eventually properties give ``find``, which returns a trace or None.
    ``own``: the property, if it is none of the design's; a reachable one is
    shown where it is met.
    Where there is no limit, numbers below 5 are tried.  A search ends at
    ``limits.max_states`` (if 0: 200,000); what it has not found by then
    counts as not there.  Raises NotShownError if ``options`` themselves do not
    break the property, ModelError if there is no such property.
    """
    if property_name not in (DEADLOCK, TYPE_INVARIANT):
        machine_with(options, _all(own)).property(property_name)
    limits = limits or Limits()
    limits = evolve(limits, max_states=limits.max_states or MAX_STATES)
    look = find or _finder(explore, own)
    best: Trace | None = None
    tried: dict[Options, Trace | None] = {}
    progress = True
    while progress:
        progress = False
        for name in (*_FAILURES, *_SIZES):
            for candidate in _smaller(options, name):
                if candidate not in tried:
                    tried[candidate] = look(candidate, property_name, limits)
                found = tried[candidate]
                if found is not None:
                    options, best, progress = candidate, found, True
                    break
    if best is None:
        best = look(options, property_name, limits)
    if best is None:
        raise NotShownError(
            f"{options.name} does not break {property_name} within "
            f"{plural(limits.max_states, 'state')}"
        )
    return options, best


def reductions(before: Options, after: Options) -> tuple[Reduction, ...]:
    """What ``minimise`` made smaller, in a fixed order."""
    old, new = options_table(before), options_table(after)
    return tuple(
        Reduction(f"{part}.{name}", old[part][name], new[part][name])
        for part, names in (("failures", _FAILURES), ("bounds", _SIZES))
        for name in names
        if old[part][name] != new[part][name]
    )


def _smaller(options: Options, name: str) -> Iterator[Options]:
    """``options`` with less of one dimension, the least first."""
    failing = name in _FAILURES
    value = getattr(options.failures if failing else options.bounds, name)
    first = 0 if failing else _SIZES[name]
    for less in range(first, value if isinstance(value, int) else MOST_TRIED):
        change: dict[str, Any] = {name: less}
        if failing:
            failures = evolve(options.failures, **change)
            yield evolve(options, failures=failures)
        else:
            yield evolve(options, bounds=evolve(options.bounds, **change))


def _all(own: Own | None) -> tuple[Own, ...]:
    return () if own is None else (own,)


def _finder(explore: Engine, own: Own | None) -> Find:
    def find(
        options: Options, property_name: str, limits: Limits
    ) -> Trace | None:
        return shortest_violation(options, property_name, explore, limits, own)

    return find


def shortest_violation(
    options: Options,
    property_name: str,
    explore: Engine,
    limits: Limits,
    own: Own | None = None,
) -> Trace | None:
    """A shortest trace that breaks the property, or None if none is found.

    For what a state shows: always, deadlock, type invariant.  Raises
    NotShownError if the property is of another kind.
    """
    try:
        machine = _asked_only(machine_with(options, _all(own)), property_name)
    except (ModelError, OwnPropertyError):
        return None  # this small, the machine does not promise it
    only = evolve(limits, first_violation=property_name != DEADLOCK)
    search = explore(machine, only, silent)
    coverage = search.coverage
    if coverage.stopped == INTERRUPTED:
        raise KeyboardInterrupt
    if property_name == DEADLOCK:
        level = coverage.deadlock_level
        if level is None:
            return None
        initial, moves = shortest_to_deadlock(search, level)
        return Trace(options, property_name, initial, moves, own=own)
    level = coverage.first_level.get(violated(property_name))
    if level is None:
        return None
    broken = (
        ex.complement(machine.type_invariant)
        if property_name == TYPE_INVARIANT
        else machine.property(property_name).violated
    )
    initial, moves = shortest_to(search, level, broken)
    return Trace(options, property_name, initial, moves, own=own)


def _asked_only(machine: Machine, property_name: str) -> Machine:
    """The machine with this property only: nothing else ends the search."""
    if property_name in (DEADLOCK, TYPE_INVARIANT):
        return evolve(machine, properties=())
    prop = machine.property(property_name)
    if prop.kind == "reachable" and prop.guarantee == OWN:
        # a run to it is one that breaks its opposite
        opposite = Conjunct("not met", ex.complement(prop.conclusion))
        prop = evolve(prop, kind="always", then=(opposite,))
    if prop.kind == "reachable":
        raise NotShownError(
            f"{property_name} is a reachable property: no run breaks it"
        )
    if prop.kind != "always":
        raise NotShownError(
            f"{property_name} is an {prop.kind} property; minimise needs "
            "'find' for it"
        )
    return evolve(machine, properties=(prop,))
