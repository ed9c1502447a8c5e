# SPDX-License-Identifier: GPL-2.0-or-later
"""What has to come about, lest a property says nothing."""

from __future__ import annotations

import enum
import subprocess
import sys

import pytest

from checker.engines.demands import demands
from checker.engines.exploration import Limits
from checker.engines.interpreter import interpret
from checker.engines.native.explicit import explore
from checker.engines.tautology import could_fail
from checker.engines.vacuity import still
from checker.engines.verdict import Verdict, exit_code, judge
from checker.input.exit_codes import ExitCode
from checker.proof.obligation import Outcome
from checker.proof.vacuous import shown_by
from model.language import (
    Concrete,
    Disk,
    Flag,
    Machine,
    MachineBuilder,
    ModelError,
    Step,
    given,
)


class Light(enum.Enum):
    RED = "red"
    AMBER = "amber"
    GREEN = "green"


class World:
    """A light that turns from red to green, and flags."""

    def __init__(self) -> None:
        self.build = MachineBuilder("lights")
        self.disk = Disk("disk", Concrete(1, 2))
        self.light = self.build.enum("light", Light.RED)
        self.on = self.build.flag("on")
        self.never = self.build.flag("never")
        self.some = self.build.granules("some", self.disk)
        self.none = self.build.granules("none", self.disk)
        light, on, build, none = self.light, self.on, self.build, self.none

        @build.action("nobody")
        def turn() -> Step:
            return Step(
                when=[light.is_(Light.RED)],
                then=[light.becomes(Light.GREEN), on.becomes(True)],
            )

        @build.action("nobody")
        def clear() -> Step:
            return Step(
                when=[light.is_(Light.GREEN)],
                then=[none.becomes(none & self.some), on.becomes(True)],
            )

        @build.action("nobody", silent="there is no amber here")
        def mark() -> Step:
            return Step(
                when=[light.is_(Light.AMBER)],
                then=[self.never.becomes(True), on.becomes(False)],
            )

        build.may_end()

    def asked(self, *then: Flag, when: tuple[Flag, ...] = ()) -> Machine:
        self.build.always("Asked", "S1", "", then=then, when=when)
        return self.build.machine()


def reason(machine: Machine) -> str:
    """Why the property says nothing; both engines say the same."""
    found = []
    for engine in (explore, interpret):
        search = engine(machine, Limits())
        findings = judge(machine, search.coverage)
        (asked,) = [f for f in findings if f.name == "Asked"]
        shown = shown_by(search)
        if asked.verdict is Verdict.HOLDS:
            assert exit_code(findings) is ExitCode.AS_EXPECTED
            assert shown.outcome is Outcome.PROVED
            found.append("")
        else:
            assert asked.steps is None
            assert exit_code(findings) is ExitCode.UNREACHED
            assert shown.outcome is Outcome.REFUTED
            assert "Asked" in shown.detail
            found.append(asked.reason)
    assert found[0] == found[1]
    return found[0]


SOUND = {
    "a value": lambda w: [w.light.is_(Light.RED, Light.GREEN)],
    "no value": lambda w: [w.light.is_not(Light.AMBER)],
    "if on, then green": lambda w: [(~w.on) | w.light.is_(Light.GREEN)],
    "if on, then not red": lambda w: [(~w.on) | w.light.is_not(Light.RED)],
    "implies": lambda w: [w.on.implies(w.light.is_not(Light.AMBER))],
    "never both": lambda w: [~(w.on & w.light.is_(Light.RED))],
    "one or the other": lambda w: [w.on | w.light.is_(Light.RED)],
    "a sum of both": lambda w: [
        (w.on & w.light.is_(Light.GREEN)) | w.light.is_(Light.RED)
    ],
}
IDLE = {
    "if never, then on": lambda w: [(~w.never) | w.on],
    "implies": lambda w: [w.never.implies(w.on)],
    "if amber, then on": lambda w: [w.light.is_not(Light.AMBER) | w.on],
    "if on and never": lambda w: [
        (~(w.on & w.never)) | w.light.is_(Light.RED)
    ],
    "one of two": lambda w: [
        ((~w.never) | w.on) & ((~w.on) | w.light.is_(Light.GREEN))
    ],
    "inside a choice": lambda w: [
        w.light.is_(Light.RED) | (((~w.never) | w.on) & w.on)
    ],
    "if never, then not red": lambda w: [
        (~w.never) | w.light.is_not(Light.RED)
    ],
}


@pytest.mark.parametrize("name", SOUND)
def test_what_is_put_to_the_test(name: str) -> None:
    world = World()
    assert reason(world.asked(*SOUND[name](world))) == ""


@pytest.mark.parametrize("name", IDLE)
def test_what_is_never_put_to_the_test(name: str) -> None:
    world = World()
    found = reason(world.asked(*IDLE[name](world)))
    assert found.startswith("a case of '")
    assert found.endswith("' is never met: vacuous")


def test_only_where_the_premise_is_met() -> None:
    world = World()
    then = (~world.on) | world.light.is_(Light.GREEN)
    machine = world.asked(then, when=(world.light.is_(Light.RED),))
    assert "never met" in reason(machine)


def test_what_nobody_writes() -> None:
    world = World()
    machine = world.asked(world.some.is_empty())
    assert "some" in still(machine) and "on" not in still(machine)
    assert reason(machine) == (
        "'some is empty' reads only what no action writes"
    )


NEVER_CHANGES = {
    "only an action that never happens writes it": lambda w: ~w.never,
    "it is written from what never changes": lambda w: w.none <= w.some,
    "a set only if never": lambda w: w.none.only_if(w.never) <= w.some,
}
NEVER_FALSE = {
    "a flag": lambda w: w.on | ~w.on,
    "a set within itself": lambda w: (w.none & w.some) <= (w.some | w.none),
    "nothing is within": lambda w: (w.some - w.some) <= w.none,
    "every value": lambda w: w.light.is_(*Light),
}


@pytest.mark.parametrize("name", NEVER_CHANGES)
def test_what_never_changes(name: str) -> None:
    world = World()
    found = reason(world.asked(NEVER_CHANGES[name](world)))
    assert found.endswith(" reads only what never changes")


def test_a_search_that_was_stopped_says_nothing_of_who_happens() -> None:
    world = World()
    machine = world.asked(~world.never)
    stopped = judge(machine, explore(machine, Limits(max_states=1)).coverage)
    assert [f.verdict for f in stopped] == [Verdict.INCONCLUSIVE]


@pytest.mark.parametrize("name", NEVER_FALSE)
def test_what_no_state_violates(name: str) -> None:
    world = World()
    try:
        machine = world.asked(NEVER_FALSE[name](world))
    except ModelError as error:
        assert "could never fail" in str(error)
        return
    assert not could_fail(machine, machine.properties[0])
    assert reason(machine)


@pytest.mark.parametrize("kind", ["eventually", "reachable"])
def test_what_every_state_meets(kind: str) -> None:
    world = World()
    then = [world.on | ~world.on]
    if kind == "eventually":
        world.build.eventually("Asked", "S3", "", then=then)
    else:
        world.build.reachable("Asked", "", then=then)
    try:
        machine = world.build.machine()
    except ModelError as error:
        assert "could never fail" in str(error)
        return
    assert reason(machine) == "no state could violate it: it says nothing"


def test_a_reason_excuses_what_says_nothing_here() -> None:
    world = World()
    within = world.none & world.some
    world.build.always(
        "Asked",
        "S1",
        "",
        then=[within <= (world.some | world.none)],
        trivial="there is one set only",
    )
    machine = world.build.machine()
    assert could_fail(machine, machine.properties[0]) is False
    assert "could" not in reason(machine)


def test_the_solver_is_not_asked_about_what_is_shipped() -> None:
    """To load it takes longer than most checks."""
    code = (
        "import sys\n"
        "from checker.input.configuration import load, shipped\n"
        "from checker.engines.tautology import could_fail\n"
        "for name in shipped():\n"
        "    machine = load(name).machine()\n"
        "    assert all(could_fail(machine, p) for p in machine.properties\n"
        "               if not p.trivial)\n"
        "assert 'z3' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_violation_is_not_called_vacuous() -> None:
    world = World()
    machine = world.asked((~world.never) | world.on, ~world.on)
    (finding,) = [
        f
        for f in judge(machine, explore(machine).coverage)
        if f.name == "Asked"
    ]
    assert (finding.steps, finding.reason) == (1, "")


def test_a_search_that_was_stopped_leaves_it_open() -> None:
    world = World()
    machine = world.asked(world.on | world.light.is_(Light.RED))
    short = explore(machine, Limits(max_states=1))
    assert short.coverage.stopped
    shown = shown_by(short)
    assert shown.outcome is Outcome.OPEN
    assert short.coverage.stopped in shown.detail
    # what one search does not meet another may
    assert shown_by(short, explore(machine)).outcome is Outcome.PROVED


def test_a_large_conclusion_is_taken_as_one() -> None:
    """Taking it apart would take for ever."""
    world = World()
    both = [world.build.flag(f"a{n}") & world.on for n in range(20)]
    whole = both[0]
    for one in both[1:]:
        whole = whole | one
    world.build.always("Large", "S1", "", then=[whole])
    machine = world.build.machine()
    assert demands(machine.property("Large"), machine) == ()


def test_two_flags_that_exclude_each_other_are_each_asked_for() -> None:
    """Not both at once: that would ask for the violation."""
    build = MachineBuilder("two")
    one, other = build.flag("one"), build.flag("other")

    @build.action("actor")
    def first() -> Step:
        """Switch the one."""
        return given(~other).then(one.becomes(~one))

    @build.action("actor")
    def second() -> Step:
        """Switch the other."""
        return given(~one).then(other.becomes(~other))

    build.always("NotBoth", "S1", "Never both.", then=[~(one & other)])
    machine = build.machine()
    (found,) = judge(machine, interpret(machine, Limits()).coverage)
    assert found.verdict is Verdict.HOLDS
