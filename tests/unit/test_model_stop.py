# SPDX-License-Identifier: GPL-2.0-or-later
"""When is the VM stopped, and how much is sent while nobody runs?

Live, stop-copy and stop-copy-bulk stop the VM when what is pending fits the
downtime limit.
What was written and has not set its bit yet comes on top: it is not pending
when the limit is asked.
"""

from __future__ import annotations

from itertools import product

import pytest

from checker.engines.exploration import Limits, Search
from checker.engines.graphs.costs import most
from checker.engines.graphs.graph import graph_of
from checker.engines.interpreter import interpret
from checker.engines.native.explicit import explore
from model.design import DROP, LIVE, RUN_FIRST, STOP_COPY_BULK
from model.designs import build
from model.options import Bounds, Options, Writes
from model.vocabulary import SourceVm
from tests.searches import QUICK, broken, is_, once, reaches

TOO_LITTLE = [(1, 0), (2, 0), (2, 1), (3, 2)]
ENOUGH = [(1, 1), (1, 3), (2, 2), (3, 3)]
TOTAL, STOPPED = "chunks sent", "chunks sent while stopped"


# -- stop-copy: all or nothing ---------------------------------------------


@pytest.mark.parametrize(("chunks", "downtime"), TOO_LITTLE)
@pytest.mark.parametrize("writes", [1, "unbounded"])
def test_a_bitmap_that_does_not_fit_is_never_migrated(
    chunks: int, downtime: int, writes: Writes
) -> None:
    """Not even with a guest that is idle: the whole bitmap is pending."""
    options = Options(
        design="stop-copy",
        bounds=Bounds(chunks=chunks, downtime=downtime, writes=writes),
    )
    machine = build(options)
    search = interpret(machine)
    assert search.coverage.fired["migration_completion"] == 0
    stopped = is_(machine, "source.vm", SourceVm.PAUSED, SourceVm.STOPPED)
    assert not reaches(search, stopped)
    found = broken(options, "L1")
    assert found["MigrationEnds"].steps is not None


@pytest.mark.parametrize(("chunks", "downtime"), ENOUGH)
@pytest.mark.parametrize("failure", ["", "cut", "cancel"])
def test_a_bitmap_that_fits_is_migrated(
    chunks: int, downtime: int, failure: str
) -> None:
    options = Options(
        design="stop-copy",
        bounds=Bounds(
            chunks=chunks,
            downtime=downtime,
            writes="unbounded" if chunks < 3 else 1,
        ),
        failures=once(*([failure] if failure else [])),
    )
    assert broken(options) == {}


@pytest.mark.parametrize("downtime", [0, 2])
def test_the_others_do_not_ask_for_room_for_all(downtime: int) -> None:
    """Postcopy and drop stop at once; live waits for the guest."""
    for design in (*RUN_FIRST, DROP, LIVE):
        options = Options(
            design=design,
            bounds=Bounds(chunks=2, downtime=downtime, writes=1),
        )
        assert broken(options) == {}


# -- the price -------------------------------------------------------------


def cost(name: str, design: str, bounds: Bounds) -> int | None:
    """The most that a run without failures costs; None: no most."""
    machine = build(Options(design=design, bounds=bounds))
    search: Search = interpret(machine, Limits(max_states=QUICK))
    if search.coverage.stopped:
        search = explore(machine)
    (asked,) = (c for c in machine.costs if c.name == name)
    return most(machine, graph_of(search, Limits()), asked)


SIZES = [
    (chunks, downtime, in_flight)
    for chunks, downtime, in_flight in product((1, 2, 3), (0, 1, 2, 3), (1, 2))
    if downtime <= chunks
]


@pytest.mark.parametrize(
    ("chunks", "downtime", "in_flight"),
    [
        # three chunks: the limit and one write are less than everything
        pytest.param(
            *size,
            marks=pytest.mark.full
            if size[0] == 3 and size != (3, 1, 1)
            else (),
        )
        for size in SIZES
    ],
)
def test_live_sends_the_limit_and_what_was_in_flight(
    chunks: int, downtime: int, in_flight: int
) -> None:
    bounds = Bounds(
        chunks=chunks,
        downtime=downtime,
        in_flight=in_flight,
        writes="unbounded" if chunks < 3 else in_flight + 1,
    )
    expected = min(chunks, downtime + in_flight)
    assert cost(STOPPED, "live", bounds) == expected


@pytest.mark.parametrize("chunks", [1, 2])
@pytest.mark.parametrize("in_flight", [1, 2])
def test_each_chunk_once_where_the_guest_is_stopped_to_send(
    chunks: int, in_flight: int
) -> None:
    bounds = Bounds(chunks=chunks, downtime=chunks, in_flight=in_flight)
    for design in RUN_FIRST:
        assert cost(TOTAL, design, bounds) == chunks
        assert cost(STOPPED, design, bounds) == 0
    assert cost(TOTAL, "stop-copy", bounds) == chunks
    assert cost(STOPPED, "stop-copy", bounds) == chunks


# -- a bulk pass: what has changed, once more ------------------------------


@pytest.mark.parametrize(
    ("chunks", "downtime", "in_flight"), [s for s in SIZES if s[0] < 3]
)
def test_a_bulk_pass_sends_each_chunk_and_again_what_changed(
    chunks: int, downtime: int, in_flight: int
) -> None:
    bounds = Bounds(chunks=chunks, downtime=downtime, in_flight=in_flight)
    again = min(chunks, downtime + in_flight)
    assert cost(STOPPED, STOP_COPY_BULK, bounds) == again
    assert cost(TOTAL, STOP_COPY_BULK, bounds) == chunks + again


@pytest.mark.parametrize(
    ("chunks", "downtime", "writes", "ends"),
    [
        (1, 0, 1, False),
        (2, 1, "unbounded", False),
        (2, 1, 1, True),
        (2, 2, "unbounded", True),
    ],
)
def test_what_changes_after_the_bulk_pass_waits_for_the_stop(
    chunks: int, downtime: int, writes: Writes, ends: bool
) -> None:
    """There is one pass: a limit that is too small is so for ever."""
    options = Options(
        design=STOP_COPY_BULK,
        bounds=Bounds(chunks=chunks, downtime=downtime, writes=writes),
    )
    assert set(broken(options)) == (set() if ends else {"MigrationEnds"})


def test_live_may_send_for_ever_but_not_while_stopped() -> None:
    bounds = Bounds(chunks=2, downtime=1)
    assert cost(TOTAL, "live", bounds) is None
    few = Bounds(chunks=2, downtime=1, writes=2)
    assert cost(TOTAL, "live", few) is not None


def test_drop_sends_no_chunk() -> None:
    assert build(Options(design="drop")).costs == ()
