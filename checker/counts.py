# SPDX-License-Identifier: GPL-2.0-or-later
"""Numbers with the thing that they count: one step, two steps."""

from __future__ import annotations


def plural(number: int, noun: str) -> str:
    """'1 granule', '2000 granules'."""
    return f"{number} {_of(number, noun)}"


def counted(number: int, noun: str) -> str:
    """The same with separators: '2,000 granules'."""
    return f"{number:,} {_of(number, noun)}"


def _of(number: int, noun: str) -> str:
    if number == 1:
        return noun
    if noun.endswith("y"):
        return f"{noun[:-1]}ies"
    return f"{noun}s"
