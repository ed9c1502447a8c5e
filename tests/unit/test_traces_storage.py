# SPDX-License-Identifier: GPL-2.0-or-later
"""Trace files: a round trip, and one line for whatever is wrong."""

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from checker.checking.minimise import shortest_violation
from checker.engines.exploration import Limits
from checker.engines.interpreter import interpret
from checker.input.errors import InputError
from checker.traces.replay import CannotReplayError, replay
from checker.traces.storage import (
    MAX_FILE,
    TraceError,
    as_text,
    load,
    save,
)
from checker.traces.trace import Trace, trace_id
from model.designs import schema
from model.options import Bounds, Failures, Options

OPTIONS = Options(
    design="postcopy",
    without=frozenset({"fencing"}),
    bounds=Bounds(chunks=1, channel=3),
    failures=Failures(cut=1),
)


@pytest.fixture(scope="module")
def trace() -> Trace:
    found = shortest_violation(OPTIONS, "NoDeadlock", interpret, Limits())
    assert found is not None
    return found


@pytest.fixture
def path(tmp_path: Path, trace: Trace) -> Path:
    target = tmp_path / "trace.json"
    save(trace, target)
    return target


def complaint(path: Path, *expected: Options) -> str:
    with pytest.raises(TraceError) as caught:
        load(path, *expected)
    text = str(caught.value)
    assert "\n" not in text
    return text


def changed(path: Path, seal: bool = True, **changes: Any) -> Path:
    """The file with keys changed, and its id made to match if ``seal``."""
    table = json.loads(path.read_text())
    table.update(changes)
    if seal:
        keys = ("configuration", "property", "actions", "loop")
        table["id"] = trace_id({k: table[k] for k in keys})
    path.write_text(json.dumps(table))
    return path


def test_round_trip(path: Path, trace: Trace) -> None:
    assert load(path) == trace
    assert load(path, OPTIONS) == trace


def test_round_trip_of_a_lasso(tmp_path: Path, trace: Trace) -> None:
    steps = [move.label for move in trace.moves]
    lasso = replay(OPTIONS, "MigrationEnds", steps, len(steps))
    save(lasso, tmp_path / "lasso.json")
    assert load(tmp_path / "lasso.json") == lasso


def test_the_file_is_the_documented_schema(path: Path, trace: Trace) -> None:
    table = json.loads(path.read_text())
    assert list(table) == [
        "dbmcheck-trace",
        "model",
        "id",
        "configuration",
        "property",
        "loop",
        "actions",
    ]
    assert table["dbmcheck-trace"] == 1
    assert table["model"] == schema(trace.options).digest
    assert table["id"] == trace.id
    assert table["actions"][0] == {"action": "migrate", "arguments": {}}
    assert path.read_text() == as_text(trace)


def test_saving_replaces_and_leaves_nothing_else(
    path: Path, trace: Trace
) -> None:
    save(trace, path)
    assert [p.name for p in path.parent.iterdir()] == ["trace.json"]


def test_a_failed_save_changes_nothing(
    path: Path, trace: Trace, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = path.read_bytes()

    def full(_: str, __: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(InputError, match="No space left on device"):
        save(evolve(trace, loop=3), path)
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == ["trace.json"]


def test_where_it_cannot_be_saved(tmp_path: Path, trace: Trace) -> None:
    with pytest.raises(InputError, match="is a directory"):
        save(trace, tmp_path)
    with pytest.raises(InputError, match="there is no directory"):
        save(trace, tmp_path / "none" / "trace.json")


def test_missing_file_and_directory(tmp_path: Path) -> None:
    assert complaint(tmp_path / "none") == f"{tmp_path}/none: no such file"
    assert "is a directory, not a trace file" in complaint(tmp_path)
    assert "null" in complaint(Path("a\0b"))


def test_no_regular_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    assert stat.S_ISFIFO((tmp_path / "fifo").stat().st_mode)
    assert "is not a regular file" in complaint(tmp_path / "fifo")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\x7fELF\x02\x01\xff\xfe", "byte 6 is not UTF-8: not a trace file"),
        (b"", "line 1, column 1: no JSON"),
        (b"hello", "line 1, column 1: no JSON"),
        (b"[" * 100_000, "no JSON of a trace: nested or long"),
        (b"[1" + b"0" * 10_000 + b"]", "no JSON of a trace: nested or long"),
        (b"[NaN]", "NaN is not a JSON number"),
        (b"[]", "not a trace file: key 'dbmcheck-trace' is missing"),
        (b"null", "not a trace file: key 'dbmcheck-trace' is missing"),
        (b'{"id": ""}', "not a trace file: key 'dbmcheck-trace' is missing"),
        (b'{"dbmcheck-trace": 2}', "dbmcheck-trace is 2, this program reads"),
        (b'{"dbmcheck-trace": true}', "dbmcheck-trace is true"),
        (b'{"dbmcheck-trace": 1}', "key 'id' is missing at the top"),
        (b'{"id": 1, "id": 2}', "key 'id' is there twice"),
    ],
)
def test_other_files(tmp_path: Path, data: bytes, reason: str) -> None:
    target = tmp_path / "file"
    target.write_bytes(data)
    assert complaint(target).startswith(f"{target}: ")
    assert reason in complaint(target)


def test_a_file_that_is_too_large(tmp_path: Path) -> None:
    target = tmp_path / "large"
    target.write_bytes(b" " * (MAX_FILE + 1))
    assert f"larger than {MAX_FILE} bytes" in complaint(target)


def test_truncated_anywhere(path: Path) -> None:
    data = path.read_bytes().rstrip()
    for size in range(0, len(data), 37):
        path.write_bytes(data[:size])
        assert "truncated" in complaint(path)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"more": 1}, "unknown key 'more' at the top; allowed are dbmcheck-"),
        ({"property": 3}, "property is 3, not a string"),
        ({"actions": {}}, "actions is {}, not a list"),
        ({"actions": ["migrate"]}, 'actions[0] (step 1) is "migrate", not'),
        (
            {"actions": [{"action": "migrate"}]},
            "actions[0] (step 1): key 'arguments' is missing",
        ),
        (
            {"actions": [{"action": 1, "arguments": {}}]},
            "actions[0] (step 1): action is 1, not a string",
        ),
        (
            {"actions": [{"action": "migrate", "arguments": {"a": 1}}]},
            "arguments['a'] is 1, not a string",
        ),
        ({"configuration": []}, "configuration is [], not an object"),
        ({"configuration": {}}, "configuration: key 'design' is missing"),
        ({"loop": -1}, "loop is -1, allowed are null and whole numbers"),
        ({"loop": True}, "loop is true, allowed are null"),
        ({"loop": "1"}, 'loop is "1", allowed are null'),
    ],
)
def test_keys_and_types(
    path: Path, changes: dict[str, Any], reason: str
) -> None:
    assert reason in complaint(changed(path, **changes))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"design": "raid"}, "design is 'raid', allowed are live, postcopy"),
        ({"design": None}, "design is null, not a string"),
        ({"without": ["nothing"]}, "postcopy has no mechanism 'nothing'"),
        ({"without": "x"}, 'without is "x", not a list'),
        ({"bounds": {"chunks": 1000}}, "bounds.chunks is 1000, allowed are 1"),
        ({"bounds": {"chunks": "1"}}, 'bounds.chunks is "1", allowed are'),
        ({"bounds": {"disk": 1}}, "unknown key 'disk' in bounds"),
        ({"failures": {"cut": -1}}, "failures.cut is -1, allowed are 0"),
        ({"title": "mine"}, "unknown key 'title'; allowed are design, "),
        ({"colour": 1}, "unknown key 'colour'"),
    ],
)
def test_the_configuration(
    path: Path, changes: dict[str, Any], reason: str
) -> None:
    table = json.loads(path.read_text())["configuration"]
    text = complaint(changed(path, configuration={**table, **changes}))
    assert text.startswith(f"{path}: configuration: ")
    assert reason in text


def test_a_changed_file_does_not_match_its_id(path: Path) -> None:
    text = complaint(changed(path, seal=False, property="OneSideRuns"))
    assert "the file was changed" in text
    text = complaint(changed(path, seal=False, id="0" * 12))
    assert "id is" in text
    text = complaint(changed(path, seal=False, id=5))
    assert "id is 5, not a string" in text


def test_a_trace_of_another_configuration(path: Path) -> None:
    other = evolve(OPTIONS, bounds=Bounds(chunks=2, channel=3))
    text = complaint(path, other)
    assert "another configuration: bounds.chunks is 1, not 2" in text
    other = evolve(OPTIONS, without=frozenset())
    assert 'without is ["fencing"], not []' in complaint(path, other)


def test_a_trace_that_the_model_does_not_run(path: Path) -> None:
    actions = json.loads(path.read_text())["actions"]
    changed(path, actions=actions[1:])
    with pytest.raises(CannotReplayError) as caught:
        load(path)
    assert str(caught.value).startswith(
        f"{path}: step 1, dirty_bitmap_save_setup: its guard "
        "'source.migration is setup' and 'link is up' are false; enabled are "
    )
