# SPDX-License-Identifier: GPL-2.0-or-later
"""Does ``diff`` tell where two things part, and when they do not?"""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from checker.checking.check import check
from checker.citing import design_difference
from checker.cli.chosen_trace import gravest_trace
from checker.engines.verdict import RUN
from checker.input.configuration import load, shipped
from checker.input.differences import differences
from checker.traces import difference, storage
from checker.traces.replay import replay
from checker.traces.trace import Trace
from model.design import DESIGNS
from model.designs import schema
from model.lookup import mechanisms_of
from model.options import Bounds, Failures, Options
from tests.command import Result, too_wide

Command = Callable[..., Result]

VIOLATED = "postcopy-without-successor"


def violation(name: str, *without: str) -> Trace:
    configuration = load(name)
    options = configuration.options
    lacks = evolve(options, without=options.without | set(without))
    found = gravest_trace(check(evolve(configuration, options=lacks)))
    assert found is not None
    return found


@pytest.fixture(scope="module")
def traces() -> dict[str, Trace]:
    """Some violations, and a run that has a part of the first one."""
    first = violation(VIOLATED)
    actions = first.identity()["actions"]
    return {
        "a": first,
        "part": replay(first.options, RUN, actions[:5]),
        "larger": violation("postcopy", "successor"),
        "other": violation("live-read-then-clear"),
        "lasso": violation("live-never-ends"),
    }


@pytest.fixture
def files(
    traces: dict[str, Trace], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> dict[str, str]:
    """The files of the traces, in the directory where we are."""
    monkeypatch.chdir(tmp_path)
    for name, trace in traces.items():
        storage.save(trace, Path(f"{name}.json"))
    return {name: f"{name}.json" for name in traces}


def diff(dbmcheck: Command, *arguments: str) -> Result:
    result = dbmcheck("diff", *arguments)
    assert result.err == ""
    return result


def as_data(dbmcheck: Command, *arguments: str) -> tuple[int, Any]:
    result = diff(dbmcheck, *arguments, "--format", "json")
    return result.code, json.loads(result.out)


# -- traces ------------------------------------------------------------------


def test_a_trace_and_itself(dbmcheck: Command, files: dict[str, str]) -> None:
    for path in files.values():
        result = diff(dbmcheck, path, path)
        assert result.code == 0
        assert result.out.startswith("the same trace, ")
        code, data = as_data(dbmcheck, path, path)
        assert code == 0 and data["equal"]
        assert data["options"] == data["initial"] == data["last"] == {}
        assert all(row["states"] == {} for row in data["rows"])


def test_a_trace_and_the_beginning_of_it(
    dbmcheck: Command, files: dict[str, str]
) -> None:
    result = diff(dbmcheck, files["a"], files["part"])
    assert result.code == 1
    lines = result.out.splitlines()
    assert "         steps 1 to 5 are the same, and so are the states" in lines
    steps = [line for line in lines if line[1:5].strip().isdigit()]
    assert len(steps) == 16 - 5
    assert "+ property: Run" in lines
    code, data = as_data(dbmcheck, files["part"], files["a"])
    assert code == 1 and not data["equal"] and data["prefix"] == 5
    assert data["options"]["property"][0] == "Run"


@pytest.mark.parametrize("one", ["a", "part", "larger", "other", "lasso"])
@pytest.mark.parametrize("other", ["a", "part", "larger", "other", "lasso"])
def test_both_traces_are_there(
    traces: dict[str, Trace], one: str, other: str
) -> None:
    """Every step of each is in one row, in order, and the states are so."""
    found = difference.compared(traces[one], traces[other])
    for side, name in enumerate((one, other)):
        trace = traces[name]
        numbers = [(row.first, row.second)[side] for row in found.rows]
        there = [number for number in numbers if number is not None]
        assert there == list(range(1, len(trace.moves) + 1))
        for row, number in zip(found.rows, numbers, strict=True):
            if number is not None:
                assert row.label == trace.moves[number - 1].label
    assert (one == other) == all(row.states == {} for row in found.rows)


def test_what_differs_is_told_until_it_is_the_same_again(
    dbmcheck: Command, files: dict[str, str]
) -> None:
    result = diff(dbmcheck, files["a"], files["larger"])
    assert result.code == 1 and too_wide(result.out) == []
    _, data = as_data(dbmcheck, files["a"], files["larger"])
    wanted = []
    known = data["initial"]
    for row in data["rows"]:
        if row["states"] is None:
            continue
        for name, (mine, theirs) in row["states"].items():
            if known.get(name) != [mine, theirs]:
                wanted += [(f"{name} = ", mine), (f"{name} = ", theirs)]
        known = row["states"]
    told = [
        line[14:].split(" = ")
        for line in result.out.split("last state")[0].splitlines()
        if " = " in line
    ]
    assert [(f"{n} = ", v) for n, v in told] == wanted != []


def test_fields_that_only_one_has(
    dbmcheck: Command, files: dict[str, str]
) -> None:
    _, data = as_data(dbmcheck, files["a"], files["other"])
    only_a, only_b = data["fields"]
    assert only_a == [] and "source.meta" in only_b
    text = diff(dbmcheck, files["a"], files["other"]).out
    assert "+ fields source.meta, " in text
    assert "- design: postcopy\n+ design: live\n" in text


def test_another_loop(dbmcheck: Command, files: dict[str, str]) -> None:
    _, data = as_data(dbmcheck, files["a"], files["lasso"])
    assert data["options"]["loop"][0] is None


# -- configurations ----------------------------------------------------------


def test_a_configuration_and_itself(dbmcheck: Command, tmp_path: Path) -> None:
    copy = tmp_path / "copy.toml"
    text = shipped()["postcopy"].read_text("utf-8")
    copy.write_text(text.replace('title = "', 'title = "As it is: '))
    for other in ("postcopy", str(copy)):
        result = diff(dbmcheck, "postcopy", other)
        assert result.code == 0
        assert "the same is checked and expected: postcopy, " in result.out
        code, data = as_data(dbmcheck, "postcopy", other)
        assert code == 0 and data["equal"] and data["options"] == {}


def test_another_size_is_the_same_model(
    dbmcheck: Command, tmp_path: Path
) -> None:
    small, larger = tmp_path / "small.toml", tmp_path / "larger.toml"
    small.write_text('design = "drop"\n')
    larger.write_text('design = "drop"\n[bounds]\nchannel = 3\n')
    result = diff(dbmcheck, str(small), str(larger))
    assert result.code == 1
    assert "- bounds.channel: 2\n+ bounds.channel: 3\n" in result.out
    assert "\nthe same model, " in result.out
    assert "actions" not in result.out


def test_a_mechanism_less(dbmcheck: Command) -> None:
    result = diff(dbmcheck, "postcopy-small", VIOLATED)
    assert result.code == 1 and too_wide(result.out) == []
    lines = result.out.splitlines()
    assert lines[:4] == [
        "--- postcopy-small",
        f"+++ {VIOLATED}",
        "",
        "+ without: successor",
    ]
    assert "- expect.verdict: HOLDS" in lines
    assert "  destination_set_dirty(granule)" in lines
    assert "- asked: NothingOfAnEndedDestination," in result.out
    swapped = diff(dbmcheck, VIOLATED, "postcopy-small").out
    assert "- without: successor" in swapped


def test_only_what_is_expected_differs(
    dbmcheck: Command, tmp_path: Path
) -> None:
    path = tmp_path / "mine.toml"
    text = shipped()["drop-small"].read_text("utf-8")
    path.write_text(text.replace("levels = ", "levels = 1"))
    code, data = as_data(dbmcheck, "drop-small", str(path))
    assert code == 1
    assert list(data["options"]) == ["expect.levels"]
    assert not any(data["machine"][k]["changed"] for k in data["machine"])


def test_only_what_is_asked_differs(dbmcheck: Command, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    text = shipped()["drop-small"].read_text("utf-8")
    path.write_text(f'properties = ["S6"]\n{text}')
    result = diff(dbmcheck, "drop-small", str(path))
    assert result.code == 1 and "\n- asked: " in result.out
    _, data = as_data(dbmcheck, "drop-small", str(path))
    assert "OneSideRuns" not in data["asked"][0] and data["asked"][1] == []


@pytest.mark.parametrize("one", DESIGNS)
@pytest.mark.parametrize("other", DESIGNS)
def test_two_designs_on_a_page_of_a_mail(
    dbmcheck: Command, one: str, other: str
) -> None:
    result = diff(dbmcheck, one, other)
    assert result.code == int(one != other)
    assert too_wide(result.out) == []


@pytest.mark.parametrize("design", DESIGNS)
def test_every_mechanism_makes_a_difference_where_the_model_has_one(
    design: str,
) -> None:
    complete = schema(Options(design=design))
    for mechanism in mechanisms_of(design):
        lacks = schema(
            Options(design=design, without=frozenset({mechanism.name}))
        )
        found = design_difference.compared(complete.term, lacks.term)
        differs = complete.digest != lacks.digest
        assert any(found.values()) == differs, mechanism.name


def test_every_option_that_differs_is_named() -> None:
    plain = Options(design="postcopy")
    changed = evolve(
        plain,
        bounds=evolve(plain.bounds, chunks=3, writes=2),
        failures=evolve(plain.failures, cut="unlimited"),
        without=frozenset({"successor"}),
        busy_bitmap="fail",
    )
    assert differences(plain, plain) == {}
    assert differences(plain, changed) == {
        "without": ([], ["successor"]),
        "busy_bitmap": ("wait", "fail"),
        "bounds.chunks": (Bounds().chunks, 3),
        "bounds.writes": (Bounds().writes, 2),
        "failures.cut": (Failures().cut, "unlimited"),
    }


def test_all_shipped_configurations_differ(dbmcheck: Command) -> None:
    names = list(shipped())
    for one, other in list(pairwise(names))[::9]:
        assert diff(dbmcheck, one, other).code == 1, (one, other)


# -- bad input ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("{a}", "postcopy"), 2, "allowed are two traces or two config"),
        (("postcopy", "{a}"), 2, "a.json is a trace and postcopy is not"),
        (("postcopy",), 2, "Missing argument"),
        (("postcopy", "postcopi"), 151, "did you mean 'postcopy'?"),
        (("{a}", "missing.json"), 75, "missing.json"),
        (("live", "live", "--format", "junit"), 2, "'junit'"),
    ],
)
def test_what_cannot_be_compared(
    dbmcheck: Command,
    files: dict[str, str],
    arguments: tuple[str, ...],
    code: int,
    said: str,
) -> None:
    result = dbmcheck("diff", *(word.format(**files) for word in arguments))
    assert result.code == code and result.out == ""
    assert said in result.err and result.err.count("\n") == 1


def test_a_property_of_the_user(dbmcheck: Command, tmp_path: Path) -> None:
    text = 'design = "drop"\n[always]\nQuiet = "source.vm is running"\n'
    (tmp_path / "a.toml").write_text(text)
    (tmp_path / "b.toml").write_text(text.replace("running", "stopped"))
    paths = [str(tmp_path / name) for name in ("a.toml", "b.toml")]
    result = diff(dbmcheck, *paths)
    assert result.code == 1
    assert "- Quiet: always: source.vm is running\n" in result.out
    assert "+ Quiet: always: source.vm is stopped\n" in result.out
    assert diff(dbmcheck, paths[0], paths[0]).code == 0
