# SPDX-License-Identifier: GPL-2.0-or-later
"""Who ends ``dbmcheck qemu`` finds nothing of it afterwards."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from checker.qemu.harness.binary import Build
from tests.command import processes_of

PATIENCE = 60.0  # seconds


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["scenario", "--size", str(2**31), "--granularity", "512"], 20),
        (["scenario", "--trace", "stop-copy-small"], 20),
        (["interop", "--quick"], 20),
    ],
)
def test_nothing_is_left(
    build: Build,
    room: Path,
    arguments: list[str],
    code: int,
    number: signal.Signals,
) -> None:
    running = subprocess.Popen(
        [sys.executable, "-m", "checker", "qemu", *arguments],
        env={**os.environ, "TMPDIR": str(room)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    end = time.monotonic() + PATIENCE
    while not processes_of(room) and time.monotonic() < end:
        time.sleep(0.002)
    running.send_signal(number)
    _, said = running.communicate(timeout=PATIENCE)
    assert running.returncode == code, said
    assert "Traceback" not in said and "bug" not in said
    assert not processes_of(room) and not list(room.iterdir())
