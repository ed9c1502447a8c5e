# SPDX-License-Identifier: GPL-2.0-or-later
"""Do the engines agree on machines that nobody thought of?"""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from hypothesis import HealthCheck, assume, given, settings

from checker.engines.evaluate import Evaluator
from checker.engines.exploration import Coverage, Limits, watches
from checker.engines.interpreter import (
    InterpretedSearch,
    interpret,
    successors,
)
from checker.engines.native import table
from checker.engines.native.explicit import explore
from checker.engines.native.found import ExplicitSearch
from model.language.machine import Machine
from tests.stateful.random_machines import machines, random_machine

SLOW = settings(
    max_examples=12,
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
        HealthCheck.filter_too_much,
    ],
)


#: states; more take the interpreter minutes and show nothing else
SMALL = 20_000


def interpreted(machine: Machine, first: bool = False) -> InterpretedSearch:
    """What the interpreter finds; a large machine is no example."""
    limits = Limits(max_states=SMALL, first_violation=first)
    oracle = interpret(machine, limits)
    assume(oracle.coverage.states < SMALL)
    return oracle


def same_coverage(one: Coverage, other: Coverage) -> None:
    assert one.states == other.states
    assert one.transitions == other.transitions
    assert one.level_sizes == other.level_sizes
    assert one.first_level == other.first_level
    assert one.deadlock_level == other.deadlock_level
    assert one.fired == other.fired
    assert one.stopped == other.stopped


def same_answers(
    machine: Machine, oracle: InterpretedSearch, search: ExplicitSearch
) -> None:
    for level in range(oracle.coverage.levels):
        assert set(search.stuck(level)) == oracle.stuck(level)
        for watch in watches(machine):
            expected = oracle.meeting(level, watch.expression)
            found = search.meeting(level, watch.expression)
            assert len(found) == len(expected)
            assert set(found) == expected
            assert all(
                (state in found) == (state in expected)
                for state in oracle.levels[level][:20]
            )
            if level:
                before = search.before(level - 1, found)
                assert set(before) == oracle.before(level - 1, expected)


def same_steps(oracle: InterpretedSearch, search: ExplicitSearch) -> None:
    machine = search.machine
    found: Counter[object] = Counter()
    for level in range(oracle.coverage.levels):
        for steps in search.steps(level):
            pairs = zip(steps.origin, steps.instance, strict=True)
            assert list(pairs) == sorted(
                zip(steps.origin, steps.instance, strict=True)
            )
            for origin, instance, target in zip(
                steps.origin, steps.instance, steps.target, strict=True
            ):
                start, end = search.state(origin), search.state(target)
                found[start, int(instance), end] += 1
    expected = Counter(
        (state, number, successor)
        for states in oracle.levels
        for state in states
        for number, successor in successors(machine, state)
    )
    assert found == expected


def same_columns(machine: Machine, search: ExplicitSearch) -> None:
    nodes = [e for i in machine.instances for _, e in i.effect]
    for level in range(len(search.level_starts) - 1):
        for node in nodes[:8]:
            values = [int(v) for v in search.column(node, level)]
            start = int(search.level_starts[level])
            for number, value in enumerate(values[:20], start):
                here = Evaluator(machine, search.state(number))
                assert here.value(node) == value


@SLOW
@given(machines)
def test_engines_agree(machine: Machine) -> None:
    oracle = interpreted(machine)
    for threads in (1, 2):
        search = explore(machine, Limits(threads=threads))
        same_coverage(oracle.coverage, search.coverage)
        same_answers(machine, oracle, search)
        if threads == 1:
            same_steps(oracle, search)
            same_columns(machine, search)


@SLOW
@given(machines)
def test_engines_stop_at_the_same_violation(machine: Machine) -> None:
    oracle = interpreted(machine, first=True)
    search = explore(machine, Limits(first_violation=True))
    same_coverage(oracle.coverage, search.coverage)


@pytest.mark.parametrize("bits", [1, 3])
def test_states_are_compared_and_not_their_hashes(
    bits: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a tag of so few bits, most tags that agree mean nothing."""
    monkeypatch.setattr(table, "TAG_BITS", bits)
    seeds = iter(range(1000))
    machine = random_machine(Random(next(seeds)))
    oracle = interpret(machine)
    while oracle.coverage.states < 300:
        machine = random_machine(Random(next(seeds)))
        oracle = interpret(machine)
    for threads in (1, 2):
        search = explore(machine, Limits(threads=threads))
        same_coverage(oracle.coverage, search.coverage)
        same_steps(oracle, search)
