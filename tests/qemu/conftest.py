# SPDX-License-Identifier: GPL-2.0-or-later
"""The real QEMU that these tests run; without it they are skipped.

``DBMCHECK_REQUIRE_QEMU=1`` makes its absence a failure.
``DBMCHECK_QEMU=WORDS`` runs another one, named as by ``--qemu``.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from checker.qemu.harness.binary import (
    INSTALL,
    PROGRAM,
    Build,
    find_build,
)


@pytest.fixture(scope="session")
def build() -> Build:
    given = os.environ.get("DBMCHECK_QEMU", "")
    if given:
        return find_build(given)
    if shutil.which(PROGRAM) is None or shutil.which("qemu-img") is None:
        reason = f"no {PROGRAM}; install it: {INSTALL}"
        if os.environ.get("DBMCHECK_REQUIRE_QEMU") == "1":
            pytest.fail(reason)
        pytest.skip(reason)  # promised by the README; the gate fails instead
    return find_build()


@pytest.fixture
def room(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory whose name is short enough for sockets."""
    return tmp_path_factory.mktemp("r")
