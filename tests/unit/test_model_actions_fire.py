# SPDX-License-Identifier: GPL-2.0-or-later
"""Is every design sound, and wholly alive, whatever failures are possible?

For each combination of failures and each size: no property is violated, no
state is a deadlock, no action never fires, no premise is never met, and what
must be reachable is reached.  An action that can never fire means that a
condition under which the model adds it is too weak.
"""

from __future__ import annotations

from itertools import product

import pytest

from model.mechanisms import DESIGNS, LIVE
from model.options import Bounds, Options, Writes
from tests.searches import complaints, failure_sets, once

CHANNELS = (1, 2, 3, 6)
CHUNKS = (1, 2)
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
        Bounds(chunks=chunks, channel=channel, writes=writes)
        for chunks, channel, writes in product(
            CHUNKS, CHANNELS, writes_of(design)
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
    SAMPLE,
    ids=[f"{d} {named(f)}" for d, f, _ in SAMPLE],
)
def test_nothing_is_wrong_or_dead_at_one_size(
    design: str, failures: tuple[str, ...], bounds: Bounds
) -> None:
    options = Options(design=design, bounds=bounds, failures=once(*failures))
    assert complaints(options) == [], bounds


@pytest.mark.parametrize("design", DESIGNS)
def test_nothing_is_wrong_or_dead_with_two_chunks(design: str) -> None:
    options = Options(
        design=design,
        bounds=Bounds(chunks=2, channel=3),
        failures=once(*FAILURES[-1]),
    )
    assert complaints(options, quick=0) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("design", "bounds"),
    GRID,
    ids=[
        f"{d} chunks={b.chunks} channel={b.channel} writes={b.writes}"
        for d, b in GRID
    ],
)
def test_nothing_is_wrong_or_dead_at_any_size(
    design: str, bounds: Bounds
) -> None:
    wrong = {}
    for failures in FAILURES:
        options = Options(
            design=design, bounds=bounds, failures=once(*failures)
        )
        found = complaints(options)
        if found:
            wrong[named(failures)] = found
    assert wrong == {}
