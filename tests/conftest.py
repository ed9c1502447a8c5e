# SPDX-License-Identifier: GPL-2.0-or-later
"""Options and fixtures that all tests share.

``--regenerate`` rewrites golden files and the README's sample outputs.  Only
commit the difference if you understand it.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from functools import partial

import pytest
from hypothesis import settings

from tests import once
from tests.command import ROOT, Result, run

# several hundred processes are started: each need not compile everything
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
# the machines that run these tests are busy; what is slow is not wrong
settings.register_profile("dbmcheck", deadline=None)
settings.load_profile("dbmcheck")


def heavy_tests() -> list[str]:
    """The lines of ``heavy.txt``."""
    lines = (ROOT / "tests" / "heavy.txt").read_text("utf-8").splitlines()
    return [line for line in lines if not line.startswith("#")]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--regenerate",
        action="store_true",
        help="rewrite golden files instead of comparing with them",
    )


def pytest_configure(config: pytest.Config) -> None:
    once.begin()
    # a shell that starts the tests in the background ignores Ctrl-C, and so
    # would every process that a test starts
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as fast what is neither full nor slow nor in ``heavy.txt``."""
    heavy = tuple(f"tests/{line}" for line in heavy_tests())
    for item in items:
        if item.get_closest_marker("slow"):
            # the limit is for what hangs, and these may take as long
            item.add_marker(pytest.mark.timeout(0))
        marked = {"full", "slow"} & {mark.name for mark in item.iter_markers()}
        if not marked and not item.nodeid.startswith(heavy):
            item.add_marker("fast")


def pytest_unconfigure(config: pytest.Config) -> None:
    if "PYTEST_XDIST_WORKER" not in os.environ:
        once.end()


@pytest.fixture
def dbmcheck(
    capsys: pytest.CaptureFixture[str],
) -> Callable[..., Result]:
    """Runs the command in this process: ``dbmcheck("check", "live")``."""

    def call(*arguments: str) -> Result:
        return run(arguments, capsys)

    return call


@pytest.fixture
def worked_out_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """``compare`` and ``prove`` do not repeat what another test has shown.

    A comparison is made once for all tests.  A proof takes the obligations
    that were met before, as those of ``compare`` do: each is shown once by
    the unchanged program.
    """
    from checker.cli import compare_view, prove_view

    real = compare_view.compare

    def compare(*arguments: object) -> object:
        limits, *_ = arguments
        return once.once(f"compare {limits}", lambda: real(*arguments))

    monkeypatch.setattr(compare_view, "compare", compare)
    monkeypatch.setattr(
        prove_view, "prove", partial(prove_view.prove, keep=True)
    )
