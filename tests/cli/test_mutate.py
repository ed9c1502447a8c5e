# SPDX-License-Identifier: GPL-2.0-or-later
"""``dbmcheck mutate`` on the mutants of one action."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable

import pytest

from checker.mutation.bench import Bench
from checker.mutation.trial import Outcome
from model.design import DESIGNS
from tests.command import Result, too_wide, without_progress
from tests.json_shapes import check_shape

Command = Callable[..., Result]
DESIGN = DESIGNS[-1]


@pytest.fixture(scope="module")
def action() -> str:
    """The action with the fewest mutants, but three at least."""
    planned = Bench(DESIGN).catalogue.planned
    counts = Counter(one.action for one in planned)
    return min((a for a in counts if counts[a] > 2), key=counts.__getitem__)


def test_text_and_json_say_the_same(dbmcheck: Command, action: str) -> None:
    arguments = ("mutate", DESIGN, "--only", action)
    printed = dbmcheck(*arguments)
    assert too_wide(printed.out) == []
    assert without_progress(printed.err) == ""
    answered = dbmcheck(*arguments, "--format", "json")
    assert answered.code == printed.code
    data = json.loads(answered.out)
    check_shape("mutate", data)
    assert data["exit_code"] == printed.code
    assert data["mutants"] == data["tried"] > 2
    assert data["mutants"] == data["killed"] + len(data["survivors"]) + len(
        data["undecided"]
    )
    first, last = printed.out.splitlines()[0], printed.out.splitlines()[-1]
    assert first == f"{DESIGN}: {data['mutants']} mutants of action {action}"
    assert last == (
        f"score {data['score']:.1%}: {data['killed']} killed of "
        f"{data['mutants']} - {data['equivalent']} equivalent = "
        f"{data['mutants'] - data['equivalent']}"
    )
    for survivor in data["survivors"]:
        assert survivor["action"] == action
        assert survivor["name"].startswith(f"{action}: ")
    assert len(data["unexplained"]) + data["equivalent"] == len(
        data["survivors"]
    )
    expected = bool(data["unexplained"] or data["stale"])
    assert printed.code == (20 if data["undecided"] else int(expected))


def test_two_processes_find_the_same(dbmcheck: Command, action: str) -> None:
    arguments = ("mutate", DESIGN, "--only", action, "--format", "json")
    two = dbmcheck(*arguments, "--jobs", "2")
    assert two.out == dbmcheck(*arguments).out


def test_ctrl_c_leaves_what_is_known(
    dbmcheck: Command, monkeypatch: pytest.MonkeyPatch, action: str
) -> None:
    whole = Bench.tried

    def tried(bench: Bench, number: int) -> Outcome:
        if number == 2:
            raise KeyboardInterrupt
        return whole(bench, number)

    monkeypatch.setattr(Bench, "tried", tried)
    result = dbmcheck("mutate", DESIGN, "--only", action)
    assert result.code == 20
    assert "INCONCLUSIVE" in result.out
    assert "interrupted after 2 mutants" in result.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("magic",), "no design 'magic'; allowed are"),
        ((DESIGN, "--only", "magic"), f"{DESIGN} has no action 'magic'; it"),
        ((DESIGN, "--jobs", "0"), "--jobs"),
    ],
)
def test_mistakes(
    dbmcheck: Command, arguments: tuple[str, ...], said: str
) -> None:
    result = dbmcheck("mutate", *arguments)
    assert result.code == 2
    assert said in result.err
    assert len(result.err.splitlines()) == 1
