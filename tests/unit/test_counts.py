# SPDX-License-Identifier: GPL-2.0-or-later
"""A number and its noun agree, also where there is just one."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from checker.text import counted, plural
from tests.command import Result

Command = Callable[..., Result]
#: a count of one with a noun for several
WRONG = re.compile(
    r"(?<![\d,.])1 (steps|states|transitions|levels|runs|pairs|chunks"
    r"|granules|writes|messages|mutants|scenarios|queries|sets)\b"
)


def test_one_and_several() -> None:
    assert plural(1, "step") == "1 step"
    assert plural(0, "query") == "0 queries"
    assert plural(2000, "state") == "2000 states"
    assert counted(2000, "state") == "2,000 states"


@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "live-small", "--max-states", "1"),
        ("check", "live-small", "--engine", "interpreter", "--max-states=1"),
        ("check", "live-small", "--engine", "smt", "--depth", "1"),
        ("simulate", "live-small", "--runs", "1", "--depth", "1"),
        ("graph", "live-small", "--max-states", "1"),
        ("check", "stop-copy-bit-after-ack"),
        ("conform", "live-small", "--max-pairs", "1"),
        ("ablate", "postcopy", "--singles"),
        ("list",),
    ],
    ids=" ".join,
)
def test_what_is_printed(
    dbmcheck: Command, arguments: tuple[str, ...]
) -> None:
    result = dbmcheck(*arguments)
    assert result.code in (0, 2, 12, 20)
    text = " ".join((result.out + result.err).split())
    assert text and not WRONG.findall(text), WRONG.findall(text)
