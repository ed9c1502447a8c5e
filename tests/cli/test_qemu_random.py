# SPDX-License-Identifier: GPL-2.0-or-later
"""``dbmcheck qemu random``: what is given wrongly, and what is printed.

In place of QEMU the reference in memory, sound or with something wrong.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

import pytest
from attrs import evolve

from checker.cli.qemu import chosen as qemu_chosen
from checker.cli.qemu import random_view as qemu_random_view
from checker.qemu.campaign.known import Deviation
from checker.qemu.harness.binary import Build
from checker.qemu.random.adapter import HaltError
from checker.qemu.random.run import (
    NEEDED,
    Outcome,
    Plan,
    Report,
    search,
)
from checker.stateful.adapter import Side
from tests.command import run, run_process, too_wide
from tests.json_shapes import check_shape
from tests.stateful.adapter_memory import MemoryAdapter

BUILD = Build((sys.executable,), (7, 2, 22))
COMMAND = "dbmcheck qemu random --seed 4 --examples 80 --steps 40"
DISCARD = Deviation(
    id="discards-are-forgotten",
    guarantees=("S1",),
    what="A discard leaves the bitmap as it was.",
    command="none",
    severity="critical",
    label="only with bitmaps",
    since=(7, 2),
    until=(7, 2),
    seen=("7.2.22",),
    faults=("none", "cut", "kill-source", "kill-destination", "cancel"),
)


class Stand(MemoryAdapter):
    """Notes what is done, as the adapter of QEMU does."""

    capabilities = evolve(
        MemoryAdapter.capabilities, designs=("postcopy", "stop-copy")
    )
    case = None

    def __init__(self, build: Build) -> None:
        self.done: list[str] = []
        self.halted = ""

    def halt(self, why: str) -> None:
        self.halted = why

    def reset(self, design: str) -> None:
        if self.halted:
            raise HaltError(self.halted)
        super().reset(design)
        self.done = []

    def write(self, node: str, offset: int, data: bytes) -> None:
        self.done.append(f"the guest writes {len(data)} bytes at {offset}")
        super().write(node, offset, data)

    def cut(self) -> None:
        self.done.append("the connection is cut")
        super().cut()

    def describe(self) -> tuple[str, ...]:
        return tuple(f"{s.value}: {self.query(s).vm}" for s in Side)

    def end(self) -> None:
        self.close()


class Forgetful(Stand):
    """Discards leave no trace in the bitmap."""

    def discard(self, node: str, offset: int, length: int) -> None:
        self.done.append(f"the guest discards {length} bytes at {offset}")
        self.disks[node].data[offset : offset + length] = bytes(length)


class Seldom(Forgetful):
    """Only long discards leave no trace."""

    def discard(self, node: str, offset: int, length: int) -> None:
        if length > 500:
            super().discard(node, offset, length)
        else:
            Stand.discard(self, node, offset, length)


class Stopped(Stand):
    """Somebody presses Ctrl-C in the fifth run."""

    runs = 0

    def close(self) -> None:
        super().close()
        self.runs += 1
        if self.runs == 5:
            os.kill(os.getpid(), signal.SIGINT)


@pytest.fixture
def stand(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setattr(qemu_chosen, "find_build", lambda given: BUILD)
    monkeypatch.setattr(qemu_random_view, "shipped", lambda: ())
    instead(monkeypatch, Stand)
    return monkeypatch


def instead(monkeypatch: pytest.MonkeyPatch, driven: type[Stand]) -> None:
    """The search drives this; asked for the same, it is done once."""
    done: dict[object, Outcome] = {}

    def searched(
        build: Build,
        plan: Plan,
        known: tuple[Deviation, ...],
        report: Report,
    ) -> Outcome:
        if plan not in done:
            done[plan] = search(build, plan, known, report, driven=driven)
        return done[plan]

    monkeypatch.setattr(qemu_random_view, "search", searched)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--examples", "0"], "--examples"),
        (["--examples", "many"], "--examples"),
        (["--steps", "0"], "--steps"),
        (["--seed", "-1"], "--seed"),
    ],
)
def test_usage(
    capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    result = run(["qemu", "random", *arguments], capsys)
    assert result.code == 2 and not result.out
    assert said in result.err and result.err.count("\n") == 1


def test_a_qemu_that_is_too_old(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    old = tmp_path / "old-qemu"
    old.write_text("#!/bin/sh\necho QEMU emulator version 2.12.0\n")
    old.chmod(0o755)
    result = run(["qemu", "random", "--qemu", str(old)], capsys)
    assert result.code == 2 and result.err.count("\n") == 1
    assert "QEMU 2.12 is too old" in result.err


def test_no_place_for_files(
    capsys: pytest.CaptureFixture[str],
    stand: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    stand.setattr("tempfile.tempdir", str(tmp_path / "gone"))
    result = run(["qemu", "random"], capsys)
    assert result.code == 2 and not result.out
    assert "is no directory" in result.err and result.err.count("\n") == 1


def test_nothing_is_violated(
    capsys: pytest.CaptureFixture[str],
    stand: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    stand.chdir(tmp_path)
    result = run(COMMAND.split()[1:], capsys)
    assert result.code == 0 and not too_wide(result.out)
    assert result.out.startswith("QEMU 7.2.22: NO VIOLATION\n")
    assert "80 of 80, of up to 40 steps, seed 4" in result.out
    assert result.out.endswith(f"again:\n    {COMMAND}\n")
    # Hypothesis has left nothing where we are
    assert not list(tmp_path.iterdir())


def test_a_seed_is_drawn_and_told(
    capsys: pytest.CaptureFixture[str], stand: pytest.MonkeyPatch
) -> None:
    words = ["qemu", "random", "--examples", "10", "--format", "json"]
    one = json.loads(run(words, capsys).out)
    instead(stand, Stand)
    again = [*one["command"].split()[1:], "--format=json"]
    other = json.loads(run(again, capsys).out)
    for each in (one, other):
        assert each.pop("seconds") >= 0
    assert one == other and one["complete"]
    assert one["reached"]["postcopy completed"] and one["rules"]["migrate"]
    third = json.loads(run(words, capsys).out)
    assert third["seed"] != one["seed"]
    assert third["digest"] != one["digest"]


def test_a_violation(
    capsys: pytest.CaptureFixture[str], stand: pytest.MonkeyPatch
) -> None:
    instead(stand, Forgetful)
    result = run(COMMAND.split()[1:], capsys)
    assert result.code == 14 and not too_wide(result.out)
    assert result.out.startswith("QEMU 7.2.22: NEW VIOLATION\n")
    assert "S1 no missing bit: NEW" in result.out
    assert "  1. the guest discards 1 bytes at 0\n" in result.out
    assert "  source: Vm.RUNNING\n" in result.out
    assert "it becomes no shorter)" in " ".join(result.out.split())
    assert result.out.endswith(f"again:\n    {COMMAND}\n")
    mail = run([*COMMAND.split()[1:], "--mail"], capsys)
    assert mail.code == 14 and not too_wide(mail.out)
    for words in ("New.", "Steps:", "What breaks:", COMMAND):
        assert words in mail.out
    data = json.loads(run([*COMMAND.split()[1:], "--format=json"], capsys).out)
    check_shape("random", data)
    (found,) = data["violations"]
    assert found["guarantee"] == "S1" and found["known"] is None
    assert found["seen_again"] and data["shrunk"] and data["tries"]
    assert found["steps"] == ["the guest discards 1 bytes at 0"]


def test_only_known_violations(
    capsys: pytest.CaptureFixture[str], stand: pytest.MonkeyPatch
) -> None:
    instead(stand, Seldom)
    stand.setattr(qemu_random_view, "shipped", lambda: (DISCARD,))
    words = COMMAND.split()[1:]
    result = run(words, capsys)
    assert result.code == 0, result.out
    assert result.out.startswith("QEMU 7.2.22: ONLY KNOWN VIOLATIONS\n")
    assert "known as discards-are-forgotten, in " in result.out
    mail = run([*words, "--mail"], capsys)
    assert "Severity: critical.  Known: discards-are-forg" in mail.out
    data = json.loads(run([*words, "--format", "json"], capsys).out)
    assert data["verdict"] == "ONLY KNOWN VIOLATIONS"
    (found,) = data["violations"]
    assert found["known"] == "discards-are-forgotten" and found["runs"]
    assert data["runs"] == 80 and data["complete"]


def test_where_nothing_happens_nothing_is_said(
    capsys: pytest.CaptureFixture[str], stand: pytest.MonkeyPatch
) -> None:
    words = ["qemu", "random", "--examples", "1", "--steps", "1"]
    result = run(words, capsys)
    assert result.code == 10 and not too_wide(result.out)
    assert result.out.startswith("QEMU 7.2.22: NOT ENOUGH WAS REACHED\n")
    assert f"Never reached: {NEEDED[0]}, " in result.out
    assert json.loads(run([*words, "--format=json"], capsys).out)["missing"]


def test_an_interrupted_search_says_so(
    capsys: pytest.CaptureFixture[str], stand: pytest.MonkeyPatch
) -> None:
    instead(stand, Stopped)
    result = run(COMMAND.split()[1:], capsys)
    assert result.code == 20 and not too_wide(result.out)
    assert result.out.startswith("QEMU 7.2.22: INCOMPLETE\n")
    assert "  stopped   interrupted\n" in result.out
    assert "5 of 80" in result.out
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_help_needs_no_hypothesis() -> None:
    done = run_process(["qemu", "random", "--help"])
    assert done.code == 0 and "--seed" in done.out
