# SPDX-License-Identifier: GPL-2.0-or-later
"""Do the sessions that a document shows go as it says?

A session is a ``console`` block whose first line is a comment, ``# ...``.
Its commands are run by a shell, one after the other, in one empty directory.
``[12]`` after the output is an exit code that is not 0; ``--regenerate``
rewrites the output.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.command import ROOT, without_timing
from tests.repo.documents import DOCUMENTS

SESSION = re.compile(r"^```console\n(# [^\n]*\n\$ .*?)^```", re.M | re.S)
COMMAND = re.compile(r"^\$ ([^\n]*)\n(.*?)(?=^\$ |\Z)", re.M | re.S)
SHELL = (
    f'dbmcheck() {{ "{sys.executable}" -m checker "$@"; }}; set -o pipefail'
)


def sessions() -> list[tuple[Path, str]]:
    return [
        (path, match[1])
        for path in DOCUMENTS
        for match in SESSION.finditer(path.read_text("utf-8"))
    ]


def played(session: str, folder: Path) -> str:
    """The session with the output that its commands have now."""
    lines = [session.split("\n", maxsplit=1)[0]]
    for command, _ in COMMAND.findall(session):
        done = subprocess.run(
            ["bash", "-c", f"{SHELL}; {command}"],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            timeout=120,
            check=False,
        )
        lines += [f"$ {command}", *done.stdout.splitlines()]
        if done.returncode:
            lines.append(f"[{done.returncode}]")
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize(
    ("path", "session"), sessions(), ids=lambda value: str(value)[-30:]
)
def test_session(
    path: Path, session: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    now = played(session, tmp_path)
    if request.config.getoption("--regenerate"):
        path.write_text(path.read_text("utf-8").replace(session, now), "utf-8")
        return
    assert without_timing(now) == without_timing(session)


def test_there_are_sessions() -> None:
    assert len(sessions()) >= 3


def test_what_went_otherwise_is_seen(tmp_path: Path) -> None:
    session = "# so\n$ echo one; false\ntwo\n$ echo $((1 + 1))\n"
    assert played(session, tmp_path) == (
        "# so\n$ echo one; false\none\n[1]\n$ echo $((1 + 1))\n2\n"
    )
