# SPDX-License-Identifier: GPL-2.0-or-later
"""What a loop does for ever, and what it puts off."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest
from attrs import evolve

from checker.engines.evaluate import Evaluator
from checker.traces.fairness import Loop, in_words, loop_of
from checker.traces.trace import Move, Trace
from model.language import Machine, MachineBuilder, Step
from model.options import Options
from tests.command import Result, too_wide

Command = Callable[..., Result]
OPTIONS = Options(design="postcopy")


def door() -> Machine:
    """A door that opens and shuts, beside a bell that need not ring."""
    build = MachineBuilder("door")
    opened = build.flag("opened")
    rung = build.flag("rung")
    locked = build.flag("locked")

    @build.action("porter", fair=True)
    def opens() -> Step:
        return Step(when=[~opened, ~locked], then=[opened.becomes(True)])

    @build.action("porter", fair=True)
    def greets() -> Step:
        return Step(when=[opened, ~rung], then=[])

    @build.action("guest")
    def shuts() -> Step:
        return Step(when=[opened], then=[opened.becomes(False)])

    @build.action("guest")
    def rings() -> Step:
        return Step(when=[~rung], then=[rung.becomes(True)])

    @build.action("guest")
    def locks() -> Step:
        return Step(when=[opened], then=[locked.becomes(True)])

    @build.action("porter", fair=True)
    def answers() -> Step:
        return Step(when=[rung], then=[rung.becomes(False)])

    build.eventually("Rung", "L1", "Rung.", then=[rung])
    return build.machine()


def lasso(loop: int | None, *actions: str) -> tuple[Machine, Trace]:
    machine = door()
    (state,) = machine.initials
    moves = []
    for name in actions:
        (instance,) = machine.action(name).instances
        here = Evaluator(machine, state)
        assert here.enabled(instance)
        state = here.successor(instance)
        moves.append(Move(name, instance.actor, (), state))
    (initial,) = machine.initials
    return machine, Trace(OPTIONS, "Rung", initial, tuple(moves), loop)


def test_a_loop_puts_off_what_is_not_fair() -> None:
    machine, trace = lasso(0, "opens", "shuts")
    assert loop_of(machine, trace) == Loop(
        first=1,
        last=2,
        fair_taken=("opens",),
        fair_at_times=("greets",),
        fair_never_enabled=("answers",),
        taken=("shuts",),
        put_off=("rings",),
        at_times=("locks",),
    )


def test_a_stem_is_no_part_of_the_loop() -> None:
    machine, trace = lasso(2, "opens", "shuts", "opens", "greets", "shuts")
    found = loop_of(machine, trace)
    assert found is not None
    assert (found.first, found.last) == (3, 5)
    assert found.fair_taken == ("opens", "greets")


def test_a_run_that_rests_takes_nothing() -> None:
    machine, trace = lasso(4, "opens", "locks", "shuts", "rings")
    machine = evolve(
        machine,
        actions=tuple(a for a in machine.actions if a.name != "answers"),
    )
    found = loop_of(machine, trace)
    assert found == Loop(
        first=None,
        last=4,
        fair_taken=(),
        fair_at_times=(),
        fair_never_enabled=("opens", "greets"),
        taken=(),
        put_off=(),
        at_times=(),
    )


def test_a_run_that_ends_has_no_loop() -> None:
    assert loop_of(*lasso(None, "opens", "shuts")) is None


def test_a_loop_that_is_not_fair_is_our_bug() -> None:
    machine, trace = lasso(1, "rings")
    with pytest.raises(AssertionError, match="not fair"):
        loop_of(machine, trace)


def test_the_words_name_each_kind_that_there_is() -> None:
    found = loop_of(*lasso(0, "opens", "shuts"))
    assert found is not None
    assert found.place == "In the loop, steps 1 to 2, for ever"
    assert "\n".join(in_words(found)) == (
        "  fair, taken             opens\n"
        "  fair, enabled at times  greets\n"
        "  fair, never enabled     1 action\n"
        "  not fair, taken         shuts\n"
        "  not fair, put off       rings\n"
        "  not fair, at times      locks\n"
        "  A fair action is not put off for ever while it stays enabled. "
        "What is\n"
        "  put off is enabled all along and never taken."
    )


def test_a_violation_is_printed_with_its_loop(dbmcheck: Command) -> None:
    said = "not fair, put off    source_write_data"
    for verb in ("check", "show", "explain", "cite"):
        out = dbmcheck(verb, "stop-copy-never-stops").out
        assert said in out, verb
        assert too_wide(out) == []
    answer = dbmcheck("check", "stop-copy-never-stops", "--format", "json")
    fairness = json.loads(answer.out)["trace"]["fairness"]
    assert fairness["put_off"] == ["source_write_data"]
    assert fairness["first"] is None


def test_a_run_that_ends_is_printed_without(dbmcheck: Command) -> None:
    result = dbmcheck("check", "drop-bitmap-anew", "--format", "json")
    trace = json.loads(result.out)["trace"]
    assert trace["loop"] is None
    assert trace["fairness"] is None


def test_the_model_says_who_is_fair(dbmcheck: Command) -> None:
    out = dbmcheck("model", "live", "--fairness").out
    fair, unfair, failures = out.split("\n\n")[1:4]
    assert fair.startswith("fair: ")
    assert "source_set_dirty" in fair
    assert "source_write_data" in unfair
    assert "channel_cut" in failures
    told = json.loads(dbmcheck("model", "live", "--format", "json").out)
    for action in told["actions"]:
        name = action["name"].partition("(")[0]
        named = name in re.findall(r"\w+", fair)
        assert named == ("fair" in action["notes"])
        others = re.findall(r"\w+", f"{unfair} {failures}")
        assert named != (name in others)
