# SPDX-License-Identifier: GPL-2.0-or-later
"""Does every command, one that was added just now too, do what all do?"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.every_command import Command, commands
from tests.command import ROOT, Result

Run = Callable[..., Result]

COMMANDS = commands()
each_command = pytest.mark.parametrize(
    "command", COMMANDS, ids=lambda command: command.name
)
#: these search for long whatever they are given; each is asked for JSON by
#: tests of its own
LONG = ("compare", "ablate", "mutate", "prove", "simulate", "conform")
#: what a command cannot do without
MORE = {"graph": ("--output", "graph.json")}
QUICK = [
    command
    for command in COMMANDS
    if "json" in command.options.get("--format", ())
    and command.name not in LONG
    and command.words[0] != "qemu"
]
VIOLATED = "postcopy-both-run"


def test_there_are_commands() -> None:
    names = [command.name for command in COMMANDS]
    assert len(names) == len(set(names)) > 15
    assert {"check", "list", "diff", "qemu faults"} <= set(names)
    assert set(LONG) <= set(names) and set(MORE) <= set(names)


@each_command
def test_its_help_begins_with_one_line(command: Command) -> None:
    first = command.help.strip().splitlines()[0]
    assert first.endswith(".") and len(first) <= 79


@each_command
def test_its_help(dbmcheck: Run, command: Command) -> None:
    for option in ("--help", "-h"):
        result = dbmcheck(*command.words, option)
        assert result.code == 0 and result.err == ""
        assert result.out.startswith(f"Usage: dbmcheck {command.name} ")
        for name in command.options:
            assert name in result.out


@each_command
def test_an_option_that_it_has_not(dbmcheck: Run, command: Command) -> None:
    result = dbmcheck(*command.words, "--no-such-option")
    assert result.code == 2 and result.out == ""
    assert "--no-such-option" in result.err and result.err.count("\n") == 1


@each_command
def test_a_form_that_it_has_not(dbmcheck: Run, command: Command) -> None:
    if "--format" not in command.options:
        assert command.name in ("man", "step"), "what does it print for CI?"
        return
    result = dbmcheck(*command.call("x"), "--format", "magic")
    assert result.code == 2 and result.out == ""
    assert "'magic'" in result.err and result.err.count("\n") == 1


@each_command
def test_what_it_takes_has_to_be_given(
    dbmcheck: Run, command: Command
) -> None:
    for name in command.needs[:1]:
        result = dbmcheck(*command.words)
        assert result.code == 2 and result.out == ""
        assert name in result.err and result.err.count("\n") == 1


@pytest.mark.parametrize("command", QUICK, ids=lambda c: c.name)
def test_a_program_reads_its_answer(
    dbmcheck: Run,
    command: Command,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    argument = VIOLATED
    if command.takes == ("TRACE",):
        argument = "t.json"
        dbmcheck("check", VIOLATED, "--trace", argument)
    more = MORE.get(command.name, ())
    text = dbmcheck(*command.call(argument), *more)
    data = dbmcheck(*command.call(argument), *more, "--format", "json")
    assert data.code == text.code
    assert text.out and not text.out.startswith("{")
    assert isinstance(json.loads(data.out), dict)


@each_command
def test_the_manual_names_it(command: Command) -> None:
    pages = [ROOT / "README.md", *(ROOT / "checker" / "docs").glob("*.md")]
    told = "\n".join(path.read_text("utf-8") for path in pages)
    assert f"dbmcheck {command.name}" in told
