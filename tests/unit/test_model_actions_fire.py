# SPDX-License-Identifier: GPL-2.0-or-later
"""Is every design sound, and wholly alive, whatever failures are possible?

For each combination of failures and each size: no property is violated, no
state is a deadlock, no action never fires, no premise is never met, and what
must be reachable is reached.  An action that can never fire means that a
condition under which the model adds it is too weak.
"""

from __future__ import annotations

from functools import cache
from itertools import product

import pytest

from checker.input.configuration import load, shipped
from model.design import DESIGNS, LIVE, STOP_COPY_BULK
from model.designs import build
from model.language import Machine
from model.lookup import mechanisms_of
from model.options import (
    BUSY_POLICIES,
    Bounds,
    Failures,
    Options,
    Writes,
)
from tests.searches import (
    bounds_of,
    complaints,
    covered,
    failure_sets,
    once,
)

CHANNELS = (1, 2, 3)
CHUNKS = (1, 2)
EDITS = (0, 1)
FAILURES = failure_sets()


def writes_of(design: str) -> tuple[Writes, ...]:
    """How the guest writes; only the live design knows a throttle."""
    few: tuple[Writes, ...] = (1, "unbounded")
    return (*few, "throttled") if design == LIVE else few


def named(failures: tuple[str, ...]) -> str:
    return "+".join(failures) or "none"


def sizes(design: str) -> list[Bounds]:
    """Every size, smallest first."""
    return [
        bounds_of(design, chunks, channel=channel, writes=writes, edits=edits)
        for chunks, edits, channel, writes in product(
            CHUNKS, EDITS, CHANNELS, writes_of(design)
        )
    ]


GRID = [(design, bounds) for design in DESIGNS for bounds in sizes(design)]
SAMPLE = [
    # another size for every combination of failures
    (design, failures, sizes(design)[i % (len(sizes(design)) // 2)])
    for design in DESIGNS
    for i, failures in enumerate(FAILURES)
]


@pytest.mark.parametrize(
    ("design", "failures", "bounds"),
    [
        pytest.param(
            design,
            failures,
            bounds,
            id=f"{design} {named(failures)}",
            # none, each alone and all; the pairs now and then
            marks=pytest.mark.full if len(failures) == 2 else (),
        )
        for design, failures, bounds in SAMPLE
    ],
)
def test_nothing_is_wrong_or_dead_at_one_size(
    design: str, failures: tuple[str, ...], bounds: Bounds
) -> None:
    options = Options(design=design, bounds=bounds, failures=once(*failures))
    assert complaints(options) == [], bounds


# as for live, the shipped configurations do that
@pytest.mark.parametrize("design", [d for d in DESIGNS if d != LIVE])
def test_nothing_is_wrong_or_dead_with_two_chunks(design: str) -> None:
    options = Options(
        design=design,
        bounds=bounds_of(design, 2, channel=3, edits=1),
        failures=once(*FAILURES[-1]),
    )
    assert complaints(options, quick=0) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("design", "bounds"),
    GRID,
    ids=[
        f"{d} chunks={b.chunks} channel={b.channel} writes={b.writes} "
        f"edits={b.edits}"
        for d, b in GRID
    ],
)
def test_nothing_is_wrong_or_dead_at_any_size(
    design: str, bounds: Bounds
) -> None:
    larger = design == LIVE and bounds.chunks > 1
    wrong = {}
    for failures in FAILURES:
        if larger and len(failures) > 1:
            continue
        options = Options(
            design=design, bounds=bounds, failures=once(*failures)
        )
        found = complaints(options)
        if found:
            wrong[named(failures)] = found
    assert wrong == {}


@pytest.mark.parametrize("design", DESIGNS)
@pytest.mark.parametrize("policy", BUSY_POLICIES[1:])
def test_nothing_is_dead_where_a_busy_bitmap_is_not_waited_for(
    design: str, policy: str
) -> None:
    """What a policy breaks, another test says."""
    for name in ((), *((name,) for name in Failures.names())):
        options = Options(
            design=design,
            bounds=bounds_of(design, writes=1),
            failures=once(*name),
            busy_bitmap=policy,
        )
        found = [c for c in complaints(options) if "never" in c]
        assert found == [], name


@pytest.mark.slow
@pytest.mark.parametrize("design", DESIGNS)
def test_nothing_is_dead_without_a_mechanism(design: str) -> None:
    """What breaks without it, another test says."""
    wrong = {}
    for mechanism, name, channel in product(
        mechanisms_of(design), ("", *Failures.names()), (1, 2)
    ):
        options = Options(
            design=design,
            bounds=bounds_of(design, writes=1, channel=channel),
            failures=once(*([name] if name else [])),
            without=frozenset({mechanism.name}),
        )
        found = [c for c in complaints(options) if "never" in c]
        if found:
            wrong[f"{mechanism.name}, {name}, channel {channel}"] = found
    assert wrong == {}


# -- no action is only ever declared ---------------------------------------

SMALL = [
    name
    for name in shipped()
    if load(name).expect.verdict == "HOLDS"
    and (load(name).expect.states or 0) <= 150_000
]


@pytest.mark.parametrize("design", DESIGNS)
def test_every_action_fires_where_all_is_well(design: str) -> None:
    chosen = [n for n in SMALL if load(n).options.design == design]
    assert len(chosen) >= 3
    fired: set[str] = set()
    for name in chosen:
        counted = covered(load(name).machine(), quick=0).fired
        fired |= {action for action, times in counted.items() if times}
    everything = build(
        Options(
            design=design,
            bounds=bounds_of(design, edits=1),
            failures=once(*Failures.names()),
        )
    )
    assert {a.name for a in everything.actions} <= fired


#: configurations in which an action may be there and never fire
NEVER_FIRE = {
    "dirty_phase": Options(
        design=LIVE, bounds=Bounds(chunks=1, downtime=1, writes=1)
    ),
    "destination_full_backup": Options(
        design="postcopy", bounds=Bounds(chunks=1, writes=1)
    ),
    # setup marks every granule, so that nothing is recorded apart
    "send_changed_bits": Options(
        design=STOP_COPY_BULK,
        bounds=Bounds(chunks=1, downtime=1, writes=1),
        without=frozenset({"own-bits-only"}),
    ),
    # what is refused is the last that was sent before RUN
    "fence_destination": Options(
        design=LIVE,
        bounds=Bounds(chunks=1, downtime=0, channel=1, writes=1),
        failures=once("refuse"),
    ),
    "cont_without_fence": Options(
        design=LIVE,
        bounds=Bounds(chunks=1, downtime=0, channel=1, writes=1),
        failures=once("refuse"),
        without=frozenset({"fence-before-resume"}),
    ),
}


@cache
def every_machine() -> tuple[Machine, ...]:
    """Each design, whole, and without each of its mechanisms."""
    return tuple(
        build(
            Options(
                design=design,
                bounds=bounds_of(design, edits=1),
                failures=once(*Failures.names()),
                without=frozenset(names),
            )
        )
        for design in DESIGNS
        for names in ((), *((m.name,) for m in mechanisms_of(design)))
    )


def test_only_what_may_never_fire_has_an_excuse() -> None:
    excused = {
        action.name
        for machine in every_machine()
        for action in machine.actions
        if action.silent
    }
    assert excused == set(NEVER_FIRE)


@pytest.mark.parametrize("action", NEVER_FIRE)
def test_an_excuse_is_needed(action: str) -> None:
    options = NEVER_FIRE[action]
    assert covered(build(options)).fired[action] == 0
    assert [c for c in complaints(options) if "never" in c] == []
