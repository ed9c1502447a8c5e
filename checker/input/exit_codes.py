# SPDX-License-Identifier: GPL-2.0-or-later
"""What the process returns: the one table of the exit codes.

TLC's numbers where TLC has one.  The help and the manual print this table.
"""

from __future__ import annotations

import enum


class ExitCode(enum.IntEnum):
    """A number, and in ``meaning`` what it says."""

    meaning: str

    def __new__(cls, number: int, meaning: str) -> ExitCode:
        member = int.__new__(cls, number)
        member._value_ = number
        member.meaning = meaning
        return member

    AS_EXPECTED = 0, "it holds, or the command did what was asked"
    NOT_AS_EXPECTED = 1, "not what [expect] says, or (diff) not the same"
    USAGE = 2, "usage, or standard output cannot be written"
    UNREACHED = 10, "never reached, never fired, or vacuous"
    DEADLOCK = 11, "deadlock"
    ALWAYS_VIOLATED = 12, "an 'always' property is violated"
    EVENTUALLY_VIOLATED = 13, "an 'eventually' property is violated"
    DIFFERS = 14, "reference and model differ"
    INCONCLUSIVE = 20, "inconclusive"
    CANNOT_REPLAY = 75, "a trace cannot be replayed"
    INTERRUPTED = 130, "interrupted before anything could be said"
    BROKEN_PIPE = 141, "standard output is closed"
    CONFIGURATION = 151, "configuration error"
    OUR_BUG = 255, "our bug"


def in_one_sentence() -> str:
    """All of them, for the help: 'Exit codes: 0 ..., 1 ....'"""
    each = ", ".join(f"{code.value} {code.meaning}" for code in ExitCode)
    return f"Exit codes: {each}."


def as_table() -> str:
    """All of them as a table in Markdown, for the manual."""
    rows = [f"| {code.value} | {code.meaning} |" for code in ExitCode]
    return "\n".join(["| code | meaning |", "| --- | --- |", *rows]) + "\n"
