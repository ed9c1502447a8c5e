# SPDX-License-Identifier: GPL-2.0-or-later
"""Own properties on the command line, by every engine and every command."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from checker.cli.describe import Asked, command
from checker.text import command_lines
from tests.command import ROOT, Result, too_wide

Command = Callable[..., Result]
CONFIG = "postcopy-small"
LOST = "destination.bitmap is lost and link is up"
EXPLORED = (23390, 88594, 28)
ENGINES = (
    ("explicit",),
    pytest.param(("interpreter",), marks=pytest.mark.slow),
    ("smt", "--depth", "4"),
)


def checked(dbmcheck: Command, *arguments: str) -> tuple[int, Any]:
    result = dbmcheck("check", CONFIG, "--format", "json", *arguments)
    return result.code, json.loads(result.out)


@pytest.mark.parametrize("engine", ENGINES, ids=str)
@pytest.mark.parametrize(
    ("kind", "text", "code", "verdict"),
    [
        ("--always", f"not ({LOST})", 12, "VIOLATED"),
        ("--reachable", LOST, 0, "HOLDS"),
    ],
)
def test_every_engine_finds_the_same_run(
    dbmcheck: Command,
    engine: tuple[str, ...],
    kind: str,
    text: str,
    code: int,
    verdict: str,
) -> None:
    got, answer = checked(dbmcheck, kind, text, "--engine", *engine)
    (own,) = (p for p in answer["properties"] if p["guarantee"] == "own")
    assert own["verdict"] == verdict
    assert own["steps"] == 3
    bounded = engine[0] == "smt" and code == 0
    assert got == (20 if bounded else code)
    assert answer["trace"]["own"] == {"kind": kind[2:], "text": text}
    assert [m["action"] for m in answer["trace"]["moves"]] == [
        "migrate",
        "dirty_bitmap_save_setup",
        "dirty_bitmap_load_start_refused",
    ]
    shown = dbmcheck("show", CONFIG, kind, text, "--format", "json")
    assert json.loads(shown.out)["trace"]["id"] == answer["trace"]["id"]


def test_the_counts_are_those_of_the_design(dbmcheck: Command) -> None:
    _, answer = checked(dbmcheck, "--always", LOST, "--reachable", LOST)
    found = answer["states"], answer["transitions"], answer["levels"]
    assert found == EXPLORED
    assert answer["unexpected"] == []
    assert answer["own"] == {
        "Always1": {"kind": "always", "text": LOST},
        "Reachable1": {"kind": "reachable", "text": LOST},
    }


@pytest.mark.parametrize(
    "arguments",
    [
        ("--always", "link is upp"),
        ("--reachable", "link is upp"),
        ("--always", ""),
        ("--reachable", "if link is up then source.busy"),
        ("--always", '"no bitmap is bussy"'),
    ],
)
@pytest.mark.parametrize(
    "verb", ["check", "simulate", "show", "cite", "explain"]
)
def test_a_mistake_is_one_line(
    dbmcheck: Command, verb: str, arguments: tuple[str, ...]
) -> None:
    result = dbmcheck(verb, CONFIG, *arguments)
    assert result.code == 2
    assert result.out == ""
    assert result.err.startswith("dbmcheck: ")
    assert result.err.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("--always", "link is up or link is not up"),
        ("--always", "if source.busy and source.vm is gone then link is up"),
        ("--reachable", "link is up or link is not up"),
        ("--reachable", "source.busy and source.vm is gone"),
    ],
)
def test_what_says_nothing_never_holds(
    dbmcheck: Command, arguments: tuple[str, ...]
) -> None:
    result = dbmcheck("check", CONFIG, *arguments)
    assert result.code == 10
    assert "HOLDS" not in result.out.splitlines()[0]


def test_a_trace_file_goes_through_every_command(
    dbmcheck: Command, tmp_path: Path
) -> None:
    path = str(tmp_path / "t.json")
    text = f"not ({LOST})"
    dbmcheck("check", CONFIG, "--always", text, "--trace", path)
    replayed = dbmcheck("replay", path)
    assert replayed.code == 0
    assert "shows that Always1 (own) is" in replayed.out
    explained = dbmcheck("explain", path)
    said = " ".join(explained.out.split())
    assert f"Always1 (own): In every state, {text}." in said
    cited = dbmcheck("cite", path)
    assert f'Always1 = "{text}"' in cited.out
    assert "The user asks this property" in " ".join(cited.out.split())
    assert too_wide(explained.out + cited.out) == []
    other = dbmcheck("cite", path, "--always", "link is up")
    assert other.code == 2
    assert "goes with a CONFIG" in other.err


def test_a_cited_configuration_shows_the_same_trace(
    dbmcheck: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cited = dbmcheck("cite", CONFIG, "--minimise", "--always", f"not ({LOST})")
    path = str(tmp_path / "t.json")
    dbmcheck(
        *("check", CONFIG, "--minimise", "--always", f"not ({LOST})"),
        *("--trace", path),
    )
    lines = dbmcheck("cite", path).out.splitlines()
    first = lines.index("  with mine.toml:") + 1
    last = lines.index("  this trace:")
    content = "\n".join(line[4:] for line in lines[first:last])
    (tmp_path / "mine.toml").write_text(content, "utf-8")
    monkeypatch.chdir(tmp_path)
    again = dbmcheck("cite", "mine.toml")
    assert again.out.splitlines()[0] == cited.out.splitlines()[0]


def test_a_run_that_was_asked_for_is_no_violation(
    dbmcheck: Command, tmp_path: Path
) -> None:
    path = str(tmp_path / "t.json")
    result = dbmcheck("check", CONFIG, "--reachable", LOST, "--trace", path)
    assert result.code == 0
    assert result.out.startswith(f"{CONFIG}: HOLDS\n")
    assert "\nto explain it:" in result.out
    assert "that is not a violation" in dbmcheck("explain", path).out
    assert dbmcheck("cite", path).code == 2


def test_beside_a_violation_a_run_is_told_of(dbmcheck: Command) -> None:
    result = dbmcheck(
        *("check", CONFIG, "--reachable", LOST, "--always", f"not ({LOST})")
    )
    assert "to see Reachable1:" in result.out
    assert too_wide(result.out) == []


def test_the_command_to_cite_cites_what_was_shown(dbmcheck: Command) -> None:
    config = "stop-copy-never-stops"
    own = ("--reachable", "source.busy")
    checked_ = dbmcheck("check", config, *own)
    assert "to cite it: dbmcheck cite stop-copy-never-stops\n" in checked_.out
    answer = dbmcheck("check", config, *own, "--format", "json")
    trace = json.loads(answer.out)["trace"]
    assert trace["property"] == "MigrationEnds"
    assert trace["id"] in dbmcheck("cite", config).out.splitlines()[0]
    shown = dbmcheck("explain", config, *own)
    assert shown.out.startswith("Reachable1 (own): In some state, ")


def test_a_file_with_own_properties_is_not_ablated_or_proved(
    dbmcheck: Command, tmp_path: Path
) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        'design = "drop"\n[always]\nBusy = "source.busy"\n', "utf-8"
    )
    for verb in ("ablate", "prove"):
        result = dbmcheck(verb, str(path))
        assert result.code == 2
        assert "take [always] and [reachable] out of the file" in result.err


def test_nothing_is_expected_of_what_is_asked(dbmcheck: Command) -> None:
    own = ("--always", "source.busy")
    result = dbmcheck("check", CONFIG, *own, "--expect")
    assert result.code == 2
    assert "[expect] says nothing of --always" in result.err


def test_a_generated_test_passes(dbmcheck: Command, tmp_path: Path) -> None:
    for kind, text in (("--always", f"not ({LOST})"), ("--reachable", LOST)):
        shown = dbmcheck("show", CONFIG, kind, text, "--as", "pytest")
        path = tmp_path / f"test_{kind[2:]}.py"
        path.write_text(shown.out, "utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-c", "/dev/null"]
        + [str(p) for p in sorted(tmp_path.glob("test_*.py"))],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert "2 passed" in done.stdout


def test_random_runs_look_for_it(dbmcheck: Command, tmp_path: Path) -> None:
    path = str(tmp_path / "t.json")
    few = ("--runs", "100", "--seed", "0")
    met = dbmcheck("simulate", CONFIG, *few, "--reachable", LOST)
    assert met.code == 20
    assert "Reachable1 is met, first after" in met.out
    broken = dbmcheck(
        *("simulate", CONFIG, *few, "--always", f"not ({LOST})"),
        *("--trace", path),
    )
    assert broken.code == 12
    assert dbmcheck("replay", path).code == 0


def test_a_command_over_several_lines_is_the_same_command() -> None:
    text = (
        'if source.busy then "the destination\'s bitmap is usable" or '
        "source.migration is not none or completed or failed"
    )
    line = command("cite", "live", asked=Asked((text,), ("link is up",)))
    printed = "\n".join(command_lines(line)).replace("$", "", 1)
    assert max(map(len, printed.splitlines())) <= 72
    words = shlex.split(printed.replace("\\\n", ""))
    assert [" ".join(word.split()) for word in words] == shlex.split(line)
