# SPDX-License-Identifier: GPL-2.0-or-later
"""Many cases: the record, going on later, and stopping in good order."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import attrs
import pytest

from checker.input.errors import InputError
from checker.qemu.campaign import campaign as campaigns
from checker.qemu.campaign.campaign import Campaign
from checker.qemu.campaign.case import Case
from checker.qemu.campaign.known import Known
from checker.qemu.campaign.matrix import Spot
from checker.qemu.campaign.record import Record
from checker.qemu.campaign.result import Result
from checker.qemu.campaign.shorten import candidates, shorten
from checker.qemu.campaign.summary import summarise
from checker.qemu.campaign.violation import Violation
from checker.qemu.harness.binary import Build
from checker.qemu.harness.builds import Builds
from checker.qemu.harness.faults import parse_fault
from checker.qemu.harness.process import QemuError
from checker.qemu.harness.progress import Limits
from tests.command import ROOT

SELF = Build((sys.executable,), (7, 2, 22))
PAIR = Builds(SELF, SELF)
CUT = Case(fault=parse_fault("cut@bits:0+middle"))
LOST = Violation("S1", "source, end", "bitmap 'b0' lacks bits")
RESULT = Result(
    *(CUT, "nowhere", True, (LOST,), 1.5, ("failed", "active"), "cont"),
    spots=(Spot("bits", 0),),
)


def quiet(step: str) -> None:
    pass


def kept(path: Path, *results: Result) -> Path:
    with Record.opened(path, PAIR) as record:
        for result in results:
            record.add(result)
    return path


def test_record(tmp_path: Path) -> None:
    path = kept(tmp_path / "r", RESULT)
    with Record.opened(path, PAIR) as record:
        assert record.results == {CUT.id: RESULT}
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert len(lines) == 2 and lines[0]["source"]["version"] == "7.2.22"
    assert lines[1]["id"] == CUT.id
    assert lines[1]["scenario"]["fault"] == "cut@bits:0+middle"
    assert lines[1]["violations"][0]["guarantee"] == "S1"


def test_a_failed_start_is_tried_again(tmp_path: Path) -> None:
    path = kept(tmp_path / "r", Result(CUT, error="no memory"))
    with Record.opened(path, PAIR) as record:
        assert not record.results


def test_a_line_was_not_finished(tmp_path: Path) -> None:
    path = kept(tmp_path / "r", RESULT)
    whole = path.read_bytes()
    for cut in (1, 40):
        path.write_bytes(whole + whole.splitlines(True)[1][:-cut])
        kept(path, attrs.evolve(RESULT, case=Case()))
        with Record.opened(path, PAIR) as record:
            assert set(record.results) == {CUT.id, Case().id}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("hello", "is no record"),
        ("hello\n", "line 1 is no line"),
        ('{"a": 1}\n', "is no record"),
        ("[]\n", "is no record"),
    ],
)
def test_no_record(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "r"
    path.write_text(text)
    with (
        pytest.raises(InputError, match=said) as error,
        Record.opened(path, PAIR),
    ):
        pass
    assert "\n" not in str(error.value) and path.read_text() == text


def test_a_broken_line(tmp_path: Path) -> None:
    path = kept(tmp_path / "r", RESULT)
    path.write_text(path.read_text() + '{"id": 1}\n')
    with (
        pytest.raises(InputError, match="line 3 is no line of a record"),
        Record.opened(path, PAIR),
    ):
        pass


def test_a_record_of_several_builds(tmp_path: Path) -> None:
    path = kept(tmp_path / "r", RESULT)
    newer = attrs.evolve(SELF, version=(8, 0, 0))
    seen = attrs.evolve(RESULT, outcome="on the source")
    for builds in (Builds(newer, newer), Builds(SELF, newer)):
        with Record.opened(path, builds) as record:
            assert not record.results
            record.add(seen)
    kept(path, attrs.evolve(RESULT, case=Case()))
    with Record.opened(path, Builds(newer, newer)) as record:
        assert record.results == {CUT.id: seen}
    with Record.opened(path, PAIR) as record:
        assert set(record.results) == {CUT.id, Case().id}
        assert record.results[CUT.id] == RESULT


# -- without QEMU ------------------------------------------------------------


def fake(monkeypatch: pytest.MonkeyPatch, *violating: str) -> list[Case]:
    """Nothing is run; cases whose fault is ``violating`` lose bits."""
    ran: list[Case] = []

    async def run_case(
        case: Case, builds: Builds, limits: Limits, work: Path | None
    ) -> Result:
        ran.append(case)
        spots = tuple(Spot(item, 0) for item in ("header", "bits", "eof"))
        bad = case.fault is not None and str(case.fault) in violating
        return Result(
            case,
            struck=case.fault is not None,
            violations=(LOST,) if bad else (),
            spots=() if case.fault else spots,
        )

    monkeypatch.setattr(campaigns, "run_case", run_case)
    monkeypatch.setattr("checker.qemu.campaign.shorten.run_case", run_case)
    return ran


def test_the_matrix_and_going_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = fake(monkeypatch)
    path = tmp_path / "r"
    said: list[str] = []
    with Record.opened(path, PAIR) as record:
        first = Campaign(PAIR, record, said.append)
        first.run_matrix([Case()])
    # 7 places, 6 faults; the twins have all of them; later a crash or
    # another migration, after 6 faults in 3 parts of the stream
    wanted = 2 * (1 + 42) + 2 * (1 + 18)
    assert first.complete and first.fresh == len(ran) == wanted
    assert len(set(ran)) == len(ran)
    assert said[-1].startswith(f"{wanted} of {wanted} scenarios, 0 violate")
    ran.clear()
    with Record.opened(path, PAIR) as record:
        again = Campaign(PAIR, record, quiet)
        again.run_matrix([Case()])
    assert again.complete and not again.fresh and not ran
    assert again.results == first.results


def test_less_of_it_shows_it_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    ran = fake(monkeypatch, str(CUT.fault))
    campaign = Campaign(PAIR, Record(), quiet)
    long = attrs.evolve(CUT, bitmaps=2, persistent=True)
    campaign.run_cases([long])
    summary = summarise(campaign.results, Known((), PAIR))
    ran.clear()
    (found,) = shorten(campaign, summary).distinct
    assert found.result.case == CUT and found.again and ran == [CUT]
    assert [*candidates(long)][-1] == long


def test_not_seen_again(monkeypatch: pytest.MonkeyPatch) -> None:
    fake(monkeypatch, str(CUT.fault))
    campaign = Campaign(PAIR, Record(), quiet)
    campaign.run_cases([CUT])
    summary = summarise(campaign.results, Known((), PAIR))
    fake(monkeypatch)
    (found,) = shorten(campaign, summary).distinct
    assert found.again is False and found.result.case == CUT


def test_a_bug_is_not_swallowed(monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: object) -> Result:
        raise ZeroDivisionError

    monkeypatch.setattr(campaigns, "run_case", broken)
    campaign = Campaign(PAIR, Record(), quiet)
    with pytest.raises(ZeroDivisionError):
        campaign.run_cases([CUT, Case()])
    assert not campaign.complete


def test_what_could_not_be_run(monkeypatch: pytest.MonkeyPatch) -> None:
    tries = []

    async def run(*_: object) -> None:
        tries.append(1)
        raise QemuError("source: QEMU does not start")

    monkeypatch.setattr(campaigns, "run", run)
    campaign = Campaign(PAIR, Record(), quiet)
    campaign.run_cases([CUT])
    (result,) = campaign.results
    assert len(tries) == 2 and "does not start" in result.error
    assert not campaign.complete and not campaign.interrupted


# -- with QEMU ---------------------------------------------------------------


def test_real_cases(build: Build, tmp_path: Path) -> None:
    builds = Builds(build, build)
    path = tmp_path / "r"
    with Record.opened(path, builds) as record:
        campaign = Campaign(builds, record, quiet)
        campaign.run_cases([CUT, Case(), CUT.twin])
    cut, plain, twin = campaign.results
    assert campaign.complete
    assert cut.struck and not cut.violations
    assert cut.outcome == "on the source" and not cut.spots
    assert Spot("bits", 1) in plain.spots
    assert twin.missed
    with Record.opened(path, builds) as record:
        assert len(record.results) == 3


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped(build: Build, tmp_path: Path, number: int) -> None:
    """An honest part, exit code 20, no process and no file is left."""
    path, room = tmp_path / "r", tmp_path / "t"
    room.mkdir()
    command = [sys.executable, "-m", "checker", "qemu", "faults"]
    process = subprocess.Popen(
        [*command, "--record", str(path)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(room)},
    )
    wake = threading.Event()
    try:
        for _ in range(600):
            if path.exists() and path.read_bytes().count(b"\n") > 2:
                break
            wake.wait(0.1)
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 20, err
    assert "INCOMPLETE" in out and "Traceback" not in err
    assert list(room.iterdir()) == []
    shown = subprocess.run(
        ["ps", "-eo", "args="], capture_output=True, text=True, check=True
    )
    assert str(room) not in shown.stdout
