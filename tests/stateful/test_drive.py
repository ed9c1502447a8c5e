# SPDX-License-Identifier: GPL-2.0-or-later
"""How a failing run is told of, and what an implementation is asked for."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from attrs import evolve

from checker.stateful import drive as driver
from checker.stateful.adapter import DESIGNS, DROP, Capabilities, Side
from checker.stateful.bitmap_machine import machine_for
from checker.stateful.drive import drive
from checker.stateful.profiles import (
    REACHED,
    REACHED_LATER,
    missing,
    quick,
    slow,
)
from checker.stateful.promise import BrokenGuaranteeError
from tests.command import ROOT
from tests.defects import ROOMS
from tests.defects.catalogue import DEFECTS
from tests.stateful.adapter_memory import MemoryAdapter

README = ROOT / "checker" / "stateful" / "README.md"
assert ROOMS
DEFECT = DEFECTS["a-busy-bitmap-records-nothing"]


class Adapter(MemoryAdapter):
    capabilities = evolve(MemoryAdapter.capabilities, designs=DEFECT.designs)


def test_the_first_failure_is_shown_before_it_is_made_shorter(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    machine = machine_for(Adapter)
    resets: list[str] = []
    monkeypatch.setattr(
        Adapter,
        "reset",
        lambda self, design: (
            resets.append(design),
            MemoryAdapter.reset(self, design),
        )[1],
    )
    shown: list[tuple[int, str]] = []
    DEFECT.patch(monkeypatch)
    with pytest.raises(BrokenGuaranteeError) as raised:
        drive(
            machine,
            quick(1000),
            seconds=1.0,
            show=lambda text: shown.append((len(resets), text)),
        )
    ((when, text),) = shown
    # many more runs came after it
    assert when < len(resets)
    assert re.match(f"({DEFECT.breaks}): ", text)
    assert "state = Machine()\n    state.begin(design=" in text
    assert text.endswith("    state.teardown()\n")
    assert str(raised.value)
    assert capsys.readouterr().err == ""


def test_the_program_that_is_shown_fails_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    machine = machine_for(Adapter)
    shown: list[str] = []
    DEFECT.patch(monkeypatch)
    with pytest.raises(BrokenGuaranteeError):
        drive(machine, quick(1000), seconds=0.0, show=shown.append)
    program = "\n".join(line.strip() for line in shown[0].splitlines()[2:])
    with pytest.raises(BrokenGuaranteeError) as again:
        exec(program, {"Machine": machine_for(Adapter), "Side": Side})
    assert str(again.value) == shown[0].splitlines()[0]


def test_shrinking_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    limits: list[float] = []

    def run(*_: object, **__: object) -> None:
        limits.append(driver.engine.MAX_SHRINKING_SECONDS)

    monkeypatch.setattr(driver, "run_state_machine_as_test", run)
    before = driver.engine.MAX_SHRINKING_SECONDS
    drive(machine_for(Adapter), quick(1))
    drive(machine_for(Adapter), quick(1), seconds=7.0)
    assert limits == [driver.SHRINK_SECONDS, 7.0]
    assert before == driver.engine.MAX_SHRINKING_SECONDS


def test_one_failure_is_reported() -> None:
    for profile in (quick(1), slow(1)):
        assert not profile.report_multiple_bugs


def ended(*designs: str) -> set[str]:
    """What is reached of these designs."""
    return {f"{d} {what}" for d in designs for what in ("completed", "again")}


OTHERS = {*DESIGNS}


@pytest.mark.parametrize(
    ("change", "not_asked"),
    [
        ({}, set()),
        (
            {"designs": ("postcopy",)},
            {*ended(*OTHERS - {"postcopy"}), "kept degraded"},
        ),
        (
            {"designs": ("live",)},
            {
                *ended(*OTHERS - {"live"}),
                "kept degraded",
                "declared lost",
                "full backup after a loss",
            },
        ),
        (
            {"designs": (DROP,), "failures": ()},
            {
                *ended(*OTHERS),
                "kept degraded",
                *("cut", "cancelled", "source killed", "destination killed"),
            },
        ),
        (
            {"failures": ("cut",)},
            {"cancelled", "source killed", "destination killed"},
        ),
    ],
)
def test_only_what_it_can_is_missing(
    change: dict[str, object], not_asked: set[str]
) -> None:
    can = evolve(Capabilities(disks={"drive0": 512}), **change)
    every = {*REACHED, *REACHED_LATER}
    assert set(missing(Counter(), can=can)) == every - not_asked
    assert set(missing(Counter())) == every


def test_the_lines_of_the_readme_run() -> None:
    text = README.read_text("utf-8")
    blocks = re.findall(r"(?:^ {7}.*\n|^\n(?= {7}))+", text, re.M)
    (program,) = [b for b in blocks if "machine_for(MyAdapter)" in b]
    lines = "\n".join(line[7:] for line in program.splitlines())
    exec(lines, {"MyAdapter": MemoryAdapter, "__name__": "example"})
