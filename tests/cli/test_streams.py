# SPDX-License-Identifier: GPL-2.0-or-later
"""Standard streams that are closed or full: one line, a true exit code."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.command import ROOT, Result

VIOLATED = "postcopy-without-successor"
CAPTURE = min((ROOT / "tests" / "captures").glob("*.bin"))
COMMANDS = (
    "checker --help",
    "checker --version",
    "checker list",
    "checker list --format json",
    "checker check postcopy-small",
    f"checker cite {VIOLATED}",
    f"checker explain {VIOLATED}",
    f"checker graph {VIOLATED}",
    "checker simulate postcopy-small --runs 5 --depth 20",
    "checker step postcopy-small",
    "reference --help",
    f"reference inspect {CAPTURE}",
)


def shell(command: str, streams: str) -> Result:
    """Run it with the streams that a shell gives it."""
    done = subprocess.run(
        [
            "bash",
            "-c",
            f"{sys.executable} -m {command} {streams}",
        ],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return Result(done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize(
    "command",
    [
        # a page, data, a mail, the other program; the rest ends the same way
        pytest.param(
            command,
            marks=() if number in (1, 3, 5, 11) else pytest.mark.full,
        )
        for number, command in enumerate(COMMANDS)
    ],
)
def test_output_that_takes_nothing(command: str) -> None:
    full = shell(command, "> /dev/full")
    assert full.code == (151 if command.startswith("reference") else 2)
    assert full.err.endswith("standard output: No space left on device\n")
    closed = shell(command, ">&-")
    assert closed.code == 141
    assert "standard output is closed" in closed.err
    for result in (full, closed):
        assert len(result.err.splitlines()) == 1


@pytest.mark.parametrize("streams", ["2>&-", "2> /dev/full"])
@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("checker check no-such-configuration", 151),
        ("checker check postcopy-small --threads 0", 2),
        ("checker list", 0),
        ("reference inspect no-such-file", 151),
        ("reference inspect", 2),
    ],
)
def test_a_complaint_that_cannot_be_said(
    streams: str, command: str, code: int
) -> None:
    result = shell(command, streams)
    assert result.code == code
    assert not result.err
    # and it does not end among the answers
    assert bool(result.out) == (code == 0)
    assert "reference: " not in result.out
    assert "dbmcheck: no" not in result.out


def test_progress_that_cannot_be_said() -> None:
    program = (
        "from checker.cli import main, progress; "
        "progress._LOG_EVERY = 0.0; "
        f"raise SystemExit(main(['check', '{VIOLATED}']))"
    )
    for place in ("/dev/full", "/dev/null"):
        with Path(place).open("w") as stderr:
            done = subprocess.run(
                [sys.executable, "-c", program],
                cwd=ROOT,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
                timeout=120,
                check=False,
            )
        assert done.returncode == 12, place
        assert f"{VIOLATED}: VIOLATED" in done.stdout


def test_no_input() -> None:
    result = shell("checker step postcopy-small", "<&-")
    assert result.code == 0
    assert not result.err
