# SPDX-License-Identifier: GPL-2.0-or-later
"""Does every shipped configuration give what its [expect] says?

With the explicit engine all of them; with the interpreter those of up to
150,000 states.  What takes seconds is done with ``-m slow`` only.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

import pytest

from checker.checking.check import check
from checker.engines.exploration import Limits
from checker.input.configuration import listed, load
from model.design import DESIGNS

FAST_FOR_INTERPRETER = 3_000
INTERPRETABLE = 150_000
WORTH_TWO_THREADS = 10_000
LISTED = {configuration.name: configuration for configuration in listed()}
NAMES = list(LISTED)
STATES = {name: LISTED[name].expect.states or 0 for name in NAMES}


#: of each design the largest that is still quick
LARGEST = {
    max(
        (
            n
            for n in NAMES
            if load(n).options.design == design and STATES[n] <= INTERPRETABLE
        ),
        key=lambda n: STATES[n],
    )
    for design in DESIGNS
}


def marked(
    names: list[str],
    slow: Callable[[str], bool],
    often: Collection[str] = NAMES,
) -> list[object]:
    """Each name; those that are ``slow`` or not done often are marked so."""

    def marks(name: str) -> list[pytest.MarkDecorator]:
        if slow(name):
            return [pytest.mark.slow]
        return [] if name in often else [pytest.mark.full]

    return [pytest.param(n, marks=marks(n)) for n in names]


def test_there_are_enough() -> None:
    assert len(NAMES) >= 25


@pytest.mark.parametrize("name", NAMES)
def test_every_expectation_is_complete(name: str) -> None:
    expect = load(name).expect
    assert expect.verdict and expect.states
    assert expect.transitions and expect.levels
    assert (expect.property is not None) == (expect.verdict == "VIOLATED")


@pytest.mark.parametrize("name", marked(NAMES, lambda n: LISTED[n].slow))
def test_explicit(name: str) -> None:
    answer = check(load(name), traces=False)
    assert answer.surprises() == []
    # how long the shortest trace is, where one shows the violation
    expect = answer.configuration.expect
    found = {f.name: f.steps for f in answer.findings}
    assert found.get(expect.property or "") == expect.steps


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
        often=LARGEST,
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
