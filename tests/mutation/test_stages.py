# SPDX-License-Identifier: GPL-2.0-or-later
"""Does every action fire where the table demands it, and is that noticed?"""

from __future__ import annotations

import pytest
from attrs import evolve

from checker.engines.exploration import Limits, silent
from checker.engines.native.explicit import explore
from checker.mutation.catalogue import Planned, catalogue, mutants_of
from checker.mutation.questions import questions
from checker.mutation.stages import Demand, demands, met
from checker.mutation.trial import NO_LONGER_FIRES, Fate, baseline, tried
from model.language import Machine
from tests.designs import each_design
from tests.mutation.lamp import lamp

COLD = Demand("break_down", (("light", "off"), ("broken", "no")))
WARM = Demand("break_down", (("light", "warm"),))
BRIGHT = Demand("break_down", (("light", "on"),))
LATER = Demand("break_down", (("light", "warm"),), after="obey")


def found(machine: Machine, *asked: Demand) -> tuple[Demand, ...]:
    return met(explore(machine, Limits(), silent), asked)


def test_a_demand_is_met_by_a_state_in_which_the_action_is_enabled() -> None:
    assert found(lamp(), COLD, WARM, BRIGHT) == (COLD, WARM)


def test_what_there_is_not_does_not_fire() -> None:
    assert found(lamp(), Demand("explode", (("light", "on"),))) == ()
    assert found(lamp(), Demand("break_down", (("sound", "on"),))) == ()


def test_a_demand_in_words() -> None:
    assert str(COLD) == "break_down fires while light is off and broken is no"
    assert str(LATER) == "break_down fires while light is warm after obey"


def test_one_action_after_another() -> None:
    before = Demand("obey", (("light", "off"),), after="break_down")
    assert found(lamp(), LATER, before) == (LATER,)
    unknown = Demand("obey", (("light", "off"),), after="explode")
    assert found(lamp(), unknown) == ()


def test_a_failure_that_strikes_in_one_stage_less_is_noticed() -> None:
    machine = lamp()
    name = 'break_down: guard "light is not on": light: warm for on'
    assert name in {mutant.name for mutant in mutants_of(machine)}
    (mutant,) = [m for m in catalogue([machine]).planned if m.name == name]
    assert fate_of(mutant, machine) == (Fate.SURVIVED, ())
    assert fate_of(mutant, machine, COLD, WARM, BRIGHT) == (
        Fate.KILLED,
        (NO_LONGER_FIRES,),
    )


def test_an_action_after_which_another_fires_no_more_is_noticed() -> None:
    machine = lamp()
    name = "break_down: light not updated"
    (mutant,) = [m for m in catalogue([machine]).planned if m.name == name]
    again = Demand("break_down", (("light", "off"),), after="obey")
    _, killers = fate_of(mutant, machine, evolve(again, after=""))
    assert NO_LONGER_FIRES not in killers
    _, killers = fate_of(mutant, machine, again)
    assert NO_LONGER_FIRES in killers


def fate_of(
    mutant: Planned, machine: Machine, *asked: Demand
) -> tuple[Fate, tuple[str, ...]]:
    base = baseline("lamp", machine, asked)
    outcome = tried(mutant, [base].__getitem__)
    return outcome.fate, outcome.killers


@pytest.mark.parametrize("design", each_design())
def test_each_design_meets_every_demand(design: str) -> None:
    asked = demands(design)
    assert len(set(asked)) == len(asked) > 0
    seen: set[Demand] = set()
    for configuration in questions(design).complete:
        seen |= set(found(configuration.machine(), *asked))
    assert [str(demand) for demand in asked if demand not in seen] == []
