# SPDX-License-Identifier: GPL-2.0-or-later
"""Does the reference do what the model says, and nothing else?

Shipped configurations, walked in lockstep to the end.  Every state of the
model is met: from each pair every step of the model is taken on both sides.
"""

from __future__ import annotations

import pytest

from checker.configuration import load
from checker.conformance.lockstep import Outcome, conform, environment
from checker.engines.exploration import Limits
from tests.conformance.defects import unharmed

SMALL = ("postcopy-small", "live-small", "stop-copy-small")
UNLIMITED = ("stop-copy-unlimited",)
LARGE = ("postcopy-unlimited", "stop-copy", "live-unlimited", "postcopy")


def holds(name: str, outcome: Outcome) -> None:
    expect = load(name).expect
    assert outcome.mismatch is None
    assert outcome.stopped == ""
    assert outcome.model_states == expect.states
    assert expect.transitions is not None
    assert outcome.pairs >= outcome.model_states
    assert outcome.pairs >= outcome.reference_states
    assert outcome.steps >= expect.transitions


@pytest.mark.parametrize("name", [*SMALL, *UNLIMITED])
def test_reference_conforms(name: str) -> None:
    holds(name, unharmed(name))


@pytest.mark.slow
@pytest.mark.parametrize("name", LARGE)
def test_reference_conforms_at_length(name: str) -> None:
    holds(name, conform(load(name)))


def test_a_limit_stops_it() -> None:
    outcome = conform(load("stop-copy-small"), Limits(max_states=100))
    assert outcome.mismatch is None
    assert "100 pairs" in outcome.stopped
    assert outcome.pairs < unharmed("stop-copy-small").pairs


def test_two_runs_are_equal() -> None:
    first, second = (conform(load("stop-copy-small")) for _ in range(2))
    assert (first.pairs, first.steps, first.reference_states) == (
        second.pairs,
        second.steps,
        second.reference_states,
    )


def test_budgets_limit_the_environment_only() -> None:
    machine = load("postcopy-small").machine()
    names = {machine.instances[n].action for n in environment(machine)}
    assert names == {
        "channel_cut",
        "source_killed",
        "destination_killed",
        "dirty_bitmap_load_start_refused",
        "migrate_cancel",
        "migrate_again",
        "source_write_data",
        "destination_write_data",
    }
