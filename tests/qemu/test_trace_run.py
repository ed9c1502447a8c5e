# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs of the model on real QEMU: what agrees, and what is seen if not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from checker.cli import main
from checker.cli.qemu.chosen import Chosen
from checker.cli.qemu.trace_view import run, traces_of
from checker.engines.verdict import CONFORMANCE
from checker.input.configuration import load
from checker.qemu.harness.binary import Build
from checker.qemu.harness.builds import Builds
from checker.qemu.traces.choice import walk, witnesses
from checker.qemu.traces.difference import Outcome
from checker.qemu.traces.map import (
    CANNOT,
    MAPPING,
    CannotMapError,
    Geometry,
    check_mappable,
)
from checker.qemu.traces.run import run_trace
from checker.traces.replay import CannotReplayError, replay
from checker.traces.trace import Trace
from model.designs import build as build_model
from model.language.machine import Machine
from model.lookup import mechanisms_of
from model.options import BITMAPS, BUSY_POLICIES, Bounds, Failures, Options
from tests.json_shapes import check_shape

PATIENT = 30.0


@pytest.fixture
def chosen(build: Build) -> Chosen:
    """The build as an option names it."""
    return Chosen((build.given,) if build.given else ())


def ran(
    trace: Trace, build: Build, room: Path, patience: float = PATIENT
) -> Outcome:
    return run_trace(trace, Builds(build, build), room, patience)


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
CUT = "channel_cut(how=close)"
FENCED = [
    *("migration_fails", "incoming_fails"),
    *("fence_destination", "resume_source", *writes(2)),
]
BACKUP = ["source_backup_begins", "source_backup_succeeds"]
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
            *("destination_remove", "destination_full_backup"),
        ],
    ),
    "postcopy, cut between two chunks": (
        "postcopy",
        [
            *STARTED,
            *("send_bitmap_bits(chunk=0)", "dirty_bitmap_load_bits(chunk=0)"),
            *(CUT, "migration_fails"),
            *("dirty_bitmap_mig_cancel_incoming", "destination_full_backup"),
            *writes(1, side="destination"),
        ],
    ),
    "postcopy, RUN is lost": (
        "postcopy",
        [*STOPPED, "send_postcopy_run", CUT, *FENCED],
    ),
    "postcopy, what was sent before a break still arrives": (
        "postcopy",
        [
            *(*STOPPED, "send_postcopy_run", "send_bitmap_bits(chunk=0)"),
            *(CUT, "migration_fails", "loadvm_run"),
            *("dirty_bitmap_mig_before_vm_start", "vm_start"),
            *writes(2, side="destination"),
            "dirty_bitmap_load_bits(chunk=0)",
            *("dirty_bitmap_mig_cancel_incoming", "destination_full_backup"),
        ],
    ),
    "postcopy, nothing moves any more, and is given up": (
        "postcopy",
        [
            *(*STARTED, "send_bitmap_bits(chunk=0)"),
            *("channel_cut(how=silence)", *writes(0, side="destination")),
            *("connection_times_out", "dirty_bitmap_mig_cancel_incoming"),
            *("migration_fails", "destination_full_backup"),
        ],
    ),
    "postcopy, cut before RUN": (
        "postcopy",
        [
            *STOPPED,
            *(CUT, "migration_fails", "resume_source"),
            *("incoming_fails", *writes(2), *BACKUP),
        ],
    ),
    "postcopy, cancelled, and begun again": (
        "postcopy",
        [
            *ANNOUNCED,
            *("migrate_cancel", "incoming_fails", *writes(2)),
            *(*BACKUP, "migrate_again", "dirty_bitmap_save_setup"),
            "dirty_bitmap_load_start",
        ],
    ),
    "postcopy, a backup is taken first, and the user edits": (
        "postcopy",
        [
            *(*writes(0, 3), "source_backup_begins", *writes(1, 3)),
            *("source_backup_fails", "source_merge(granule=2)"),
            *("source_backup_begins", "migrate", *writes(0)),
            *("source_backup_succeeds", "dirty_bitmap_save_setup"),
            *("dirty_bitmap_load_start", "migrate_cancel", "incoming_fails"),
            *("source_clear", *writes(2)),
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
            *("migration_fails", "fence_destination"),
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
            *(CUT, "migration_fails", "incoming_fails"),
            *("resume_source", *writes(2), *BACKUP),
        ],
    ),
    "stop-copy, the source is killed": (
        "stop-copy",
        [*SENT, "source_killed", *TAKEN[len(SENT) :], "destination_backup"],
    ),
}


ALL = Failures(**dict.fromkeys(Failures.names(), 2))


def made(design: str, actions: list[str], **changes: Any) -> Trace:
    options = Options(
        design=design,
        bounds=Bounds(chunks=2, granules=2, channel=5, downtime=2, edits=2),
        failures=ALL,
    )
    return replay(evolve(options, **changes), CONFORMANCE, actions)


def differing(outcome: Outcome) -> dict[str, str]:
    return {
        f"{row.side} {row.what}": row.qemu
        for row in outcome.steps[-1].rows
        if not row.agrees
    }


@pytest.mark.parametrize("name", AGREE)
def test_qemu_does_as_the_model(name: str, build: Build, room: Path) -> None:
    trace = made(*AGREE[name])
    outcome = ran(trace, build, room)
    assert not differing(outcome)
    assert outcome.agrees
    assert len(outcome.steps) == len(trace.moves) + 1
    assert list(room.iterdir()) == []


@pytest.mark.parametrize("config", ["postcopy-small", "stop-copy-small"])
def test_whatever_is_to_be_reachable(
    config: str, build: Build, room: Path
) -> None:
    traces = witnesses(load(config).options)
    wanted = [
        prop.name
        for prop in build_model(load(config).options).properties
        if prop.kind == "reachable"
    ]
    assert [trace.property_name for trace in traces] == wanted
    for trace in traces:
        outcome = run_trace(
            trace, Builds(build, build), room, patience=PATIENT
        )
        assert not differing(outcome)


def test_the_source_resumes_after_run(build: Build, room: Path) -> None:
    """A finding: with a return path it goes on although RUN has arrived.

    So do 5.2, 7.2 and 10.0; 11.1 does not where it cannot have the image.
    """
    trace = made("stop-copy", [*TAKEN, CUT, "migration_fails"])
    outcome = ran(trace, build, room, 1.0)
    resumes = build.version < (11, 0, 0)
    wanted = {"source run state": "running"} if resumes else {}
    assert differing(outcome) == wanted
    if resumes:
        without = frozenset({"no-resume-after-run"})
        actions = [*TAKEN, CUT, "migration_fails", "resume_source"]
        trace = made("stop-copy", actions, without=without)
        outcome = run_trace(
            trace, Builds(build, build), room, patience=PATIENT
        )
        assert not differing(outcome)


def test_a_bitmap_in_a_backup_job_fails_the_migration(
    build: Build, room: Path
) -> None:
    actions = [
        *(*writes(0), "source_backup_begins", "migrate"),
        *("dirty_bitmap_save_setup_busy", *writes(1)),
        *("source_backup_succeeds", "incoming_fails"),
    ]
    trace = made("postcopy", actions, busy_bitmap="fail")
    outcome = ran(trace, build, room)
    assert not differing(outcome)
    assert outcome.agrees


def test_a_name_that_exists_fails_the_migration(
    build: Build, room: Path
) -> None:
    actions = [
        *(*writes(0), "migrate", "dirty_bitmap_save_setup"),
        *("dirty_bitmap_load_start_exists", "migration_fails", *writes(1)),
    ]
    without = frozenset({"name-is-free"})
    trace = made("postcopy", actions, without=without)
    outcome = ran(trace, build, room)
    assert not differing(outcome)
    assert outcome.agrees


def test_without_a_return_path_completed_says_nothing(
    build: Build, room: Path
) -> None:
    """The source says completed, and the destination has not run."""
    without = frozenset({"completed-after-shut"})
    trace = made("stop-copy", [*SENT, CUT], without=without)
    outcome = ran(trace, build, room)
    assert not differing(outcome)
    assert outcome.agrees


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
    answer = json.loads(capsys.readouterr().out)
    check_shape("run", answer)
    (data,) = answer["runs"]
    assert data["agrees"]
    assert all(step["agrees"] and step["rows"] for step in data["steps"])


#: seeds 9 and 25 of stop-copy end in what is known of QEMU: the source runs
#: again after RUN (test_the_source_resumes_after_run); in 14 and 16 of
#: postcopy a cancel and a break come after QEMU's source has completed
@pytest.mark.parametrize(
    ("config", "seed"),
    [
        *(("postcopy", seed) for seed in (0, 14, 16, 29)),
        *(("stop-copy-three-chunks", seed) for seed in (2, 6, 28)),
    ],
)
def test_walks(config: str, seed: int, build: Build, room: Path) -> None:
    trace = walk(load(config).options, seed)
    assert trace == walk(load(config).options, seed)
    outcome = ran(trace, build, room)
    assert not differing(outcome)


# -- without a QEMU ----------------------------------------------------------


def machines() -> Iterator[Machine]:
    """Every variant of what QEMU has: without each mechanism, each choice."""
    for design in ("postcopy", "stop-copy"):
        options = Options(design=design, bounds=Bounds(edits=1), failures=ALL)
        for policy in BUSY_POLICIES:
            yield build_model(evolve(options, busy_bitmap=policy))
        for mechanism in mechanisms_of(design):
            without = frozenset({mechanism.name})
            yield build_model(evolve(options, without=without))


def test_every_action_is_mapped_or_cannot_be_run() -> None:
    actions = {a.name for machine in machines() for a in machine.actions}
    assert actions == {*MAPPING, *CANNOT}
    assert not set(MAPPING) & set(CANNOT)


def test_what_cannot_be_run_says_why() -> None:
    announced = ["migrate", "dirty_bitmap_save_setup"]
    refused = [
        *("dirty_bitmap_load_start", "migrate_start_postcopy"),
        *("postcopy_start", "bdrv_drain_all", "send_postcopy_run"),
        *("loadvm_run", "send_bitmap_bits", "dirty_bitmap_load_bits_refused"),
    ]
    with pytest.raises(CannotMapError) as caught:
        check_mappable(made("postcopy", announced + refused))
    assert str(caught.value) == (
        "step 10, dirty_bitmap_load_bits_refused: no QEMU sends what another "
        "one refuses there"
    )
    late = [*STOPPED, *writes(2)]
    without = frozenset({"writers-end-at-stop"})
    with pytest.raises(CannotMapError, match="while the VM is stopped"):
        check_mappable(made("postcopy", late, without=without))


@pytest.mark.parametrize("bitmaps", [b for b in BITMAPS if b != "one"])
def test_one_bitmap_that_is_there_from_the_beginning(bitmaps: str) -> None:
    with pytest.raises(CannotMapError, match="can be run"):
        check_mappable(made("postcopy", [], bitmaps=bitmaps))


def test_walks_go_where_qemu_can() -> None:
    for config in ("postcopy", "stop-copy"):
        for seed in range(20):
            check_mappable(walk(load(config).options, seed))


def test_no_drop_design() -> None:
    with pytest.raises(CannotReplayError, match="drop migrates no bitmap"):
        traces_of("drop-small")


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
