# SPDX-License-Identifier: GPL-2.0-or-later
"""Does one search of many variants say of each what its own would say?"""

from __future__ import annotations

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from checker.engines.exploration import Coverage, Limits
from checker.engines.family import Member, explore_family
from checker.engines.graphs.graph import EDGE_BYTES, graph_of
from checker.engines.graphs.liveness import find_lasso
from checker.engines.interpreter import interpret
from model.language import Machine, MachineBuilder, Step
from tests.oracle.test_liveness import Drawing, drawings, machine_of
from tests.stateful.random_machines import random_machine

COUNTED = (
    "states",
    "transitions",
    "level_sizes",
    "first_level",
    "deadlock_level",
    "fired",
    "stopped",
)


def counts(coverage: Coverage) -> dict[str, object]:
    return {name: getattr(coverage, name) for name in COUNTED}


def assert_as_alone(machine: Machine, member: Member) -> None:
    """The member is what the oracle says of the machine alone."""
    search = interpret(machine)
    assert member.machine is machine
    assert counts(member.coverage) == counts(search.coverage)
    graph = graph_of(search, Limits())
    endless = {
        p.name
        for p in machine.properties
        if p.kind == "eventually" and find_lasso(machine, graph, p) is not None
    }
    assert member.endless == endless
    assert not member.undecided


@settings(max_examples=25)
@given(st.lists(drawings(), min_size=1, max_size=12))
def test_variants_with_the_same_fields(found: list[Drawing]) -> None:
    """Actions are there or not, are fair or not, do this or that."""
    machines = [machine_of(drawing) for drawing in found]
    for machine, member in zip(
        machines, explore_family(machines), strict=True
    ):
        assert_as_alone(machine, member)


@settings(max_examples=10)
@given(st.integers(0, 1 << 32))
def test_machines_that_have_nothing_in_common(seed: int) -> None:
    random = Random(seed)
    machines = [random_machine(random) for _ in range(2)]
    machines.append(machines[0])
    for machine, member in zip(
        machines, explore_family(machines), strict=True
    ):
        assert_as_alone(machine, member)


def corridor(length: int, wide: int = 0) -> Machine:
    """A walk of ``length`` steps that ends in a deadlock."""
    build = MachineBuilder("corridor")
    here = build.counter("here", limit=200 + wide)

    @build.action("walker")
    def on() -> Step:
        return Step([here < length], [here.becomes((here + 1).capped(200))])

    return build.machine()


def test_each_variant_has_its_own_deadlock_and_size() -> None:
    lengths = (3, 150, 3, 7, 40, 1, 2, 9, 11, 60)
    members = explore_family([corridor(length) for length in lengths])
    found = [m.coverage for m in members]
    assert [c.states for c in found] == [length + 1 for length in lengths]
    assert [c.deadlock_level for c in found] == list(lengths)
    assert [c.levels for c in found] == [length + 1 for length in lengths]


def test_limits_are_those_of_each_variant() -> None:
    machines = [corridor(length) for length in (5, 150, 8)]
    limits = Limits(max_states=20)
    short, long, other = explore_family(machines, limits)
    assert not short.coverage.stopped and short.coverage.states == 6
    assert not other.coverage.stopped and other.coverage.states == 9
    assert long.coverage.stopped == "more than 20 states"
    assert long.coverage.deadlock_level is None


def test_a_large_variant_does_not_hide_in_a_crowd() -> None:
    """All together are within the limits of all; one alone is not."""
    machines = [corridor(length) for length in (2, 2, 2, 2, 30)]
    *small, large = explore_family(machines, Limits(max_states=20))
    assert not any(m.coverage.stopped for m in small)
    assert large.coverage.stopped == "more than 20 states"


def test_a_graph_that_does_not_fit_leaves_its_question_open() -> None:
    build = MachineBuilder("wide")
    one, other = build.counter("one", 250), build.counter("other", 250)

    @build.action("x")
    def east() -> Step:
        return Step([one < 250], [one.becomes((one + 1).capped(250))])

    @build.action("x")
    def north() -> Step:
        return Step([other < 250], [other.becomes((other + 1).capped(250))])

    build.eventually("Far", "", "", when=[one.is_(1)], then=[one.is_(250)])
    build.may_end()
    machine = build.machine()
    (member,) = explore_family([machine], Limits(memory=8 << 20))
    assert "the graph needs" in member.undecided
    assert not member.coverage.stopped
    assert member.coverage.states == 251 * 251


def stairs(width: int) -> Machine:
    """Many steps and few states: the graph is what takes memory."""
    build = MachineBuilder("stairs")
    here = build.counter("here", 400)

    @build.action("x", over=range(1, 9))
    def up(by: int) -> Step:
        return Step([here < width], [here.becomes((here + by).capped(400))])

    build.eventually("Top", "", "", when=[here.is_(1)], then=[here.is_(400)])
    return build.machine()


def test_a_graph_of_all_that_does_not_fit_is_made_of_each() -> None:
    machines = [stairs(width) for width in range(392, 400)]
    one = EDGE_BYTES * 8 * 400
    limits = Limits(memory=5 * one)
    for machine, member in zip(
        machines, explore_family(machines, limits), strict=True
    ):
        assert_as_alone(machine, member)
