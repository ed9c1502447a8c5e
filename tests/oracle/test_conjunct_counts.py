# SPDX-License-Identifier: GPL-2.0-or-later
"""How often each conjunct was met: both engines, and a count by hand."""

from __future__ import annotations

from collections import Counter
from functools import cache

import pytest
from attrs import evolve

from checker.checking.conjunct_counts import (
    ActionCount,
    ConjunctCount,
    Counts,
    counts_of,
)
from checker.engines.evaluate import Evaluator
from checker.engines.exploration import Limits
from checker.engines.interpreter import InterpretedSearch, interpret
from checker.engines.native.explicit import explore
from checker.engines.smt.bounded import search as bounded
from model.designs import build
from model.language import Machine, MachineBuilder, Step, all_of
from model.options import Bounds, Failures, Options

OPTIONS = {
    "postcopy": Options(
        design="postcopy",
        bounds=Bounds(chunks=2, channel=1, writes=1),
        failures=Failures(refuse=1),
    ),
    "stop-copy": Options(
        design="stop-copy",
        bounds=Bounds(chunks=1, granules=2, channel=1, writes=1, downtime=1),
    ),
}


@cache
def machine(name: str) -> Machine:
    return build(OPTIONS[name])


@cache
def interpreted(name: str) -> InterpretedSearch:
    found = interpret(machine(name))
    assert not found.coverage.stopped
    return found


@cache
def counts(name: str) -> Counts:
    return counts_of(interpreted(name))


def lamp() -> Machine:
    """A lamp that is switched on and off, up to three times in all."""
    build = MachineBuilder("lamp")
    on = build.flag("on")
    times = build.counter("times", 3)
    broken = build.flag("broken")

    @build.action("user")
    def switch_on() -> Step:
        return Step(
            when=[~on, times < 3, ~broken],
            then=[on.becomes(True), times.becomes((times + 1).capped(3))],
        )

    @build.action("user")
    def switch_off() -> Step:
        return Step(when=[on, ~broken], then=[on.becomes(False)])

    @build.action("time", silent="the lamp is new")
    def wears_out() -> Step:
        return Step(when=[broken], then=[broken.becomes(True)])

    build.always("Few", "L1", "Few.", when=[on], then=[times > 0, times < 4])
    build.reachable("Used", "Used up.", then=[~on, times.is_(3)])
    build.reachable("Off", "It was off.", by=["switch_off"])
    build.may_end(all_of(times.is_(3), ~on))
    return build.machine()


def row(text: str, true: int, false: int, alone: int) -> ConjunctCount:
    return ConjunctCount(text, true, false, alone)


def test_a_lamp_by_hand() -> None:
    # off 0, on 1, off 1, on 2, off 2, on 3, off 3
    found = counts_of(interpret(lamp()))
    assert found.states == 7
    on, off, worn = found.actions
    assert on == ActionCount(
        "switch_on",
        "user",
        3,
        (
            row("not on", 4, 3, 2),
            row("times < 3", 5, 2, 1),
            row("not broken", 7, 0, 0),
        ),
    )
    assert off.fired == 3
    assert worn.fired == 0
    assert worn.guard == (row("broken", 0, 7, 7),)
    few, used, by = found.properties
    assert few.met == 3
    assert few.when == (row("on", 3, 4, 4),)
    assert few.then == (row("times > 0", 3, 0, 0), row("times < 4", 3, 0, 0))
    assert used.met == 1
    assert used.then == (row("not on", 4, 3, 1), row("times is 3", 2, 5, 3))
    assert by.met == 3


@pytest.mark.parametrize("name", OPTIONS)
@pytest.mark.parametrize("threads", [1, 2])
def test_both_engines_count_the_same(name: str, threads: int) -> None:
    search = explore(machine(name), Limits(threads=threads))
    assert counts_of(search) == counts(name)


@pytest.mark.parametrize("name", OPTIONS)
def test_the_counts_are_those_of_the_states(name: str) -> None:
    """Each guard, state by state, conjunct by conjunct."""
    true: Counter[tuple[str, int]] = Counter()
    alone: Counter[tuple[str, int]] = Counter()
    pairs: Counter[str] = Counter()
    for level in interpreted(name).levels:
        for state in level:
            here = Evaluator(machine(name), state)
            for instance in machine(name).instances:
                met = [here.holds(c.expression) for c in instance.guard]
                pairs[instance.action] += 1
                for place, one in enumerate(met):
                    true[instance.action, place] += one
                    others = met[:place] + met[place + 1 :]
                    alone[instance.action, place] += not one and all(others)
    for action in counts(name).actions:
        for place, found in enumerate(action.guard):
            key = action.name, place
            assert found.true == true[key]
            assert found.false == pairs[action.name] - true[key]
            assert found.alone == alone[key]


@pytest.mark.parametrize("name", OPTIONS)
def test_an_action_fires_where_its_guard_is_true(name: str) -> None:
    fired = interpreted(name).coverage.fired
    for action in counts(name).actions:
        assert action.fired == fired[action.name]
        if len(action.guard) == 1:
            assert action.guard[0].true == action.fired


@pytest.mark.parametrize("name", OPTIONS)
def test_what_holds_is_true_wherever_it_is_asked(name: str) -> None:
    asked = {p.name: p for p in counts(name).properties}
    for prop in machine(name).properties:
        if prop.kind == "always":
            found = asked[prop.name]
            assert [c.true for c in found.then] == [found.met] * len(prop.then)


def test_a_parameter_stands_by_its_name() -> None:
    actions = {a.name: a for a in counts("postcopy").actions}
    texts = [c.text for c in actions["send_bitmap_bits"].guard]
    assert "source.cursor is at chunk" in texts
    written = [c.text for c in actions["source_write_data"].guard]
    assert "not (granule in source.in_flight)" in written


def test_a_search_that_was_stopped_says_so() -> None:
    search = explore(machine("postcopy"), Limits(max_states=50))
    found = counts_of(search)
    assert found.stopped == "more than 50 states"
    assert found.states == search.coverage.states
    first = found.actions[0].guard[0]
    assert first.true + first.false == found.states * 2


def test_a_bounded_search_has_no_states_to_count() -> None:
    small = evolve(machine("postcopy"), properties=())
    with pytest.raises(TypeError, match="keeps no states"):
        counts_of(bounded(small, Limits(depth=1)))
