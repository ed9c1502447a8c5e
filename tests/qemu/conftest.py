# SPDX-License-Identifier: GPL-2.0-or-later
"""The real QEMU that these tests run; without it they are skipped.

A stranger who has no QEMU can run all other tests, as the README says, and
sees how many were skipped and what to install.  Where
``DBMCHECK_REQUIRE_QEMU`` is 1, as in the gate, its absence is a failure.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from checker.qemu.harness.binary import INSTALL, PROGRAM, Build
from tests.qemu.under_test import build_under_test


@pytest.fixture(scope="session")
def build() -> Build:
    found = build_under_test()
    if found is not None:
        return found
    required = os.environ.get("DBMCHECK_REQUIRE_QEMU") == "1"
    absent = pytest.fail if required else pytest.skip
    return absent(f"no {PROGRAM}; install it: {INSTALL}")


@pytest.fixture
def room(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory whose name is short enough for sockets."""
    return tmp_path_factory.mktemp("r")
