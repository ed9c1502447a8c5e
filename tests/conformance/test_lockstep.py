# SPDX-License-Identifier: GPL-2.0-or-later
"""Does the reference do what the model says, and nothing else?

Configurations, walked in lockstep to the end.  Every state of the model is
met: from each pair every step of the model is taken on both sides.
"""

from __future__ import annotations

import pytest

from checker.conformance.lockstep import conform, environment
from checker.conformance.steps import undriven
from checker.engines.exploration import Limits
from checker.input.configuration import load
from model.designs import build
from model.options import Options
from reference.bitmap import DirtyBitmap
from reference.protocol.source import Source
from tests.defects.catalogue import OWN, configuration, unharmed

LARGE = (
    "postcopy-small",
    "stop-copy-small",
    "live-small",
    "postcopy-unlimited",
    "stop-copy-unlimited",
    "postcopy-fault-free",
    "stop-copy-fault-free",
    "postcopy-ones-small",
    "stop-copy-bulk-small",
    "postcopy-ones-fault-free",
    "stop-copy-bulk-fault-free",
    "stop-copy-bulk-never-stops",
)


LONG = ("live-two-writes",)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.slow) if name in LONG else name
        for name in OWN
    ],
)
def test_reference_conforms(name: str) -> None:
    outcome = unharmed(name)
    assert outcome.mismatch is None
    assert outcome.stopped == ""
    assert outcome.met == outcome.model_states
    assert outcome.pairs >= outcome.model_states
    assert outcome.pairs >= outcome.reference_states


@pytest.mark.slow
@pytest.mark.parametrize("name", LARGE)
def test_reference_conforms_at_length(name: str) -> None:
    expect = load(name).expect
    outcome = conform(load(name))
    assert outcome.mismatch is None
    assert outcome.stopped == ""
    assert outcome.met == outcome.model_states == expect.states
    assert expect.transitions is not None
    assert outcome.steps >= expect.transitions


@pytest.mark.parametrize("name", OWN)
def test_every_action_is_driven(name: str) -> None:
    assert undriven(configuration(name).machine()) == ()


def test_what_cannot_be_driven_is_named() -> None:
    options = Options(design="postcopy", busy_bitmap="leave-out")
    assert undriven(build(options)) == ("dirty_bitmap_save_setup_leaves_out",)


def test_a_limit_stops_it() -> None:
    outcome = conform(
        configuration("stop-copy-failing"), Limits(max_states=100)
    )
    assert outcome.mismatch is None
    assert "100 pairs" in outcome.stopped
    assert outcome.pairs < unharmed("stop-copy-failing").pairs


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
    mismatch = conform(configuration("postcopy-failing")).mismatch
    assert mismatch is not None
    assert "successor.bits and" in mismatch.reason
    assert mismatch.reason.endswith("are one object")


def test_a_crash_of_the_reference_is_a_mismatch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def crash(self: Source, host: object) -> None:
        raise KeyError("phase")

    monkeypatch.setattr(Source, "bdrv_drain_all", crash)
    mismatch = conform(configuration("postcopy-failing")).mismatch
    assert mismatch is not None
    assert "KeyError" in mismatch.reason


def test_a_model_that_was_not_explored_is_inconclusive() -> None:
    outcome = conform(load("live-three-chunks"), Limits(memory=1 << 22))
    assert outcome.mismatch is None
    assert outcome.stopped
    assert outcome.pairs == 0


def test_two_runs_are_equal() -> None:
    first, second = (
        conform(configuration("stop-copy-killed")) for _ in range(2)
    )
    assert (first.pairs, first.steps, first.reference_states) == (
        second.pairs,
        second.steps,
        second.reference_states,
    )


def test_only_kills_and_a_throttled_guest_come_when_the_model_says() -> None:
    machine = load("postcopy-small").machine()
    names = {machine.instances[n].action for n in environment(machine)}
    assert names == {"source_killed", "destination_killed"}
    throttled = load("live-ends-throttled").machine()
    names = {throttled.instances[n].action for n in environment(throttled)}
    assert "source_write_data" in names
    assert "destination_write_data" not in names
