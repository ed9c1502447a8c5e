# SPDX-License-Identifier: GPL-2.0-or-later
"""Is the finished machine what the model text said?"""

import enum
import subprocess
import sys

import pytest
from attrs import evolve

from checker.engines.evaluate import Evaluator
from model.language import (
    Concrete,
    Disk,
    Machine,
    MachineBuilder,
    ModelError,
    Step,
)


class Light(enum.Enum):
    RED = "red"
    GREEN = "green"


def lamp() -> tuple[MachineBuilder, Machine]:
    """A lamp that is switched, and a counter of how often."""
    build = MachineBuilder("lamp")
    light = build.enum("light", Light.RED)
    times = build.counter("times", 3)

    @build.action("somebody", over=Light, fair=True)
    def switch(to: Light) -> Step:
        """Switch it."""
        return Step(
            when=[light.is_not(to), times < 3],
            then=[light.becomes(to), times.becomes((times + 1).capped(3))],
        )

    build.always("Counts", "S1", "", when=[times > 3], then=[times.is_(4)])
    build.may_end(times.is_(3))
    return build, build.machine()


def test_an_action_has_one_instance_for_each_value() -> None:
    _, machine = lamp()
    labels = [i.label for i in machine.instances]
    assert labels == ["switch(to=red)", "switch(to=green)"]
    action = machine.action("switch")
    assert (action.doc, action.fair, action.fault) == (
        "Switch it.",
        True,
        False,
    )


def test_all_updates_read_the_old_state() -> None:
    build = MachineBuilder("swap")
    a, b = build.counter("a", 3, initial=1), build.counter("b", 3, initial=2)

    @build.action("somebody")
    def swap() -> Step:
        return Step(when=[], then=[a.becomes(b), b.becomes(a)])

    machine = build.machine()
    (state,) = machine.initials
    here = Evaluator(machine, state)
    assert here.successor(machine.instances[0]) == (2, 1)


def test_an_update_that_changes_nothing_is_left_out() -> None:
    build = MachineBuilder("still")
    flag, other = build.flag("flag"), build.flag("other")

    @build.action("somebody")
    def keep() -> Step:
        return Step(when=[], then=[flag.becomes(flag), other.becomes(True)])

    (instance,) = build.machine().instances
    assert [name for name, _ in instance.effect] == ["other"]


def test_every_start_is_an_initial_state_once() -> None:
    build = MachineBuilder("starts")
    flag, light = build.flag("flag"), build.enum("light", Light.GREEN)
    assert build.machine().initials == ((0, 1),)
    build.start(flag.becomes(True))
    build.start(light.becomes(Light.RED), flag.becomes(True))
    build.start(flag.becomes(True))
    assert build.machine().initials == ((1, 1), (1, 0))


def test_each_may_end_adds_states_to_rest_in() -> None:
    build = MachineBuilder("ends")
    a, b, c = (build.flag(name) for name in "abc")
    build.may_end(a, b)
    build.may_end(c)
    machine = build.machine()
    rests = {
        state
        for state in ((i & 1, i >> 1 & 1, i >> 2) for i in range(8))
        if Evaluator(machine, state).holds(machine.may_end)
    }
    assert rests == {
        s
        for s in ((i & 1, i >> 1 & 1, i >> 2) for i in range(8))
        if (s[0] and s[1]) or s[2]
    }


def test_the_type_invariant_names_every_unused_code() -> None:
    build = MachineBuilder("types")
    build.counter("count", 2)
    build.cursor("cursor", Disk("disk", Concrete(2, 1)))
    machine = build.machine()
    valid = {
        (a, b)
        for a in range(4)
        for b in range(4)
        if Evaluator(machine, (a, b)).holds(machine.type_invariant)
    }
    assert valid == {(a, b) for a in range(3) for b in range(3)}


def test_a_property_is_violated_where_its_premise_holds_and_it_not() -> None:
    build = MachineBuilder("property")
    a, b = build.flag("a"), build.flag("b")
    build.always("P", "S1", "", when=[a], then=[b])
    machine = build.machine()
    violated = {
        (x, y)
        for x in (0, 1)
        for y in (0, 1)
        if Evaluator(machine, (x, y)).holds(machine.property("P").violated)
    }
    assert violated == {(1, 0)}


def test_what_is_not_there_is_said_to_be_missing() -> None:
    _, machine = lamp()
    with pytest.raises(ModelError, match="lamp has no action 'burn'"):
        machine.action("burn")
    with pytest.raises(ModelError, match="no property 'Glows'; it has Counts"):
        machine.property("Glows")


def test_the_digest_says_whether_two_machines_behave_alike() -> None:
    _, one = lamp()
    build, same = lamp()
    assert one.digest == same.digest
    changed = evolve(same, initials=((1, 0),))
    assert changed.digest != one.digest
    build.flag("more")
    assert build.machine().digest != one.digest


BOTH_LIT = """
from model.language import MachineBuilder, Step
from model.language import expression as ex
ex.field_value({first!r}, 1), ex.field_value({second!r}, 1)
made = MachineBuilder("m")
early, late = made.flag("early"), made.flag("late")

@made.action("somebody")
def act():
    return Step(when=[early & late], then=[early.becomes(False)])

print(made.machine().digest)
"""


def test_a_digest_does_not_depend_on_what_was_built_before() -> None:
    """Operands of what commutes stand in the order in which they were made."""
    digests = {
        subprocess.run(
            [sys.executable, "-c", BOTH_LIT.format(first=a, second=b)],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for a, b in (("early", "late"), ("late", "early"))
    }
    assert len(digests) == 1
    assert len(digests.pop().strip()) == 64
