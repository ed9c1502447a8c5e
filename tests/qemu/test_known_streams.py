# SPDX-License-Identifier: GPL-2.0-or-later
"""Does the file of malformed streams tell a known crash from a new one?"""

from __future__ import annotations

import asyncio
from typing import Final

import attrs
import pytest

from checker.input.errors import InputError
from checker.qemu.harness.binary import Build
from checker.qemu.harness.scenario import Mode
from checker.qemu.interop.known_streams import (
    KnownStream,
    known_as,
    read,
    shipped,
)
from checker.qemu.interop.malformed import Kind, Outcome, feed
from checker.qemu.interop.mutations import Malformed
from tests.qemu.under_test import known_of_it

#: one is a race
TRIES: Final = 20
OLD = Build(("qemu",), (7, 2, 22))
NEW = Build(("qemu",), (10, 0, 2))
ENTRY = """
[[stream]]
id = "granularity"
kind = "crashed"
signature = 'create: Assertion `power\\('
modes = ["precopy"]
since = "7.2"
until = "8.0"
seen = ["7.2.22"]
what = "it aborts"
severity = "low"
stream = "51 45"
"""
OUTCOME = Outcome(
    Malformed("bad", Mode.PRECOPY, b"QE"),
    Kind.CRASHED,
    -6,
    "",
    "create: Assertion `power(2)' failed",
)


def test_an_entry_covers_what_it_says_and_nothing_else() -> None:
    entries = read(ENTRY)
    (entry,) = entries
    assert known_as(OUTCOME, OLD, entries) is entry and entry.stream == b"QE"
    assert known_as(OUTCOME, NEW, entries) is None
    there = attrs.evolve(OUTCOME.stream, mode=Mode.POSTCOPY)
    for other in (
        attrs.evolve(OUTCOME, kind=Kind.HUNG),
        attrs.evolve(OUTCOME, signature="a wild access"),
        attrs.evolve(OUTCOME, stream=there),
    ):
        assert known_as(other, OLD, entries) is None


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            'kind = "crashed"',
            'kind = "refused"',
            'kind is "refused", allowed are crashed, hung',
        ),
        ('kind = "crashed"', "", "key 'kind' is missing"),
        ('"low"', '"bad"', 'severity is "bad", allowed are critical'),
        ('["precopy"]', '["live"]', 'modes[0] is "live", allowed are'),
        ("create:", "(", "granularity: signature: "),
        ('"51 45"', '"5"', "granularity: stream: "),
        ('since = "7.2"', 'since = "7"', "no series"),
        (
            'what = "it aborts"',
            'what = "x"\nwhy = "y"',
            "unknown key 'why'; allowed are",
        ),
        ("[[stream]]", "[[stream]", "known_streams.toml"),
    ],
)
def test_a_bad_file(old: str, new: str, said: str) -> None:
    with pytest.raises(InputError) as error:
        read(ENTRY.replace(old, new, 1))
    assert said in str(error.value) and "\n" not in str(error.value)


def test_shipped() -> None:
    names = [entry.id for entry in shipped()]
    assert len(set(names)) == len(names) >= 8
    assert all(entry.seen and entry.stream for entry in shipped())


@pytest.mark.slow
@pytest.mark.parametrize(
    "entry", known_of_it(shipped()), ids=lambda entry: entry.id
)
def test_shipped_is_seen_again(entry: KnownStream, build: Build) -> None:
    stream = Malformed(entry.id, Mode(entry.modes[0]), entry.stream)
    for _ in range(TRIES):
        if entry.explains(asyncio.run(feed(stream, build))):
            return
    pytest.fail(f"not seen again in {TRIES} runs")
