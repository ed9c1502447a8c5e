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
from reference.bitmap import DirtyBitmap
from reference.protocol.source import Source
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


def test_an_object_in_two_places_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A snapshot would make two of it and hide what one does to the other."""
    create = DirtyBitmap.create_successor

    def create_successor(self: DirtyBitmap) -> None:
        create(self)
        assert self.successor is not None
        self.successor.bits = self.bits

    monkeypatch.setattr(DirtyBitmap, "create_successor", create_successor)
    mismatch = conform(load("postcopy-small")).mismatch
    assert mismatch is not None
    assert "successor.bits and" in mismatch.reason
    assert mismatch.reason.endswith("are one object")


def test_a_crash_of_the_reference_is_a_mismatch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def crash(self: Source, host: object) -> None:
        raise KeyError("phase")

    monkeypatch.setattr(Source, "bdrv_drain_all", crash)
    mismatch = conform(load("postcopy-small")).mismatch
    assert mismatch is not None
    assert "KeyError" in mismatch.reason


def test_a_model_that_was_not_explored_is_inconclusive() -> None:
    outcome = conform(load("live-three-chunks"), Limits(memory=1 << 22))
    assert outcome.mismatch is None
    assert outcome.stopped
    assert outcome.pairs == 0


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
        "source_write_data",
        "destination_write_data",
    }
