# SPDX-License-Identifier: GPL-2.0-or-later
"""Files that are none: no command waits for them, each says one line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from checker.input.configuration import shipped
from checker.input.errors import InputError
from checker.input.files import read_limited
from tests.cli.every_command import commands
from tests.command import ROOT

#: what is read, and the exit code if it is no file
READERS = {
    **{
        " ".join(command.call("FILE")): 151
        if command.takes_a("CONFIG")
        else 75
        for command in commands()
        if command.takes_a("CONFIG") or command.takes_a("TRACE")
    },
    "show FILE.json": 75,
    "diff FILE.json FILE.json": 75,
    "conform --log FILE": 2,
    "prove --verify FILE": 2,
    "qemu faults --record FILE": 2,
}


#: one process runs all: it takes long to begin
PROGRAM = """
import contextlib, io, json, sys
from checker.cli import main

for arguments in json.load(sys.stdin):
    said = io.StringIO()
    with contextlib.redirect_stderr(said):
        code = main(arguments)
    print(json.dumps([code, said.getvalue()]))
"""


def run(each: list[list[str]]) -> list[tuple[int, str]]:
    """The exit code and the complaint of each; a command that waits fails."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=ROOT,
        input=json.dumps(each),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    lines = done.stdout.splitlines()
    assert len(lines) == len(each), done
    return [(code, said) for code, said in map(json.loads, lines)]


@pytest.mark.parametrize("words", READERS)
def test_what_is_no_file(tmp_path: Path, words: str) -> None:
    for name in ("pipe", "pipe.json"):
        os.mkfifo(tmp_path / name)
    for name in ("folder", "folder.json"):
        (tmp_path / name).mkdir()
    paths = [str(tmp_path / name) for name in ("pipe", "folder")]
    if ".json" not in words:
        paths += ["/dev/zero", "/dev/full"]
    results = run([words.replace("FILE", path).split() for path in paths])
    for path, (code, said) in zip(paths, results, strict=True):
        assert code == READERS[words], (path, said)
        assert len(said.splitlines()) == 1, said
        assert path in said


def test_a_pipe_that_somebody_writes_to(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reading = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    writing = os.open(path, os.O_WRONLY)

    def write() -> None:
        for text in (b"one ", b"two"):
            os.write(writing, text)
        os.close(writing)

    later = threading.Timer(0.05, write)
    later.start()
    try:
        assert read_limited(path, 100) == b"one two"
    finally:
        later.join()
        os.close(reading)
    with pytest.raises(InputError, match="a pipe that nobody writes to"):
        read_limited(path, 100)


def test_no_more_is_read_than_is_wanted(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x" * 10_000)
    assert read_limited(path, 100) == b"x" * 101
    assert read_limited(path, 20_000) == b"x" * 10_000


def test_a_configuration_that_a_shell_substitutes() -> None:
    shown = shipped()["postcopy-small"]
    done = subprocess.run(
        [
            "bash",
            "-c",
            f"{sys.executable} -m checker check <(cat '{shown}')",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
