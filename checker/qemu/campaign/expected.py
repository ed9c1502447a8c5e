# SPDX-License-Identifier: GPL-2.0-or-later
"""What the entries of the files of known deviations have in common."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Literal, TypeVar, get_args

import attrs

from checker.input.errors import BadFileError, InputError
from checker.input.strict import TOML, Reader, one_of, string, structured
from checker.qemu.harness.binary import Build
from checker.qemu.harness.scenario import Mode

T = TypeVar("T")


def series(text: Any) -> tuple[int, ...]:
    """Return the series '7.2' as (7, 2); ValueError for anything else."""
    parts = string(text).split(".")
    if len(parts) != 2 or not all(part.isdigit() for part in parts):
        raise ValueError(f"{text!r} is no series like 7.2")
    return tuple(map(int, parts))


def pattern(text: Any) -> str:
    """Return a regular expression; ValueError for anything else."""
    try:
        re.compile(string(text))
    except re.error as error:
        raise ValueError(str(error)) from None
    return str(text)


Series = Annotated[tuple[int, ...], Reader(series)]
Pattern = Annotated[str, Reader(pattern)]
Severity = Literal["critical", "high", "medium", "low"]
SEVERITIES: Final[tuple[str, ...]] = get_args(Severity)
ModeWord = Annotated[str, one_of(each.value for each in Mode)]


@attrs.frozen(kw_only=True)
class Expected:
    """Something that is expected of some versions of QEMU.

    ``since``, ``until``: the series 7.2 as (7, 2), both included.
    ``seen``: the versions on which it was seen.
    """

    id: str
    what: str
    severity: Severity
    since: Series
    until: Series
    seen: tuple[str, ...]

    def covers(self, build: Build) -> bool:
        """Return whether it is known of that build."""
        return self.since <= build.version[:2] <= self.until

    @property
    def versions(self) -> str:
        """Return the series as people write them: '7.2 to 10.0', or one."""
        series = (".".join(map(str, s)) for s in (self.since, self.until))
        return " to ".join(dict.fromkeys(series))


def entry(kind: type[T], file: str, table: dict[str, Any]) -> T:
    """Return an entry of ``file``; InputError, naming it, if it is wrong."""
    where = f"{file}: {table.get('id', '?')}"
    try:
        return structured(kind, table, TOML, where)
    except BadFileError as error:
        raise InputError(str(error)) from None
