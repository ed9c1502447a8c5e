# SPDX-License-Identifier: GPL-2.0-or-later
"""Replay: what fits is a trace, what does not says where and why."""

from typing import Any

import pytest
from attrs import evolve

from checker.checking.check import check
from checker.checking.minimise import shortest_violation
from checker.engines.exploration import TYPE_INVARIANT, Limits
from checker.engines.interpreter import interpret
from checker.engines.verdict import DEADLOCK
from checker.input.configuration import Configuration
from checker.traces import replay as replay_module
from checker.traces.replay import CannotReplayError, replay
from checker.traces.trace import Trace
from model.designs import build
from model.language.errors import ModelError
from model.options import Bounds, Failures, Options
from model.vocabulary import SourceVm

NO_SUCCESSOR = Options(
    design="postcopy",
    without=frozenset({"successor"}),
    bounds=Bounds(chunks=1),
)
LOST = "NoLostDirtyBitOnDestination"
NO_FENCING = Options(
    design="postcopy",
    without=frozenset({"fencing"}),
    bounds=Bounds(chunks=1),
    failures=Failures(cut=1),
)
LIVE = Options(design="live", bounds=Bounds(chunks=1, downtime=0))
LIVE_ENDS = [
    *("migrate", "dirty_bitmap_save_setup", "dirty_bitmap_load_start"),
    *("bulk_phase", "serialize_chunk", "send_bitmap_bits"),
    *("dirty_bitmap_load_bits", "migration_completion", "bdrv_drain_all"),
    *("send_bitmap_complete", "dirty_bitmap_load_complete"),
    *("send_device_state", "loadvm_run", "dirty_bitmap_mig_before_vm_start"),
    *("vm_start", "migrate_send_rp_shut", "close_return_path_on_source"),
    "quit_source",
]
LIMITS = Limits(max_states=50_000)


def labels(trace: Trace) -> list[str]:
    return [move.label for move in trace.moves]


def shortest(options: Options, name: str) -> Trace:
    trace = shortest_violation(options, name, interpret, LIMITS)
    assert trace is not None
    return trace


@pytest.fixture(scope="module")
def loses_a_bit() -> list[str]:
    return labels(shortest(NO_SUCCESSOR, LOST))


@pytest.fixture(scope="module")
def runs_nowhere() -> list[str]:
    return labels(shortest(NO_FENCING, DEADLOCK))


@pytest.fixture(scope="module")
def lasso() -> Trace:
    configuration = Configuration(name="live", options=LIVE)
    return check(configuration, engine="interpreter").traces["MigrationEnds"]


def failure(*arguments: Any) -> CannotReplayError:
    with pytest.raises(CannotReplayError) as caught:
        replay(*arguments)
    assert "\n" not in str(caught.value)
    return caught.value


def test_replay_gives_the_trace_that_the_search_found() -> None:
    for options, name in (
        (NO_SUCCESSOR, LOST),
        (NO_FENCING, DEADLOCK),
    ):
        found = shortest(options, name)
        again = replay(options, name, labels(found))
        assert again == found
        assert again.id == found.id


def test_labels_pairs_and_stored_entries_mean_the_same() -> None:
    found = shortest(NO_SUCCESSOR, LOST)
    pairs = [(m.action, dict(m.arguments)) for m in found.moves]
    entries = found.identity()["actions"]
    assert replay(NO_SUCCESSOR, LOST, pairs) == found
    assert replay(NO_SUCCESSOR, LOST, entries) == found


def test_a_parameter_may_be_left_out_where_one_value_fits(
    loses_a_bit: list[str],
) -> None:
    short = [label.partition("(")[0] for label in loses_a_bit]
    trace = replay(NO_SUCCESSOR, LOST, short)
    assert labels(trace) == loses_a_bit


def test_a_parameter_may_not_be_left_out_where_several_fit() -> None:
    wide = evolve(NO_SUCCESSOR, bounds=Bounds(chunks=2))
    error = failure(wide, LOST, ["source_write_data"])
    assert error.step == 1
    assert "source_write_data(granule=0), source_write_data(granule=1)" in (
        str(error)
    )


def test_the_first_step_that_does_not_fit_names_its_false_conjuncts() -> None:
    error = failure(NO_SUCCESSOR, LOST, ["migrate", "vm_start", "nonsense"])
    assert error.step == 2
    assert error.action == "vm_start"
    assert error.false == ("destination.vm is prelaunch",)
    assert error.enabled == (
        "source_write_data(granule=0)",
        "dirty_bitmap_save_setup",
    )
    assert str(error) == (
        "step 2, vm_start: its guard 'destination.vm is prelaunch' is false; "
        "enabled are source_write_data(granule=0), dirty_bitmap_save_setup"
    )


def test_only_the_conjuncts_that_are_false_are_named() -> None:
    error = failure(NO_SUCCESSOR, LOST, ["migrate", "send_bitmap_complete"])
    assert error.false == (
        "source.migration is run-sent",
        "source.cursor is at end",
    )
    assert "'source.migration is run-sent' and 'source.cursor is at end' " in (
        str(error)
    )


def test_without_a_parameter_the_best_matching_instance_is_explained() -> None:
    wide = evolve(NO_SUCCESSOR, bounds=Bounds(chunks=3))
    first = shortest(wide, LOST)
    number = labels(first).index("send_bitmap_bits(chunk=0)")
    sent = labels(first)[:number]
    error = failure(wide, LOST, [*sent, "send_bitmap_bits(chunk=2)"])
    assert error.false == ("source.cursor is at chunk 2",)
    assert "send_bitmap_bits(chunk=0)" in error.enabled
    # not enabled for any chunk: the one with the fewest false conjuncts
    error = failure(wide, LOST, ["migrate", "send_bitmap_bits"])
    assert error.action == "send_bitmap_bits(chunk=0)"
    assert error.false == ("source.migration is run-sent",)


def test_unknown_action() -> None:
    error = failure(NO_SUCCESSOR, LOST, ["migrate", "postcopy_start_"])
    assert error.step == 2
    assert "has no action 'postcopy_start_'; it has postcopy_start" in (
        str(error)
    )
    assert "dirty_bitmap_save_setup" in error.enabled
    assert "has no action 'x'; it has " in str(failure(LIVE, LOST, ["x"]))


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        ("source_write_data(granule=7)", "granule is '7', allowed are 0"),
        ("source_write_data(block=0)", "no parameter 'block'; it has granule"),
        ("migrate(to=b)", "no parameter 'to'; it has none"),
        ("migrate(", "is not an action; write name(parameter=value)"),
        ("migrate()x", "is not an action; write name(parameter=value)"),
        ("migrate(x)", "is not an action; write name(parameter=value)"),
        ("", "is not an action; write name(parameter=value)"),
        (("source_write_data", {"granule": 7}), "granule is '7'"),
    ],
)
def test_bad_calls(call: object, reason: str) -> None:
    error = failure(NO_SUCCESSOR, LOST, [call])
    assert error.step == 1
    assert reason in str(error)


def test_a_run_that_does_not_reach_the_violation_says_why(
    loses_a_bit: list[str],
) -> None:
    steps = len(loses_a_bit) - 1
    error = failure(NO_SUCCESSOR, LOST, loses_a_bit[:-1])
    assert error.step is None
    assert str(error) == (
        f"the {steps} steps fit, but {LOST} is not shown: its premise 'the "
        "destination's bitmap is usable' is false in the last state"
    )
    error = failure(NO_SUCCESSOR, "OneSideRuns", loses_a_bit[:1])
    assert str(error) == (
        "the 1 step fits, but OneSideRuns is not shown: it holds in the last "
        "state"
    )


def test_the_complete_design_does_not_run_like_the_variant(
    runs_nowhere: list[str],
) -> None:
    complete = evolve(NO_FENCING, without=frozenset())
    error = failure(complete, DEADLOCK, runs_nowhere)
    assert error.step is None
    assert "enabled in the last state: fence_destination" in str(error)


def test_no_steps_at_all() -> None:
    error = failure(NO_SUCCESSOR, LOST, [])
    assert error.step is None
    assert error.action == ""


def test_unknown_property_and_bad_options() -> None:
    error = failure(NO_SUCCESSOR, "NoLostDirtyBit", [])
    assert "has no property 'NoLostDirtyBit'; it has " in str(error)
    assert ", NoLostDirtyBitOnSource, " in str(error)
    with pytest.raises(ModelError):
        replay(Options(design="none"), LOST, [])


def test_type_invariant_is_not_shown_by_a_sound_run(
    loses_a_bit: list[str],
) -> None:
    error = failure(NO_SUCCESSOR, TYPE_INVARIANT, loses_a_bit)
    assert "every field holds a code of its type" in str(error)


def test_deadlock(runs_nowhere: list[str]) -> None:
    error = failure(NO_FENCING, DEADLOCK, runs_nowhere[:-1])
    assert "enabled in the last state: " in str(error)
    assert str(error).endswith(f", {runs_nowhere[-1]}")
    error = failure(NO_FENCING, DEADLOCK, [])
    assert "one in which a run may end" in str(error)


def test_reachable(loses_a_bit: list[str]) -> None:
    options = evolve(NO_SUCCESSOR, without=frozenset())
    trace = replay(options, "MigrationCompletes", loses_a_bit)
    assert trace.property_name == "MigrationCompletes"
    backup = [*loses_a_bit, "destination_backup"]
    assert replay(options, "BackupOnDestination", backup)
    error = failure(options, "BackupOnDestination", loses_a_bit)
    assert "the last step is not destination_backup" in str(error)
    error = failure(options, "MigrationCompletes", loses_a_bit[:-1])
    assert "'destination.bitmap is valid' is false" in str(error)


def test_a_fair_lasso(lasso: Trace) -> None:
    steps, loop = labels(lasso), lasso.loop
    assert loop is not None and loop < len(steps)
    assert replay(LIVE, "MigrationEnds", steps, loop) == lasso
    assert lasso.states[loop] == lasso.states[-1]
    # two rounds are a lasso as well
    assert replay(LIVE, "MigrationEnds", [*steps, *steps[loop:]], loop)


def test_what_is_no_lasso(lasso: Trace) -> None:
    steps, loop = labels(lasso), lasso.loop
    assert loop is not None
    after = len(steps)
    for stem, reason in (
        (None, "no loop is given"),
        (after + 1, f"after move {after + 1}, but there are {after} moves"),
        (-1, "starts after move -1"),
        (loop + 1, "the loop does not close: "),
    ):
        error = failure(LIVE, "MigrationEnds", steps, stem)
        assert error.step is None
        assert reason in str(error)


def test_a_loop_that_meets_the_goal_or_has_no_trigger() -> None:
    backup = ["source_backup_begins", "source_backup_succeeds"]
    error = failure(LIVE, "MigrationEnds", backup, 0)
    assert "nothing triggers it, or its goal is met afterwards" in str(error)
    steps = len(LIVE_ENDS)
    error = failure(
        LIVE, "MigrationEnds", [*LIVE_ENDS, "destination_backup"], steps
    )
    assert f"its goal is met after step {steps + 1}, on the loop" in str(error)


def test_an_unfair_loop_names_what_it_puts_off() -> None:
    idle = ["source_write_data(granule=0)", "source_set_dirty(granule=0)"]
    begun = ["migrate", "dirty_bitmap_save_setup", "dirty_bitmap_load_start"]
    error = failure(LIVE, "MigrationEnds", [*begun, *idle, *idle], 5)
    assert (
        "the loop is not fair: bulk_phase is enabled all along it and never "
        "taken"
    ) in str(error)
    # nor may a run rest where something must happen
    error = failure(LIVE, "MigrationEnds", begun, 3)
    assert "the loop is not fair: bulk_phase" in str(error)


def test_a_run_may_stay_in_its_last_state_for_ever(
    runs_nowhere: list[str],
) -> None:
    steps = len(runs_nowhere)
    trace = replay(NO_FENCING, "MigrationEnds", runs_nowhere, steps)
    assert trace.loop == len(trace.moves)


def test_a_loop_belongs_to_eventually_only(loses_a_bit: list[str]) -> None:
    error = failure(NO_SUCCESSOR, LOST, loses_a_bit, 3)
    assert "a loop belongs to an eventually property only" in str(error)


def test_the_initial_state_is_chosen_by_what_fits(
    monkeypatch: pytest.MonkeyPatch, loses_a_bit: list[str]
) -> None:
    (first,) = build(NO_SUCCESSOR).initials
    machine = build(NO_SUCCESSOR)
    gone = list(first)
    codes = machine.fields[machine.position["source.vm"]].type
    gone[machine.position["source.vm"]] = codes.encode(SourceVm.GONE, "")
    two = evolve(machine, initials=(tuple(gone), first))
    monkeypatch.setattr(replay_module, "build", lambda options: two)
    trace = replay(NO_SUCCESSOR, LOST, loses_a_bit)
    assert trace.initial == first
    # of the two complaints, the one that came further
    error = failure(NO_SUCCESSOR, LOST, ["migrate", "migrate"])
    assert error.step == 2
