# SPDX-License-Identifier: GPL-2.0-or-later
"""Does the manual page say what --help says, and can man show it?"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable

import pytest

from checker.cli.man_view import ENVIRONMENT, escaped
from checker.input.exit_codes import ExitCode
from tests.cli.every_command import commands
from tests.command import ROOT, Result

Command = Callable[..., Result]
SECTIONS = (
    "NAME",
    "SYNOPSIS",
    "DESCRIPTION",
    "OPTIONS",
    "COMMANDS",
    "EXIT STATUS",
    "FILES",
    "ENVIRONMENT",
)
REQUESTS = (".TH", ".SH", ".SS", ".TP", ".PP", ".B")
ESCAPES = re.compile(r"\\(?:[-e&]|\([a-z]{2}|\[u[0-9A-F]{4,5}\])")
#: a formatter that is installed, and how it is told to complain
FORMATTERS = {
    "mandoc": ("-Tlint", "-Werror"),
    "groff": ("-man", "-ww", "-z"),
}


@pytest.fixture
def page(dbmcheck: Command) -> str:
    result = dbmcheck("man")
    assert result.code == 0 and result.err == ""
    return result.out


def test_its_sections(page: str) -> None:
    assert page.startswith('.TH DBMCHECK 1 "" "dbmcheck ')
    assert tuple(re.findall(r"^\.SH (.*)$", page, re.M)) == SECTIONS


def test_every_command_and_option(page: str) -> None:
    parts = page.split(".SS ")[1:]
    assert [part.split("\n")[0] for part in parts] == [
        escaped(f"dbmcheck {name}")
        for name in dict.fromkeys(
            name
            for command in commands()
            for name in (
                *(" ".join(command.words[:1]),),
                command.name,
            )
        )
    ]
    for command in commands():
        (part,) = [
            part
            for part in parts
            if part.startswith(escaped(f"dbmcheck {command.name}\n"))
        ]
        for name in command.options:
            assert re.search(rf"^\.B .*{re.escape(escaped(name))}", part, re.M)
        for name in command.takes:
            assert name in part


def test_every_exit_code(page: str) -> None:
    for code in ExitCode:
        assert f".B {code.value}\n{escaped(code.meaning)}\n" in page


def test_every_variable_of_the_environment(page: str) -> None:
    asked = re.compile(r"environ\.get\(\s*\"(\w+)\"")
    found = {
        name
        for path in (ROOT / "checker").rglob("*.py")
        for name in asked.findall(path.read_text("utf-8"))
    }
    assert found == set(ENVIRONMENT) != set()
    assert all(f".B {name}\n" in page for name in found)


def test_a_formatter_has_nothing_to_complain_of(page: str) -> None:
    assert complaints(page) == []
    for name, options in FORMATTERS.items():
        if shutil.which(name):
            done = subprocess.run(
                [name, *options],
                input=page,
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
            assert (done.stdout, done.stderr) == ("", "")


def complaints(page: str) -> list[str]:
    """Lines that are neither a known request nor plain text."""
    found = []
    for line in page.splitlines():
        request = line.startswith((".", "'"))
        if request and line.split(" ")[0] not in REQUESTS:
            found.append(line)
        if "\\" in ESCAPES.sub("", line) or not line.isascii():
            found.append(line)
        if not line:
            found.append(line)
    return found


def test_what_is_wrong_is_complained_of() -> None:
    for line in (".XX", "'x", "a\\qb", "\N{EURO SIGN}", ""):
        assert complaints(f".PP\n{line}\n") == [line]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (".TOML", r"\&.TOML"),
        ("'it'", r"\(aqit\(aq"),
        ("--no-x", r"\-\-no\-x"),
        ("a\\n", r"a\en"),
        ("5 \N{EURO SIGN} ~", r"5 \[u20AC] \(ti"),
    ],
)
def test_what_troff_would_take_for_its_own(text: str, line: str) -> None:
    assert escaped(text) == line
    assert complaints(f"{line}\n") == []
