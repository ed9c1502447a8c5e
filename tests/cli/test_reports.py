# SPDX-License-Identifier: GPL-2.0-or-later
"""Does a check of several configurations tell people and CI the truth?"""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

import pytest
from junitparser import Error, Failure, JUnitXml, TestCase, TestSuite

from checker.cli import check_several
from checker.input.configuration import load, shipped
from tests.command import Result, too_wide

Command = Callable[..., Result]

HOLDS, ALSO_HOLDS = "postcopy-small", "drop-small"
VIOLATED = "postcopy-without-successor"
NEVER_ENDS = "live-never-ends"
BROKEN = "NoLostDirtyBitOnDestination"


def junit(dbmcheck: Command, *arguments: str) -> tuple[int, JUnitXml]:
    result = dbmcheck("check", *arguments, "--format", "junit")
    return result.code, JUnitXml.fromstring(result.out.encode())


def told(suite: TestSuite) -> Iterator[tuple[str, type[Any], str]]:
    """Name, class and type of whatever has not passed."""
    for case in suite:
        assert isinstance(case, TestCase)
        for entry in case.result:
            yield case.name, type(entry), entry.type


def sarif(dbmcheck: Command, *arguments: str) -> tuple[int, Any]:
    result = dbmcheck("check", *arguments, "--format", "sarif")
    log = json.loads(result.out)
    check_shape(log)
    return result.code, log["runs"][0]


def check_shape(log: Any) -> None:
    """What the standard demands of the parts that are written."""
    assert set(log) == {"$schema", "version", "runs"}
    assert log["version"] == "2.1.0"
    (run,) = log["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert run["tool"]["driver"]["name"] == "dbmcheck"
    assert len({rule["id"] for rule in rules}) == len(rules)
    assert all(rule["shortDescription"]["text"] for rule in rules)
    for invocation in run["invocations"]:
        assert isinstance(invocation["executionSuccessful"], bool)
        for note in invocation["toolExecutionNotifications"]:
            assert note["message"]["text"] and note["level"] == "error"
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["message"]["text"]
        assert result["kind"] in ("fail", "open")
        # a level is for what fails only
        assert (result["level"] == "none") == (result["kind"] != "fail")
        (place,) = result["locations"]
        at = place["physicalLocation"]
        assert at["region"]["startLine"] >= 1
        where = urlparse(at["artifactLocation"]["uri"])
        assert where.scheme in ("", "file")
        assert Path(unquote(where.path)).is_file()


# -- several, as text and as data --------------------------------------------


def test_several_as_text(dbmcheck: Command) -> None:
    result = dbmcheck("check", HOLDS, VIOLATED, ALSO_HOLDS)
    assert result.code == 12
    assert too_wide(result.out) == []
    summary = result.out.split("3 configurations:\n")[1].splitlines()
    assert summary == [
        f"  {HOLDS}: HOLDS",
        f"  {VIOLATED}: VIOLATED ({BROKEN})",
        f"  {ALSO_HOLDS}: HOLDS",
    ]
    alone = dbmcheck("check", VIOLATED).out
    assert alone.split("explored", 1)[0] in result.out


def test_several_as_data(dbmcheck: Command) -> None:
    out = dbmcheck("check", HOLDS, VIOLATED, "--format", "json").out
    data = json.loads(out)
    verdicts = [one["verdict"] for one in data["configurations"]]
    assert verdicts == ["HOLDS", "VIOLATED"]
    assert data["exit_code"] == 12 and data["not_checked"] == []


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ((HOLDS, ALSO_HOLDS), 0),
        ((NEVER_ENDS, HOLDS), 13),
        ((NEVER_ENDS, VIOLATED, HOLDS), 12),
        ((ALSO_HOLDS, "live", "--max-states", "20000"), 20),
        ((VIOLATED, "live", "--max-states", "1000"), 12),
        ((HOLDS, VIOLATED, NEVER_ENDS, "--expect"), 0),
        ((ALSO_HOLDS, "live", "--max-states", "20000", "--expect"), 1),
        ((VIOLATED, HOLDS, "--without", "reclaim-atomic", "--expect"), 1),
    ],
    ids=str,
)
@pytest.mark.parametrize("form", ["text", "junit", "sarif"])
def test_the_gravest_exit_code(
    dbmcheck: Command, arguments: tuple[str, ...], code: int, form: str
) -> None:
    result = dbmcheck("check", *arguments, "--format", form)
    assert result.code == code, result.err


def test_what_is_not_as_expected_is_graver_than_nothing(
    dbmcheck: Command, tmp_path: Path
) -> None:
    path = wrong_count(tmp_path)
    for arguments in ((path, HOLDS), (HOLDS, path)):
        result = dbmcheck("check", *arguments)
        assert result.code == 1
        assert "mine: HOLDS; not as expected\n" in result.out
        assert dbmcheck("check", *arguments, "--expect").code == 1
    assert dbmcheck("check", path, VIOLATED).code == 12


def wrong_count(folder: Path) -> str:
    text = shipped()[ALSO_HOLDS].read_text("utf-8")
    path = folder / "mine.toml"
    path.write_text(text.replace("states = ", "states = 1"))
    return str(path)


def test_nothing_is_checked_if_one_cannot_be_read(
    dbmcheck: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr("checker.cli.check_view.check", never)
    result = dbmcheck("check", HOLDS, "no-such", "--format", "junit")
    assert result.code == 151 and result.out == ""
    assert result.err.count("\n") == 1


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((HOLDS, VIOLATED, "--trace", "t.json"), "--trace takes the trace of"),
        ((VIOLATED, "--minimise", "--format", "junit"), "--minimise: "),
        ((VIOLATED, "--minimise", "--format", "sarif"), "--minimise: "),
        ((VIOLATED, "--format", "xml"), "'xml'"),
    ],
)
def test_options_that_do_not_go_together(
    dbmcheck: Command,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: tuple[str, ...],
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    result = dbmcheck("check", *options)
    assert result.code == 2 and result.out == ""
    assert said in result.err and result.err.count("\n") == 1
    assert not list(tmp_path.iterdir())


# -- JUnit -------------------------------------------------------------------


def test_a_property_is_a_test_case(dbmcheck: Command) -> None:
    code, report = junit(dbmcheck, HOLDS, VIOLATED)
    assert code == 12
    good, bad = report
    assert (good.name, good.failures, good.errors) == (HOLDS, 0, 0)
    assert good.tests == len(list(good))
    asked = [p.name for p in load(HOLDS).machine().properties]
    assert [c.name.rpartition("/")[2] for c in good] == asked
    found = list(told(bad))
    assert (f"S1/{BROKEN}", Failure, "VIOLATED") in found
    assert bad.failures == len(found) and bad.errors == 0
    (case,) = [c for c in bad if c.name == f"S1/{BROKEN}"]
    text = case.result[0].text
    assert text.startswith("  1  management: migrate\n")
    assert text.endswith(f"to cite it: dbmcheck cite {VIOLATED}")
    other = next(c for c in bad if c.result and c.name != case.name)
    name = other.name.rpartition("/")[2]
    assert other.result[0].text.endswith(f" --property {name}")


def test_what_is_not_decided_is_an_error(dbmcheck: Command) -> None:
    code, report = junit(dbmcheck, "live", "--max-states", "20000")
    assert code == 20
    (suite,) = report
    found = set(told(suite))
    assert {(kind, word) for _, kind, word in found} == {
        (Error, "INCONCLUSIVE")
    }
    assert suite.errors == len(found) > 0
    assert suite.skipped == suite.failures == 0


def test_with_expect_a_case_is_a_configuration(
    dbmcheck: Command, tmp_path: Path
) -> None:
    code, report = junit(dbmcheck, VIOLATED, HOLDS, "--expect")
    assert code == 0
    assert [[c.name for c in suite] for suite in report] == [["[expect]"]] * 2
    assert report.failures == report.errors == 0
    code, report = junit(dbmcheck, wrong_count(tmp_path), "--expect")
    assert code == 1
    assert list(told(next(iter(report)))) == [
        ("[expect]", Failure, "NOT AS EXPECTED")
    ]
    unfinished = ("live", "--max-states", "20000", "--expect")
    code, report = junit(dbmcheck, *unfinished)
    assert code == 1
    assert list(told(next(iter(report)))) == [
        ("[expect]", Error, "INCONCLUSIVE")
    ]
    said_nothing = (HOLDS, "--without", "reclaim-atomic", "--expect")
    code, report = junit(dbmcheck, *said_nothing)
    assert code == 1 and report.failures == 1


def test_what_is_never_reached_fails(
    dbmcheck: Command, tmp_path: Path
) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        'design = "stop-copy"\nproperties = ["reachable"]\n'
        "[bounds]\nchunks = 1\ndowntime = 0\n"
    )
    code, report = junit(dbmcheck, str(path))
    assert code == 10
    assert {word for _, _, word in told(next(iter(report)))} == {"NOT REACHED"}


def test_a_name_that_xml_cannot_write(
    dbmcheck: Command, tmp_path: Path
) -> None:
    path = tmp_path / 'b\x01<&">.toml'
    path.write_text('design = "drop"\n[bounds]\nchunks = 1\n')
    _, report = junit(dbmcheck, str(path))
    (suite,) = report
    assert suite.name.endswith('b?<&">.toml')


# -- SARIF -------------------------------------------------------------------


def test_a_violation_is_a_result(dbmcheck: Command, tmp_path: Path) -> None:
    mine = tmp_path / "my own.toml"
    mine.write_text(shipped()[VIOLATED].read_text("utf-8"))
    code, run = sarif(dbmcheck, HOLDS, str(mine))
    assert code == run["invocations"][0]["exitCode"] == 12
    assert run["invocations"][0]["executionSuccessful"]
    first = run["results"][0]
    assert first["ruleId"] == f"S1/{BROKEN}" and first["kind"] == "fail"
    text = first["message"]["text"]
    assert text.startswith(f"my own: VIOLATED (S1/{BROKEN}), in 16 steps\n  1")
    assert text.endswith(f"to cite it: dbmcheck cite '{mine}'")
    place = first["locations"][0]["physicalLocation"]["artifactLocation"]
    assert place["uri"] == mine.as_uri()
    assert len(run["tool"]["driver"]["rules"]) >= 40


def test_a_place_below_the_directory_is_relative(
    dbmcheck: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "a b"
    folder.mkdir()
    (folder / "x.toml").write_text(shipped()[VIOLATED].read_text("utf-8"))
    monkeypatch.chdir(tmp_path)
    _, run = sarif(dbmcheck, "a b/x.toml")
    assert run["artifacts"] == [{"location": {"uri": "a%20b/x.toml"}}]


def test_a_name_that_is_no_text(
    dbmcheck: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    name = os.fsdecode(b"b\xff.toml")
    Path(name).write_text('design = "drop"\n[bounds]\nchunks = 1\n')
    for path in (name, str(tmp_path / name)):
        _, run = sarif(dbmcheck, path)
        assert run["artifacts"][0]["location"]["uri"] == "b%FF.toml"


def test_what_holds_has_no_result(dbmcheck: Command) -> None:
    for arguments in ((HOLDS,), (HOLDS, VIOLATED, "--expect")):
        code, run = sarif(dbmcheck, *arguments)
        assert code == 0 and run["results"] == []
        assert run["invocations"][0]["executionSuccessful"]


def test_what_is_not_decided_is_open(dbmcheck: Command) -> None:
    code, run = sarif(dbmcheck, "live", "--max-states", "20000")
    assert code == 20
    assert {result["kind"] for result in run["results"]} == {"open"}
    assert not run["invocations"][0]["executionSuccessful"]


# -- Ctrl-C ------------------------------------------------------------------


def interrupted_at(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Have the check of the configuration ``number`` interrupted."""
    real, begun = check_several.checked, []

    def checked(*arguments: Any) -> Any:
        begun.append(arguments)
        if len(begun) == number:
            raise KeyboardInterrupt
        return real(*arguments)

    monkeypatch.setattr(check_several, "checked", checked)


def test_what_was_found_out_before_ctrl_c_is_printed(
    dbmcheck: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    three = (HOLDS, ALSO_HOLDS, VIOLATED)
    interrupted_at(monkeypatch, 2)
    result = dbmcheck("check", *three)
    assert result.code == 20
    assert f"  {HOLDS}: HOLDS\n" in result.out
    assert f"  {VIOLATED}: not checked (interrupted)\n" in result.out
    interrupted_at(monkeypatch, 2)
    code, report = junit(dbmcheck, *three)
    assert code == 20
    assert [suite.errors for suite in report] == [0, 1, 1]
    interrupted_at(monkeypatch, 2)
    code, run = sarif(dbmcheck, *three)
    assert code == 20
    notes = run["invocations"][0]["toolExecutionNotifications"]
    assert [n["message"]["text"].split(":")[0] for n in notes] == [
        ALSO_HOLDS,
        VIOLATED,
    ]
    assert not run["invocations"][0]["executionSuccessful"]
    interrupted_at(monkeypatch, 2)
    assert dbmcheck("check", *three, "--expect").code == 1


def test_nothing_was_found_out_before_ctrl_c(
    dbmcheck: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupted_at(monkeypatch, 1)
    result = dbmcheck("check", HOLDS, VIOLATED, "--format", "junit")
    assert result.code == 130 and result.out == ""
    assert result.err == "dbmcheck: interrupted\n"


# -- own properties ----------------------------------------------------------


def test_a_property_of_the_command_line(dbmcheck: Command) -> None:
    """The command that is told finds the same violation."""
    asked = (ALSO_HOLDS, "--always", "source.migration is none")
    code, report = junit(dbmcheck, *asked)
    assert code == 12
    (suite,) = report
    ((name, kind, _),) = told(suite)
    assert name.startswith("own/") and kind is Failure
    (case,) = [c for c in suite if c.name == name]
    said = case.result[0].text.splitlines()[-1]
    words = shlex.split(said.removeprefix("to cite it: dbmcheck "))
    assert words[:2] == ["cite", ALSO_HOLDS]
    assert dbmcheck(*words).code == 0
