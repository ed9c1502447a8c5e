# SPDX-License-Identifier: GPL-2.0-or-later
"""What the entries of the files of known deviations have in common."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import attrs

from checker.input.errors import InputError
from checker.qemu.harness.binary import Build

SEVERITIES: Final = ("critical", "high", "medium", "low")


@attrs.frozen(kw_only=True)
class Expected:
    """Something that is expected of some versions of QEMU.

    ``since``, ``until``: the series 7.2 as (7, 2), both included.
    ``seen``: the versions on which it was seen.
    """

    id: str
    what: str
    severity: str
    since: tuple[int, ...]
    until: tuple[int, ...]
    seen: tuple[str, ...]

    def covers(self, build: Build) -> bool:
        """Return whether it is known of that build."""
        return self.since <= build.version[:2] <= self.until

    @property
    def versions(self) -> str:
        """Return the series as people write them: '7.2 to 10.0', or one."""
        series = (".".join(map(str, s)) for s in (self.since, self.until))
        return " to ".join(dict.fromkeys(series))


def check_words(
    where: str, given: Iterable[str], words: Iterable[str]
) -> None:
    """Raise InputError if one of the ``given`` is none of the ``words``."""
    for word in given:
        if word not in list(words):
            raise InputError(
                f"{where}: {word!r} is none of {', '.join(words)}"
            )


def series(where: str, text: str) -> tuple[int, ...]:
    """Return the series '7.2' as (7, 2); InputError for anything else."""
    parts: Sequence[str] = str(text).split(".")
    if len(parts) != 2 or not all(part.isdigit() for part in parts):
        raise InputError(f"{where}: {text!r} is no series like 7.2")
    return tuple(map(int, parts))
