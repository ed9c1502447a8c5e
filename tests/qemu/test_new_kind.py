# SPDX-License-Identifier: GPL-2.0-or-later
"""Is a new kind of fault two edits, of which everything else hears?"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from checker.qemu.harness.binary import Build
from tests.command import ROOT

#: what was touched in the copy: the file, a line of it, and the line's heir
EDITS = {
    "checker/qemu/harness/faults.py": (
        "    HALF_CLOSE = (\n",
        '    RESET = "reset", "a cut", CONNECTION_ENDS\n    HALF_CLOSE = (\n',
    ),
    "checker/qemu/harness/proxy.py": (
        "            case FaultKind.CUT:\n",
        "            case FaultKind.CUT | FaultKind.RESET:\n",
    ),
}
#: in the copy: text form, campaigns, known deviations, and a real fault
ASKS = """
import sys
from checker.qemu.campaign import known, matrix
from checker.qemu.campaign.case import Case
from checker.qemu.campaign.runner import run_scenario
from checker.qemu.campaign.vm_outcome import outcome_of
from checker.qemu.harness.binary import find_build
from checker.qemu.harness.builds import Builds
from checker.qemu.harness.faults import FaultKind, fault_text, parse_fault

fault = parse_fault("reset@bits:0+middle")
assert fault.kind is FaultKind.RESET and fault_text(fault).startswith("reset")
assert FaultKind.RESET in matrix.KINDS
told = [entry.id for entry in known.shipped() if "reset" in entry.faults]
assert "both-run-when-the-return-path-ends" in told
build = find_build(sys.argv[1])
found = run_scenario(Case(fault=fault).scenario, Builds(build, build))
print(found.struck, outcome_of(found))
"""


def test_a_new_kind(build: Build, tmp_path: Path) -> None:
    for name in ("checker", "model", "reference"):
        shutil.copytree(ROOT / name, tmp_path / name)
    for name, (old, new) in EDITS.items():
        path = tmp_path / name
        text = path.read_text("utf-8")
        assert text.count(old) == 1
        path.write_text(text.replace(old, new), "utf-8")
    done = subprocess.run(
        [sys.executable, "-c", ASKS, build.given],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )
    assert done.stdout == "True on the source\n", done.stderr
