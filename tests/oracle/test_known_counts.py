# SPDX-License-Identifier: GPL-2.0-or-later
"""Do the engines find as many states as other checkers do?"""

from __future__ import annotations

import pytest

from checker.engines.exploration import Engine, Limits, silent
from checker.engines.interpreter import interpret
from checker.engines.native.explicit import explore
from tests.oracle.protocols import die_hard, two_phase_commit

ENGINES = pytest.mark.parametrize("engine", [interpret, explore])


@ENGINES
def test_die_hard(engine: Engine) -> None:
    coverage = engine(die_hard(), Limits(), silent).coverage
    # TLC: 97 states generated (the initial one counts), 16 distinct
    assert coverage.states == 16
    assert coverage.transitions == 96
    assert coverage.first_level["NotSolved violated"] == 6


@ENGINES
@pytest.mark.parametrize(("resources", "states"), [(3, 288), (5, 8832)])
def test_two_phase_commit(engine: Engine, resources: int, states: int) -> None:
    machine = two_phase_commit(resources)
    coverage = engine(machine, Limits(), silent).coverage
    assert coverage.states == states
    assert coverage.deadlock_level is None
    assert not any("violated" in name for name in coverage.first_level)
    # all prepare, are heard, the manager commits, all commit
    assert coverage.first_level["AllCommit reached"] == 3 * resources + 1


def test_seven_resource_managers_on_two_threads() -> None:
    one = explore(two_phase_commit(7), Limits()).coverage
    two = explore(two_phase_commit(7), Limits(threads=2)).coverage
    assert one.states == two.states == 296448
    assert one.level_sizes == two.level_sizes
    assert one.fired == two.fired
    assert one.first_level == two.first_level
