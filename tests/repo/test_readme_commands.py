# SPDX-License-Identifier: GPL-2.0-or-later
"""Are the commands that a document names commands, with such options?

Of each ``dbmcheck ...`` in running text and in indented lines, the options
must be options of that command, and each argument must be a configuration, a
design, or a file or word that the reader has to fill in.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import typer

from checker.cli.app import app
from checker.input.configuration import shipped
from model.design import DESIGNS
from model.lookup import mechanisms_of
from tests.command import ROOT
from tests.repo.documents import CODE, DOCUMENTS, label

#: in running text, or in an indented line
NAMED = re.compile(
    r"(?:`|^ {4,})(?:\S*/)?dbmcheck\s+([a-z][^`]*?)(?:`|\n\n)", re.M
)
KNOWN = {
    *shipped(),
    *DESIGNS,
    *(each.name for design in DESIGNS for each in mechanisms_of(design)),
}
#: FILE, t.json
FILLED_IN = re.compile(r"[A-Z]+|\S+\.\w+")


def lines(text: str) -> list[list[str]]:
    """The commands that ``text`` names, each as words."""
    found = []
    for command in NAMED.findall(CODE.sub("", text)):
        # one command over two lines, or several indented ones
        for each in re.split(r"\n\s*(?:\S*/)?dbmcheck ", command):
            found.append(shlex.split(" ".join(each.split()), comments=True))
    return found


def wrong(words: list[str]) -> list[str]:
    """What of a command, without its first word, does not exist."""
    command = typer.main.get_command(app)
    context = typer.Context(command)
    rest = list(words)
    while rest and hasattr(command, "get_command"):
        inner = command.get_command(context, rest[0])
        if inner is None:
            return [rest[0]]
        command, rest = inner, rest[1:]
    options = {
        name: each
        for each in command.params
        for name in (*each.opts, *each.secondary_opts)
    }
    found = []
    before = ""
    for word in rest:
        if word.startswith("-"):
            if word not in options:
                found.append(word)
        elif before in options and not options[before].is_flag:
            if before == "--without" and word not in KNOWN:
                found.append(word)
        elif word not in KNOWN and not FILLED_IN.fullmatch(word):
            found.append(word)
        before = word
    return found


@pytest.mark.parametrize("path", DOCUMENTS, ids=label)
def test_commands_exist(path: Path) -> None:
    text = path.read_text("utf-8")
    assert {" ".join(w): wrong(w) for w in lines(text) if wrong(w)} == {}


def test_a_command_that_does_not_exist_is_found() -> None:
    text = "`dbmcheck chekc live` or\n\n    dbmcheck cite alive --loud x y\n\n"
    assert [wrong(words) for words in lines(text)] == [
        ["chekc"],
        ["alive", "--loud", "x", "y"],
    ]


def test_the_readme_names_commands() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    assert len(lines(text)) >= 10


def test_the_manual_has_a_row_for_every_command() -> None:
    text = (ROOT / "checker" / "docs" / "manual.md").read_text("utf-8")
    rows = "\n".join(re.findall(r"^\|.*\|$", text, re.M))
    command = typer.main.get_command(app)
    names = command.list_commands(typer.Context(command))
    assert [n for n in names if f"`dbmcheck {n}" not in rows] == []
