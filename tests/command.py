# SPDX-License-Identifier: GPL-2.0-or-later
"""Running the command, and making what it prints comparable."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from attrs import frozen

from checker.cli import main

WIDTH = 72
ROOT = Path(__file__).resolve().parent.parent


@frozen
class Result:
    """What a command printed and returned."""

    code: int
    out: str
    err: str


def run(
    arguments: Sequence[str], capsys: pytest.CaptureFixture[str]
) -> Result:
    """Run the command in this process."""
    capsys.readouterr()
    code = main(list(arguments))
    captured = capsys.readouterr()
    return Result(code, captured.out, captured.err)


def run_process(
    arguments: Sequence[str],
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
    stdin: str = "",
) -> Result:
    """Run the command as a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "checker", *arguments],
        cwd=cwd,
        env=environment,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return Result(done.returncode, done.stdout, done.stderr)


_TIMED = (
    # check: the line with seconds, rate and memory
    (re.compile(r"^  at        .*$", re.M), "  at        (timing)"),
    # compare: the last column of what was explored, and only that
    (re.compile(r"^([a-z-]+ +\|.*\|) *\d+\.\d$", re.M), r"\1 (s)"),
    # cite: which dbmcheck it is
    (re.compile(r"^Made by dbmcheck .*$", re.M), "Made by dbmcheck (which)"),
    # prove: the first column
    (re.compile(r"^ *\d+\.\d\d \|", re.M), "   (s) |"),
)


def without_timing(text: str) -> str:
    """``text`` without what a clock or a commit decides."""
    for pattern, replacement in _TIMED:
        text = pattern.sub(replacement, text)
    return text


#: what says on standard error that something takes long
_PROGRESS = re.compile(
    r"^( *\d+\.\d s  .*|.*: [\d,]+ states, .* MiB|.*: depth \d+, .* MiB)\n",
    re.M,
)


def without_progress(text: str) -> str:
    """``text`` without the lines that only a slow machine shows."""
    return _PROGRESS.sub("", text)


def too_wide(text: str, width: int = WIDTH) -> list[str]:
    """The lines that are wider than a mail."""
    return [line for line in text.splitlines() if len(line) > width]


def processes_of(room: Path) -> list[str]:
    """The command lines of living processes that name a directory."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                line = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if os.fsencode(room) in line:
                found.append(line.decode(errors="replace"))
    return found
