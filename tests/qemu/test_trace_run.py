# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs of the model on real QEMU: what agrees, and what is seen if not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from checker.cli import main
from checker.cli.qemu_chosen import Chosen
from checker.cli.qemu_trace_view import run, traces_of
from checker.configuration import load
from checker.conformance.qemu.binary import Build
from checker.conformance.qemu.trace_choice import walk, witnesses
from checker.conformance.qemu.trace_difference import Outcome
from checker.conformance.qemu.trace_map import (
    MAPPING,
    CannotMapError,
    Geometry,
    check_mappable,
)
from checker.conformance.qemu.trace_run import run_trace
from checker.traces.replay import CannotReplayError, replay
from checker.traces.trace import Trace
from checker.verdict import CONFORMANCE
from model.designs import build as build_model
from model.language.machine import Machine

PATIENT = 30.0


@pytest.fixture
def chosen(build: Build) -> Chosen:
    """The build as an option names it."""
    return Chosen((build.given,) if build.given else ())


def writes(*granules: int, side: str = "source") -> list[str]:
    return [
        f"{side}_{half}(granule={granule})"
        for granule in granules
        for half in ("write_data", "set_dirty")
    ]


ANNOUNCED = [
    *writes(0, 3),
    *("migrate", "dirty_bitmap_save_setup", "dirty_bitmap_load_start"),
    *writes(1),
]
STOPPED = [
    *ANNOUNCED,
    *("migrate_start_postcopy", "postcopy_start", "bdrv_drain_all"),
]
STARTED = [
    *STOPPED,
    *("send_postcopy_run", "loadvm_run"),
    *("dirty_bitmap_mig_before_vm_start", "vm_start"),
]
FENCED = [
    *("migration_fails_after_run", "incoming_fails"),
    *("fence_destination", "resume_source", *writes(2)),
]
SENT = [
    *ANNOUNCED,
    *("migration_completion", "bdrv_drain_all"),
    *("send_bitmap_bits(chunk=0)", "dirty_bitmap_load_bits(chunk=0)"),
    *("send_bitmap_bits(chunk=1)", "dirty_bitmap_load_bits(chunk=1)"),
    *("send_bitmap_complete", "dirty_bitmap_load_complete"),
    "send_device_state",
]
TAKEN = [*SENT, "loadvm_run", "dirty_bitmap_mig_before_vm_start", "vm_start"]

AGREE = {
    "postcopy, the guest writes while chunks arrive": (
        "postcopy",
        [
            *STARTED,
            *writes(2, side="destination"),
            *("send_bitmap_bits(chunk=0)", "dirty_bitmap_load_bits(chunk=0)"),
            *writes(0, side="destination"),
            *("send_bitmap_bits(chunk=1)", "dirty_bitmap_load_bits(chunk=1)"),
            *("send_bitmap_complete", "dirty_bitmap_load_complete_reclaim"),
            *("destination_backup", "quit_source"),
            *writes(1, side="destination"),
        ],
    ),
    "postcopy, cut between two chunks": (
        "postcopy",
        [
            *STARTED,
            *("send_bitmap_bits(chunk=0)", "dirty_bitmap_load_bits(chunk=0)"),
            *("channel_cut", "migration_fails_after_run"),
            *("dirty_bitmap_mig_cancel_incoming", "destination_full_backup"),
            *writes(1, side="destination"),
        ],
    ),
    "postcopy, RUN is lost": (
        "postcopy",
        [*STOPPED, "send_postcopy_run", "channel_cut", *FENCED],
    ),
    "postcopy, cut before RUN": (
        "postcopy",
        [
            *STOPPED,
            *("channel_cut", "migration_fails", "resume_source"),
            *("incoming_fails", *writes(2), "source_backup"),
        ],
    ),
    "postcopy, cancelled, and begun again": (
        "postcopy",
        [
            *ANNOUNCED,
            *("migrate_cancel", "incoming_fails", *writes(2)),
            *("source_backup", "migrate_again", "dirty_bitmap_save_setup"),
            "dirty_bitmap_load_start",
        ],
    ),
    "postcopy, the source is killed": (
        "postcopy",
        [
            *(*STARTED, "send_bitmap_bits(chunk=0)", "source_killed"),
            *("dirty_bitmap_load_bits(chunk=0)",),
            *("dirty_bitmap_mig_cancel_incoming", "destination_full_backup"),
        ],
    ),
    "postcopy, the destination is killed": (
        "postcopy",
        [
            *(*STOPPED, "send_postcopy_run"),
            *("destination_killed(after_start=False)",),
            *("migration_fails_after_run", "fence_destination"),
            *("resume_source", *writes(2)),
        ],
    ),
    "stop-copy, nothing fails": (
        "stop-copy",
        [
            *(*TAKEN, *writes(2, side="destination")),
            *("migrate_send_rp_shut", "close_return_path_on_source"),
            *("quit_source", "destination_backup"),
        ],
    ),
    "stop-copy, cut while the VM is stopped": (
        "stop-copy",
        [
            *(*ANNOUNCED, "migration_completion", "bdrv_drain_all"),
            *("channel_cut", "migration_fails", "incoming_fails"),
            *("resume_source", *writes(2), "source_backup"),
        ],
    ),
    "stop-copy, the source is killed": (
        "stop-copy",
        [*SENT, "source_killed", *TAKEN[len(SENT) :], "destination_backup"],
    ),
}


def made(config: str, actions: list[str]) -> Trace:
    return replay(load(config).options, CONFORMANCE, actions)


def differing(outcome: Outcome) -> dict[str, str]:
    return {
        f"{row.side} {row.what}": row.qemu
        for row in outcome.steps[-1].rows
        if not row.agrees
    }


@pytest.mark.parametrize("name", AGREE)
def test_qemu_does_as_the_model(name: str, build: Build, room: Path) -> None:
    trace = made(*AGREE[name])
    outcome = run_trace(trace, build, work=room, patience=PATIENT)
    assert not differing(outcome)
    assert outcome.agrees
    assert len(outcome.steps) == len(trace.moves) + 1
    assert list(room.iterdir()) == []


@pytest.mark.parametrize("config", ["postcopy-small", "stop-copy-small"])
def test_whatever_is_to_be_reachable(
    config: str, build: Build, room: Path
) -> None:
    traces = witnesses(load(config).options)
    assert len(traces) == 5
    for trace in traces:
        outcome = run_trace(trace, build, work=room, patience=PATIENT)
        assert not differing(outcome)


def test_the_source_resumes_after_run(build: Build, room: Path) -> None:
    """A finding: with a return path it goes on although RUN has arrived.

    So do 5.2, 7.2 and 10.0; 11.1 does not where it cannot have the image.
    """
    trace = made("stop-copy", [*TAKEN, "channel_cut"])
    outcome = run_trace(trace, build, work=room, patience=1.0)
    if outcome.agrees:
        trace = made(
            "stop-copy",
            [*TAKEN, "channel_cut", "migration_fails_after_run"],
        )
        outcome = run_trace(trace, build, work=room, patience=1.0)
    resumes = build.version < (11, 0, 0)
    wanted = {"source run state": "running"} if resumes else {}
    assert differing(outcome) == wanted


def test_a_bitmap_that_is_loaded_is_busy(
    chosen: Chosen, capsys: pytest.CaptureFixture[str]
) -> None:
    """The variant shows it as usable; QEMU does not."""
    assert run("postcopy-usable-while-loading", chosen) == 14
    said = " ".join(capsys.readouterr().out.split())
    assert "|busy |yes |<> |no" in said


def test_a_variant_that_cannot_be_told_apart(
    chosen: Chosen, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whether the VM waits for the drain is in no query."""
    assert run("postcopy-no-drain", chosen) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "no query shows the difference" in said


@pytest.mark.parametrize("to_replay", [True, False])
def test_a_trace_file(
    build: Build,
    chosen: Chosen,
    to_replay: bool,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """As ``check --trace`` keeps it; the live design has no QEMU."""
    path = tmp_path / "t.json"
    name = "postcopy-no-drain" if to_replay else "live-or-chunks"
    assert main(["check", name, "--trace", str(path)]) == 12
    command = ["qemu", "scenario", "--trace", str(path)]
    code = main([*command, *(["--qemu", build.given] if build.given else [])])
    result = capsys.readouterr()
    if to_replay:
        assert code == 0 and "shows what the model predicts" in result.out
    else:
        assert code == 75 and "no live design" in result.err
        assert result.err.count("\n") == 1


def test_a_wrong_prediction_is_a_difference(
    chosen: Chosen, capsys: pytest.CaptureFixture[str]
) -> None:
    """The variant keeps a part of the bitmap after a loss; QEMU does not."""
    assert run("postcopy-partial-kept", chosen) == 14
    text = capsys.readouterr().out
    assert "DIFFERENT after step" in text
    assert "<>" in text
    assert all(len(line) <= 72 for line in text.splitlines())


def test_as_json(chosen: Chosen, capsys: pytest.CaptureFixture[str]) -> None:
    asked = "MigrationCompletes"
    assert run("postcopy-small", chosen, asked, as_json=True) == 0
    (data,) = json.loads(capsys.readouterr().out)["runs"]
    assert data["agrees"]
    assert all(step["agrees"] and step["rows"] for step in data["steps"])


#: seed 1 of stop-copy ends in what is known of QEMU: the source runs again
#: after RUN (test_the_source_resumes_after_run)
@pytest.mark.parametrize("seed", [0, 2, 3])
@pytest.mark.parametrize("config", ["postcopy", "stop-copy-three-chunks"])
def test_walks(config: str, seed: int, build: Build, room: Path) -> None:
    trace = walk(load(config).options, seed)
    assert trace == walk(load(config).options, seed)
    outcome = run_trace(trace, build, work=room, patience=PATIENT)
    assert not differing(outcome)


# -- without a QEMU ----------------------------------------------------------


def machines() -> list[Machine]:
    names = ("postcopy", "stop-copy", "postcopy-stale-loader")
    names += ("stop-copy-partial-left", "stop-copy-late-recorder")
    return [load(name).machine() for name in names]


def test_every_action_is_mapped() -> None:
    for machine in machines():
        assert {a.name for a in machine.actions} <= set(MAPPING)


def test_no_live_design() -> None:
    with pytest.raises(CannotReplayError, match="no live design"):
        traces_of("live-small")
    options = load("live-small").options
    trace = Trace(options, CONFORMANCE, build_model(options).initials[0], ())
    with pytest.raises(CannotMapError, match="no live design"):
        check_mappable(trace)


def test_first_and_last_granule_of_a_chunk() -> None:
    geometry = Geometry(2, 2)
    assert geometry.size == 8 * 1024 * 1024
    assert [geometry.offset(n) for n in range(4)] == [
        *(0, 8191 * 512, 8192 * 512, 16383 * 512),
    ]
