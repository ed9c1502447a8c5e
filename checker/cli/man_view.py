# SPDX-License-Identifier: GPL-2.0-or-later
"""``dbmcheck man``: the manual page dbmcheck(1), made from the commands.

Commands and options are those that ``--help`` prints, the exit codes those
of their one table; it is written in the macros of man(7).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.metadata import metadata
from typing import Any

from checker.input.exit_codes import ExitCode, in_one_sentence
from checker.text import wrapped

FILES = {
    "model/configs/*.toml": "the shipped configurations, in the package; "
    "'dbmcheck list' names them",
    "~/.cache/dbmcheck/": "compiled models and what took long to find out; "
    "it may be removed at any time",
}
ENVIRONMENT = {
    "DBMCHECK_DEBUG": "if it is set, a bug of dbmcheck ends in a traceback "
    "instead of one line",
    "TMPDIR": "where 'dbmcheck qemu' keeps disks and sockets while it runs",
    "XDG_CACHE_HOME": "the place of the cache, instead of ~/.cache",
}


def run(context: Any) -> int:
    """Print the manual page; returns the exit code.

    ``context``: that of the whole command line.
    """
    sys.stdout.write("\n".join(page(context)) + "\n")
    return 0


def page(context: Any) -> Iterator[str]:
    """The lines of the manual page."""
    command = context.command
    about = metadata("dbmcheck")
    yield (f'.TH DBMCHECK 1 "" "dbmcheck {about["Version"]}" "User Commands"')
    yield ".SH NAME"
    yield escaped(f"dbmcheck - {about['Summary']}")
    yield ".SH SYNOPSIS"
    yield from _usage(command, context)
    yield ".SH DESCRIPTION"
    # the exit codes have a section of their own
    yield from _text(command.help.removesuffix(in_one_sentence()))
    yield ".SH OPTIONS"
    yield from _options(command, context)
    yield ".SH COMMANDS"
    yield from _commands(command, context)
    for title, entries in (
        ("EXIT STATUS", {str(c.value): c.meaning for c in ExitCode}),
        ("FILES", FILES),
        ("ENVIRONMENT", ENVIRONMENT),
    ):
        yield f".SH {title}"
        for name, text in entries.items():
            yield from _entry(name, text)


def _commands(group: Any, context: Any) -> Iterator[str]:
    """The commands of a group, and those of the groups in it."""
    for name, command in group.commands.items():
        inside = command.context_class(command, info_name=name, parent=context)
        yield f".SS {escaped(inside.command_path)}"
        yield from _usage(command, inside)
        yield ".PP"
        yield from _text(command.help)
        yield from _options(command, inside)
        yield from _commands(command, inside) if _is_group(command) else ()


def _is_group(command: Any) -> bool:
    return hasattr(command, "commands")


def _usage(command: Any, context: Any) -> Iterator[str]:
    pieces = " ".join(command.collect_usage_pieces(context))
    yield f".B {escaped(context.command_path)}"
    yield escaped(pieces)


def _options(command: Any, context: Any) -> Iterator[str]:
    """What follows the name of a command; --help stands at the top only."""
    for option in command.get_params(context):
        record = option.get_help_record(context)
        again = context.parent is not None and option.name == "help"
        if record is not None and not again:
            yield from _entry(*record)


def _entry(name: str, text: str) -> Iterator[str]:
    yield ".TP"
    yield f".B {escaped(name)}"
    # a tag without text would take the next one for it
    yield from _filled(text) if text.strip() else [r"\&"]


def _text(text: str) -> Iterator[str]:
    """Paragraphs; an empty line is between two of them."""
    for number, part in enumerate(text.strip().split("\n\n")):
        if number:
            yield ".PP"
        yield from _filled(part)


def _filled(text: str) -> Iterator[str]:
    for line in wrapped(" ".join(text.split())):
        yield escaped(line)


def escaped(text: str) -> str:
    """``text`` so that troff prints just that; it must be one line."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    text = text.replace("'", "\\(aq").replace("~", "\\(ti")
    text = text.replace("^", "\\(ha").replace("`", "\\(ga")
    text = "".join(c if c.isascii() else f"\\[u{ord(c):04X}]" for c in text)
    return f"\\&{text}" if text.startswith((".", '"')) else text
