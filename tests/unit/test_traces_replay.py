# SPDX-License-Identifier: GPL-2.0-or-later
"""Replay: what fits is a trace, what does not says where and why."""

import pytest
from attrs import evolve

from checker.engines.exploration import TYPE_INVARIANT
from checker.engines.interpreter import interpret
from checker.traces import replay as replay_module
from checker.traces.minimise import shortest_violation
from checker.traces.replay import CannotReplay, replay
from checker.verdict import DEADLOCK
from model.designs import build
from model.language.errors import ModelError
from model.options import Bounds, Failures, Options

NO_SUCCESSOR = Options(
    design="postcopy",
    without=frozenset({"successor"}),
    bounds=Bounds(chunks=1),
)
LOST = "NoLostDirtyBitOnDestination"
LOSES_A_BIT = [
    "migrate",
    "dirty_bitmap_save_setup",
    "migrate_start_postcopy",
    "postcopy_start",
    "send_postcopy_run",
    "dirty_bitmap_load_start",
    "send_bitmap_bits(chunk=0)",
    "loadvm_run",
    "send_bitmap_complete",
    "dirty_bitmap_mig_before_vm_start",
    "vm_start",
    "destination_write_data(granule=0)",
    "destination_set_dirty(granule=0)",
    "dirty_bitmap_load_bits(chunk=0)",
    "dirty_bitmap_load_complete_reclaim",
]
NO_FENCING = Options(
    design="postcopy",
    without=frozenset({"fencing"}),
    failures=Failures(cut=1),
)
RUNS_NOWHERE = [
    *LOSES_A_BIT[:5],
    "channel_cut",
    "migration_fails_after_run",
    "incoming_fails",
]
LIVE = Options(design="live", bounds=Bounds(chunks=1))
NEVER_ENDS = [
    "migrate",
    "dirty_bitmap_save_setup",
    "bulk_phase(chunk=0)",
    "dirty_bitmap_load_start",
    "serialize_chunk(chunk=0)",  # the loop starts with this one
    "source_write_data(granule=0)",
    "source_set_dirty(granule=0)",
    "send_bitmap_bits(chunk=0)",
    "dirty_bitmap_load_bits(chunk=0)",
    "source_backup",
    "dirty_phase(chunk=0)",
]
STEM = 4


def failure(*arguments: object) -> CannotReplay:
    with pytest.raises(CannotReplay) as caught:
        replay(*arguments)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)
    return caught.value


def test_replay_gives_the_trace_that_the_search_found() -> None:
    trace = replay(NO_SUCCESSOR, LOST, LOSES_A_BIT)
    assert [m.label for m in trace.moves] == LOSES_A_BIT
    machine = build(NO_SUCCESSOR)
    assert trace.initial in machine.initials
    found = shortest_violation(
        NO_SUCCESSOR, LOST, interpret, replay_limits()
    )
    assert found is not None
    assert found == replay(NO_SUCCESSOR, LOST, [m.label for m in found.moves])
    assert len(found.moves) == len(LOSES_A_BIT)


def replay_limits() -> object:
    from checker.engines.exploration import Limits

    return Limits(max_states=10_000)


def test_name_and_arguments_mean_the_same_as_a_label() -> None:
    calls = [
        (label.partition("(")[0], arguments(label)) for label in LOSES_A_BIT
    ]
    by_label = replay(NO_SUCCESSOR, LOST, LOSES_A_BIT)
    assert replay(NO_SUCCESSOR, LOST, calls) == by_label


def arguments(label: str) -> dict[str, str]:
    inside = label.partition("(")[2].removesuffix(")")
    return dict(p.split("=") for p in inside.split(",") if p)


def test_a_parameter_may_be_left_out_where_one_value_fits() -> None:
    short = [label.partition("(")[0] for label in LOSES_A_BIT]
    assert replay(NO_SUCCESSOR, LOST, short) == replay(
        NO_SUCCESSOR, LOST, LOSES_A_BIT
    )


def test_a_parameter_may_not_be_left_out_where_several_fit() -> None:
    wide = evolve(NO_SUCCESSOR, bounds=Bounds(chunks=2))
    error = failure(wide, LOST, ["source_write_data"])
    assert error.step == 1
    assert "source_write_data(granule=0), source_write_data(granule=1)" in (
        str(error)
    )


def test_the_first_step_that_does_not_fit_names_its_false_conjuncts() -> None:
    error = failure(NO_SUCCESSOR, LOST, [*LOSES_A_BIT[:3], "vm_start"])
    assert error.step == 4
    assert error.action == "vm_start"
    assert error.false == ("destination.vm is prelaunch",)
    assert error.enabled == (
        "source_write_data(granule=0)",
        "postcopy_start",
        "dirty_bitmap_load_start",
    )
    assert str(error) == (
        "step 4, vm_start: its guard 'destination.vm is prelaunch' is false; "
        "enabled are source_write_data(granule=0), postcopy_start, "
        "dirty_bitmap_load_start"
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
    sent = [*LOSES_A_BIT[:7], "dirty_bitmap_load_bits"]
    error = failure(wide, LOST, sent)
    # RUN comes first; of the three chunks, 0 is what an empty slot names
    assert error.action == "dirty_bitmap_load_bits(chunk=0)"
    assert error.false == ("next in stream is BITS",)


def test_unknown_action() -> None:
    error = failure(NO_SUCCESSOR, LOST, ["migrate", "postcopy_begin"])
    assert error.step == 2
    assert "has no action 'postcopy_begin'; it has postcopy_start" in (
        str(error)
    )
    assert "dirty_bitmap_save_setup" in error.enabled


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        ("source_write_data(granule=7)", "granule is '7', allowed are 0"),
        ("source_write_data(block=0)", "no parameter 'block'; it has granule"),
        ("migrate(to=b)", "no parameter 'to'; it has none"),
        ("migrate(", "is no action; write name(parameter=value)"),
        ("migrate()x", "is no action; write name(parameter=value)"),
        ("migrate(x)", "is no action; write name(parameter=value)"),
        ("", "is no action; write name(parameter=value)"),
        (("source_write_data", {"granule": 7}), "granule is '7'"),
    ],
)
def test_bad_calls(call: object, reason: str) -> None:
    error = failure(NO_SUCCESSOR, LOST, [call])
    assert error.step == 1
    assert reason in str(error)


def test_a_run_that_does_not_reach_the_violation_says_why() -> None:
    error = failure(NO_SUCCESSOR, LOST, LOSES_A_BIT[:-1])
    assert error.step is None
    assert str(error) == (
        f"the 14 steps fit, but {LOST} is not shown: its premise 'the "
        "destination's bitmap is usable' is false in the last state"
    )
    error = failure(NO_SUCCESSOR, "OneSideRuns", LOSES_A_BIT[:1])
    assert str(error) == (
        "the 1 step fits, but OneSideRuns is not shown: it holds in the last "
        "state"
    )


def test_no_steps_at_all() -> None:
    error = failure(NO_SUCCESSOR, LOST, [])
    assert error.step is None
    assert error.action == ""


def test_unknown_property_and_bad_options() -> None:
    error = failure(NO_SUCCESSOR, "NoLostDirtyBit", [])
    assert "has no property 'NoLostDirtyBit'; it has NoLost" in str(error)
    with pytest.raises(ModelError):
        replay(Options(design="none"), LOST, [])


def test_type_invariant_is_not_shown_by_a_sound_run() -> None:
    error = failure(NO_SUCCESSOR, TYPE_INVARIANT, LOSES_A_BIT)
    assert "every field holds a code of its type" in str(error)


def test_deadlock() -> None:
    trace = replay(NO_FENCING, DEADLOCK, RUNS_NOWHERE)
    assert len(trace.moves) == 8
    error = failure(NO_FENCING, DEADLOCK, RUNS_NOWHERE[:-1])
    assert "enabled in the last state: incoming_fails" in str(error)
    error = failure(NO_FENCING, DEADLOCK, [])
    assert "one in which a run may end" in str(error)


def test_reachable() -> None:
    options = evolve(NO_SUCCESSOR, without=frozenset())
    trace = replay(options, "MigrationCompletes", LOSES_A_BIT)
    assert trace.property_name == "MigrationCompletes"
    backup = [*LOSES_A_BIT, "destination_backup"]
    assert replay(options, "BackupOnDestination", backup)
    error = failure(options, "BackupOnDestination", LOSES_A_BIT)
    assert "the last step is not destination_backup" in str(error)
    error = failure(options, "MigrationCompletes", LOSES_A_BIT[:-1])
    assert "'destination.bitmap is valid' is false" in str(error)


def test_a_fair_lasso() -> None:
    trace = replay(LIVE, "MigrationEnds", NEVER_ENDS, STEM)
    assert trace.loop == STEM
    assert trace.states[STEM] == trace.states[-1]
    # two rounds are a lasso as well
    twice = [*NEVER_ENDS, *NEVER_ENDS[STEM:]]
    assert replay(LIVE, "MigrationEnds", twice, STEM)


@pytest.mark.parametrize(
    ("actions", "loop", "reason"),
    [
        (NEVER_ENDS, None, "no loop is given"),
        (NEVER_ENDS, 99, "starts after move 99, but there are 11 moves"),
        (NEVER_ENDS, -1, "starts after move -1"),
        (
            NEVER_ENDS,
            5,
            "the loop does not close: source.stage is ready-to-send at its "
            "start and first-half at its end",
        ),
        (NEVER_ENDS[:4], 4, "not fair: serialize_chunk is enabled all along"),
        (["source_backup"], 0, "its goal is met after step 1, on the loop"),
    ],
)
def test_no_lasso(actions: list[str], loop: int | None, reason: str) -> None:
    error = failure(LIVE, "MigrationEnds", actions, loop)
    assert error.step is None
    assert reason in str(error)


def test_an_unfair_loop_names_what_it_puts_off() -> None:
    idle = ["source_write_data(granule=0)", "source_set_dirty(granule=0)"]
    actions = [*NEVER_ENDS[:4], *idle, *idle]
    error = failure(LIVE, "MigrationEnds", actions, 6)
    assert "serialize_chunk is enabled all along it and never taken" in (
        str(error)
    )


def test_a_run_may_stay_in_its_last_state_for_ever() -> None:
    trace = replay(NO_FENCING, "MigrationEnds", RUNS_NOWHERE, 8)
    assert trace.loop == len(trace.moves)


def test_a_loop_belongs_to_eventually_only() -> None:
    error = failure(NO_SUCCESSOR, LOST, LOSES_A_BIT, 3)
    assert "a loop belongs to an eventually property only" in str(error)


def test_the_initial_state_is_chosen_by_what_fits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def two_starts(options: Options) -> object:
        machine = build(options)
        (first,) = machine.initials
        gone = list(first)
        gone[machine.position["source.vm"]] = 2
        return evolve(machine, initials=(tuple(gone), first))

    monkeypatch.setattr(replay_module, "build", two_starts)
    trace = replay(NO_SUCCESSOR, LOST, LOSES_A_BIT)
    assert trace.initial == build(NO_SUCCESSOR).initials[0]
    # of the two complaints, the one that came further
    error = failure(NO_SUCCESSOR, LOST, ["migrate", "migrate"])
    assert error.step == 2
