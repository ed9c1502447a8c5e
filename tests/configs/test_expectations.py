# SPDX-License-Identifier: GPL-2.0-or-later
"""Does every shipped configuration give what its [expect] says?

With the explicit engine all of them; with the interpreter those of up to
150,000 states.  What takes seconds is done with ``-m slow`` only.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from checker.checking.check import check
from checker.engines.exploration import Limits
from checker.input.configuration import load, shipped

FAST_FOR_INTERPRETER = 3_000
INTERPRETABLE = 150_000
WORTH_TWO_THREADS = 10_000
NAMES = list(shipped())
STATES = {name: load(name).expect.states or 0 for name in NAMES}


def marked(names: list[str], slow: Callable[[str], bool]) -> list[object]:
    """Each name; those that are ``slow`` are marked so."""
    return [
        pytest.param(n, marks=[pytest.mark.slow] if slow(n) else [])
        for n in names
    ]


def test_there_are_enough() -> None:
    assert len(NAMES) >= 25


@pytest.mark.parametrize("name", NAMES)
def test_every_expectation_is_complete(name: str) -> None:
    expect = load(name).expect
    assert expect.verdict and expect.states
    assert expect.transitions and expect.levels
    assert (expect.property is not None) == (expect.verdict == "VIOLATED")


@pytest.mark.parametrize("name", marked(NAMES, lambda n: load(n).slow))
def test_explicit(name: str) -> None:
    answer = check(load(name), traces=False)
    assert answer.surprises() == []


@pytest.mark.parametrize(
    "name",
    marked(
        [n for n in NAMES if STATES[n] <= INTERPRETABLE],
        lambda n: STATES[n] > FAST_FOR_INTERPRETER,
    ),
)
def test_interpreter_agrees(name: str) -> None:
    configuration = load(name)
    oracle = check(configuration, engine="interpreter")
    assert oracle.surprises() == []
    compiled = check(configuration)
    assert compiled.findings == oracle.findings
    assert compiled.coverage.fired == oracle.coverage.fired
    assert compiled.coverage.level_sizes == oracle.coverage.level_sizes
    for property_name, trace in oracle.traces.items():
        if trace.loop is None:
            assert compiled.traces[property_name] == trace


@pytest.mark.parametrize(
    "name",
    marked(
        [n for n in NAMES if WORTH_TWO_THREADS < STATES[n] < 10**6],
        lambda n: STATES[n] > INTERPRETABLE,
    ),
)
def test_two_threads(name: str) -> None:
    configuration = load(name)
    one = check(configuration)
    two = check(configuration, limits=Limits(threads=2))
    assert two.findings == one.findings
    assert two.coverage.level_sizes == one.coverage.level_sizes
    for property_name, trace in one.traces.items():
        if trace.loop is None:
            assert two.traces[property_name] == trace
