# SPDX-License-Identifier: GPL-2.0-or-later
"""Do two processes find what one finds, and do they stop when told to?"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from checker.answer.pool import DIED, Pool, do_all
from checker.answer.standing import BOUNDED, FITS
from checker.answer.tasks import COSTS, PARTS, PROOF, Outcome, tasks_of
from checker.engines.exploration import INTERRUPTED, Limits, Progress
from tests.command import ROOT

SMALL = [t for t in tasks_of(["drop"]) if t.part in (FITS, BOUNDED, COSTS)]


def plain(outcomes: list[Outcome]) -> dict[str, object]:
    """What was found, without what a clock decides."""
    return {
        o.task.part: (
            o.missing,
            o.costs,
            [
                (e.title, e.coverage.states, [f.verdict for f in e.findings])
                for e in o.explored
            ],
        )
        for o in outcomes
    }


def test_two_processes_find_what_one_finds() -> None:
    one = do_all(SMALL, Limits(), processes=1)
    two = do_all(SMALL, Limits(), processes=2)
    assert plain(one) == plain(two)
    assert len(one) == len(SMALL)


def test_the_heaviest_is_begun_first() -> None:
    tasks = tasks_of(["drop", "live"])
    weights = [task.weight for task in tasks]
    assert weights == sorted(weights, reverse=True)
    assert {t.part for t in tasks if t.design == "live"} == set(PARTS)


def test_a_process_that_dies_leaves_its_tasks_undone() -> None:
    """And what the others have found out is kept."""
    made: list[Pool] = []

    def kill(text: str, progress: Progress | None) -> None:
        for helper in made[0].helpers:
            helper.signal(signal.SIGKILL)

    tasks = [t for t in tasks_of(["drop"]) if t.part in (PROOF, FITS)]
    made.append(Pool(tasks, Limits(), kill, 1))
    outcomes = made[0].run()
    assert {o.task for o in outcomes} == set(tasks)
    assert {o.missing for o in outcomes} == {DIED}


def test_ctrl_c_in_this_process() -> None:
    """The task that runs ends, and the others do not begin."""
    told: list[str] = []

    def interrupt(text: str, progress: Progress | None) -> None:
        told.append(text)
        if len(told) == 2:
            raise KeyboardInterrupt

    outcomes = do_all(SMALL, Limits(), interrupt, processes=1)
    assert [bool(o.missing) for o in outcomes] == [True] * len(SMALL)
    assert {o.missing for o in outcomes} == {INTERRUPTED}
    assert len(told) == 2


@pytest.mark.parametrize(
    "everyone",
    [
        pytest.param(True, id="terminal", marks=pytest.mark.full),
        pytest.param(False, id="kill"),
    ],
)
def test_ctrl_c_gives_what_was_found(everyone: bool) -> None:
    """Whether the terminal sends it to all or somebody to the first."""
    process = subprocess.Popen(
        [sys.executable, "-m", "checker", "compare"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    time.sleep(4)
    if everyone:
        os.killpg(process.pid, signal.SIGINT)
    else:
        process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 20, err
    assert "OPEN" in out
    assert "Answer: none; not everything was decided." in out
    assert "interrupted" in out
    assert "Traceback" not in out + err


def test_nobody_is_left_behind() -> None:
    """Not even by a process that is killed."""
    process = subprocess.Popen(
        [sys.executable, "-m", "checker", "compare"],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    time.sleep(4)
    process.kill()
    process.wait()
    for _ in range(100):
        if not _group(process.pid):
            return
        time.sleep(0.1)
    pytest.fail(f"left behind: {_group(process.pid)}")


def _group(number: int) -> list[int]:
    """The living processes of a group."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text()
            except OSError:
                continue
            state, _, group = stat.rpartition(")")[2].split()[:3]
            if int(group) == number and state != "Z":
                found.append(int(entry.name))
    return found
