# SPDX-License-Identifier: GPL-2.0-or-later
"""``dbmcheck check --engine smt``: what it prints, refuses and returns."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable

import pytest

from tests.command import Result, run_process, too_wide

Command = Callable[..., Result]
SMT = ("--engine", "smt", "--depth")
VIOLATED = "stop-copy-bit-after-ack"


def test_a_violation(dbmcheck: Command) -> None:
    result = dbmcheck("check", VIOLATED, *SMT, "2")
    assert result.code == 12
    lines = result.out.splitlines()
    assert lines[0] == f"{VIOLATED}: VIOLATED (NoLostDirtyBitOnSource)"
    assert "  searched  all runs of up to 2 steps" in lines
    assert "in 1 step\n" in result.out
    assert "states," not in result.out
    assert not too_wide(result.out)
    # the same steps as the explicit engine shows
    shown = dbmcheck("check", VIOLATED).out
    both = [
        text[text.index("  0  initial") : text.index("to cite it")]
        for text in (result.out, shown)
    ]
    assert both[0] == both[1]


def test_no_violation_is_inconclusive(dbmcheck: Command) -> None:
    result = dbmcheck("check", "postcopy-small", *SMT, "3")
    assert result.code == 20
    assert result.out.startswith(
        "postcopy-small: INCONCLUSIVE (no violation within 3 steps)\n"
    )
    # what must be reachable may have been reached; no more than that
    held = [line for line in result.out.splitlines() if "HOLDS" in line]
    assert [line.split()[0] for line in held] == ["BackupOnSource"]
    assert not too_wide(result.out)


def test_json(dbmcheck: Command) -> None:
    result = dbmcheck("check", VIOLATED, *SMT, "2", "--format", "json")
    data = json.loads(result.out)
    assert result.code == data["exit_code"] == 12
    assert data["engine"] == "smt"
    assert data["depth"] == 2
    assert data["stopped"] == "the depth is reached"
    assert data["states"] is data["transitions"] is data["levels"] is None
    assert data["fired"]["source_write_data"] == 1
    assert data["fired"]["vm_start"] is None
    assert data["trace"]["steps"] == 1
    counted = dbmcheck("check", VIOLATED, "--format", "json").out
    assert json.loads(counted)["depth"] is None
    assert json.loads(counted)["trace"] == data["trace"]


def test_the_other_codes(dbmcheck: Command) -> None:
    nobody = ("check", "postcopy-nobody-fences", *SMT)
    assert dbmcheck(*nobody, "8").code == 20
    stuck = dbmcheck(*nobody, "9")
    assert stuck.code == 11
    assert "channel_cut" in stuck.out
    # a property that the bounded search does not decide
    assert dbmcheck("check", "live-never-ends", *SMT, "3").code == 20
    assert (
        dbmcheck("check", "live", "--engine", "smt", "--memory", "1M").code
        == 20
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--depth", "5"), "--depth goes with --engine smt only"),
        (("--engine", "interpreter", "--depth", "0"), "--engine smt only"),
        ((*SMT, "-1"), "greater than or equal to 0"),
        ((*SMT, "deep"), "valid integer"),
        ((*SMT, "5", "--max-states", "9"), "--max-states needs an engine"),
        ((*SMT, "5", "--threads", "2"), "--threads needs an engine"),
        ((*SMT, "5", "--minimise"), "--minimise needs an engine"),
        ((*SMT, "5", "--expect"), "--expect needs an engine"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_does_not_go_together(
    dbmcheck: Command, arguments: tuple[str, ...], words: str
) -> None:
    result = dbmcheck("check", "postcopy-small", *arguments)
    assert result.code == 2
    assert result.out == ""
    (line,) = result.err.splitlines()
    assert words in line


def test_first(dbmcheck: Command) -> None:
    result = dbmcheck("check", VIOLATED, "--engine", "smt", "--first")
    assert result.code == 12
    assert "  stopped   a violation was found" in result.out


def test_a_trace_that_can_be_replayed(
    dbmcheck: Command, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = str(tmp_path_factory.mktemp("smt") / "trace.json")
    dbmcheck("check", VIOLATED, *SMT, "1", "--trace", path)
    assert dbmcheck("replay", path).code == 0


def test_control_c_gives_what_was_found() -> None:
    command = [sys.executable, "-m", "checker", "check", "live-unlimited"]
    with subprocess.Popen(
        [*command, "--engine", "smt", "--depth", "5000"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        try:
            assert running.stderr is not None
            # the first line of progress: it is well under way
            assert "depth" in running.stderr.readline()
            running.send_signal(signal.SIGINT)
            out, err = running.communicate(timeout=120)
        finally:
            running.kill()
    assert running.returncode == 20, err
    assert "INCONCLUSIVE (no violation within" in out
    assert "  stopped   interrupted" in out


def test_no_command_loads_the_solver_before_it_is_needed() -> None:
    program = (
        "import sys; from checker.cli import main; "
        "main(['list']); main(['check', 'postcopy-small']); "
        "sys.exit('z3' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=False
    )
    assert done.returncode == 0
    assert run_process(["check", VIOLATED, *SMT, "1"]).code == 12


def test_help_names_the_default_depth(dbmcheck: Command) -> None:
    from checker.engines.smt.bounded import DEFAULT_DEPTH

    words = " ".join(dbmcheck("check", "--help").out.split())
    assert f"Default: {DEFAULT_DEPTH}." in words
