# SPDX-License-Identifier: GPL-2.0-or-later
"""Does every finding of every exploration reach table, answer and status?"""

from __future__ import annotations

import json

import pytest
from attrs import evolve

from checker.answer.as_built import AsBuilt
from checker.answer.conclusion import sentences
from checker.answer.explorations import ASKED, Explorer
from checker.answer.result import MAIN, SAFETY, DesignResult, Proved
from checker.answer.standing import BOUNDED, ENDS, FITS, Standing
from checker.cli.compare_json import to_json
from checker.cli.compare_view import exit_code, print_all
from checker.engines.exploration import Limits, Report, Search
from checker.engines.interpreter import interpret
from checker.input.configuration import load
from checker.input.exit_codes import ExitCode
from checker.proof.judgement import Provability
from model import designs
from model.design import DESIGNS
from model.language import Machine
from model.language import expression as ex
from model.options import Failures, Options
from tests.comparison import broken
from tests.comparison.broken import alone, compared, only
from tests.json_shapes import check_shape

HELD = Standing.HOLDS.value
NO_MORE = "nothing breaks, but little happens"
HOLDING = {Standing.HOLDS, Standing.IN_PART, Standing.NOT_PROMISED}


def at(row: str) -> broken.Where:
    """The instance of a row of L1, with failures."""
    return lambda options: (
        options.bounds == ASKED[row] and options.failures != Failures()
    )


def in_main(options: Options) -> bool:
    """The main instance: the only one with edits."""
    return bool(options.bounds.edits)


def in_costs(options: Options) -> bool:
    """An instance that only costs are asked of."""
    bounds = options.bounds
    return bounds.chunks == 3 and options.failures == Failures()


def said(result: DesignResult) -> str:
    """The answer, in one line."""
    return " ".join(sentences(alone(result)))


def test_a_sound_design_has_no_finding(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    result = compared(monkeypatch, broken.sound)
    assert result.told == ()
    assert set(result.standings.values()) <= HOLDING
    assert result.tenable
    assert exit_code(alone(result)) == ExitCode.AS_EXPECTED


@pytest.mark.parametrize(
    "where",
    [
        pytest.param(lambda _: True, marks=pytest.mark.full),
        pytest.param(at(BOUNDED), marks=pytest.mark.full),
        at(FITS),
        in_main,
    ],
)
def test_a_deadlock_anywhere(
    where: broken.Where, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``check`` finds it: then the design neither ends nor is tenable."""
    result = compared(monkeypatch, only(where, broken.stuck))
    assert result.gets_stuck
    assert Standing.VIOLATED in result.standings.values()
    assert not result.tenable and not result.tenable_somewhere
    assert exit_code(alone(result)) == ExitCode.DEADLOCK
    assert "It can get stuck: after " in said(result)
    assert "NoDeadlock" in said(result)
    assert "drop is not tenable" in said(result)
    assert "drop is tenable" not in said(result)


def test_where_nothing_ever_begins_nothing_holds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    result = compared(monkeypatch, broken.never_begins)
    for row in ("S6", ENDS, FITS, BOUNDED):
        assert result.standings[row] is Standing.VACUOUS
    assert Standing.VIOLATED not in result.standings.values()
    assert exit_code(alone(result)) == ExitCode.UNREACHED
    assert "This proves nothing: its premise is never met" in said(result)
    assert "breaks" not in said(result)
    assert "keeps" not in said(result)
    assert not result.tenable


def test_what_holds_where_something_never_happens_is_marked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No property of the guarantee needs what never happens."""
    result = compared(monkeypatch, broken.idle)
    held = result.standing_as(Standing.HOLDS)
    assert held and result.idle
    print_all(alone(result))
    printed = capsys.readouterr().out
    rows = [row for row in printed.splitlines() if f"|{HELD}" in row]
    assert len(rows) == len(held)
    assert all(f"|{HELD}*" in row for row in rows)
    assert f"* drop: {NO_MORE}" in " ".join(printed.split())
    assert to_json(alone(result))["designs"]["drop"]["never_happens"] == [
        *result.idle
    ]


def test_a_design_that_does_its_work_is_not_marked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    print_all(alone(compared(monkeypatch, broken.sound)))
    printed = capsys.readouterr().out
    assert f"|{HELD}" in printed and f"{HELD}*" not in printed
    assert NO_MORE not in " ".join(printed.split())


@pytest.mark.parametrize(
    "where",
    [pytest.param(at(BOUNDED), marks=pytest.mark.full), at(FITS), in_main],
)
def test_a_premise_that_one_instance_never_meets(
    where: broken.Where, monkeypatch: pytest.MonkeyPatch
) -> None:
    never = broken.with_property("Never", "always", "S6", when=ex.FALSE)
    result = compared(monkeypatch, only(where, never))
    assert result.standings["S6"] is Standing.VACUOUS
    assert result.standings["S1"] is Standing.HOLDS
    assert exit_code(alone(result)) == ExitCode.UNREACHED
    assert "This proves nothing" in said(result)
    assert "Never (S6, " in said(result)


@pytest.mark.parametrize(
    "where",
    [
        pytest.param(at(BOUNDED), marks=pytest.mark.full),
        at(FITS),
        in_main,
        in_costs,
    ],
)
def test_a_violation_in_one_instance_only(
    where: broken.Where, monkeypatch: pytest.MonkeyPatch
) -> None:
    false = broken.with_property("False", "always", "S6", then=ex.FALSE)
    result = compared(monkeypatch, only(where, false))
    assert result.standings["S6"] is Standing.VIOLATED
    assert exit_code(alone(result)) == ExitCode.ALWAYS_VIOLATED
    assert "It breaks S6 (False, " in said(result)
    assert not result.tenable


@pytest.mark.parametrize(
    "where",
    [at(FITS), pytest.param(in_main, marks=pytest.mark.full), in_costs],
)
def test_a_violated_type_invariant(
    where: broken.Where, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = compared(monkeypatch, only(where, broken.ill_typed))
    assert exit_code(alone(result)) == ExitCode.ALWAYS_VIOLATED
    assert "The model itself is wrong: its type invariant" in said(result)
    assert not result.tenable


@pytest.mark.parametrize(
    "where",
    [at(FITS), pytest.param(in_main, marks=pytest.mark.full), in_costs],
)
def test_an_action_that_never_fires(
    where: broken.Where, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = compared(monkeypatch, only(where, broken.idle))
    assert exit_code(alone(result)) == ExitCode.UNREACHED
    assert "Never done: idle (" in said(result)
    assert not result.tenable


@pytest.mark.parametrize("where", [at(BOUNDED), in_main])
def test_an_unmet_reachable(
    where: broken.Where, monkeypatch: pytest.MonkeyPatch
) -> None:
    unmet = broken.with_property("Unmet", "reachable", "", then=ex.FALSE)
    result = compared(monkeypatch, only(where, unmet))
    assert exit_code(alone(result)) == ExitCode.UNREACHED
    assert "it is never reached: Unmet (" in said(result)
    assert not result.tenable


def test_a_design_that_need_not_end_in_one_instance(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """That is an answer: the table has it, and it is not tenable always."""
    result = compared(monkeypatch, only(at(BOUNDED), broken.never_ends))
    assert result.standings[BOUNDED] is Standing.VIOLATED
    assert result.standings[FITS] is Standing.HOLDS
    assert not result.converges and not result.tenable
    assert result.tenable_somewhere
    assert exit_code(alone(result)) == ExitCode.AS_EXPECTED
    assert "else it need not end" in said(result)


def test_a_design_that_never_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """For no guest at all: that is no answer but a mistake."""
    result = compared(monkeypatch, broken.never_ends)
    assert exit_code(alone(result)) == ExitCode.EVENTUALLY_VIOLATED
    assert "with any guest that was explored" in said(result)
    assert "drop is not tenable" in said(result)


def test_another_promise_about_whole_runs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An ``eventually`` property of a guarantee that is not L1."""
    never = broken.with_property("Later", "eventually", "S3", then=ex.FALSE)
    result = compared(monkeypatch, only(at(FITS), never))
    assert result.standings["S3"] is Standing.VIOLATED
    assert exit_code(alone(result)) == ExitCode.EVENTUALLY_VIOLATED
    assert "It breaks S3 (Later, " in said(result)


def test_one_instance_that_is_not_finished(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nothing is claimed of the whole, and nothing is preferred."""
    searched = Explorer._search

    def limited(self: Explorer, machine: Machine, report: Report) -> Search:
        wanted = evolve(load("drop").options, bounds=ASKED[FITS])
        if machine.digest != designs.build(wanted).digest:
            return searched(self, machine, report)
        few = evolve(self._limits, max_states=20)
        return interpret(machine, few, report)

    unlike = broken.with_property("Unlike", "always", "S6")
    monkeypatch.setattr(Explorer, "_search", limited)
    result = compared(monkeypatch, only(at(FITS), unlike))
    assert result.standings[FITS] is Standing.INCONCLUSIVE
    assert result.standings[BOUNDED] is Standing.HOLDS
    assert exit_code(alone(result)) == ExitCode.INCONCLUSIVE
    assert "more than 20 states" in said(result)
    assert "Answer: none" in said(result)


def test_a_limit_leaves_everything_open(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    limits = Limits(max_states=20)
    result = compared(monkeypatch, broken.sound, limits=limits)
    assert set(result.standings.values()) <= {
        Standing.INCONCLUSIVE,
        Standing.NOT_PROMISED,
    }
    assert result.costs is not None
    assert str(result.costs.stopped) == "unknown"
    assert result.costs.at_risk is None and result.costs.always_lost is None
    assert exit_code(alone(result)) == ExitCode.INCONCLUSIVE


@pytest.mark.parametrize(
    "states", [pytest.param(100, marks=pytest.mark.full), 2000]
)
def test_vacuity_needs_searches_that_finished(
    states: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is never met where a migration need not end may be elsewhere.

    Here the explorations with a limit of the whole disk are cut short, and
    those in which it need not end are finished.
    """
    limits = Limits(max_states=states)
    result = compared(monkeypatch, broken.sound, "stop-copy", limits)
    finished = [e for e in result.explored if not e.coverage.stopped]
    assert any(
        finding.exit_code is ExitCode.UNREACHED
        for one in finished
        for finding in one.findings
    )
    assert Standing.VACUOUS not in result.standings.values()
    assert exit_code(alone(result)) == ExitCode.INCONCLUSIVE
    assert "This proves nothing" not in said(result)


def test_vacuity_needs_every_exploration(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One that is missing may have met what the others did not."""
    whole = compared(monkeypatch, broken.never_begins)
    left = tuple(e for e in whole.explored if e.title != FITS)
    result = evolve(whole, explored=left, missing={FITS: "interrupted"})
    assert Standing.VACUOUS not in result.standings.values()
    assert exit_code(alone(result)) == ExitCode.INCONCLUSIVE


def test_a_limit_hides_no_violation(monkeypatch: pytest.MonkeyPatch) -> None:
    false = broken.with_property("False", "always", "S5", then=ex.FALSE)
    limits = Limits(max_states=20)
    result = compared(monkeypatch, false, limits=limits)
    assert exit_code(alone(result)) == ExitCode.ALWAYS_VIOLATED


def test_a_promise_that_nothing_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    def silent(machine: Machine, options: Options) -> Machine:
        kept = tuple(p for p in machine.properties if p.guarantee != "S6")
        return evolve(machine, properties=kept)

    result = compared(monkeypatch, silent)
    assert result.standings["S6"] is Standing.NOT_ASKED
    assert exit_code(alone(result)) == ExitCode.UNREACHED
    assert "Neither asked nor refused: S6" in said(result)


def test_what_is_promised_in_part_can_break(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """That a guarantee is not promised in full hides no violation of it."""
    false = broken.with_property("False", "always", "S5", then=ex.FALSE)
    assert "S5" in compared(monkeypatch, broken.sound).not_promised
    result = compared(monkeypatch, false)
    assert result.standings["S5"] is Standing.VIOLATED
    assert exit_code(alone(result)) == ExitCode.ALWAYS_VIOLATED


@pytest.mark.parametrize(
    ("violated", "code", "text"),
    [
        ({"Larger": "S1"}, ExitCode.ALWAYS_VIOLATED, "breaks S1 (Larger)"),
        ({}, ExitCode.UNREACHED, "Its proof proves nothing"),
    ],
)
def test_what_a_proof_finds_wrong(
    violated: dict[str, str],
    code: ExitCode,
    text: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A larger disk, or failures without end, may break what held."""
    proof = Proved(
        verdict=Provability.VIOLATED,
        guarantees=frozenset(),
        open="",
        violated=violated,
        code=code,
        states=1,
        kept=0,
        seconds=0.0,
    )
    sound = compared(monkeypatch, broken.sound)
    result = evolve(sound, proof=proof)
    assert exit_code(alone(result)) == code
    assert text in said(result)
    assert not result.tenable


def test_every_finding_is_in_the_data(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    result = compared(monkeypatch, broken.never_begins)
    data = json.loads(json.dumps(to_json(alone(result))))
    told = data["designs"]["drop"]["findings"]
    found = {
        (one.title, finding.name)
        for one in result.explored
        for finding in one.findings
        if finding.verdict.value != "HOLDS"
    }
    assert {(one["in"], one["property"]) for one in told} == found
    assert {one["in"] for one in told} >= {MAIN, BOUNDED, FITS}


def test_the_keys_of_the_data(monkeypatch: pytest.MonkeyPatch) -> None:
    """One of each: a finding, a proof, the design as built, costs."""
    result = evolve(
        compared(monkeypatch, only(in_main, broken.stuck)),
        proof=Proved(
            verdict=Provability.PROVED,
            guarantees=frozenset({"S1"}),
            open="",
            violated={},
            code=ExitCode.AS_EXPECTED,
            states=1,
            kept=0,
            seconds=0.0,
        ),
        as_built=AsBuilt(
            label="as built", without=frozenset({"x"}), broken={"S1": ("x",)}
        ),
    )
    check_shape("compare", to_json(alone(result)))


@pytest.mark.slow
@pytest.mark.parametrize("design", DESIGNS)
def test_the_shipped_designs_have_no_finding(
    design: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = compared(monkeypatch, broken.sound, design)
    assert result.told == ()
    assert all(result.standings[key] in HOLDING for key in SAFETY)


def test_every_finding_is_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A sentence may count some of them; the text names each."""
    result = compared(monkeypatch, broken.never_begins)
    print_all(alone(result))
    printed = " ".join(capsys.readouterr().out.split())
    names = {told.finding.name for told in result.told}
    assert len(names) > 6
    assert all(f"drop: {name}" in printed for name in names)
