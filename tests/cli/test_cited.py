# SPDX-License-Identifier: GPL-2.0-or-later
"""What a command says can be run shows the same trace, also elsewhere."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from checker.input.configuration import as_toml
from checker.traces.storage import load as load_trace
from model.options import Options
from tests.command import Result, too_wide

Command = Callable[..., Result]
VIOLATED = "postcopy-without-successor"
LARGE = ("postcopy-unlimited", "--without", "successor")


def commands(text: str) -> list[list[str]]:
    """The arguments of all commands in it, also of those that are broken."""
    whole = re.sub(r" \\\n +", " ", text)
    return [
        shlex.split(found.rstrip("."))
        for found in re.findall(r"dbmcheck ((?:check|cite|replay) .*)", whole)
    ]


def cited(text: str) -> list[str]:
    """The command that is said to cite the trace."""
    (found,) = commands(text[text.index("to cite it:") :])[:1]
    assert found[0] == "cite"
    return found


def identity(text: str) -> str:
    """The number of the counterexample in a mail."""
    found = re.match(r"dbmcheck counterexample (\w+)", text)
    assert found, text[:200]
    return found[1]


def trace_of(dbmcheck: Command, *arguments: str) -> str:
    """The number of the trace that a check has in its data."""
    found = dbmcheck(*arguments, "--format", "json")
    return str(json.loads(found.out)["trace"]["id"])


@pytest.mark.parametrize(
    "arguments",
    [
        (VIOLATED,),
        ("postcopy-small", "--without", "successor"),
        (VIOLATED, "--complete", "--without", "bits-after-stop"),
        (*LARGE, "--minimise"),
        pytest.param(
            ("live-never-ends", "--minimise"), marks=pytest.mark.full
        ),
    ],
    ids=" ".join,
)
def test_cite_shows_what_check_has_shown(
    dbmcheck: Command, arguments: tuple[str, ...]
) -> None:
    text = dbmcheck("check", *arguments).out
    mail = dbmcheck(*cited(text))
    assert identity(mail.out) == trace_of(dbmcheck, "check", *arguments)
    # and what the mail says does so too
    (again, *_) = commands(mail.out[mail.out.index("Reproduce") :])
    assert identity(dbmcheck(*again).out) == identity(mail.out)


def test_a_name_with_a_space(
    dbmcheck: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    name = "it's mine.toml"
    lacks = frozenset({"successor"})
    Path(name).write_text(as_toml(Options(design="postcopy", without=lacks)))
    assert cited(dbmcheck("check", name).out) == ["cite", name]


@pytest.mark.parametrize(
    "options", [("--first",), ("--engine", "smt", "--depth", "16")]
)
def test_a_search_that_was_not_whole(
    dbmcheck: Command,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: tuple[str, ...],
) -> None:
    monkeypatch.chdir(tmp_path)
    text = dbmcheck("check", VIOLATED, *options).out
    assert "check again with --trace t.json" in " ".join(text.split())
    kept = dbmcheck("check", VIOLATED, *options, "--trace", "t.json").out
    assert identity(dbmcheck(*cited(kept)).out) == trace_of(
        dbmcheck, "check", VIOLATED, *options
    )


def written(dbmcheck: Command, path: Path, *arguments: str) -> str:
    """The mail of the trace that a check has written; the file is gone."""
    dbmcheck("check", *arguments, "--trace", str(path))
    mail = dbmcheck("cite", str(path))
    assert mail.code == 0
    path.unlink()
    return mail.out


@pytest.mark.parametrize(
    ("arguments", "shipped"),
    [
        ((VIOLATED,), True),
        (("live-never-ends",), True),
        (("postcopy-small", "--without", "drop-on-failure"), False),
    ],
    ids=str,
)
def test_a_mail_of_a_file_needs_no_file(
    dbmcheck: Command,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    shipped: bool,
) -> None:
    mail = written(dbmcheck, tmp_path / "t.json", *arguments)
    assert "t.json" not in mail
    monkeypatch.chdir(tmp_path)
    named = re.search(r"  with (\S+):\n((?:    .*\n)+)", mail)
    assert bool(named) != shipped
    if named:
        Path(named[1]).write_text(named[2])
    (again, *_) = commands(mail[mail.index("Reproduce") :])
    assert identity(dbmcheck(*again).out) == identity(mail)


def test_a_trace_that_no_search_finds_goes_with_the_mail(
    dbmcheck: Command, tmp_path: Path
) -> None:
    path = tmp_path / "t.json"
    lines = "stop-copy-bit-after-ack", "--runs", "50", "--trace", str(path)
    dbmcheck("simulate", *lines)
    # a run by chance is longer than the shortest
    assert load_trace(path).moves
    mail = " ".join(dbmcheck("cite", str(path)).out.split())
    assert "from the file t.json (attach it to the mail)" in mail
    assert "dbmcheck replay t.json" in mail


def test_any_ending_is_a_trace(dbmcheck: Command, tmp_path: Path) -> None:
    path = tmp_path / "found.trace"
    dbmcheck("check", VIOLATED, "--trace", str(path))
    for command in ("show", "cite", "explain", "replay"):
        assert dbmcheck(command, str(path)).code == 0
    refused = dbmcheck("cite", str(path), "--minimise")
    assert refused.code == 2
    assert "--minimise goes with a CONFIG" in refused.err


# -- the file of a trace ---------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "postcopy-small"),
        ("simulate", "postcopy-small", "--runs", "2", "--depth", "9"),
    ],
    ids=" ".join,
)
def test_an_old_trace_does_not_stay(
    dbmcheck: Command, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    path = tmp_path / "t.json"
    nothing = dbmcheck(*arguments, "--trace", str(path))
    assert nothing.out.endswith("no violation, no trace written\n")
    dbmcheck("check", VIOLATED, "--trace", str(path))
    assert path.exists()
    removed = dbmcheck(*arguments, "--trace", str(path))
    assert not path.exists()
    assert "is removed" in " ".join(removed.out.split())
    path.write_text("my notes")
    kept = " ".join(dbmcheck(*arguments, "--trace", str(path)).out.split())
    assert "is not a trace, it stays" in kept
    assert path.read_text() == "my notes"


@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "postcopy-small"),
        ("simulate", "postcopy-small"),
        ("conform", "postcopy-small"),
        ("prove", "postcopy"),
    ],
    ids=" ".join,
)
def test_a_dash_is_no_file(
    dbmcheck: Command,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
) -> None:
    monkeypatch.chdir(tmp_path)
    result = dbmcheck(*arguments, "--trace", "-")
    assert result.code == 2
    assert "name a file" in result.err and result.out == ""
    assert not list(tmp_path.iterdir())


def test_minimise_is_cut_short(
    dbmcheck: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    from checker.checking import minimise

    whole = dbmcheck("check", *LARGE)
    real = minimise.shortest_violation
    asked: list[object] = []

    def interrupted(*arguments: Any) -> object:
        asked.append(arguments)
        if len(asked) > 2:
            raise KeyboardInterrupt
        return real(*arguments)

    monkeypatch.setattr(minimise, "shortest_violation", interrupted)
    result = dbmcheck("check", *LARGE, "--minimise")
    assert len(asked) == 3
    assert result.code == whole.code == 12
    said = "interrupted: not all smaller configurations were tried"
    assert said in result.out
    assert "smallest configuration" not in result.out
    assert dbmcheck("cite", *LARGE, "--minimise").code == 130


def test_ctrl_c_ends_the_search_and_not_the_mail(
    dbmcheck: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    whole = dbmcheck("cite", VIOLATED)
    monkeypatch.setattr("checker.citing.alternative.kept_by", interrupted)
    result = dbmcheck("cite", VIOLATED)
    assert result.code == 20
    assert "the mail is not complete" in result.err
    assert identity(result.out) == identity(whole.out)
    words = " ".join(result.out.split())
    assert "as well was not found out: interrupted." in words
    assert "interrupted" not in whole.out
    assert dbmcheck("cite", VIOLATED, "--short").code == 0


@pytest.mark.parametrize(
    "arguments",
    [
        (VIOLATED,),
        ("live-never-ends",),
        ("stop-copy-as-built",),
        ("live-as-posted",),
        ("postcopy-small", "--without", "successor"),
    ],
    ids=" ".join,
)
def test_a_short_mail(dbmcheck: Command, arguments: tuple[str, ...]) -> None:
    short = dbmcheck("cite", *arguments, "--short").out
    assert len(short.splitlines()) <= 30 and not too_wide(short)
    (again,) = commands(short)
    assert identity(dbmcheck(*again).out) == identity(short)


def test_a_configuration_is_not_replayed(dbmcheck: Command) -> None:
    result = dbmcheck("replay", VIOLATED)
    assert result.code == 2 and result.err.count("\n") == 1
    assert f"{VIOLATED} is a configuration, allowed is a trace" in result.err


def test_whole_runs_are_cut_short(
    dbmcheck: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a state or a step shows is known by then, and is said."""

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("checker.checking.check.find_lasso", interrupted)
    result = dbmcheck("check", "postcopy-small", "--format", "json")
    assert result.code == 20
    found = json.loads(result.out)
    reasons = {p["reason"] for p in found["properties"]}
    assert found["verdict"] == "INCONCLUSIVE" and "interrupted" in reasons
    assert "HOLDS" in {p["verdict"] for p in found["properties"]}
    assert not found["stopped"] and found["states"]
