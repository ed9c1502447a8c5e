# SPDX-License-Identifier: GPL-2.0-or-later
"""Ctrl-C is never lost, wherever it hits."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.command import ROOT

WAIT = """
import os, signal, time
from checker.cli import lose_no_interrupt

class Doomed:
    def __del__(self):
        {there}

lose_no_interrupt()
{here}
try:
    time.sleep(60)
except KeyboardInterrupt:
    print("heard")
"""


@pytest.mark.parametrize(
    ("there", "here", "said"),
    [
        ("os.kill(os.getpid(), signal.SIGINT)", "Doomed()", "heard"),
        ("raise KeyboardInterrupt", "Doomed()", "heard"),
        # other complaints are what they were
        ("1 / 0", "Doomed(); raise SystemExit", "ZeroDivisionError"),
    ],
)
def test_an_interrupt_that_cannot_be_raised_comes_again(
    there: str, here: str, said: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WAIT.format(there=there, here=here)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert said in done.stdout + done.stderr
    assert done.returncode == 0
    assert said != "heard" or not done.stderr
