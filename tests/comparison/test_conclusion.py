# SPDX-License-Identifier: GPL-2.0-or-later
"""Does the answer say what the results say, and no more?"""

from __future__ import annotations

from typing import Any

import pytest
from attrs import evolve

from checker.answer.as_built import AsBuilt
from checker.answer.conclusion import assumptions, sentences
from checker.answer.costs import Costs, stopped_cost
from checker.answer.result import (
    SAFETY,
    Comparison,
    DesignResult,
    Proved,
)
from checker.answer.standing import Standing
from checker.cli import compare_view
from checker.input.exit_codes import ExitCode
from checker.proof.judgement import Provability
from model.design import DESIGNS
from model.lookup import mechanisms_of
from model.scope import ASSUMED
from tests.command import too_wide
from tests.comparison import broken
from tests.comparison.broken import compared

EMPTY = AsBuilt(label="as tried", without=frozenset({"a", "b"}), broken={})


@pytest.fixture(scope="module")
def drop() -> DesignResult:
    """A design that is sound, and of which nothing is proved."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        return compared(monkeypatch, broken.sound)


def costing(result: DesignResult, **changes: Any) -> DesignResult:
    """The design with other costs."""
    assert isinstance(result.costs, Costs)
    return evolve(result, costs=evolve(result.costs, **changes))


def answer(*results: DesignResult) -> str:
    """The answer in one line."""
    return " ".join(sentences(Comparison(results=results, seconds=0.0)))


def proof(*guarantees: str) -> Proved:
    return Proved(
        verdict=Provability.PROVED,
        guarantees=frozenset(guarantees),
        open="",
        violated={},
        code=ExitCode.AS_EXPECTED,
        states=1,
        kept=0,
        seconds=0.0,
    )


def test_how_far_a_guarantee_goes(drop: DesignResult) -> None:
    every = "under every failure explored"
    assert f"{every}; it does not promise D1. " in answer(drop)
    some = answer(evolve(drop, proof=proof("S1", "S6")))
    assert f"{every}; S1 and S6 under failures without end as well" in some
    whole = answer(evolve(drop, proof=proof(*SAFETY)))
    assert f"{every}, and whatever the size of the disk; it does" in whole


def test_what_is_promised_in_part(drop: DesignResult) -> None:
    part = drop.standing_as(Standing.IN_PART)
    assert part == ("S5",)
    assert ", and S5 in part, under" in answer(drop)
    never = evolve(drop, not_promised={"S5": "no"}, explored=())
    assert never.standings["S5"] is Standing.NOT_PROMISED


def test_a_design_that_always_loses_is_the_price_to_beat(
    drop: DesignResult,
) -> None:
    said = answer(drop)
    assert "Every migration loses the bitmap and costs a full backup" in said
    none = "no design that brings the bitmap along is tenable for every guest"
    assert f"{none}; drop" in said
    assert "tenable at the price of a full backup after every" in said
    assert "states on the way" not in said


def test_a_design_that_may_lose(drop: DesignResult) -> None:
    risky = costing(drop, always_lost=False, at_risk=(1, 4))
    assert "In 25% of the states on the way" in answer(risky)
    safe = costing(drop, always_lost=False, at_risk=(0, 4))
    assert "No single break and no death of the source" in answer(safe)
    unknown = costing(drop, always_lost=None, at_risk=None)
    assert "It is not known whether a break would lose the bitmap." in answer(
        unknown
    )


def test_the_one_with_less_downtime(drop: DesignResult) -> None:
    quick = evolve(
        costing(drop, always_lost=False, at_risk=(1, 4)), design="quick"
    )
    slow = evolve(
        costing(
            drop,
            always_lost=False,
            at_risk=(0, 4),
            stopped=stopped_cost(lambda bounds: bounds.chunks),
        ),
        design="slow",
    )
    said = answer(quick, slow)
    lost = "at the price of a full backup where a failure loses it"
    assert f"quick is tenable {lost}" in said
    assert "slow is tenable;" in said
    assert "quick is preferable to slow where downtime matters more" in said
    assert "at most M chunks: 27.4 ms for" in said
    # what is not known is preferred to nothing
    assert "preferable" not in answer(quick)


def test_what_a_break_leaves_is_a_price(drop: DesignResult) -> None:
    kept = costing(drop, always_lost=False, at_risk=(0, 4), degrading=(2, 4))
    said = answer(evolve(kept, design="kept"))
    assert "In 50% of the states on the way it may leave one that is" in said
    assert "kept is tenable at the price of what had not come" in said
    exact = costing(kept, degrading=(0, 4))
    assert "what had not come" not in answer(exact)
    lost = costing(kept, at_risk=(1, 4))
    assert "at the price of a full backup where a failure" in answer(lost)


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        ({"P2": ("x",), "S1": ("x",)}, "breaks S1 (for want of x)."),
        ({"P2": ("x", "y"), "S1": ("x",)}, "breaks P2 (for want of x or y"),
        ({"P2": ("x",)}, "breaks P2 (for want of x)."),
    ],
)
def test_a_bit_too_many_is_told_where_it_tells_more(
    drop: DesignResult, broken: dict[str, tuple[str, ...]], told: str
) -> None:
    built = evolve(EMPTY, broken=broken)
    assert told in answer(evolve(drop, as_built=built))


def test_no_formula_no_number(drop: DesignResult) -> None:
    odd = stopped_cost(lambda bounds: bounds.chunks**2)
    said = answer(costing(drop, stopped=odd))
    assert (
        "It is not known how much it sends while the guest stands still."
        in said
    )


@pytest.mark.parametrize(
    ("built", "text"),
    [
        (
            evolve(EMPTY, broken={"S1": ("a",)}),
            "drop as tried breaks S1 (for want of a).",
        ),
        (
            evolve(EMPTY, broken={"S1": ("a", "b"), "S6": ()}),
            "drop as tried breaks S1 (for want of a or b, each alone) and S6 "
            "(for want of a and b together).",
        ),
        (
            evolve(EMPTY, label="as built, 5.2", broken={"S1": ("a",)}),
            "drop as built, 5.2, breaks S1 (for want of a).",
        ),
        (EMPTY, "drop as tried breaks nothing with one chunk"),
        (evolve(EMPTY, silent=("X",)), "drop as tried was not tested with"),
        (
            evolve(EMPTY, undecided="more than 5 states"),
            "drop as tried was not decided: more than 5 states.",
        ),
    ],
)
def test_what_exists(drop: DesignResult, built: AsBuilt, text: str) -> None:
    assert text in answer(evolve(drop, as_built=built))


def test_what_is_assumed(drop: DesignResult) -> None:
    """The union over mechanisms and properties of what is claimed."""
    asked = Comparison(results=(drop, drop), seconds=0.0)
    clauses = assumptions(asked)
    assert len(set(clauses)) == len(clauses)
    mechanisms = {m.assumes for m in mechanisms_of("drop") if m.assumes}
    properties = {c for e in drop.explored for c in e.assumes.values()}
    assert mechanisms and properties
    assert set(clauses) == {*ASSUMED, *mechanisms, *properties}
    # nothing is assumed where nothing is claimed
    undone = evolve(drop, missing={"main": "interrupted"})
    assert assumptions(evolve(asked, results=(undone,))) == []


def test_a_mechanism_that_is_taken_out_assumes_nothing(
    drop: DesignResult,
) -> None:
    one = next(m for m in mechanisms_of("drop") if m.assumes)
    without = evolve(drop.options, without=frozenset({one.name}))
    assert one.assumes in drop.assumes
    assert one.assumes not in evolve(drop, options=without).assumes


def test_everything_fits_a_mail(
    drop: DesignResult, capsys: pytest.CaptureFixture[str]
) -> None:
    compare_view.print_all(
        Comparison(
            results=tuple(evolve(drop, design=name) for name in DESIGNS),
            seconds=0.0,
        )
    )
    out = capsys.readouterr().out
    assert too_wide(out) == []
    # no cell is folded: each row of the tables is one line
    columns = {line.count("|") for line in out.splitlines()}
    assert columns <= {0, 3, 4, 5, 6}
    assert "each time" in out
