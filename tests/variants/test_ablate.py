# SPDX-License-Identifier: GPL-2.0-or-later
"""``ablate`` on the designs: never another answer than ``check``'s."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from functools import cache

import pytest
from attrs import evolve

from checker.answer.ablate import Ablation, Removal, ablate, smallest_of
from checker.answer.mechanism_sets import Set
from checker.answer.removed_together import EVERYTHING, Sets, removed_together
from checker.checking.check import check
from checker.checking.kept import Kept, Question, kept_by
from checker.checking.variants import (
    EVERY_PROPERTY,
    Explore,
    explorer,
    lacking,
)
from checker.cli.ablate_view import asked_by
from checker.engines.exploration import Limits
from checker.engines.verdict import Finding, Verdict
from checker.input.configuration import Configuration, load, selects, shipped
from model.design import DESIGNS, MIGRATE
from model.designs import build
from model.lookup import mechanisms_of
from tests import designs
from tests.command import Result, too_wide

Command = Callable[..., Result]
ROWS = [(d, m.name) for d in DESIGNS for m in mechanisms_of(d)]
#: the ablation of each of the others takes ten seconds
OFTEN = ("postcopy", "drop")
each_design = pytest.mark.parametrize("design", designs.each_design(OFTEN))
each_row = pytest.mark.parametrize(
    ("design", "name"), ROWS, ids=[f"{d} without {n}" for d, n in ROWS]
)


@pytest.fixture
def explore() -> Iterator[Explore]:
    with explorer(Limits()) as found:
        yield found


@cache
def ablation(design: str) -> Ablation:
    with explorer(Limits()) as explore:
        return ablate(design, explore)


def removal(design: str, name: str) -> Removal:
    (found,) = (
        r for r in ablation(design).removals if r.mechanism.name == name
    )
    return found


def violated(findings: tuple[Finding, ...]) -> dict[str, int | None]:
    return {f.name: f.steps for f in findings if f.verdict is Verdict.VIOLATED}


# -- ablate and check --------------------------------------------------------


def asks(configuration: Configuration, name: str) -> bool:
    """Whether a check of the configuration may say ``name`` is violated."""
    every = build(configuration.options).properties
    found = [p for p in every if p.name == name]
    chosen = configuration.properties
    return not found or not chosen or selects(chosen, found[0])


@pytest.mark.parametrize(
    ("design", "name"),
    [
        pytest.param(
            *row,
            id=" without ".join(row),
            marks=()
            if number % 5 == 0 and row[0] in OFTEN
            else pytest.mark.full,
        )
        for number, row in enumerate(ROWS)
    ],
)
def test_check_says_the_same(design: str, name: str) -> None:
    configuration = load(f"{design}-small")
    variant = evolve(
        configuration, options=lacking(configuration.options, [name])
    )
    answer = check(variant, traces=False)
    found = removal(design, name)
    first = ablation(design).smallest.questions[0]
    assert first.options == configuration.options
    assert violated(answer.findings) == {
        b.finding.name: b.finding.steps
        for b in found.breaks
        if b.question is first and asks(variant, b.finding.name)
    }
    assert answer.verdict is not Verdict.INCONCLUSIVE
    if found.redundant:
        assert answer.verdict is Verdict.HOLDS


@pytest.mark.slow
@each_row
def test_check_says_the_same_of_every_question(design: str, name: str) -> None:
    found, mine = ablation(design), removal(design, name)
    at_smallest = {
        b.finding.name
        for b in mine.breaks
        if b.question in found.smallest.questions
    }
    questions = list(found.smallest.questions)
    if mine.mechanism.protects not in {
        b.promise for b in mine.breaks if b.finding.name in at_smallest
    }:
        assert found.larger is not None
        questions += found.larger.questions
    for question in questions:
        configuration = Configuration(
            name="variant",
            options=lacking(question.options, [name]),
            properties=tuple(sorted(question.choice.names or ())),
        )
        answer = check(configuration, traces=False)
        broken = violated(
            tuple(f for f in answer.findings if asked(question, f, EVERYTHING))
        )
        # what several questions show is named once
        assert broken.keys() <= {b.finding.name for b in mine.breaks}
        for b in mine.breaks:
            if b.question is question:
                assert broken[b.finding.name] == b.finding.steps


@pytest.mark.slow
@each_row
def test_what_ablate_prints_to_see_one_shows_one(
    dbmcheck: Command, design: str, name: str
) -> None:
    for broken in removal(design, name).breaks:
        if broken.real:
            shown = f"{design}-small"
            if broken.question.easier:
                shown = asked_by(design, broken.finding.name)
            wanted = ("--property", broken.finding.name)
            result = dbmcheck("cite", shown, "--without", name, *wanted)
            assert result.code == 0, result.err


# -- everything that the complete design keeps -------------------------------


@each_design
def test_every_property_is_asked_somewhere(design: str) -> None:
    found = ablation(design)
    every = {p.name for p in build(smallest_of(design)).properties}
    asked = {
        f.name for question in found.smallest.questions for f in question.kept
    }
    unasked = {f.name for f in found.smallest.unasked}
    assert asked | unasked == every
    assert unasked == set()
    assert found.stopped == ""


@pytest.mark.full
def test_an_end_is_asked_with_the_bounds_with_which_it_comes() -> None:
    """The live design need not end while the guest writes."""
    (design,) = (
        load(name).options.design
        for name in shipped()
        if name.endswith("-never-ends")
    )
    first, easier = ablation(design).smallest.questions
    assert "MigrationEnds" in first.unkept
    assert "MigrationEnds" in easier.kept_names
    assert easier.options.bounds.writes == 2


@pytest.mark.parametrize("design", designs.each_design(OFTEN, MIGRATE))
def test_a_partial_bitmap_that_stays_breaks_two_promises(design: str) -> None:
    """It stands in the way of the next attempt, so that need not end."""
    found = removal(design, "remove-partial")
    assert found.shown is not None
    assert found.shown.promise == "S2" and "L1" in found.also


@each_design
def test_without_fencing_a_vm_need_not_run_again(design: str) -> None:
    """Nor need its migration end."""
    found = removal(design, "fencing")
    assert found.shown is not None
    assert found.shown.finding.name == "VmIsNotLeftStopped"
    assert found.shown.promise == found.mechanism.protects
    assert "MigrationEnds" in {b.finding.name for b in found.breaks}
    assert "L1" in found.also


# -- two at a time -----------------------------------------------------------


def broken_without(
    explore: Explore, design: str, *removed: Set
) -> list[set[str]]:
    kept = kept_by(smallest_of(design), explore, design)
    found: list[set[str]] = [set() for _ in removed]
    for question in kept.questions:
        variants = explore(
            [lacking(question.options, names) for names in removed],
            question.choice,
            design,
        )
        for broken, variant in zip(found, variants, strict=True):
            broken |= {f.name for f in question.of(variant).findings}
    return found


def test_just_or_it(explore: Explore) -> None:
    """Chunks that are OR-ed need no successor: nothing they could erase."""
    successor, chunk = "successor", "chunk-overwrites"
    alone, other, both = broken_without(
        explore,
        "postcopy",
        frozenset({successor}),
        frozenset({chunk}),
        frozenset({successor, chunk}),
    )
    assert "NoLostDirtyBitOnDestination" in alone
    assert other == set() and both == set()


# -- in several processes ----------------------------------------------------


def test_several_processes_find_the_same(
    explore: Explore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("checker.checking.variants.WORTH_A_PROCESS", 2)
    design = DESIGNS[-1]
    options = [
        lacking(smallest_of(design), [m.name]) for m in mechanisms_of(design)
    ][:5]
    said: list[str] = []
    with explorer(Limits(), said.append, processes=2) as several:
        found = several(options, EVERY_PROPERTY, "them")
    expected = explore(options, EVERY_PROPERTY, "them")
    assert [(v.options, v.findings, v.states) for v in found] == [
        (v.options, v.findings, v.states) for v in expected
    ]
    assert said[-1] == "them: 5 of 5 variants"


# -- the command -------------------------------------------------------------


def test_the_text(dbmcheck: Command) -> None:
    design = DESIGNS[-1]
    result = dbmcheck("ablate", design, "--singles")
    assert not too_wide(result.out)
    for mechanism in mechanisms_of(design):
        assert f"\n{mechanism.name} " in result.out
    words = " ".join(result.out.split())
    assert "keeps was asked, at 1 chunk of 1 granule" in words
    assert f"dbmcheck cite {design}-small --without MECHANISM" in result.out


def test_the_data(dbmcheck: Command) -> None:
    design = DESIGNS[-1]
    result = dbmcheck("ablate", design, "--singles", "--format", "json")
    data = json.loads(result.out)
    assert data["exit_code"] == result.code
    assert data["sets"] is None and data["not_asked"] == []
    asked = {name for at in data["asked"] for name in at["properties"]}
    assert asked == {p.name for p in build(smallest_of(design)).properties}
    entry = data["mechanisms"]["fencing"]
    assert entry["property"] == "VmIsNotLeftStopped" and entry["steps"] > 0
    assert entry["also_breaks"] == ["L1"]
    names = {b["property"] for b in entry["breaks"]}
    assert names == {"VmIsNotLeftStopped", "MigrationEnds"}


def test_limits_make_it_inconclusive(dbmcheck: Command) -> None:
    result = dbmcheck("ablate", DESIGNS[-1], "--max-states", "50")
    assert result.code == 20
    assert "INCONCLUSIVE" in result.out and not too_wide(result.out)
    assert "redundant" not in result.out


# -- sets --------------------------------------------------------------------


@cache
def sets_of(design: str) -> tuple[Kept, Sets]:
    smallest = ablation(design).smallest
    with explorer(Limits(), processes=2) as explore:
        return smallest, removed_together(design, smallest, explore)


def keeps(kept: Kept, promise: str, gone: Set) -> bool:
    """What ``check`` says, asked for all that the complete design keeps."""
    for question in kept.questions:
        configuration = Configuration(
            name="variant",
            options=lacking(question.options, gone),
            properties=tuple(sorted(question.choice.names or ())),
        )
        findings = check(configuration, traces=False).findings
        held = [f for f in findings if f.verdict is Verdict.HOLDS]
        bad = [f for f in findings if f not in held]
        # what is not even promised is not kept
        bad += [f for f in question.kept if f.name not in names_of(findings)]
        if any(asked(question, f, promise) for f in bad):
            return False
    return True


def names_of(findings: Sequence[Finding]) -> set[str]:
    return {f.name for f in findings}


def asked(question: Question, finding: Finding, promise: str) -> bool:
    if question.choice.names is not None:
        there = finding.name in question.choice.names
    else:
        there = finding.name not in question.unkept
    return there and promise in (EVERYTHING, finding.guarantee)


@pytest.mark.slow
@each_design
def test_a_set_that_may_go_may_and_none_more(design: str) -> None:
    kept, sets = sets_of(design)
    assert not sets.stopped
    for promise, found in sets.together.items():
        assert found.sets and found.pairs and found.all_grown
        for gone in found.sets:
            assert keeps(kept, promise, gone)
            for more in set(sets.names) - gone:
                assert not keeps(kept, promise, gone | {more})


@pytest.mark.slow
@each_design
def test_pairs_that_heal_and_cover(design: str) -> None:
    kept, sets = sets_of(design)
    for promise, pairs in sets.pairs.items():
        for pair in pairs.healing:
            assert keeps(kept, promise, pair)
            assert not all(keeps(kept, promise, Set({n})) for n in pair)
        for pair in pairs.covering:
            assert not keeps(kept, promise, pair)
            assert all(keeps(kept, promise, Set({n})) for n in pair)


@pytest.mark.slow
@each_design
def test_the_whole_command(dbmcheck: Command, design: str) -> None:
    result = dbmcheck("ablate", design, "--format", "json")
    data = json.loads(result.out)["sets"]
    _, sets = sets_of(design)
    assert set(data["promises"]) == set(sets.promises)
    for promise, entry in data["promises"].items():
        assert entry["pairs_more_tried"] and entry["all_grown"]
        gone = [set(chosen) for chosen in entry["may_go_together"]]
        assert gone == [set(s) for s in sets.together[promise].sets]
        for names, left in zip(gone, entry["enough"], strict=True):
            assert names | set(left) == set(sets.names)
    text = dbmcheck("ablate", design).out
    assert not too_wide(text)
    assert "Enough for one guarantee" in text
    assert "There may be others" in text
