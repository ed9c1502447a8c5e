# SPDX-License-Identifier: GPL-2.0-or-later
"""Does each change do what its name says, and nothing else?"""

from __future__ import annotations

import enum

import pytest

from checker.engines.evaluate import Evaluator
from checker.mutation.catalogue import (
    Planned,
    catalogue,
    mutants_of,
    with_action,
)
from checker.mutation.change import Kind
from model.language import (
    Concrete,
    Disk,
    Instance,
    Machine,
    MachineBuilder,
    Step,
)
from tests.mutation.lamp import lamp

TAKES = 'obey: guard "next in wire is LIGHT"'


def named(machine: Machine, name: str) -> Instance:
    """The only instance of the action that the mutant ``name`` changes."""
    (mutant,) = [m for m in mutants_of(machine) if m.name == name]
    (instance,) = mutant.action.instances
    return instance


def state(machine: Machine, **values: int) -> Evaluator:
    """The first state but for ``values``."""
    codes = {f.name: f.initial for f in machine.fields} | values
    return Evaluator(machine, tuple(codes.values()))


def test_every_mutant_of_the_lamp() -> None:
    assert [m.name for m in mutants_of(lamp())] == [
        'ask: guard "not asked" dropped',
        'ask: guard "not asked" negated',
        'ask: guard "wire has room" dropped',
        "ask: asked not updated",
        "ask: asked: no for yes",
        "ask: wire not updated",
        "ask: wire: DARK for LIGHT",
        "ask: wire: STOP for LIGHT",
        f"{TAKES} dropped",
        f"{TAKES}: wire[0].kind: DARK for LIGHT",
        f"{TAKES}: wire[0].kind: STOP for LIGHT",
        'obey: guard "the lamp can" dropped',
        'obey: guard "the lamp can": "light is off" dropped',
        'obey: guard "the lamp can": "not broken" dropped',
        'obey: guard "the lamp can": "not broken" negated',
        'obey: guard "the lamp can": light: warm for off',
        "obey: wire not updated",
        "obey: light not updated",
        "obey: light: off for warm",
        "obey: light: on for warm",
        'shine: guard "light is warm" dropped',
        'shine: guard "light is warm": light: off for warm',
        'shine: guard "light is warm": light: on for warm',
        'shine: guard "not broken" dropped',
        'shine: guard "not broken" negated',
        "shine: light not updated",
        "shine: light: warm for on",
        "shine: ghost_seen not updated",
        "shine: ghost_seen: no for yes",
        'break_down: guard "light is not on" dropped',
        'break_down: guard "light is not on": light: warm for on',
        "break_down: broken not updated",
        "break_down: broken: no for yes",
        "break_down: light not updated",
        "break_down: light: warm for off",
        "break_down: light if light: off for warm",
        "break_down: light if light: on for warm",
    ]


@pytest.mark.parametrize(
    ("name", "enabled", "not_enabled"),
    [
        (
            'ask: guard "not asked" dropped',
            [{}, {"asked": 1}],
            [{"wire[1].kind": 1}],
        ),
        ('ask: guard "not asked" negated', [{"asked": 1}], [{}]),
        (
            'shine: guard "light is warm": light: on for warm',
            [{"light": 2}],
            [{"light": 1}, {"light": 2, "broken": 1}],
        ),
        (
            'obey: guard "the lamp can": "not broken" dropped',
            [{"wire[0].kind": 2, "broken": 1}],
            [{"wire[0].kind": 2, "light": 1}],
        ),
        (
            f"{TAKES}: wire[0].kind: STOP for LIGHT",
            [{"wire[0].kind": 3}],
            [{"wire[0].kind": 2}],
        ),
        (
            'break_down: guard "light is not on": light: warm for on',
            [{"light": 2}],
            [{"light": 1}],
        ),
    ],
)
def test_a_changed_guard(
    name: str,
    enabled: list[dict[str, int]],
    not_enabled: list[dict[str, int]],
) -> None:
    machine = lamp()
    instance = named(machine, name)
    assert all(state(machine, **v).enabled(instance) for v in enabled)
    assert not any(state(machine, **v).enabled(instance) for v in not_enabled)
    assert (
        instance.effect == machine.action(instance.action).instances[0].effect
    )


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("ask: asked not updated", {}, {"wire[0].kind": 2}),
        ("ask: wire not updated", {}, {"asked": 1}),
        # in whichever slot the message comes to stand
        (
            "ask: wire: STOP for LIGHT",
            {"wire[0].kind": 2},
            {"asked": 1, "wire[0].kind": 2, "wire[1].kind": 3},
        ),
        ("shine: light: warm for on", {}, {"light": 1, "ghost_seen": 1}),
        ("shine: ghost_seen: no for yes", {}, {"light": 2}),
        (
            "break_down: light: warm for off",
            {"light": 1},
            {"light": 1, "broken": 1},
        ),
        (
            "break_down: light if light: on for warm",
            {"light": 2},
            {"broken": 1},
        ),
    ],
)
def test_a_changed_effect(
    name: str, before: dict[str, int], after: dict[str, int]
) -> None:
    machine = lamp()
    instance = named(machine, name)
    reached = state(machine, **before).successor(instance)
    assert reached == state(machine, **after).state
    (old,) = machine.action(instance.action).instances
    assert instance.guard == old.guard


class Door(enum.Enum):
    OPEN = "open"
    SHUT = "shut"


def doors(granules: int) -> Machine:
    """A door of two states for all granules; one conjunct says it all."""
    disk = Disk("disk", Concrete(1, granules))
    build = MachineBuilder("doors")
    door = build.enum("door", Door.SHUT)
    inside = build.granules("inside", disk)
    times = build.counter("times", 3)

    @build.action("somebody", over=disk.domain.granules)
    def enter(granule: object) -> Step:
        """Go in, at most thrice."""
        free = (door.is_(Door.OPEN) | ~inside.contains(granule)) & (times < 3)
        return Step(
            when=[free, times < 3, door.is_(Door.OPEN)],
            then=[times.becomes((times + 1).capped(3))],
        )

    @build.action("somebody")
    def turn() -> Step:
        """Open it, twice said."""
        return Step(
            when=[door.is_(Door.SHUT), door.is_(Door.SHUT)],
            then=[door.becomes(Door.OPEN)],
        )

    build.may_end(times.is_(3))
    return build.machine()


def test_one_mutant_changes_every_instance_and_its_name_has_no_size() -> None:
    small, large = doors(1), doors(3)
    names = [m.name for m in mutants_of(large)]
    assert names == [m.name for m in mutants_of(small)]
    dropped = 'enter: guard "times < N" dropped'
    (mutant,) = [m for m in mutants_of(large) if m.name == dropped]
    assert [len(i.guard) for i in mutant.action.instances] == [2, 2, 2]


def test_two_members_are_exchanged_and_two_like_conjuncts_told_apart() -> None:
    names = [m.name for m in mutants_of(doors(1)) if m.name.startswith("turn")]
    assert names == [
        'turn: guard "door is shut" dropped',
        'turn: guard "door is shut": door: the other member',
        'turn: guard "door is shut" (2) dropped',
        'turn: guard "door is shut" (2): door: the other member',
        "turn: door not updated",
        "turn: door: shut for open",
    ]


def planned(*machines: Machine) -> list[str]:
    return [one.name for one in catalogue(machines).planned]


def test_what_says_the_same_is_not_counted() -> None:
    machine = doors(2)
    found = catalogue([machine])
    names = [one.name for one in found.planned]
    # each of two like conjuncts may go: nothing changes; and to change one
    # of them is as much as to change the other
    assert 'turn: guard "door is shut" dropped' not in names
    assert 'turn: guard "door is shut": door: the other member' in names
    assert 'turn: guard "door is shut" (2): door: the other member' not in (
        names
    )
    assert found.alike == len(list(mutants_of(machine))) - len(names)


def test_a_mutant_is_of_every_machine_that_has_it() -> None:
    small, large = lamp(complete=False), lamp()
    (one, *_) = catalogue([small, large]).planned
    assert one.name == 'ask: guard "not asked" dropped'
    assert all(action is not None for action in one.actions)
    only = catalogue([small, large], only="shine").planned
    assert {p.action for p in only} == {"shine"}


def ghostly(found: tuple[Planned, ...]) -> set[str]:
    """Those that are run on the variants as well."""
    return {one.name for one in found if one.actions[-1] is not None}


def test_variants_are_for_ghosts_alone() -> None:
    found = catalogue([lamp()], [lamp(complete=False)]).planned
    assert ghostly(found) == {
        "shine: ghost_seen not updated",
        "shine: ghost_seen: no for yes",
    }
    assert all(one.actions[0] is not None for one in found)


def test_a_changed_machine_has_another_digest_and_the_other_actions() -> None:
    machine = lamp()
    for one in catalogue([machine]).planned:
        (action,) = one.actions
        assert action is not None
        changed = with_action(machine, action)
        assert changed.digest != machine.digest, one.name
        kept = {a for a in changed.actions if a in machine.actions}
        assert len(kept) == len(machine.actions) - 1


def test_conjunctions_inside_a_conjunct_are_taken_apart() -> None:
    build = MachineBuilder("choices")
    a, b, c = build.flag("a"), build.flag("b"), build.flag("c")
    few = build.counter("few", 3)

    @build.action("somebody")
    def act() -> Step:
        """Do it."""
        return Step(when=[(a & ~b & (few < 2)) | (b & c)], then=[])

    build.may_end(~a)
    machine = build.machine()
    text = "((a and not b) and few < N) or (b and c)"
    parts = {
        "a": {"few": 1},
        "not b": {"a": 1, "b": 1},
        "b": {"c": 1},
        "c": {"b": 1, "few": 3},
    }
    names = {f'act: guard "{text}": "{part}" dropped' for part in parts}
    found = {m.name for m in mutants_of(machine)}
    # what asks for a number has no words, so it stays
    assert {n for n in found if n.endswith('" dropped')} == {
        *names,
        f'act: guard "{text}" dropped',
    }
    assert f'act: guard "{text}": "not b" negated' in found
    for part, values in parts.items():
        instance = named(machine, f'act: guard "{text}": "{part}" dropped')
        here = state(machine, **values)
        assert here.enabled(instance)
        assert not here.enabled(machine.instances[0])


def test_there_is_a_mutant_of_every_kind() -> None:
    assert {m.kind for m in mutants_of(lamp())} == set(Kind)
