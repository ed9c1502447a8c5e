# SPDX-License-Identifier: GPL-2.0-or-later
"""The commands as the program itself has them, for tests that ask each one.

A command that is added is asked what the others are asked, and nothing has
to be listed here.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from typing import Any

from attrs import frozen
from typer.main import get_command

from checker.cli.app import app


@frozen
class Command:
    """One command: the words that call it, and what it takes.

    ``takes``: the names of its arguments, as 'TRACE|CONFIG'; ``needs``: of
    those that cannot be left out.  ``options``: the long name of each option,
    with the words that it allows, if any.
    """

    words: tuple[str, ...]
    help: str
    takes: tuple[str, ...]
    needs: tuple[str, ...]
    options: dict[str, tuple[str, ...]]

    @property
    def name(self) -> str:
        """The words as one text."""
        return " ".join(self.words)

    def takes_a(self, what: str) -> bool:
        """Whether an argument may be a CONFIG, a TRACE, a DESIGN."""
        return any(what in name.split("|") for name in self.takes)

    def call(self, argument: str) -> tuple[str, ...]:
        """The words that call it with ``argument`` for each argument."""
        return (*self.words, *[argument for _ in self.takes])


def commands() -> list[Command]:
    """All commands, those in groups too."""
    return list(_below(get_command(app), ()))


def _below(group: Any, before: tuple[str, ...]) -> Iterator[Command]:
    for name, command in group.commands.items():
        words = (*before, name)
        if hasattr(command, "commands"):
            yield from _below(command, words)
            continue
        named = [p for p in command.params if p.param_type_name == "argument"]
        options = [p for p in command.params if p.param_type_name == "option"]
        yield Command(
            words,
            command.help or "",
            tuple(map(_named, named)),
            tuple(_named(p) for p in named if p.required),
            {max(p.opts, key=len): _allowed(p) for p in options},
        )


def _named(argument: Any) -> str:
    return (argument.metavar or "").strip("[]")


def _allowed(option: Any) -> tuple[str, ...]:
    kind = option.type_descriptor.annotation
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return tuple(str(member.value) for member in kind)
    return ()
