# SPDX-License-Identifier: GPL-2.0-or-later
"""Is the machine of a configuration built at most once by a command?

Each command runs as a process of its own, in which the builds are counted.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from checker.input.configuration import shipped
from model.designs import MACHINES
from tests.command import ROOT

COUNTED = """
import json
import sys
from collections import Counter
from model import designs

built = Counter()
instance = designs.instance

def counted(term, domain, options):
    built[repr((domain, options))] += 1
    return instance(term, domain, options)

designs.instance = counted
"""
COMMAND = """
from checker.cli import main

main(sys.argv[1:])
print(json.dumps(list(built.values())), file=sys.stderr)
"""
#: that of the trace, and of the configuration that shows the design to hold
FEW = 3
#: what ``compare`` asks of one design, but for the proof
COMPARED = """
from checker.answer.tasks import PROOF, perform, tasks_of
from checker.engines.exploration import Limits, silent

(design,) = sys.argv[1:]
for task in tasks_of([design]):
    if task.part != PROOF:
        limits = Limits(max_states=200)
        perform(task, limits, lambda title: silent, lambda step: None)
print(json.dumps(list(built.values())), file=sys.stderr)
"""


def counts(script: str, *arguments: str) -> list[int]:
    """Run a script; return how often it built each of its machines."""
    done = subprocess.run(
        [sys.executable, "-c", COUNTED + script, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    found: list[int] = json.loads(done.stderr.splitlines()[-1])
    return found


@pytest.mark.parametrize(
    ("machines", "arguments"),
    [
        (0, ["list"]),
        (1, ["check", "live-small"]),
        # a violation, whose trace is replayed and shown
        (1, ["check", "postcopy-both-run"]),
        # a run that never ends, and its lasso
        (1, ["check", "live-never-ends"]),
        (1, ["graph", "live-small"]),
    ],
)
def test_of_a_command(machines: int, arguments: list[str]) -> None:
    assert counts(COMMAND, *arguments) == [1] * machines


def test_of_cite() -> None:
    """It looks at smaller instances as well, and at other variants."""
    found = counts(COMMAND, "cite", "postcopy-both-run")
    assert len(found) > 1
    assert set(found) == {1}


@pytest.mark.parametrize("command", ["show", "explain", "replay"])
def test_of_a_trace_file(command: str, tmp_path: Path) -> None:
    """Not that of each shipped configuration."""
    path = str(tmp_path / "trace.json")
    counts(COMMAND, "check", "postcopy-both-run", "--trace", path)
    found = counts(COMMAND, command, path)
    assert set(found) == {1}
    assert len(found) <= FEW


def test_a_process_keeps_every_shipped_machine() -> None:
    """One that keeps fewer, and goes over all of them again, keeps none."""
    assert len(shipped()) < MACHINES


def test_of_compare() -> None:
    found = counts(COMPARED, "drop")
    assert len(found) > 1
    assert set(found) == {1}
