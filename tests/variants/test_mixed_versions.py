# SPDX-License-Identifier: GPL-2.0-or-later
"""What does a source cost that forgets a chunk, or sends too early?

The destination cannot tell: on the wire a bitmap with a chunk missing looks
like a whole one, and a chunk from before the stop like one from after it.
What it does at START and at a break decides what is lost.
"""

from __future__ import annotations

import pytest

from checker.engines.verdict import Finding
from model.design import FROM_BULK, MIGRATE, POSTCOPY, POSTCOPY_ONES
from model.designs import build
from model.options import SOURCES, Options
from tests.searches import ALL_ONCE, bounds_of, broken, once

FORGETS = frozenset({"every-chunk-sent"})
#: START creates the bitmap with every bit set
ONES = (POSTCOPY_ONES,)


def guarantees(found: dict[str, Finding]) -> set[str]:
    return {finding.guarantee for finding in found.values()}


def assert_a_missing_bit_or_one_too_many(options: Options) -> None:
    """Where every bit is set first, nothing is missing."""
    few = {"P1"} if options.design in ONES else {"S1"}
    assert guarantees(broken(options)) == few


@pytest.mark.parametrize("design", MIGRATE)
def test_a_forgotten_chunk_is_a_missing_bit_unless_all_are_set_first(
    design: str,
) -> None:
    options = Options(
        design=design, bounds=bounds_of(design, writes=1), without=FORGETS
    )
    assert_a_missing_bit_or_one_too_many(options)


@pytest.mark.parametrize("design", FROM_BULK)
def test_so_it_is_with_a_source_that_sends_before_the_stop(
    design: str,
) -> None:
    options = Options(
        design=design,
        source="bulk",
        bounds=bounds_of(design, writes=1),
        without=FORGETS,
    )
    assert_a_missing_bit_or_one_too_many(options)


@pytest.mark.parametrize("design", MIGRATE)
def test_a_forgotten_chunk_costs_no_more_where_the_stream_breaks(
    design: str,
) -> None:
    options = Options(
        design=design,
        bounds=bounds_of(design, writes=1),
        failures=once("cut", "refuse"),
        without=FORGETS,
    )
    assert_a_missing_bit_or_one_too_many(options)


@pytest.mark.parametrize("design", FROM_BULK)
def test_a_source_that_sends_before_the_stop_breaks_nothing(
    design: str,
) -> None:
    """Postcopy's destination is as it is since 2.12."""
    options = Options(
        design=design,
        source="bulk",
        bounds=bounds_of(design, writes=1),
        failures=ALL_ONCE,
    )
    assert broken(options) == {}


@pytest.mark.parametrize(
    ("source", "expected"), [("own", set()), ("bulk", {"S1"})]
)
def test_early_chunks_are_kept(source: str, expected: set[str]) -> None:
    """A break must drop them: they may be older than the stop."""
    options = Options(
        design=POSTCOPY_ONES,
        source=source,
        bounds=bounds_of(POSTCOPY_ONES, writes=1),
        failures=once("cut"),
        without=frozenset({"early-chunks-drop"}),
    )
    assert guarantees(broken(options)) == expected


@pytest.mark.parametrize("source", SOURCES)
def test_what_is_promised_at_a_break_depends_on_the_source(
    source: str,
) -> None:
    """The destination alone cannot keep it."""
    promised = {
        design: "D1" in {p.guarantee for p in machine.properties}
        for design in FROM_BULK
        for machine in [build(Options(design=design, source=source))]
    }
    assert promised[POSTCOPY_ONES] == (source == "own")
    assert not promised[POSTCOPY]
