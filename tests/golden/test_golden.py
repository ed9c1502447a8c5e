# SPDX-License-Identifier: GPL-2.0-or-later
"""Is what we print what we have looked at and found good?

Each ``*.txt`` beside this file begins with the command line, ``$ dbmcheck
...``, and goes on with what it prints, timing replaced.  ``--regenerate``
rewrites them.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.command import Result, too_wide, without_progress, without_timing

FILES = sorted(Path(__file__).parent.glob("*.txt"))
#: the same pages as of postcopy, with hundreds of variants behind them, and
#: a refuted proof, which ``tests/cli/test_prove.py`` has of a smaller design
RARELY = ("ablate-live", "ablate-stop-copy", "prove-without-meta-sees-clear")


def is_data(path: Path) -> bool:
    """Whether a program reads this rather than a person."""
    return path.stem in ("show-itf", "graph-dot")


@pytest.mark.usefixtures("worked_out_once")
@pytest.mark.parametrize(
    "path",
    [
        pytest.param(
            path,
            id=path.stem,
            marks=[pytest.mark.full] if path.stem in RARELY else [],
        )
        for path in FILES
    ],
)
def test_golden(
    path: Path, dbmcheck: Callable[..., Result], request: pytest.FixtureRequest
) -> None:
    first, _, expected = path.read_text("utf-8").partition("\n")
    assert first.startswith("$ dbmcheck ")
    result = dbmcheck(*shlex.split(first)[2:])
    shown = without_timing(result.out)
    if request.config.getoption("--regenerate"):
        path.write_text(f"{first}\n{shown}", "utf-8")
        return
    assert shown == expected
    assert without_progress(result.err) == ""
    if not is_data(path):
        assert too_wide(shown) == []


def test_there_is_something_golden() -> None:
    assert len(FILES) >= 10
