# SPDX-License-Identifier: GPL-2.0-or-later
"""``ablate`` and what ``cite`` says of alternatives, with few mechanisms."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from checker.answer import removed_together
from checker.answer.mechanism_sets import Set
from checker.checking.check import check
from checker.citing import alternative
from checker.citing.alternative import Alternative, Alternatives, alternatives
from checker.cli.prove_view import named
from checker.engines import family
from checker.engines.family import Member
from checker.engines.verdict import Verdict
from checker.input.configuration import Configuration, as_toml
from checker.traces.trace import Trace
from model.lookup import mechanisms_of
from model.mechanism import (
    Mechanism,
)
from model.options import Bounds, Failures, Options
from tests.command import Result, too_wide
from tests.json_shapes import check_shape

Command = Callable[..., Result]
#: two that heal each other, and two that cover for each other
FEW = ("successor", "chunk-overwrites", "bits-after-stop", "source-busy")
DESIGN = "postcopy"


@pytest.fixture(autouse=True)
def few_mechanisms(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the designs had no other mechanisms: pairs are soon asked."""

    def few(design: str) -> tuple[Mechanism, ...]:
        return tuple(m for m in mechanisms_of(design) if m.name in FEW)

    monkeypatch.setattr("checker.answer.ablate.mechanisms_of", few)
    monkeypatch.setattr("checker.answer.removed_together.mechanisms_of", few)


# -- ablate ------------------------------------------------------------------


def test_the_surprise_comes_first(dbmcheck: Command) -> None:
    result = dbmcheck("ablate", DESIGN)
    assert not too_wide(result.out)
    text = " ".join(result.out.split())
    parts = (
        "without |for |breaks",
        "Pairs that heal each other: without both, nothing breaks.",
        "chunk-overwrites and successor: without successor alone S1 breaks.",
        "Pairs that cover for each other: one of them is enough.",
        "P1: source-busy or bits-after-stop",
        "Redundant together; with one or two more something breaks:",
        "chunk-overwrites, successor (2 of 4)",
        "Enough for one guarantee, all others taken out; not one fewer:",
        "Searched at 1 chunk of 1 granule",
        "all 10 sets of one or two mechanisms",
        "There may be others",
        "To see a violation: dbmcheck cite postcopy-small --without MECHANISM",
    )
    places = [text.find(part) for part in parts]
    assert -1 not in places, parts[places.index(-1)]
    assert places == sorted(places)


def test_the_sets_as_data(dbmcheck: Command) -> None:
    result = dbmcheck("ablate", DESIGN, "--format", "json")
    check_shape("ablate", json.loads(result.out))
    sets = json.loads(result.out)["sets"]
    every = sets["promises"]["everything"]
    assert every["healing"] == [["chunk-overwrites", "successor"]]
    assert every["may_go_together"] == [["chunk-overwrites", "successor"]]
    assert every["enough"] == [["source-busy", "bits-after-stop"]]
    assert every["all_grown"] and every["pairs_more_tried"]
    assert sets["promises"]["P1"]["covering"] == [
        ["source-busy", "bits-after-stop"]
    ]
    assert sets["without_two"]["chunk-overwrites successor"] == []
    assert sets["stopped"] is None and sets["variants"] > 10
    assert set(json.loads(result.out)["mechanisms"]) == set(FEW)


def test_singles_alone(dbmcheck: Command) -> None:
    result = dbmcheck("ablate", DESIGN, "--singles")
    assert "\nsuccessor" in result.out and "heal" not in result.out
    data = dbmcheck("ablate", DESIGN, "--singles", "--format", "json")
    assert json.loads(data.out)["sets"] is None


def interrupted(*arguments: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("when", "said", "pairs"),
    [
        pytest.param(
            *("broken", "neither pairs nor larger sets were all asked"),
            False,
            marks=pytest.mark.full,
        ),
        ("keep", "all pairs are above, larger sets are not", True),
    ],
)
def test_ctrl_c_leaves_what_is_known(
    dbmcheck: Command,
    monkeypatch: pytest.MonkeyPatch,
    when: str,
    said: str,
    pairs: bool,
) -> None:
    monkeypatch.setattr(removed_together._Oracle, when, interrupted)
    result = dbmcheck("ablate", DESIGN)
    assert result.code == 20
    text = " ".join(result.out.split())
    assert f"INCONCLUSIVE (interrupted): {said}." in text
    assert "\nsuccessor" in result.out
    assert ("Pairs that heal" in result.out) == pairs
    assert "Enough for" not in result.out
    data = dbmcheck("ablate", DESIGN, "--format", "json")
    assert data.code == 20 == json.loads(data.out)["exit_code"]
    assert json.loads(data.out)["sets"]["stopped"] == "interrupted"


def after(
    count: int, work: Callable[..., Any]
) -> Callable[..., Iterator[tuple[int, Member]]]:
    """``members_of``, with a Ctrl-C as soon as it has given ``count``."""
    left = [count]

    def some(*arguments: object) -> Iterator[tuple[int, Member]]:
        for found in work(*arguments):
            if not left[0]:
                raise KeyboardInterrupt
            left[0] -= 1
            yield found

    return some


#: what the complete design is asked, at once and of whole runs
ASKED_FIRST = 2


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param(1, marks=pytest.mark.full),
        2,
        pytest.param(len(FEW), marks=pytest.mark.full),
    ],
)
def test_ctrl_c_keeps_the_rows_that_are_done(
    dbmcheck: Command, monkeypatch: pytest.MonkeyPatch, rows: int
) -> None:
    whole = dbmcheck("ablate", DESIGN, "--singles", "--format", "json")
    told = after(ASKED_FIRST + rows, family.members_of)
    monkeypatch.setattr("checker.checking.variants.members_of", told)
    data = dbmcheck("ablate", DESIGN, "--format", "json")
    assert data.code == 20
    found = json.loads(data.out)
    assert found["stopped"] == "interrupted" and found["sets"] is None
    assert found["exit_code"] == 20
    mechanisms = found["mechanisms"]
    assert set(mechanisms) == set(FEW)
    decided = {n for n, row in mechanisms.items() if not row["stopped"]}
    redundant = {
        n
        for n, row in json.loads(whole.out)["mechanisms"].items()
        if row["redundant"]
    }
    # what broke nothing would have been asked at a larger disk as well
    assert rows - len(redundant) <= len(decided) <= rows
    assert not decided & redundant
    for name in decided:
        row = json.loads(whole.out)["mechanisms"][name]
        assert mechanisms[name]["steps"] == row["steps"] is not None


def test_ctrl_c_shows_the_rows_that_are_done(
    dbmcheck: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = after(ASKED_FIRST + 2, family.members_of)
    monkeypatch.setattr("checker.checking.variants.members_of", told)
    result = dbmcheck("ablate", DESIGN)
    assert result.code == 20
    assert "INCONCLUSIVE" in result.out
    assert "NoLostDirtyBit" in result.out or "IsExact" in result.out
    assert "Not decided:" in result.out
    assert "interrupted" in result.out


def test_ctrl_c_before_anything_is_known(
    dbmcheck: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = after(0, family.members_of)
    monkeypatch.setattr("checker.checking.variants.members_of", told)
    result = dbmcheck("ablate", DESIGN)
    assert (result.code, result.out) == (130, "")
    assert result.err == "dbmcheck: interrupted\n"


# -- a configuration ---------------------------------------------------------


def test_the_bounds_of_a_configuration(
    dbmcheck: Command, tmp_path: Path
) -> None:
    path = tmp_path / "mine.toml"
    failing = Failures(cut=1)
    options = Options(
        design=DESIGN, bounds=Bounds(chunks=1, channel=3), failures=failing
    )
    path.write_text(as_toml(options))
    result = dbmcheck("ablate", str(path))
    text = " ".join(result.out.split())
    assert result.code in (0, 1)
    assert "1 chunk of 1 granule, 3 messages in flight" in text
    assert "failures: cut 1" in text and "every failure once" not in text
    assert "2 chunks" not in text
    assert f"cite {path} --without MECHANISM" in text
    assert not too_wide(
        result.out.replace(str(path), "mine.toml").replace(tmp_path.name, "")
    )


def test_a_variant_lacks_what_it_lacks(
    dbmcheck: Command, tmp_path: Path
) -> None:
    path = tmp_path / "mine.toml"
    lacks = frozenset({"successor", "chunk-overwrites"})
    options = Options(design=DESIGN, bounds=Bounds(chunks=1), without=lacks)
    path.write_text(as_toml(options))
    data = dbmcheck("ablate", str(path), "--format", "json")
    found = json.loads(data.out)
    assert set(found["mechanisms"]) == set(FEW) - lacks
    assert found["sets"]["stopped"] is None
    text = dbmcheck("ablate", str(path), "--singles").out
    assert "Every property that the variant keeps was asked" in " ".join(
        text.split()
    )
    assert "complete design" not in text


def test_a_configuration_for_the_proof(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    lacks = frozenset({"successor"})
    options = Options(
        design=DESIGN,
        bounds=Bounds(chunks=5, downtime=3),
        failures=Failures(cut=2),
        without=lacks,
        busy_bitmap="fail",
    )
    path.write_text(as_toml(options))
    found = named(str(path), ("bits-after-stop",))
    assert found.without == {"successor", "bits-after-stop"}
    assert (found.design, found.busy_bitmap) == (DESIGN, "fail")
    # the size does not matter
    assert found.bounds == Bounds() and found.failures == Failures()
    assert named(DESIGN, ()) == Options(design=DESIGN)


# -- the mail ----------------------------------------------------------------


def trace_of(*without: str, bounds: Bounds | None = None) -> Trace:
    options = Options(
        design=DESIGN,
        bounds=bounds or Bounds(chunks=1),
        without=frozenset(without),
    )
    answer = check(Configuration(name="variant", options=options))
    assert answer.gravest is not None
    return answer.traces[answer.gravest.name]


def test_the_mail_names_what_heals(dbmcheck: Command) -> None:
    result = dbmcheck("cite", "postcopy-small", "--without", "successor")
    assert not too_wide(result.out)
    text = " ".join(result.out.split())
    assert (
        "It holds again if 'chunk-overwrites' is taken out as well, and "
        "nothing else breaks"
    ) in text


@pytest.mark.full
def test_what_heals_is_what_check_says() -> None:
    trace = trace_of("successor")
    found = alternatives(trace)
    assert found is not None
    everyone = {m.name for m in mechanisms_of(DESIGN)} - {"successor"}
    assert found.tried == len(everyone)
    healing = {a.mechanism: a.price for a in found.healing}
    for name in everyone:
        gone: Set = frozenset({"successor", name})
        options = Options(design=DESIGN, bounds=Bounds(chunks=1), without=gone)
        findings = check(
            Configuration(name="variant", options=options), traces=False
        ).findings
        broken = {
            f.guarantee or f.name
            for f in findings
            if f.verdict is not Verdict.HOLDS
        }
        assert (name in healing) == ("S1" not in broken), name
        if name in healing:
            assert set(healing[name]) == broken


def test_nothing_is_said_where_nothing_was_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trace = trace_of("successor")
    monkeypatch.setattr(alternative, "MOST_STATES", 10)
    assert alternatives(trace) is None
    complete = Trace(
        Options(design=DESIGN), trace.property_name, trace.initial, ()
    )
    assert alternatives(complete) is None


def sentence(*healing: Sequence[str]) -> str:
    return str(
        Alternatives(
            healing=tuple(
                Alternative(mechanism=name, price=tuple(price))
                for name, *price in healing
            ),
            tried=7,
        )
    )


def test_what_is_said_of_alternatives() -> None:
    assert sentence() == (
        "Of the other 7 mechanisms none heals it if it is taken out as well."
    )
    assert sentence(["a"], ["b", "P1", "S1"]) == (
        "It holds again if 'a' is taken out as well, and nothing else "
        "breaks; if 'b' is taken out as well, but then S1 and P1 break."
    )
    many = sentence(*([f"m{n}", "P1"] for n in range(5)))
    assert many.endswith("; and with 2 more.")
    assert "m2" in many and "m3" not in many
