# SPDX-License-Identifier: GPL-2.0-or-later
"""``inspect`` on streams that QEMU wrote, whole and cut."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from reference.cli import main
from tests.reference.cli.processes import ROOT

CAPTURES = sorted((ROOT / "tests" / "captures").glob("*.fwd.bin"))


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.stem)
def test_whole(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(path)]) == 0
    text = capsys.readouterr().out
    assert main(["inspect", str(path), "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["error"] is None
    for bitmap in found["bitmaps"]:
        assert f"{bitmap['node']}/{bitmap['name']}" in text
        assert bitmap["complete"]


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.stem)
def test_cut(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stream = path.read_bytes()
    for size in (0, 5, len(stream) // 2, len(stream) - 1):
        (tmp_path / "cut").write_bytes(stream[:size])
        assert main(["inspect", str(tmp_path / "cut")]) == 75
        assert "TruncatedError at " in capsys.readouterr().out


def test_corrupt(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stream = CAPTURES[0].read_bytes()
    (tmp_path / "s").write_bytes(b"\0" + stream)
    assert main(["inspect", str(tmp_path / "s"), "--format", "json"]) == 75
    found = json.loads(capsys.readouterr().out)
    assert found["error"]["class"] == "CorruptError"
    (tmp_path / "s").write_bytes(stream[:7] + b"\x04" + stream[8:])
    assert main(["inspect", str(tmp_path / "s")]) == 75
    assert "VersionError at " in capsys.readouterr().out


def test_nobody_reads_the_output() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "reference", "inspect", str(CAPTURES[-1])],
        cwd=ROOT,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    with process.stderr:
        assert process.stderr.read() == b""
    assert process.wait(60) == 141
