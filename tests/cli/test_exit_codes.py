# SPDX-License-Identifier: GPL-2.0-or-later
"""Do the exit codes tell the truth?"""

from __future__ import annotations

import errno
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import z3

from checker.input.configuration import listed, shipped
from checker.input.memory import is_out_of_memory
from tests.command import Result

Command = Callable[..., Result]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("check", "postcopy-small"), 0),
        (("check", "postcopy-without-successor"), 12),
        (("check", "postcopy-without-successor", "--expect"), 0),
        (("check", "postcopy-small", "--expect"), 0),
        (("check", "postcopy-small", "--without", "successor"), 12),
        (("check", "postcopy-nobody-fences"), 11),
        (("check", "live-never-ends"), 13),
        (("check", "live", "--max-states", "1000"), 20),
        (("check", "live", "--memory", "1M"), 20),
        (("simulate", "live", "--runs", "2", "--depth", "20"), 20),
        (("simulate", "stop-copy-bit-after-ack", "--runs", "50"), 12),
        (("check", "no-such-configuration"), 151),
        (("show", "no-such-trace.json"), 75),
        (("cite", "postcopy-without-successor"), 0),
        (("cite", "postcopy-small"), 2),
        (("ablate", "no-such-design"), 2),
        (("no-such-command",), 2),
        (("check",), 2),
        (("check", "live", "--engine", "magic"), 2),
        (("check", "live", "--memory", "lots"), 2),
        (("check", "live", "--engine", "interpreter", "--threads", "2"), 2),
        (("check", "drop-small", "--engine", "interpreter"), 0),
        (("check", "live", "--max-states", "-1"), 2),
        (("--version",), 0),
        (("--help",), 0),
        ((), 2),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_exit_code(
    dbmcheck: Command, arguments: tuple[str, ...], code: int
) -> None:
    result = dbmcheck(*arguments)
    assert result.code == code, result.err


def test_a_violation_that_is_expected_is_still_a_violation(
    dbmcheck: Command,
) -> None:
    # one small configuration for each property that one violates
    violating = {
        c.expect.property: c.name
        for c in listed()
        if c.expect.verdict == "VIOLATED" and (c.expect.states or 0) < 400
    }
    assert len(violating) > 3
    for name in violating.values():
        assert dbmcheck("check", name).code in (11, 12, 13), name


def test_an_action_that_never_fires(dbmcheck: Command, tmp_path: Path) -> None:
    # the bitmap does not fit the downtime limit: the VM is never stopped
    path = tmp_path / "mine.toml"
    path.write_text(
        'design = "stop-copy"\nproperties = ["reachable"]\n'
        "[bounds]\nchunks = 1\ndowntime = 0\n"
    )
    result = dbmcheck("check", str(path))
    assert result.code == 10
    assert "migration_completion fires" in result.out


def test_another_count_than_expected(
    dbmcheck: Command, tmp_path: Path
) -> None:
    path = tmp_path / "mine.toml"
    text = shipped()["postcopy-small"].read_text("utf-8")
    path.write_text(text.replace("states = ", "states = 1"))
    result = dbmcheck("check", str(path))
    assert result.code == 1
    assert "not as expected: states is" in result.out
    assert dbmcheck("check", str(path), "--expect").code == 1


def test_a_trace_of_another_configuration(
    dbmcheck: Command, tmp_path: Path
) -> None:
    trace = str(tmp_path / "trace.json")
    dbmcheck("check", "postcopy-without-successor", "--trace", trace)
    assert dbmcheck("replay", trace).code == 0
    other = dbmcheck("replay", trace, "--config", "live-small")
    assert other.code == 75
    assert len(other.err.splitlines()) == 1


@pytest.mark.parametrize("kilobytes", [200_000, 250_000, 300_000])
@pytest.mark.parametrize("command", ["check drop-small", "prove drop"])
def test_too_little_memory_to_load_a_library(
    kilobytes: int, command: str
) -> None:
    """Who loads it only says that it was not found."""
    limit = kilobytes * 1024
    done = subprocess.run(
        [sys.executable, "-m", "checker", *command.split()],
        check=False,
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(
            resource.RLIMIT_AS, (limit, limit)
        ),
    )
    assert done.returncode == 20, done.stderr
    assert "INCONCLUSIVE: out of memory" in done.stderr


@pytest.mark.parametrize(
    "error",
    [
        OSError("Could not find/load shared object file 'libllvmlite.so'"),
        ImportError("libopenblas.so: failed to map segment"),
        z3.Z3Exception("libz3.so.4.13 not found."),
    ],
)
def test_a_library_that_cannot_be_loaded(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nobody limits the memory it is not there."""
    for limit, short in ((1 << 28, True), (resource.RLIM_INFINITY, False)):
        monkeypatch.setattr(
            resource, "getrlimit", lambda _, at=limit: (at, at)
        )
        assert is_out_of_memory(error) is short


def test_a_file_that_is_not_there_is_no_lack_of_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1 << 28, 1 << 28))
    missing = FileNotFoundError(errno.ENOENT, "no such file", "a.so")
    assert not is_out_of_memory(missing)
