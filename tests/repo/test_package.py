# SPDX-License-Identifier: GPL-2.0-or-later
"""Does the wheel install and run from another directory?"""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.command import ROOT


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"),
            *("--disable-pip-version-check", "--wheel-dir", str(folder)),
            str(ROOT),
        ],
        check=True,
        timeout=300,
    )
    return next(folder.glob("*.whl"))


def test_the_wheel_holds_what_it_should(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert {"model", "checker", "reference"} <= tops
    assert "tests" not in tops
    assert any(n.startswith("model/configs/") for n in names)


def test_the_wheel_runs_elsewhere(wheel: Path, tmp_path: Path) -> None:
    unpacked = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(unpacked)
    environment = {
        **os.environ,
        "PYTHONPATH": str(unpacked),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
    }
    done = subprocess.run(
        [sys.executable, "-m", "checker", "check", "postcopy-small"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("postcopy-small: HOLDS")
