# SPDX-License-Identifier: GPL-2.0-or-later
"""Does the bounded search say what breadth-first search says?

Up to its depth: the same predicates met, after as many steps, and the same
trace of every violation.
"""

from __future__ import annotations

import ctypes
from typing import Any

import pytest
import z3
from attrs import evolve
from hypothesis import HealthCheck, given, settings

from checker.checking.check import Answer, check
from checker.engines.exploration import Limits, Progress
from checker.engines.interpreter import interpret
from checker.engines.smt import bounded, formula
from checker.engines.smt.bounded import search
from checker.engines.smt.unrolling import (
    SolverDisagreesError,
    Unrolling,
    memory_in_use,
)
from checker.engines.verdict import Verdict
from checker.input.configuration import Configuration, load, shipped
from checker.input.exit_codes import ExitCode
from model.language import Machine, MachineBuilder, Step
from model.language import expression as ex
from model.language.expression import constant, field_value
from model.language.machine import Instance
from model.options import Bounds, Options
from tests.oracle.protocols import die_hard, two_phase_commit
from tests.stateful.random_machines import machines

#: configurations and a depth that shows a violation of theirs
SHORT = {
    "stop-copy-bit-after-ack": 2,
    "postcopy-error-fails-migration": 4,
    "stop-copy-partial-left": 6,
    "postcopy-nobody-fences": 9,
    "postcopy-usable-while-loading": 13,
    "stop-copy-mirror-marks-all": 13,
    "postcopy-small": 8,
    "live-small": 8,
}
LARGEST = 100_000
SMALL = [
    name for name in shipped() if (load(name).expect.states or 0) <= LARGEST
]
BROKEN = [n for n in SMALL if load(n).expect.verdict == "VIOLATED"]


def same_up_to(machine: Machine, depth: int) -> None:
    """Compare with the oracle."""
    found = search(machine, Limits(depth=depth)).coverage
    oracle = interpret(machine).coverage
    assert found.depth == depth
    assert found.first_level == {
        n: level for n, level in oracle.first_level.items() if level <= depth
    }
    stuck = oracle.deadlock_level
    beyond = stuck is None or stuck > depth
    assert found.deadlock_level == (None if beyond else stuck)
    for name, times in found.fired.items():
        assert oracle.fired[name] >= times


def same_answers(name: str, depth: int) -> Answer:
    """Compare findings and traces with the explicit engine.

    What is never met, or never fires, takes the whole search.
    """
    configuration = load(name)
    found = check(configuration, "smt", Limits(depth=depth))
    whole = check(configuration)
    broken = [
        f
        for f in whole.findings
        if f.verdict is Verdict.VIOLATED
        and f.kind not in ("eventually", "reachable")
        and (f.steps or 0) <= depth
    ]
    told = [f for f in found.findings if f.verdict is Verdict.VIOLATED]
    assert told == broken
    for finding in broken:
        assert found.traces[finding.name] == whole.traces[finding.name]
    met = {f.name: f for f in whole.findings if f.kind == "reachable"}
    for finding in found.findings:
        if finding.verdict is Verdict.HOLDS:
            assert finding == met[finding.name]
        elif finding.kind == "reachable":
            # by actions, or too far away
            assert (met[finding.name].steps or depth + 1) > depth
    return found


@pytest.mark.parametrize("name", SHORT)
def test_shipped_configurations(name: str) -> None:
    found = same_answers(name, SHORT[name])
    broken = load(name).expect.verdict == "VIOLATED"
    assert found.verdict is (
        Verdict.VIOLATED if broken else Verdict.INCONCLUSIVE
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", SMALL)
def test_every_small_configuration(name: str) -> None:
    same_answers(name, 12)


@pytest.mark.slow
@pytest.mark.parametrize("name", BROKEN)
def test_every_violation_that_is_shipped(name: str) -> None:
    steps = [
        f.steps or 0
        for f in check(load(name)).findings
        if f.verdict is Verdict.VIOLATED
        and f.kind not in ("eventually", "reachable")
    ]
    depth = max(steps, default=0)
    assert depth <= bounded.DEFAULT_DEPTH
    same_answers(name, depth)


@pytest.mark.parametrize("depth", [0, 5, 6, 8])
def test_die_hard(depth: int) -> None:
    same_up_to(die_hard(), depth)


@pytest.mark.parametrize("depth", [6, 7])
def test_two_phase_commit(depth: int) -> None:
    same_up_to(two_phase_commit(2), depth)


def corridor(length: int) -> Machine:
    """A walk of ``length`` steps into a dead end, with a side door."""
    build = MachineBuilder("corridor")
    place = build.counter("place", 4)
    door = build.flag("door")

    @build.action("walker")
    def walk() -> Step:
        further = (place + 1).capped(4)
        return Step(
            when=[place < length, ~door], then=[place.becomes(further)]
        )

    @build.action("walker")
    def leave() -> Step:
        return Step(when=[place.is_(2), ~door], then=[door.becomes(True)])

    build.reachable("Outside", "There is a way out.", by=["leave"])
    build.reachable("AtTheEnd", "There is an end.", then=[place.is_(length)])
    build.may_end(door)
    return build.machine()


def beyond_the_end() -> Machine:
    """The corridor, and a walker who does not stop where it ends."""
    machine = corridor(4)
    place = field_value("place", 3)
    onwards = Instance(
        "walk", "walker", (), (), (("place", ex.add(place, constant(1, 3))),)
    )
    walk, leave = machine.actions
    return evolve(machine, actions=(evolve(walk, instances=(onwards,)), leave))


@pytest.mark.parametrize("depth", range(6))
def test_deadlock_and_reachable(depth: int) -> None:
    machine = corridor(4)
    same_up_to(machine, depth)
    # it is enabled after two steps, so it fires as the third
    found = search(machine, Limits(depth=depth)).coverage
    assert (found.fired["leave"] > 0) == (depth >= 3)


def test_type_invariant() -> None:
    machine = beyond_the_end()
    same_up_to(machine, 8)
    found = search(machine, Limits(depth=8))
    assert found.coverage.first_level["type invariant violated"] == 5
    assert len(found.runs["type invariant violated"].instances) == 5


def test_several_initial_states() -> None:
    build = MachineBuilder("several starts")
    place = build.counter("place", 7)
    for start in (0, 3, 5, 1):
        build.start(place.becomes(start))

    @build.action("walker")
    def jump() -> Step:
        return Step(
            when=[place <= 3], then=[place.becomes((place + 4).capped(7))]
        )

    build.always("NotFar", "", "Nobody is far.", then=[place < 7])
    same_up_to(build.machine(), 0)
    found = search(build.machine(), Limits(depth=3))
    assert found.runs["NotFar violated"].states == ((3,), (7,))


def test_a_machine_that_cannot_move() -> None:
    build = MachineBuilder("no way")
    place = build.counter("place", 3)

    @build.action("walker")
    def walk() -> Step:
        return Step(when=[place > 2], then=[place.becomes(0)])

    for depth in (0, 2):
        same_up_to(build.machine(), depth)


@given(machines)
@settings(
    max_examples=25,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
def test_random_machines(machine: Machine) -> None:
    same_up_to(machine, 4)


def test_a_disk_that_is_too_wide_to_explore() -> None:
    options = Options(
        design="stop-copy",
        bounds=Bounds(chunks=16, granules=4),
        without=frozenset({"drain-before-backup"}),
    )
    configuration = Configuration(name="wide", options=options)
    explored = check(
        configuration, limits=Limits(max_states=20_000), traces=False
    )
    assert explored.coverage.stopped
    depth = Limits(depth=4, first_violation=True)
    found = check(configuration, "smt", depth)
    assert found.exit_code is ExitCode.ALWAYS_VIOLATED
    assert found.coverage.stopped == "a violation was found"
    assert [
        m.label for m in found.traces["BackupChainRestoresDisk"].moves
    ] == [
        "source_write_data(granule=0)",
        "source_backup_begins",
        "source_backup_succeeds",
    ]


def test_a_premise_that_is_not_met() -> None:
    found = check(load("postcopy-small"), "smt", Limits(depth=1))
    reasons = {f.name: f.reason for f in found.findings}
    assert reasons["OneSideRuns"] == "no violation within 1 step"
    assert reasons["SuccessLosesNothing"] == (
        "no violation within 1 step (premise not met)"
    )
    assert reasons["MigrationCompletes"] == "not met within 1 step"
    assert reasons["MigrationEnds"] == "a bounded search does not decide it"
    assert found.exit_code is ExitCode.INCONCLUSIVE


# -- where it stops --------------------------------------------------------


def test_the_first_violation() -> None:
    machine = load("stop-copy-bit-after-ack").machine()
    limits = Limits(depth=9, first_violation=True)
    coverage = search(machine, limits).coverage
    assert coverage.stopped == "a violation was found"
    assert coverage.depth == 1


def test_control_c() -> None:
    seen: list[Progress] = []

    def press(progress: Progress) -> None:
        seen.append(progress)
        if progress.level == 6:
            raise KeyboardInterrupt

    machine = load("stop-copy-bit-after-ack").machine()
    coverage = search(machine, Limits(), press).coverage
    assert coverage.stopped == "interrupted"
    assert coverage.depth == 6
    assert [p.level for p in seen] == list(range(7))
    assert coverage.first_level["NoLostDirtyBitOnSource violated"] == 1


def test_memory() -> None:
    coverage = search(
        load("live-small").machine(), Limits(memory=1 << 20)
    ).coverage
    assert coverage.stopped == f"more than {1 << 20} bytes of memory"
    assert coverage.depth is not None and coverage.depth < 5


def test_memory_that_ends_in_the_middle_of_a_question() -> None:
    limits = Limits(depth=18, memory=memory_in_use() + (6 << 20))
    coverage = search(load("postcopy").machine(), limits).coverage
    assert coverage.stopped == f"more than {limits.memory} bytes of memory"
    assert coverage.depth is not None and 0 < coverage.depth < 18


def test_nothing_was_searched() -> None:
    found = check(load("live-small"), "smt", Limits(memory=1))
    assert found.coverage.depth == -1
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "before the first step" in found.findings[0].reason


# -- mistakes of ours ------------------------------------------------------


def one_more(node: ex.Expression, operands: list[z3.ExprRef]) -> Any:
    """The translation of numbers, but a sum is one too much."""
    if node.operator == "add":
        return operands[0] + operands[1] + 1
    return RIGHT(node, operands)


RIGHT: Any = vars(formula)["_of_numbers"]


def test_a_wrong_translator_is_no_violation(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(formula, "_of_numbers", one_more)
    with pytest.raises(SolverDisagreesError, match="leads elsewhere"):
        search(corridor(4), Limits(depth=6))


def test_a_lemma_that_is_not_true_would_be_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    half_way = ex.equal(field_value("place", 3), constant(2, 3))

    def too_much(self: Unrolling, predicates: list[ex.Expression]) -> None:
        right(self, [*predicates, half_way])

    right = Unrolling.rule_out
    monkeypatch.setattr(Unrolling, "rule_out", too_much)
    same_up_to(corridor(4), 2)
    with pytest.raises(AssertionError):
        same_up_to(corridor(4), 4)


def test_control_c_inside_a_call_of_the_solver_is_an_interruption(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupted(self: object, *rest: object) -> None:
        raise ctypes.ArgumentError("argument 1: KeyboardInterrupt: ")

    monkeypatch.setattr(Unrolling, "extend", interrupted)
    machine = load("postcopy-small").machine()
    assert search(machine).coverage.stopped == "interrupted"
