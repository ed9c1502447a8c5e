# SPDX-License-Identifier: GPL-2.0-or-later
"""Does the lockstep find what is wrong with a reference?

Every defect is seeded, the lockstep runs, and must say where model and
reference part.  The path that it names is walked again: by the broken
reference, to the same state, and by the sound one, beside the model.  Where
a defect changes nothing that could be seen the lockstep must be silent:
it does not complain of everything.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from _pytest.mark import ParameterSet

from checker.conformance.abstraction import (
    AbstractionError,
    Codes,
    abstract,
    visible,
)
from checker.conformance.cut_variants import variants
from checker.conformance.lockstep import Mismatch, conform
from checker.conformance.rig import Rig, build
from checker.conformance.snapshot import freeze
from checker.conformance.steps import enabled, perform
from checker.engines.interpreter import successors
from checker.input.configuration import Configuration
from model.language.machine import Instance, Machine
from model.lookup import mechanisms_of
from reference.protocol.tables import Design
from tests.defects import ROOMS
from tests.defects.catalogue import (
    DEFECTS,
    Defect,
    configuration,
    unharmed,
)

#: those of the most states
SLOWEST = ("live", "stop-copy-bulk", "postcopy-ones-from-bulk")


def each_once(cases: list[tuple[Defect, str, str]]) -> list[ParameterSet]:
    """One design of each defect by default, all with ``pytest -m full``.

    The quickest ones take turns.
    """
    found: list[ParameterSet] = []
    for number, seed in enumerate(DEFECTS.values()):
        own = [case for case in cases if case[0] is seed]
        quick = [c for c in own if not c[1].startswith(SLOWEST)] or own
        chosen = quick[number % len(quick)] if quick else None
        found += [
            pytest.param(
                *case,
                id=f"{seed.name}-{case[1]}",
                marks=() if case is chosen else pytest.mark.full,
            )
            for case in own
        ]
    return found


FOUND = [(seed, *found) for seed in DEFECTS.values() for found in seed.on]
UNSEEN = [
    (seed, name, "") for seed in DEFECTS.values() for name in seed.unseen_on
]


def differing(machine: Machine, mismatch: Mismatch) -> list[str]:
    """Visible fields in which the two part."""
    codes, model = mismatch.codes, mismatch.states[-1]
    if codes is None:
        return []
    return [
        name
        for name in visible(machine)
        if model[machine.position[name]] != codes[name]
    ]


@pytest.mark.parametrize(("seed", "name", "says"), each_once(FOUND))
def test_defect_is_found(
    seed: Defect,
    name: str,
    says: str,
    monkeypatch: pytest.MonkeyPatch,
    record_property: Callable[[str, object], None],
) -> None:
    assert unharmed(name).mismatch is None
    chosen = configuration(name)
    machine = chosen.machine()
    with monkeypatch.context() as patch:
        seed.patch(patch)
        outcome = conform(chosen)
        mismatch = outcome.mismatch
        assert mismatch is not None, f"nobody notices: {seed.name}"
        assert not outcome.stopped
        found = " ".join([mismatch.reason, *differing(machine, mismatch)])
        record_property("found", found)
        record_property("steps", len(mismatch.path))
        assert says in found
        ends_as_said(chosen, mismatch)
    sound_follows_the_model(chosen, machine, mismatch)


def after(before: list[Rig], instance: Instance) -> list[Rig]:
    """Where a step leads, in every way in which it can be taken."""
    reached = {}
    for rig in before:
        for variant in variants(rig, instance):
            perform(variant, instance)
            reached[freeze(variant)] = variant
    return list(reached.values())


def ends_as_said(chosen: Configuration, mismatch: Mismatch) -> None:
    """The broken reference walks the path to where it was said to be."""
    machine, rigs = chosen.machine(), [build(chosen.options)]
    for number in mismatch.path:
        rigs = after(rigs, machine.instances[number])
    assert mismatch.codes in [visible_codes(machine, rig) for rig in rigs]


def visible_codes(machine: Machine, rig: Rig) -> Codes | None:
    """As a mismatch tells them; None: the model has no word for it."""
    try:
        told = abstract(rig)
    except AbstractionError:
        return None
    return {name: told[name] for name in visible(machine)}


def sound_follows_the_model(
    chosen: Configuration, machine: Machine, mismatch: Mismatch
) -> None:
    """The model allows every step of the path, and so does our reference."""
    assert mismatch.states[0] == machine.initials[0]
    assert len(mismatch.states) == len(mismatch.path) + 1
    rigs = [build(chosen.options)]
    for step, number in enumerate(mismatch.path):
        before, state = mismatch.states[step], mismatch.states[step + 1]
        assert (number, state) in set(successors(machine, before))
        assert all(number in enabled(rig, machine) for rig in rigs)
        rigs = after(rigs, machine.instances[number])
        for name in visible(machine):
            codes = {abstract(rig)[name] for rig in rigs}
            assert codes == {state[machine.position[name]]}, name


@pytest.mark.parametrize(("seed", "name", "says"), each_once(UNSEEN))
def test_what_cannot_be_seen_is_no_mismatch(
    seed: Defect, name: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound = unharmed(name)
    seed.patch(monkeypatch)
    outcome = conform(configuration(name))
    assert outcome.mismatch is None
    assert not outcome.stopped
    assert outcome.model_states == sound.model_states


@pytest.mark.parametrize("design", [design.value for design in Design])
def test_every_mechanism_has_a_defect(design: str) -> None:
    seeded = {
        seed.stands_for
        for seed in DEFECTS.values()
        for name in (*(name for name, _ in seed.on), *seed.unseen_on)
        if configuration(name).options.design == design
    }
    for mechanism in mechanisms_of(design):
        elsewhere = bool(mechanism.elsewhere) or mechanism.takes_several
        assert (mechanism.name in seeded) != elsewhere


def test_there_are_enough_defects() -> None:
    assert len(ROOMS) == 4
    assert len(DEFECTS) >= 60
    assert all(seed.on or seed.breaks for seed in DEFECTS.values())
