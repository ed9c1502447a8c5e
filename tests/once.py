# SPDX-License-Identifier: GPL-2.0-or-later
"""What takes seconds is worked out once for a whole run of the tests.

``once`` keeps what a function returned in a file that all workers of
pytest-xdist share; a lock makes the others wait for the first.  The folder is
made when the run begins and removed when it ends, so nothing is ever taken
from an earlier run.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from filelock import FileLock

T = TypeVar("T")
#: names the folder; workers get it from the process that starts them
FOLDER = "DBMCHECK_TESTS_FOLDER"


def begin() -> None:
    """Make the folder of this run, unless a worker was given one."""
    if FOLDER not in os.environ:
        os.environ[FOLDER] = tempfile.mkdtemp(prefix="dbmcheck-tests-")


def end() -> None:
    """Remove the folder of this run."""
    shutil.rmtree(os.environ.pop(FOLDER), ignore_errors=True)


def once(name: str, make: Callable[[], T]) -> T:
    """What ``make`` returned when it was first asked for under ``name``.

    It is unpickled for each caller, who may change it.
    """
    digest = hashlib.sha256(name.encode()).hexdigest()[:16]
    path = Path(os.environ[FOLDER]) / digest
    with FileLock(f"{path}.lock"):
        if not path.exists():
            path.write_bytes(pickle.dumps(make()))
    found: T = pickle.loads(path.read_bytes())
    return found
