# SPDX-License-Identifier: GPL-2.0-or-later
"""Files that are none: no command waits for them, each says one line."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from checker.input.configuration import shipped
from checker.input.errors import InputError
from checker.input.files import read_limited
from tests.cli.every_command import commands
from tests.command import ROOT, Result

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


@pytest.mark.parametrize("words", READERS)
def test_what_is_no_file(
    tmp_path: Path, words: str, dbmcheck: Callable[..., Result]
) -> None:
    pipe, folder = tmp_path / "pipe", tmp_path / "folder"
    for path in (pipe, tmp_path / "pipe.json"):
        os.mkfifo(path)
    for path in (folder, tmp_path / "folder.json"):
        path.mkdir()
    for path in (pipe, folder, Path("/dev/zero"), Path("/dev/full")):
        if path.parent != tmp_path and ".json" in words:
            continue
        done = dbmcheck(*words.replace("FILE", str(path)).split())
        assert done.code == READERS[words], (path, done.err)
        assert len(done.err.splitlines()) == 1, done.err
        assert str(path) in done.err


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
    with pytest.raises(InputError, match="a pipe without a writer"):
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
