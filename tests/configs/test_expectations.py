# SPDX-License-Identifier: GPL-2.0-or-later
"""Does every shipped configuration give what its [expect] says?

With the explicit engine all of them; with the interpreter those of up to
10^5 states, the larger half of these only with ``-m slow``.
"""

from __future__ import annotations

import pytest

from checker.check import check
from checker.configuration import load, shipped
from checker.engines.exploration import Limits

FAST_FOR_INTERPRETER = 6_000
INTERPRETABLE = 100_000
NAMES = list(shipped())
STATES = {name: load(name).expect.states or 0 for name in NAMES}


def marked_by_size(limit: int, most: int) -> list[object]:
    """Names of up to ``most`` states; slow beyond ``limit``."""
    return [
        pytest.param(
            name, marks=[pytest.mark.slow] if STATES[name] > limit else []
        )
        for name in NAMES
        if STATES[name] <= most
    ]


def test_there_are_enough() -> None:
    assert len(NAMES) >= 25


@pytest.mark.parametrize("name", NAMES)
def test_every_expectation_is_complete(name: str) -> None:
    expect = load(name).expect
    assert expect.verdict and expect.states
    assert expect.transitions and expect.levels
    assert (expect.property is not None) == (expect.verdict == "VIOLATED")


@pytest.mark.parametrize("name", NAMES)
def test_explicit(name: str) -> None:
    answer = check(load(name), traces=False)
    assert answer.surprises() == []


@pytest.mark.parametrize(
    "name", marked_by_size(FAST_FOR_INTERPRETER, INTERPRETABLE)
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


@pytest.mark.parametrize("name", marked_by_size(INTERPRETABLE, 10**6))
def test_two_threads(name: str) -> None:
    configuration = load(name)
    one = check(configuration)
    two = check(configuration, limits=Limits(threads=2))
    assert two.findings == one.findings
    assert two.coverage.level_sizes == one.coverage.level_sizes
    for property_name, trace in one.traces.items():
        if trace.loop is None:
            assert two.traces[property_name] == trace
