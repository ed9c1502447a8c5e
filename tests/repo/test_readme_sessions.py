# SPDX-License-Identifier: GPL-2.0-or-later
"""Do the shell sessions in the documents end as they are shown?

A session is a ``console`` block that begins with a line ``# caption``.  Its
commands are run one after the other, in a directory of their own.  Below each
stands what it prints, and ``[N]`` if it ends with another code than 0.
``--regenerate`` rewrites the session.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.command import ROOT, without_timing
from tests.repo.documents import DOCUMENTS, label

SESSION = re.compile(r"```console\n(# [^\n]*\n)(.*?)```", re.S)


def sessions() -> list[tuple[Path, str]]:
    """Each session by its document and its caption."""
    return [
        (path, match[1])
        for path in DOCUMENTS
        for match in SESSION.finditer(path.read_text("utf-8"))
    ]


def ended(command: str, room: Path) -> str:
    """A command as a session shows it: with its output and exit code."""
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=room,
        env={
            **os.environ,
            "PATH": f"{room / 'bin'}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
        },
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    code = f"[{done.returncode}]\n" if done.returncode else ""
    return f"$ {command}\n{done.stdout}{code}"


@pytest.mark.parametrize(
    ("path", "caption"),
    sessions(),
    ids=lambda value: label(value) if isinstance(value, Path) else value[2:-1],
)
def test_session(
    path: Path, caption: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    program = tmp_path / "bin" / "dbmcheck"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m checker "$@"\n')
    program.chmod(0o755)
    text = path.read_text("utf-8")
    shown = next(m[2] for m in SESSION.finditer(text) if m[1] == caption)
    commands = re.findall(r"^\$ (.*)$", shown, re.M)
    printed = "".join(ended(command, tmp_path) for command in commands)
    if request.config.getoption("--regenerate"):
        path.write_text(text.replace(f"{caption}{shown}", caption + printed))
        return
    assert without_timing(printed) == without_timing(shown)
