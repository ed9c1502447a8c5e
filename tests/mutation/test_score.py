# SPDX-License-Identifier: GPL-2.0-or-later
"""Are the score and its table honest?"""

from __future__ import annotations

import pytest

from checker.input.errors import InputError
from checker.input.exit_codes import ExitCode
from checker.mutation.change import Kind
from checker.mutation.questions import SMALL, questions
from checker.mutation.score import Score
from checker.mutation.table import read, reasons, shipped_table
from checker.mutation.trial import Fate, Outcome
from model.design import DESIGNS

SOME = DESIGNS[0]


def outcome(name: str, fate: Fate, *killers: str) -> Outcome:
    return Outcome(
        kind=Kind.DROPPED,
        name=name,
        action="act",
        fate=fate,
        killers=killers,
        seen=(),
    )


KILLED = (
    outcome("a", Fate.KILLED, "P", "Q"),
    outcome("b", Fate.KILLED, "P"),
)
LIVING = outcome("c", Fate.SURVIVED)
OPEN = outcome("d", Fate.UNDECIDED)


def result(
    *outcomes: Outcome,
    table: dict[str, str] | None = None,
    open_table: dict[str, str] | None = None,
    interrupted: bool = False,
) -> Score:
    return Score(
        design=SOME,
        configurations=("small",),
        variants=(),
        actions=("act",),
        properties=("P", "Q", "R"),
        mutants=4 if interrupted else len(outcomes),
        alike=0,
        outcomes=outcomes,
        table=table or {},
        open_table=open_table or {},
        interrupted=interrupted,
    )


def test_all_is_well_if_the_survivors_are_those_of_the_table() -> None:
    good = result(*KILLED, LIVING, table={"c": "because"})
    assert good.exit_code is ExitCode.AS_EXPECTED
    assert (good.score, good.noticeable) == (1.0, 2)
    assert [o.name for o in good.equivalent] == ["c"]


def test_what_is_left_open_is_expected_and_was_not_noticed() -> None:
    left = result(*KILLED, LIVING, open_table={"c": "a property"})
    assert left.exit_code is ExitCode.AS_EXPECTED
    assert [o.name for o in left.open] == ["c"]
    assert left.equivalent == left.unexplained == ()
    assert left.score == 2 / 3
    noticed = result(*KILLED, open_table={"a": "a property"})
    assert noticed.stale == ("a",)
    assert noticed.exit_code is ExitCode.NOT_AS_EXPECTED


def test_a_new_survivor_is_not_as_expected() -> None:
    bad = result(*KILLED, LIVING)
    assert bad.exit_code is ExitCode.NOT_AS_EXPECTED
    assert [o.name for o in bad.unexplained] == ["c"]
    assert bad.score == 2 / 3


@pytest.mark.parametrize("name", ["a", "never-heard-of"])
def test_what_the_table_explains_must_survive(name: str) -> None:
    bad = result(*KILLED, table={name: "because"})
    assert bad.exit_code is ExitCode.NOT_AS_EXPECTED
    assert bad.stale == (name,)


def test_what_is_not_decided_was_not_noticed() -> None:
    open_ = result(*KILLED, OPEN)
    assert open_.exit_code is ExitCode.INCONCLUSIVE
    assert open_.score == 2 / 3
    # and an entry for it may be right
    assert result(*KILLED, OPEN, table={"d": "because"}).stale == ()


def test_an_interrupted_run_knows_no_more_than_it_saw() -> None:
    partial = result(*KILLED, table={"c": "because"}, interrupted=True)
    assert partial.exit_code is ExitCode.INCONCLUSIVE
    assert partial.stale == ()
    assert partial.score == 2 / 4
    assert result(LIVING, interrupted=True).exit_code == 20


def test_who_kills_nothing_is_named() -> None:
    some = result(*KILLED)
    assert some.killers == {"P": 2, "Q": 1}
    assert some.idle == ("R",)


def test_no_mutants_no_mistake() -> None:
    assert result().score == 1.0


# -- the table ---------------------------------------------------------------

ENTRY = f"""
[[equivalent]]
designs = ["{SOME}"]
why = "It is implied."
mutants = ["one", "two"]
"""


def test_a_table_is_read() -> None:
    entries = read(ENTRY)
    assert reasons(SOME, entries) == {
        "one": "It is implied.",
        "two": "It is implied.",
    }
    assert reasons(DESIGNS[1], entries) == {}


def test_what_is_open_is_not_explained() -> None:
    entries = read(ENTRY.replace("[[equivalent]]", "[[open]]"))
    assert reasons(SOME, entries) == {}
    assert reasons(SOME, entries, is_open=True).keys() == {"one", "two"}
    with pytest.raises(InputError, match="one: twice"):
        read(ENTRY + ENTRY.replace("[[equivalent]]", "[[open]]"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (ENTRY + ENTRY, f"{SOME}: one: twice"),
        (ENTRY.replace(SOME, "magic"), "'magic' is none of"),
        (ENTRY.replace("why", "reason"), "has no why"),
        (ENTRY + 'where = "here"', "where means nothing"),
        ("[[other]]", "other means nothing"),
        ("[[", "equivalent.toml"),
        (ENTRY.replace('["one", "two"]', '"one"'), "mutants is not a list"),
        (ENTRY.replace('"It is implied."', '""'), "why is empty"),
    ],
)
def test_mistakes_in_a_table(text: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        read(text)


def test_the_shipped_table_can_be_read() -> None:
    assert all(set(e.designs) <= set(DESIGNS) for e in shipped_table())


# -- what the mutants are run on ---------------------------------------------


@pytest.mark.parametrize("design", DESIGNS)
def test_complete_designs_and_variants_with_a_mistake(design: str) -> None:
    asked = questions(design)
    for configuration in asked.complete:
        assert configuration.options.design == design
        assert configuration.options.without == frozenset()
    for variant in asked.variants:
        assert variant.options.design == design
        assert variant.options.without
        assert variant.expect.verdict == "VIOLATED"
        assert 0 < (variant.expect.states or 0) <= SMALL
    assert asked.variants
    kinds = {p.kind for c in asked.complete for p in c.machine().properties}
    assert kinds == {"always", "reachable", "eventually"}


def test_no_such_design() -> None:
    with pytest.raises(InputError, match="no design 'magic'; allowed are"):
        questions("magic")
