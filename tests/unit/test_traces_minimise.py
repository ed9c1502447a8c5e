# SPDX-License-Identifier: GPL-2.0-or-later
"""Minimising: the smallest configuration that still breaks the property."""

import pytest
from attrs import evolve

from checker.checking.check import check
from checker.checking.minimise import (
    NotShownError,
    minimise,
    reductions,
    shortest_violation,
)
from checker.engines.exploration import Limits
from checker.engines.interpreter import interpret
from checker.engines.native.explicit import explore
from checker.engines.verdict import DEADLOCK
from checker.input.configuration import Configuration
from checker.traces.claim import why_not_shown
from checker.traces.trace import Trace
from model.designs import build
from model.language.errors import ModelError
from model.options import Bounds, Failures, Options

LOST = "NoLostDirtyBitOnDestination"
LARGE = Options(
    design="postcopy",
    without=frozenset({"successor"}),
    bounds=Bounds(chunks=2, granules=3, channel=3, in_flight=2, edits=1),
    failures=Failures(cut="unlimited", retry=2, cancel=1, backup_fails=1),
)


@pytest.fixture(scope="module")
def smallest() -> tuple[Options, Trace]:
    return minimise(LARGE, LOST, explore)


def test_an_always_property(smallest: tuple[Options, Trace]) -> None:
    options, trace = smallest
    assert options == evolve(
        LARGE,
        bounds=Bounds(chunks=1, granules=1, channel=1, writes=1),
        failures=Failures(),
    )
    assert trace.options == options
    assert why_not_shown(build(options), trace) == ""
    assert [str(r) for r in reductions(LARGE, options)] == [
        "failures.cut: unlimited -> 0",
        "failures.cancel: 1 -> 0",
        "failures.retry: 2 -> 0",
        "failures.backup_fails: 1 -> 0",
        "bounds.chunks: 2 -> 1",
        "bounds.granules: 3 -> 1",
        "bounds.channel: 3 -> 1",
        "bounds.writes: unbounded -> 1",
        "bounds.in_flight: 2 -> 1",
        "bounds.edits: 1 -> 0",
    ]


def test_edits_and_writes_at_a_time_that_are_needed_stay() -> None:
    def find(options: Options, name: str, limits: Limits) -> Trace | None:
        small = options.bounds
        enough = small.edits != 0 and small.in_flight > 1
        return Trace(options, name, (), ()) if enough else None

    bounds = Bounds(chunks=1, edits="unlimited", in_flight=3)
    given = Options(design="live", bounds=bounds)
    options, _ = minimise(given, "OneSideRuns", interpret, find=find)
    assert (options.bounds.edits, options.bounds.in_flight) == (1, 2)


def test_a_failure_that_is_needed_stays() -> None:
    given = Options(
        design="postcopy",
        without=frozenset({"fencing"}),
        failures=Failures(cut=3, destination_killed=1),
    )
    options, trace = minimise(given, DEADLOCK, interpret)
    needed = options.failures
    assert (needed.cut, needed.destination_killed) in ((0, 1), (1, 0))
    assert trace.property_name == DEADLOCK
    assert why_not_shown(build(options), trace) == ""


def test_the_result_cannot_be_made_smaller(
    smallest: tuple[Options, Trace],
) -> None:
    options, trace = smallest
    again, same = minimise(options, LOST, explore)
    assert again == options
    assert same == trace
    assert reductions(options, again) == ()


def test_dimensions_that_hang_together() -> None:
    """Each candidate starts from what was reached, not from the start."""
    asked: list[Options] = []

    def find(options: Options, name: str, limits: Limits) -> Trace | None:
        asked.append(options)
        enough = options.bounds.chunks + options.bounds.granules >= 4
        return Trace(options, name, (), ()) if enough else None

    given = Options(design="live", bounds=Bounds(chunks=3, granules=3))
    options, _ = minimise(given, "OneSideRuns", interpret, find=find)
    assert (options.bounds.chunks, options.bounds.granules) == (1, 3)
    assert len(asked) == len(set(asked))  # nothing is searched twice


def test_an_eventually_property_takes_a_callback() -> None:
    def find(options: Options, name: str, limits: Limits) -> Trace | None:
        configuration = Configuration(name="x", options=options)
        answer = check(configuration, "interpreter", limits)
        return answer.traces.get(name)

    given = Options(
        design="live",
        bounds=Bounds(chunks=1, channel=2, granules=1, downtime=0),
    )
    options, trace = minimise(
        given, "MigrationEnds", interpret, Limits(max_states=5000), find
    )
    assert options.bounds.channel == 1
    assert options.bounds.writes == "unbounded"
    assert trace.loop is not None
    assert why_not_shown(build(options), trace) == ""
    with pytest.raises(NotShownError, match="needs 'find' for it"):
        minimise(given, "MigrationEnds", interpret)


def test_what_is_not_broken_cannot_be_minimised() -> None:
    sound = Options(design="postcopy", bounds=Bounds(chunks=1))
    with pytest.raises(NotShownError) as caught:
        minimise(sound, LOST, interpret)
    assert str(caught.value) == (
        f"postcopy does not break {LOST} within 200000 states"
    )
    with pytest.raises(ModelError, match="has no property 'Nothing'"):
        minimise(sound, "Nothing", interpret)


def test_limits_are_kept() -> None:
    with pytest.raises(NotShownError, match="within 20 states"):
        minimise(LARGE, LOST, interpret, Limits(max_states=20))


def test_a_promise_that_a_smaller_machine_does_not_make() -> None:
    options = Options(design="postcopy", failures=Failures())
    found = shortest_violation(
        options, "NothingLeftBehind", interpret, Limits()
    )
    assert found is None
