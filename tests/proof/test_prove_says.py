# SPDX-License-Identifier: GPL-2.0-or-later
"""``prove`` says PROVED of a property only if everything else is shown."""

from __future__ import annotations

import errno
import json
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import z3

from checker.cli import certificate_view
from checker.engines.exploration import Limits
from checker.engines.native import explicit
from checker.proof import prove as proving
from checker.proof.judgement import Judgement, Provability, supported
from checker.proof.obligation import Obligation, Outcome
from checker.proof.prove import (
    prove,
)
from model.design import DESIGNS
from model.designs import build
from model.language import Projected
from model.language.projected_channel import slots_suffice
from model.options import Options
from tests.command import Result, too_wide

Command = Callable[..., Result]
DESIGN = DESIGNS[-1]
SHOWN = "what is asked"
NO_MEMORY = [
    MemoryError(),
    OSError(errno.ENOMEM, "Cannot allocate memory"),
    z3.Z3Exception(b"out of memory"),
]


def obligation(outcome: Outcome) -> Obligation:
    return Obligation(name=SHOWN, outcome=outcome, seconds=0.0)


def plan_with(
    monkeypatch: pytest.MonkeyPatch, work: Callable[[], Obligation]
) -> None:
    """Have ``work`` be all that has to be shown beside the exploration."""
    for module in (proving, certificate_view):
        monkeypatch.setattr(module, "plan", lambda *_: [(SHOWN, work)])


@pytest.mark.parametrize("outcome", [Outcome.REFUTED, Outcome.OPEN])
def test_no_property_is_proved_if_an_obligation_is_not(
    outcome: Outcome, dbmcheck: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan_with(monkeypatch, partial(obligation, outcome))
    result = dbmcheck("prove", DESIGN)
    assert result.code == 20
    assert too_wide(result.out) == []
    # of whole runs another view speaks, with obligations of its own
    always = result.out.partition("Whole runs")[0]
    headline, table = result.out.splitlines()[0], always.partition("for |")
    assert headline == (
        f"{DESIGN}: INCONCLUSIVE ('{SHOWN}' is {outcome.value})"
    )
    assert "PROVED" not in table[2]
    assert "INCONCLUSIVE" in table[2]
    said = json.loads(dbmcheck("prove", DESIGN, "--format", "json").out)
    assert {p["verdict"] for p in said["properties"]} == {"INCONCLUSIVE"}


def test_with_every_obligation_met_they_are_proved(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plan_with(monkeypatch, partial(obligation, Outcome.PROVED))
    proof = prove(Options(design=DESIGN))
    assert proof.verdict is Provability.PROVED
    assert {j.answer for j in proof.judgements} == {Provability.PROVED}
    assert proof.proved_guarantees


def test_a_violation_stays_one(monkeypatch: pytest.MonkeyPatch) -> None:
    found = Judgement(name="a", guarantee="S1", answer=Provability.VIOLATED)
    kept = supported(
        build(Options(design=DESIGN), Projected()),
        [obligation(Outcome.REFUTED)],
        [found],
    )
    assert kept == (found,)


def test_nothing_is_proved_where_the_slots_do_not_suffice() -> None:
    machine = build(Options(design=DESIGN), Projected())
    slots = slots_suffice(machine.channels[0].name)
    found = [
        Judgement(name="a", guarantee="S1", answer=Provability.PROVED),
        Judgement(name=slots, guarantee="", answer=Provability.INCONCLUSIVE),
    ]
    first, _ = supported(machine, [], found)
    assert first.answer is Provability.INCONCLUSIVE
    assert first.reason == "not all is shown"


def test_a_guarantee_with_whole_runs_is_proved_in_part_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An ``eventually`` property is not asked here: its guarantee is open."""
    plan_with(monkeypatch, partial(obligation, Outcome.PROVED))
    proof = prove(Options(design=DESIGN))
    machine = build(Options(design=DESIGN))
    later = [p for p in machine.properties if p.kind == "eventually"]
    runs = {p.guarantee for p in later if p.guarantee}
    assert proof.in_part == runs
    assert not proof.proved_guarantees & runs


# -- out of memory -----------------------------------------------------------


def raising(error: BaseException) -> Callable[..., Any]:
    def work(*_: object, **__: object) -> Any:
        raise error

    return work


@pytest.mark.parametrize("error", NO_MEMORY, ids=lambda e: type(e).__name__)
def test_an_obligation_without_memory_is_open(
    error: Exception, dbmcheck: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan_with(monkeypatch, raising(error))
    result = dbmcheck("prove", DESIGN)
    assert result.code == 20
    assert f"{SHOWN}: out of memory" in result.out


@pytest.mark.parametrize("error", NO_MEMORY[:2], ids=str)
def test_an_exploration_without_memory_is_one_line(
    error: Exception, dbmcheck: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proving, "explore", raising(error))
    result = dbmcheck("prove", DESIGN)
    assert result.code == 20
    assert result.err == (
        f"dbmcheck: {DESIGN}: INCONCLUSIVE: out of memory before the first "
        "state\n"
    )


def test_a_limit_of_the_exploration_names_itself(dbmcheck: Command) -> None:
    result = dbmcheck("prove", DESIGN, "--max-states", "1000")
    assert result.code == 20
    assert "fixed point: more than 1000 states" in " ".join(
        result.out.replace("|", " ").split()
    )


@pytest.mark.parametrize("error", NO_MEMORY, ids=lambda e: type(e).__name__)
@pytest.mark.parametrize(
    ("command", "where"),
    [
        (("check", DESIGN), "checker.cli.check_view.check"),
        (("ablate", DESIGN), "checker.cli.ablate_view.ablate"),
        (("compare",), "checker.cli.compare_view.compare"),
        (("simulate", DESIGN), "checker.cli.simulate_view.simulate"),
        (("prove", DESIGN), "checker.cli.prove_view.shown_trace"),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_no_memory_is_no_mistake_of_the_user(
    error: Exception,
    command: tuple[str, ...],
    where: str,
    dbmcheck: Command,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plan_with(monkeypatch, partial(obligation, Outcome.PROVED))
    monkeypatch.setattr(where, raising(error))
    result = dbmcheck(*command)
    assert result.code == 20
    assert result.err == "dbmcheck: INCONCLUSIVE: out of memory\n"


def test_a_search_that_gets_no_more_memory_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whatever was found until then is kept."""

    def full(self: Any, end: int) -> None:
        raise MemoryError

    monkeypatch.setattr(explicit.Part, "advance", full)
    coverage = explicit.explore(build(Options(design=DESIGN))).coverage
    assert coverage.stopped == "out of memory"
    assert coverage.states == 1
    assert explicit.explore(
        build(Options(design=DESIGN)), Limits(max_states=1)
    ).coverage.stopped
