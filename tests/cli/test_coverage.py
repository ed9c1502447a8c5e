# SPDX-License-Identifier: GPL-2.0-or-later
"""``check --coverage``: the engine, the counts, and what decides nothing."""

from __future__ import annotations

import json
from collections.abc import Callable

from tests.command import Result, too_wide

Command = Callable[..., Result]
CONFIG = "stop-copy-never-stops"


def test_the_text(dbmcheck: Command) -> None:
    result = dbmcheck("check", CONFIG, "--coverage")
    assert result.code == 13
    assert "counted by the engine explicit over all 40 states" in " ".join(
        result.out.split()
    )
    assert "migrate [management]: fired 14 times" in result.out
    assert too_wide(result.out) == []


def test_what_is_never_false_is_marked(dbmcheck: Command) -> None:
    lines = dbmcheck("check", CONFIG, "--coverage").out.splitlines()
    (throttle,) = (n for n in lines if "the throttle lets the guest" in n)
    assert throttle.split()[:4] == ["80", "0", "0", "*"]
    marked = [n for n in lines if len(n.split()) > 3 and n.split()[3] == "*"]
    told = next(n for n in lines if n.startswith("* never decides"))
    assert f": {len(marked)} conjunct" in told


def test_the_json(dbmcheck: Command) -> None:
    result = dbmcheck("check", CONFIG, "--coverage", "--format", "json")
    found = json.loads(result.out)
    coverage = found["coverage"]
    assert coverage["states"] == found["states"] == 40
    assert coverage["stopped"] == ""
    fired = {one["name"]: one["fired"] for one in coverage["actions"]}
    assert fired == found["fired"]
    assert set(coverage["actions"][0]["guard"][0]) == {
        *("text", "true", "false", "alone"),
    }
    plain = dbmcheck("check", CONFIG, "--format", "json")
    assert json.loads(plain.out)["coverage"] is None


def test_the_interpreter_says_the_same(dbmcheck: Command) -> None:
    def counts(engine: str) -> str:
        out = dbmcheck("check", CONFIG, "--coverage", "--engine", engine).out
        return out.partition("\n\nsource_write_data")[2]

    assert counts("explicit") == counts("interpreter") != ""


def test_a_stopped_search_says_so_and_marks_nothing(dbmcheck: Command) -> None:
    result = dbmcheck("check", CONFIG, "--coverage", "--max-states", "10")
    assert result.code == 20
    assert "The search was stopped (more than 10 states)" in " ".join(
        result.out.split()
    )
    assert "never decides" not in result.out


def test_a_bounded_search_is_refused(dbmcheck: Command) -> None:
    result = dbmcheck("check", CONFIG, "--coverage", "--engine", "smt")
    assert result.code == 2
    assert "--coverage needs an engine that explores states" in result.err


def test_own_properties_are_counted(dbmcheck: Command) -> None:
    result = dbmcheck(
        *("check", CONFIG, "--coverage"),
        *("--always", "if source.busy then source.migration is not none"),
    )
    assert "Always1 [always]: premise met" in result.out
