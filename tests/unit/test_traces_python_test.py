# SPDX-License-Identifier: GPL-2.0-or-later
"""A trace as a pytest file: it runs, and it fails when it should."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from attrs import evolve

from checker.checking.check import check
from checker.checking.minimise import shortest_violation
from checker.engines.exploration import Limits
from checker.engines.interpreter import interpret
from checker.engines.verdict import DEADLOCK
from checker.input.configuration import Configuration
from checker.traces.python_test import to_python_test
from checker.traces.trace import Trace
from model.options import Bounds, Failures, Options

ROOT = Path(__file__).resolve().parents[2]
SMALL = Bounds(chunks=1, downtime=0)


def shortest(options: Options, name: str) -> Trace:
    found = shortest_violation(options, name, interpret, Limits())
    assert found is not None
    return found


@pytest.fixture(scope="module")
def traces() -> dict[str, Trace]:
    fencing = Options(
        design="postcopy",
        bounds=SMALL,
        failures=Failures(cut=1),
        without=frozenset({"fencing"}),
    )
    nowhere = shortest(fencing, DEADLOCK)
    live = Options(design="live", bounds=SMALL)
    answer = check(Configuration(name="x", options=live), "interpreter")
    return {
        "always": shortest(
            Options(
                design="postcopy",
                bounds=SMALL,
                without=frozenset({"successor", "source-busy"}),
            ),
            "NoLostDirtyBitOnDestination",
        ),
        "deadlock": nowhere,
        "eventually": answer.traces["MigrationEnds"],
        "stays": evolve(
            nowhere, property_name="MigrationEnds", loop=len(nowhere.moves)
        ),
        "chosen": shortest(
            Options(
                design="postcopy",
                bounds=SMALL,
                busy_bitmap="fail",
                bitmaps="two",
            ),
            "BitmapTroubleFailsNoMigration",
        ),
        "reachable": Trace(live, "BackupOnDestination", nowhere.initial, ()),
    }


def run(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"),
            *("-c", os.devnull, "--rootdir", str(folder), str(folder)),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def test_the_exported_tests_pass(
    traces: dict[str, Trace], tmp_path: Path
) -> None:
    for name in ("always", "deadlock", "eventually", "stays", "chosen"):
        text = to_python_test(traces[name])
        (tmp_path / f"test_{name}.py").write_text(text)
    done = run(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "5 passed" in done.stdout


def test_it_fails_where_the_run_shows_nothing(
    traces: dict[str, Trace], tmp_path: Path
) -> None:
    text = to_python_test(traces["always"])
    text = text.replace('"successor"', '"reclaim-union"')
    (tmp_path / "test_other.py").write_text(text)
    (tmp_path / "test_none.py").write_text(to_python_test(traces["reachable"]))
    done = run(tmp_path)
    assert done.returncode == 1
    assert "2 failed" in done.stdout
    assert "CannotReplayError" in done.stdout


def test_the_text(traces: dict[str, Trace]) -> None:
    for trace in traces.values():
        text = to_python_test(trace)
        compile(text, "exported", "exec")
        assert text.startswith("# SPDX-License-Identifier: GPL-2.0-or-later\n")
        assert all(len(line) <= 79 for line in text.split("\n"))
        assert f'assert trace.id == "{trace.id}"' in text
        assert ("Failures" in text) == (trace.options.failures != Failures())
    removed = to_python_test(traces["always"]).partition("frozenset(")[2]
    assert removed.split()[:3] == ["{", '"source-busy",', '"successor",']
