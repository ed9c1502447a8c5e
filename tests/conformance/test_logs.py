# SPDX-License-Identifier: GPL-2.0-or-later
"""Trace validation: logs of real runs are accepted, changed ones are not."""

from __future__ import annotations

import json

import pytest

from checker.conformance.log_check import judge
from checker.conformance.log_file import parse
from checker.input.errors import InputError
from reference.protocol.tables import Design
from tests.command import run as run_command
from tests.conformance.logged_runs import (
    HEADER,
    as_bytes,
    cancel,
    cut,
    run,
    silence,
)
from tests.json_shapes import check_shape

DESIGNS = list(Design)


def judged(*logs):
    return judge(
        [parse(as_bytes(log), f"log{n}") for n, log in enumerate(logs)]
    )


@pytest.mark.parametrize("design", DESIGNS)
@pytest.mark.parametrize("seed", range(3))
def test_both_sides_logs_are_accepted(design, seed):
    made = run(design, seed)
    source, destination = made.lines("source"), made.lines("destination")
    found = judged(source, destination)
    assert found.accepted, (found.where, found.reason, found.possible)
    # without the spare step that each log is allowed at its end
    assert found.lines == len(source) + len(destination) - 2


@pytest.mark.parametrize("design", DESIGNS)
def test_one_log_of_both_and_one_side_alone(design):
    made = run(design, 7)
    assert judged(made.lines("both")).accepted
    assert judged(made.lines("source")).accepted
    assert judged(made.lines("destination")).accepted


@pytest.mark.parametrize("design", DESIGNS)
@pytest.mark.parametrize("fails", [cut, silence, cancel])
@pytest.mark.parametrize("after", [2, 5, 9, 14])
def test_a_failure_and_a_second_attempt(design, fails, after):
    made = run(design, 11, after, fails)
    found = judged(made.lines("source"), made.lines("destination"))
    assert found.accepted, (found.where, found.reason, found.possible)


def index_of(lines, action):
    return next(n for n, x in enumerate(lines) if x.get("action") == action)


def without(action):
    def change(lines):
        del lines[index_of(lines, action)]

    return change


def swapped(first, second):
    def change(lines):
        i, j = index_of(lines, first), index_of(lines, second)
        lines[i], lines[j] = lines[j], lines[i]

    return change


def twice(action):
    def change(lines):
        at = index_of(lines, action)
        lines.insert(at, lines[at])

    return change


def other_chunk(action):
    def change(lines):
        line = dict(lines[index_of(lines, action)])
        lines[index_of(lines, action)] = {**line, "chunk": 2}

    return change


CHANGES = {
    "a chunk is never sent": ("source", without("send_bitmap_bits")),
    "a chunk is sent twice": ("source", twice("send_bitmap_bits")),
    "another chunk is sent": ("source", other_chunk("send_bitmap_bits")),
    "nobody drains": ("source", without("bdrv_drain_all")),
    "COMPLETE first": (
        "source",
        swapped("send_bitmap_bits", "send_bitmap_complete"),
    ),
    "no START": ("destination", without("dirty_bitmap_load_start")),
    "recorders stay off": (
        "destination",
        without("dirty_bitmap_mig_before_vm_start"),
    ),
    "the VM starts first": (
        "destination",
        swapped("dirty_bitmap_mig_before_vm_start", "vm_start"),
    ),
    "a chunk arrives twice": ("destination", twice("dirty_bitmap_load_bits")),
}


@pytest.mark.parametrize(
    "design", [Design.POSTCOPY, Design.STOP_COPY, Design.POSTCOPY_ONES]
)
@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_log_is_rejected(design, change):
    side, alter = CHANGES[change]
    made = run(design, 3)
    logs = {s: made.lines(s) for s in ("source", "destination")}
    alter(logs[side])
    found = judged(*logs.values())
    assert not found.accepted
    assert found.where and found.reason


def test_live_dirty_phase_before_reading_ends_is_rejected():
    made = run(Design.LIVE, 3)
    lines = made.lines("source")
    without("serialize_chunk")(lines)
    found = judged(lines, made.lines("destination"))
    assert not found.accepted
    assert found.possible


PASS_CHANGES = {
    "a chunk is not sent again": without("send_changed_bits"),
    "a chunk is sent again twice": twice("send_changed_bits"),
    "another chunk is sent again": other_chunk("send_changed_bits"),
    "nothing is merged at the stop": without("reclaim_at_stop"),
    "it is merged before the drain": swapped(
        "bdrv_drain_all", "reclaim_at_stop"
    ),
    "COMPLETE comes first": swapped(
        "send_changed_bits", "send_bitmap_complete"
    ),
}


@pytest.mark.parametrize("change", PASS_CHANGES)
def test_a_changed_log_of_a_pass_is_rejected(change):
    made = run(Design.STOP_COPY_BULK, 4)
    source, destination = made.lines("source"), made.lines("destination")
    assert judged(source, destination).accepted
    PASS_CHANGES[change](source)
    found = judged(source, destination)
    assert not found.accepted
    assert found.where and found.reason


BAD = {
    b"": "empty",
    b"{": "no JSON object",
    b"[1]\n": "no JSON object",
    b'{"event": "x", "event": "y"}\n': "line 1: key 'event' is there twice",
    b'{"event": "x"}\n': "expected a header",
    as_bytes([{**HEADER, "version": 2}]): "version is 2",
    as_bytes([{**HEADER, "role": "x", "design": "live"}]): 'role is "x"',
    as_bytes([{**HEADER, "role": "source", "design": "x"}]): 'design is "x"',
    as_bytes(
        [{**HEADER, "role": "source", "design": "live", "bitmaps": 3}]
    ): "bitmaps is 3",
    as_bytes(
        [{**HEADER, "role": "source", "design": "live"}, {"actor": "a"}]
    ): "key 'action' is missing",
    as_bytes(
        [
            {**HEADER, "role": "source", "design": "live"},
            {"actor": "a", "action": "b", "chunk": -1},
        ]
    ): "chunk is -1",
}


@pytest.mark.parametrize("data", BAD)
def test_bad_logs_say_where(data):
    with pytest.raises(InputError, match=BAD[data]):
        judge([parse(data, "log")])


def test_two_logs_of_one_side_are_refused():
    lines = run(Design.POSTCOPY, 1).lines("source")
    with pytest.raises(InputError, match="one log for each side"):
        judged(lines, lines)


def test_swapped_roles_are_rejected():
    made = run(Design.POSTCOPY, 3)
    source, destination = made.lines("source"), made.lines("destination")
    source[0], destination[0] = destination[0], source[0]
    assert not judged(source, destination).accepted


def test_headers_that_differ_are_refused():
    made = run(Design.POSTCOPY, 3)
    source, destination = made.lines("source"), made.lines("destination")
    (bitmap,) = source[0]["bitmaps"]
    other = {**bitmap, "granularity": 4096}
    source[0] = {**source[0], "bitmaps": [other]}
    with pytest.raises(InputError, match="the other log has"):
        judged(source, destination)


def test_a_bitmap_that_no_header_knows_is_refused():
    lines = run(Design.POSTCOPY, 1).lines("source")
    step = {"actor": "source", "action": "send_bitmap_bits", "chunk": 0}
    lines.append({**step, "bitmap": "drive0/typo"})
    with pytest.raises(InputError, match="no header knows"):
        judged(lines)


def test_a_log_without_events_is_refused():
    with pytest.raises(InputError, match="no events"):
        judged(run(Design.POSTCOPY, 1).lines("source")[:1])


def test_a_run_that_is_too_large_says_so():
    lines = run(Design.POSTCOPY, 1).lines("source")
    lines[0]["bitmaps"] = [{**lines[0]["bitmaps"][0], "chunks": 65}]
    with pytest.raises(InputError, match="too large for the model"):
        judged(lines)


def test_the_command_accepts_and_rejects(tmp_path, capsys):
    made = run(Design.POSTCOPY, 3)
    files = []
    for side in ("source", "destination"):
        files.append(tmp_path / f"{side}.ndjson")
        files[-1].write_bytes(as_bytes(made.lines(side)))
    logs = [a for f in files for a in ("--log", str(f))]
    good = run_command(["conform", *logs], capsys)
    assert good.code == 0, good
    assert "drive0/b0: ACCEPTED" in good.out
    bad = made.lines("source")
    without("bdrv_drain_all")(bad)
    files[0].write_bytes(as_bytes(bad))
    found = run_command(["conform", *logs], capsys)
    assert found.code == 14
    assert "REJECTED" in found.out and "line" in found.out
    data = json.loads(
        run_command(["conform", *logs, "--format", "json"], capsys).out
    )
    assert data["verdict"] == "REJECTED" and data["possible"]
    check_shape("logs", data)
