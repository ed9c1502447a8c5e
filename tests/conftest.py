# SPDX-License-Identifier: GPL-2.0-or-later
"""Options and fixtures that all tests share.

``--regenerate`` rewrites golden files and the README's sample outputs.  Only
commit the difference if you understand it.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import settings

from tests.command import Result, run

# the machines that run these tests are busy; what is slow is not wrong
settings.register_profile("dbmcheck", deadline=None)
settings.load_profile("dbmcheck")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--regenerate",
        action="store_true",
        help="rewrite golden files instead of comparing with them",
    )


@pytest.fixture
def dbmcheck(
    capsys: pytest.CaptureFixture[str],
) -> Callable[..., Result]:
    """Runs the command in this process: ``dbmcheck("check", "live")``."""

    def call(*arguments: str) -> Result:
        return run(arguments, capsys)

    return call
