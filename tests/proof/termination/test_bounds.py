# SPDX-License-Identifier: GPL-2.0-or-later
"""Is what a run costs at most for every size what small disks cost?"""

from __future__ import annotations

import pytest
from attrs import evolve

from checker.engines.exploration import Limits
from checker.engines.graphs.costs import most
from checker.engines.graphs.graph import graph_of
from checker.engines.native.explicit import explore
from checker.proof.termination.bounds import Bound, bounds, least
from checker.proof.termination.obligations import Ranked
from model.designs import build, schema
from model.language import Machine
from model.language.counted_view import counted_view
from model.options import Bounds, Options
from tests.proof.termination.searched import form_of

SENT, STOPPED = "chunks sent", "chunks sent while stopped"


def proved(term: Machine, form: str) -> dict[str, list[Bound]]:
    view = counted_view(term, form_of(term, form).numbers)
    graph = graph_of(explore(view.machine, Limits()), Limits())
    found: dict[str, list[Bound]] = {}
    for bound in least([*bounds(term, view, graph, Ranked.of(view))]):
        found.setdefault(bound.cost, []).append(bound)
    return found


def at_most(found: list[Bound], **sizes: int) -> int:
    """The least of several bounds of one cost, at these sizes."""
    return min(bound.at(**sizes) for bound in found)


def paid(design: str, cost: str, size: Bounds) -> int | None:
    machine = build(Options(design=design, bounds=size))
    graph = graph_of(explore(machine, Limits()), Limits())
    (asked,) = (c for c in machine.costs if c.name == cost)
    return most(machine, graph, asked)


@pytest.mark.parametrize(
    ("design", "form", "sent", "stopped"),
    [
        ("postcopy", "", {"M"}, {"0"}),
        ("stop-copy", "", {"M", "D"}, {"M", "D"}),
        ("stop-copy", "D >= M", {"M"}, {"M"}),
        ("live", "bounded", {"M + 2 W"}, {"M"}),
        ("live", "", set(), {"M", "D + F"}),
    ],
)
def test_what_is_shown(
    design: str, form: str, sent: set[str], stopped: set[str]
) -> None:
    found = proved(schema(Options(design=design)).term, form)
    assert {str(bound) for bound in found.get(SENT, [])} == sent
    assert {str(bound) for bound in found.get(STOPPED, [])} == stopped


@pytest.mark.parametrize(
    ("chunks", "writes"), [(1, 1), (2, 1), (1, 2), (2, 2)]
)
def test_live_pays_all_of_it(chunks: int, writes: int) -> None:
    found = proved(schema(Options(design="live")).term, "bounded")
    size = Bounds(chunks=chunks, writes=writes, downtime=0)
    most_sent = at_most(found[SENT], M=chunks, W=writes)
    assert paid("live", SENT, size) == most_sent


@pytest.mark.parametrize("chunks", [1, 2, 3])
def test_stop_copy_pays_all_of_it(chunks: int) -> None:
    found = proved(schema(Options(design="stop-copy")).term, "D >= M")
    size = Bounds(chunks=chunks, writes=1, downtime=chunks)
    for cost in (SENT, STOPPED):
        assert paid("stop-copy", cost, size) == at_most(found[cost], M=chunks)


@pytest.mark.parametrize(
    ("chunks", "downtime", "flights"),
    [(2, 0, 1), (2, 1, 1), (3, 1, 1), (3, 0, 2), (2, 0, 2)],
)
def test_live_is_stopped_for_all_of_it(
    chunks: int, downtime: int, flights: int
) -> None:
    found = proved(schema(Options(design="live")).term, "")
    size = Bounds(
        chunks=chunks, writes=3, downtime=downtime, in_flight=flights
    )
    least_ = at_most(found[STOPPED], M=chunks, D=downtime, F=flights)
    assert paid("live", STOPPED, size) == least_


def test_a_rank_that_pays_too_little_bounds_nothing() -> None:
    """With a write's weight 1 a backup marks a chunk that is not paid for."""
    term = schema(Options(design="live")).term
    ranks = tuple(
        evolve(rank, parts=tuple((1, part) for _, part in rank.parts))
        for rank in term.ranks
    )
    assert SENT not in proved(evolve(term, ranks=ranks), "bounded")
