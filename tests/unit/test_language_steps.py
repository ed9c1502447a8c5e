# SPDX-License-Identifier: GPL-2.0-or-later
"""How is an action written, and what may a property say of a step?"""

import enum
from typing import Any

import pytest

from checker.engines.exploration import Limits
from checker.engines.interpreter import interpret
from checker.engines.native.explicit import explore
from checker.engines.verdict import Verdict, judge
from model.language import (
    YES,
    Disk,
    EnumType,
    Machine,
    MachineBuilder,
    ModelError,
    Part,
    Schematic,
    Step,
    after,
    any_of,
    given,
    single,
)
from model.language.instance import instance
from model.language.schema import as_text
from model.language.schema_reading import from_text
from model.language.types import FlagType
from model.options import Options


class Light(enum.Enum):
    """Of a crossing."""

    RED = "red"
    AMBER = "amber"
    GREEN = "green"


class Word(enum.Enum):
    """What a wire carries."""

    SAID = "said"


NEXT = {
    Light.RED: Light.GREEN,
    Light.GREEN: Light.AMBER,
    Light.AMBER: Light.RED,
}


def crossing(jumps: bool = False) -> Machine:
    """Lights in their order; one that ``jumps`` goes from green to red."""
    build = MachineBuilder("crossing")
    light = build.enum("light", Light.RED)

    @build.action("timer", fair=True)
    def goes_on() -> Step:
        """The next light."""
        return given().then(light.becomes(light.switch(NEXT)))

    if jumps:

        @build.action("timer")
        def jump() -> Step:
            """From green to red."""
            return given(light.is_(Light.GREEN)).then(light.becomes(Light.RED))

    build.every_step(
        "AmberAfterGreen",
        "S1",
        "After green comes amber.",
        when=[light.is_(Light.GREEN)],
        then=[after(light).is_(Light.AMBER, Light.GREEN)],
    )
    return build.machine()


# -- given, then -------------------------------------------------------------


def test_a_part_brings_guard_and_effect_wherever_it_stands() -> None:
    build = MachineBuilder("lamp")
    lit, asked = build.flag("lit"), build.flag("asked")
    switched = Part([asked], [asked.becomes(False)])
    for step in (
        given(~lit, switched).then(lit.becomes(True)),
        given(~lit).then(switched, lit.becomes(True)),
    ):
        assert [flag.text for flag in step.when] == ["not lit", "asked"]
        assert {u.field for u in step.then} == {"lit", "asked"}


def test_a_condition_is_asked_once_and_yes_is_not_asked() -> None:
    lit = MachineBuilder("lamp").flag("lit")
    step = given(lit, [YES, (lit,)], any_of(lit)).then()
    assert [flag.text for flag in step.when] == ["lit"]


@pytest.mark.parametrize(
    ("write", "said"),
    [
        (
            lambda lit: given(lit.becomes(True)),
            "'given' has the update 'lit := yes': a guard is flags, as of "
            "field.is_(value)",
        ),
        (
            lambda lit: given().then(lit),
            "'then' has the value 'lit': an effect is updates, as of "
            "field.becomes(value)",
        ),
        (
            lambda lit: given().then(Step([], [])),
            "'then' has a Python Step: an effect is updates, as of "
            "field.becomes(value)",
        ),
        (
            lambda lit: given(None),
            "'given' has None: a guard is flags, as of field.is_(value)",
        ),
    ],
)
def test_a_mistake_is_told_in_one_line(write: Any, said: str) -> None:
    lit = MachineBuilder("lamp").flag("lit")
    with pytest.raises(ModelError) as caught:
        write(lit)
    assert str(caught.value) == said


# -- several parameters ------------------------------------------------------


def test_several_parameters_give_an_instance_each() -> None:
    build = MachineBuilder("lamps")
    light = build.enum("light", Light.RED)
    count = build.counter("count", 2)

    @build.action("somebody", over={"to": Light, "times": (1, 2)})
    def switch(to: Light, times: int) -> Step:
        """Switch it."""
        return given(light.is_not(to)).then(
            light.becomes(to), count.becomes(times)
        )

    build.may_end(YES)
    found = [i.label for i in build.machine().instances]
    assert found[:2] == ["switch(to=red, times=1)", "switch(to=red, times=2)"]
    assert len(found) == 6


def test_parameters_have_the_names_of_the_function() -> None:
    build = MachineBuilder("lamps")
    with pytest.raises(ModelError) as caught:

        @build.action("somebody", over={"to": Light, "often": (1, 2)})
        def switch(to: Light, times: int) -> Step:
            return given().then()

    assert str(caught.value) == (
        "action switch: its parameters are to, times, 'over' gives to, often"
    )


def test_only_one_parameter_is_of_a_disk() -> None:
    build, chunks = MachineBuilder("lamps"), Schematic().chunks
    with pytest.raises(ModelError) as caught:

        @build.action("somebody", over={"one": chunks, "other": chunks})
        def swap(one: Any, other: Any) -> Step:
            return given().then()

    assert str(caught.value) == (
        "action swap: 'one' and 'other' both range over a disk, allowed is one"
    )


# -- parts of messages -------------------------------------------------------


def wire(domain: Any = None) -> Machine:
    """A message that carries a flag and a member, and what came of it."""
    build = MachineBuilder("wire")
    if domain is not None:
        build.granules("dirty", Disk("disk", domain))
    parts = {"loud": FlagType(), "light": EnumType(Light)}
    line = build.channel("line", 1, {Word.SAID: parts})
    loud, light = build.flag("loud"), build.enum("light", Light.RED)

    @build.action("one", over=Light)
    def says(which: Light) -> Step:
        """Say it, loud if it was not."""
        return given(line.has_room()).then(
            line.put(Word.SAID, loud=~loud, light=which)
        )

    @build.action("other")
    def listens() -> Step:
        """Take it."""
        return given(line.head_is(Word.SAID)).then(
            loud.becomes(line.head_flag("loud")),
            light.becomes(line.head_member("light")),
            line.take(),
        )

    build.reachable(
        "LoudAndGreen", "It comes through.", [loud, light.is_(Light.GREEN)]
    )
    return build.machine()


def test_a_message_carries_a_flag_and_a_member() -> None:
    coverage = interpret(wire(), Limits()).coverage
    # 6 that were heard, and each of 3 lights on the wire after each
    assert coverage.states == 24
    assert [f.verdict for f in judge(wire(), coverage)] == [Verdict.HOLDS]
    with pytest.raises(ModelError, match="carries no flag 'light'"):
        MachineBuilder("w").channel(
            "line", 1, {Word.SAID: {"light": EnumType(Light)}}
        ).head_flag("light")


# -- over a step -------------------------------------------------------------


@pytest.mark.parametrize("engine", [explore, interpret])
def test_a_property_over_a_step(engine: Any) -> None:
    for jumps, verdict in ((False, Verdict.HOLDS), (True, Verdict.VIOLATED)):
        machine = crossing(jumps)
        coverage = engine(machine, Limits()).coverage
        (found,) = judge(machine, coverage)
        assert (found.verdict, coverage.states) == (verdict, 3)
        if jumps:
            assert found.steps == 1


def test_the_conjuncts_name_the_step_that_breaks_it() -> None:
    (prop,) = crossing(jumps=True).properties
    assert prop.when[0].text == "a step is possible where light is green"
    assert "light' is amber or green, after jump" in {
        c.text for c in prop.then
    }


def test_a_step_that_never_comes_is_vacuous() -> None:
    build = MachineBuilder("crossing")
    light = build.enum("light", Light.RED)

    @build.action("timer")
    def goes_on() -> Step:
        """Red to green and back."""
        return given(light.is_not(Light.AMBER)).then(
            light.becomes(light.switch({Light.RED: Light.GREEN}))
        )

    build.every_step(
        "RedAfterAmber",
        "S1",
        "After amber comes red.",
        when=[light.is_(Light.AMBER)],
        then=[after(light).is_(Light.RED)],
    )
    machine = build.machine()
    (found,) = judge(machine, interpret(machine, Limits()).coverage)
    assert found.verdict is Verdict.VIOLATED
    assert found.steps is None


def test_only_a_property_over_a_step_asks_what_is_after() -> None:
    build = MachineBuilder("lamp")
    lit = build.flag("lit")
    with pytest.raises(ModelError) as caught:
        build.always("Lit", "S1", "It shines.", then=[after(lit)])
    assert str(caught.value) == (
        "property Lit: 'lit'' asks lit', the value after a step: only a "
        "property over a step may"
    )


@pytest.mark.parametrize("cleans", [False, True])
def test_a_schema_keeps_it_until_there_is_a_size(cleans: bool) -> None:
    build, disk = MachineBuilder("disk"), Disk("disk", Schematic())
    dirty = build.granules("dirty", disk)

    @build.action("guest", over=disk.domain.granules)
    def writes(granule: Any) -> Step:
        """A granule becomes dirty."""
        return given().then(dirty.becomes(dirty | single(disk, granule)))

    if cleans:

        @build.action("mirror")
        def resets() -> Step:
            """All are clean."""
            return given().then(dirty.becomes(frozenset()))

    build.every_step(
        "NothingIsCleaned", "S1", "No bit goes.", [dirty <= after(dirty)]
    )
    schema = from_text(as_text(build.machine()))
    assert [p.over_step for p in schema.properties] == [True]
    options = Options(design="live")
    machine = instance(schema, options.domain, options)
    (found,) = judge(machine, interpret(machine).coverage)
    assert found.verdict is (Verdict.VIOLATED if cleans else Verdict.HOLDS)
    assert found.steps == (1 if cleans else None)


def test_a_case_of_a_step_that_never_comes_is_vacuous() -> None:
    build = MachineBuilder("crossing")
    light, loud = build.enum("light", Light.RED), build.flag("loud")

    @build.action("timer")
    def goes_on() -> Step:
        """Red to green and back; never loud."""
        return given(light.is_not(Light.AMBER)).then(
            light.becomes(light.switch({Light.RED: Light.GREEN}, Light.RED)),
            loud.becomes(loud),
        )

    build.every_step(
        "Loud", "S1", "If loud, red.", [~loud | after(light).is_(Light.RED)]
    )
    machine = build.machine()
    (found,) = judge(machine, interpret(machine, Limits()).coverage)
    assert found.verdict is Verdict.VIOLATED
    assert "is never met: vacuous" in found.reason
