# SPDX-License-Identifier: GPL-2.0-or-later
"""Ctrl-C is never lost, and never a traceback, wherever it hits."""

from __future__ import annotations

import signal
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


#: the command, told to stop by itself when it imports {0}
IMPORTS = """
import os, runpy, signal, sys

class Interrupt:
    def find_spec(self, name, path, target=None):
        if name == "{0}":
            sys.meta_path.remove(self)
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupt())
sys.argv = ["dbmcheck", "check", "postcopy-small"]
runpy.run_module("checker", run_name="__main__", alter_sys=True)
"""
ENDS = """
import atexit, os, runpy, signal, sys
atexit.register(os.kill, os.getpid(), signal.SIGINT)
sys.argv = ["dbmcheck", "--version"]
runpy.run_module("checker", run_name="__main__", alter_sys=True)
"""


@pytest.mark.parametrize(
    ("program", "code", "said"),
    [
        (IMPORTS.format("checker.cli"), -signal.SIGINT, ""),
        (IMPORTS.format("checker.input.memory"), -signal.SIGINT, ""),
        (
            IMPORTS.format("checker.cli.app"),
            130,
            "dbmcheck: interrupted\n",
        ),
        (
            IMPORTS.format("checker.cli.check_view"),
            130,
            "dbmcheck: interrupted\n",
        ),
        (ENDS, -signal.SIGINT, ""),
    ],
    ids=["at first", "streams", "commands", "check", "at the end"],
)
def test_no_traceback_while_it_begins_or_ends(
    program: str, code: int, said: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        preexec_fn=hear_interrupts,
    )
    assert done.stderr == said
    assert done.returncode == code


def hear_interrupts() -> None:
    """A runner that has them ignored hands that on."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
