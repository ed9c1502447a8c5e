# SPDX-License-Identifier: GPL-2.0-or-later
"""Does bad input get one line that helps, and the right exit code?"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.every_command import commands
from tests.command import Result

Command = Callable[..., Result]

BAD_CONFIGURATIONS = {
    "empty": ("", "key 'design' is missing"),
    "unknown key": ('design = "live"\nfoo = 1', "unknown key 'foo'"),
    "unknown bound": (
        'design = "live"\n[bounds]\nchunk = 1',
        "allowed are chunks, granules",
    ),
    "design": (
        'design = "magic"',
        "allowed are live, postcopy, postcopy-ones",
    ),
    "type": ('design = "live"\n[bounds]\nchunks = "2"', "whole numbers"),
    "real": ('design = "live"\n[bounds]\nchunks = 1.5', "whole numbers"),
    "flag": ('design = "live"\n[bounds]\nchunks = true', "whole numbers"),
    "zero": ('design = "live"\n[bounds]\nchunks = 0', "allowed are 1 to"),
    "huge": (
        'design = "live"\n[bounds]\nchunks = 10000000000',
        "allowed are 1 to",
    ),
    "huge disk": (
        'design = "live"\n[bounds]\nchunks = 16\ngranules = 16',
        "256 granules",
    ),
    "writes": ('design = "live"\n[bounds]\nwrites = "many"', "'throttled'"),
    "budget": ('design = "live"\n[failures]\ncut = -1', "allowed are 0 to"),
    "failure": ('design = "live"\n[failures]\nfire = 1', "allowed are cut"),
    "mechanism": (
        'design = "live"\nwithout = ["successor"]',
        "live has no mechanism 'successor'",
    ),
    "property": (
        'design = "live"\nproperties = ["S9"]',
        "'S9' selects nothing",
    ),
    "no property": (
        'design = "live"\nproperties = []',
        "properties is [], which selects nothing",
    ),
    "table": ('design = "live"\nbounds = 3', "not a table"),
    "list": ('design = "live"\nwithout = "successor"', "list of strings"),
    "verdict": (
        'design = "live"\n[expect]\nverdict = "YES"',
        "allowed are HOLDS",
    ),
    "count": ('design = "live"\n[expect]\nstates = "x"', "whole numbers"),
    "toml": ("design = live", "not TOML"),
    "nested": ("a = " + "[" * 5000, "nested too deeply"),
}

READ_CONFIGURATIONS = [c for c in commands() if c.takes_a("CONFIG")]
READ_TRACES = [c for c in commands() if c.takes_a("TRACE")]


def one_line(result: Result) -> str:
    """The complaint, which must be one line and nothing else."""
    assert result.out == ""
    assert "Traceback" not in result.err
    lines = result.err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("dbmcheck: ")
    return lines[0]


@pytest.mark.parametrize("case", BAD_CONFIGURATIONS)
def test_bad_configuration(
    dbmcheck: Command, tmp_path: Path, case: str
) -> None:
    text, expected = BAD_CONFIGURATIONS[case]
    path = tmp_path / "bad.toml"
    path.write_text(text)
    for command in READ_CONFIGURATIONS:
        result = dbmcheck(*command.call(str(path)))
        assert result.code == 151, command.name
        complaint = one_line(result)
        assert expected in complaint
        assert str(path) in complaint


def test_files_that_are_no_configuration(
    dbmcheck: Command, tmp_path: Path
) -> None:
    garbage = tmp_path / "garbage.toml"
    garbage.write_bytes(os.urandom(1000) + b"\xff\xfe")
    for path in (tmp_path / "missing.toml", tmp_path, garbage):
        result = dbmcheck("check", str(path))
        assert result.code == 151
        assert str(path) in one_line(result)


def test_files_that_are_no_trace(dbmcheck: Command, tmp_path: Path) -> None:
    good = tmp_path / "good.json"
    dbmcheck("check", "postcopy-without-successor", "--trace", str(good))
    text = good.read_text("utf-8")
    cases = {
        "truncated": text[: len(text) // 2],
        "list": "[]",
        "object": "{}",
        "nested": "[" * 5000,
        "number": text.replace('"dbmcheck-trace": 1', '"dbmcheck-trace": 9'),
        "id": text.replace(json.loads(text)["id"], "0" * 12),
        "action": text.replace("vm_start", "vm_stop"),
    }
    for case, changed in cases.items():
        path = tmp_path / f"{case}.json"
        path.write_text(changed)
        for command in READ_TRACES:
            result = dbmcheck(*command.call(str(path)))
            assert result.code == 75, (case, command.name)
            one_line(result)


def test_no_output_file_is_left_half_written(
    dbmcheck: Command, tmp_path: Path
) -> None:
    nowhere = tmp_path / "missing" / "trace.json"
    for arguments in (
        ("check", "postcopy-without-successor", "--trace", str(nowhere)),
        ("graph", "postcopy-without-successor", "-o", str(nowhere)),
        ("graph", "postcopy-without-successor", "-o", str(tmp_path)),
        ("graph", "postcopy", "-o", str(tmp_path / "large.graphml")),
    ):
        result = dbmcheck(*arguments)
        assert result.code == 2
        one_line(result)
    assert list(tmp_path.iterdir()) == []


def test_our_own_bug_is_called_that(
    dbmcheck: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("something of ours")

    monkeypatch.delenv("DBMCHECK_DEBUG", raising=False)
    monkeypatch.setattr("checker.cli.check_view.check", broken)
    result = dbmcheck("check", "postcopy-small")
    assert result.code == 255
    assert "our bug" in one_line(result)
