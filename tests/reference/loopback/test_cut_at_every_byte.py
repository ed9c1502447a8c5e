# SPDX-License-Identifier: GPL-2.0-or-later
"""The connection breaks after exactly n bytes, for every n.

Before the hand-over the source is as it was and a second attempt, to a new
process, succeeds.  After it the source keeps still, and every bitmap on the
destination is whole or gone, never a part of one; or it is a superset that
says so.
"""

from __future__ import annotations

import pytest

from reference.errors import ProtocolError
from reference.host import RunState
from reference.loopback import Connection, Loopback
from reference.protocol.tables import Arrival, Design, Phase
from tests.reference.loopback.drive import (
    DESIGNS,
    Contents,
    Drive,
    again,
    as_before,
    bytes_of,
    content,
    cut,
    degraded,
    every,
    loopback,
)

#: chunks in one message; steps after the last byte and before the cut
OFTEN, RARELY = ((100, 0), (1, 1000)), ((1, 0), (100, 1))
CASES = [
    pytest.param(
        design,
        *how,
        id=f"{design.value}-burst-{how[0]}-wait-{how[1]}",
        marks=() if how in OFTEN else pytest.mark.full,
    )
    for design in DESIGNS
    for how in (*OFTEN, *RARELY)
]


@pytest.mark.parametrize(("design", "burst", "wait"), CASES)
def test_cut_after_every_byte(design: Design, burst: int, wait: int) -> None:
    ends = set()
    for size in range(bytes_of(design, burst) + 1):
        both = loopback(design, burst)
        before = content(both.source_host)
        Drive(both, left=size, wait=wait).run()
        if both.source.phase is Phase.FAILED:
            ends.add("source")
            nothing_is_lost(both, before)
        else:
            ends.add(moved_or_in_doubt(both, before))
    wanted = {"moved", "source" if wait < 100 else "fenced"}
    if design is Design.POSTCOPY:
        wanted |= {"lost", "some"}
    if design is Design.POSTCOPY_ONES:
        wanted |= {"degraded"}
        assert not ends & {"lost", "some"}
    assert wanted <= ends


def nothing_is_lost(both: Loopback, before: Contents) -> None:
    as_before(both.source_host, before)
    assert every(both.destination_host) == {}
    again(both)
    assert both.source.phase is Phase.COMPLETED
    as_before(both.destination_host, before)


def moved_or_in_doubt(both: Loopback, before: Contents) -> str:
    """The hand-over was sent: who runs depends on what arrived."""
    source, host = both.source, both.source_host
    assert host.vm is RunState.STOPPED
    assert content(host) == before
    with pytest.raises(ProtocolError):
        both.source_does("resume_source")
    if both.destination.phase is Arrival.WAITING:
        postcopy = source.design.is_postcopy
        known = source.phase is Phase.IN_DOUBT
        assert known or (postcopy and source.phase is Phase.COMPLETED)
        assert every(both.destination_host) == {}
        both.fence()
        both.source_does("resume_source")
        as_before(host, before)
        return "fenced"
    assert both.destination_host.vm is RunState.RUNNING
    found = content(both.destination_host)
    inexact = degraded(both.destination_host, host)
    exact = {n: c for n, c in found.items() if n not in inexact}
    assert exact.items() <= before.items()
    as_before(both.destination_host, found)
    both.source_does("quit_source")
    assert every(host) == {}
    if found.keys() == before.keys():
        return "degraded" if inexact else "moved"
    assert design_drops(both)
    return "some" if found else "lost"


def design_drops(both: Loopback) -> bool:
    """Only postcopy loses a bitmap without failing the migration."""
    postcopy = both.source.design is Design.POSTCOPY
    return postcopy and both.destination.loader.cancelled


@pytest.mark.parametrize(
    "design", [design for design in DESIGNS if not design.is_postcopy]
)
def test_reply_cut_at_every_byte(design: Design) -> None:
    """SHUT does not arrive whole: only management can tell who runs."""
    for size in range(8):
        both = loopback(design)
        before = content(both.source_host)
        drive = Drive(both)
        while both.backward.is_empty:
            assert drive.step()
        if size:
            part = both.backward.take(size)
            assert both.source.receive(part, both.source_host) == []
        cut(both)
        drive.run()
        assert both.source.phase is Phase.IN_DOUBT
        assert both.source_host.vm is RunState.STOPPED
        as_before(both.destination_host, before)
        both.source_does("quit_source")


@pytest.mark.parametrize("design", DESIGNS)
def test_source_killed_after_every_byte(design: Design) -> None:
    """What it had sent arrives; what is missing is dropped."""
    for size in range(1, bytes_of(design), 3):
        both = loopback(design)
        before = content(both.source_host)
        drive = Drive(both)
        while drive.arrived < size and drive.step():
            pass
        both.kill_source()
        Drive(both).run()
        assert every(both.source_host) == {}
        found = content(both.destination_host)
        inexact = degraded(both.destination_host, loopback(design).source_host)
        exact = {n: c for n, c in found.items() if n not in inexact}
        assert exact.items() <= before.items()
        as_before(both.destination_host, found)
        whole = found.keys() in (set(), before.keys())
        assert whole or design_drops(both)
        assert design is Design.POSTCOPY_ONES or not inexact
        assert both.connection is Connection.DOWN
        running = both.destination_host.vm is RunState.RUNNING
        waiting = both.destination.phase is Arrival.WAITING
        assert running or (waiting and not found)


@pytest.mark.parametrize("design", DESIGNS)
def test_destination_killed_after_every_byte(design: Design) -> None:
    for size in range(1, bytes_of(design), 3):
        both = loopback(design)
        before = content(both.source_host)
        drive = Drive(both)
        while drive.arrived < size and drive.step():
            pass
        ran = both.destination_host.vm is RunState.RUNNING
        both.kill_destination()
        Drive(both).run()
        assert every(both.destination_host) == {}
        if both.source.phase is Phase.FAILED:
            as_before(both.source_host, before)
            if both.source_host.vm is not RunState.RUNNING:
                both.source_does("resume_source")
            continue
        assert both.source.phase in (Phase.IN_DOUBT, Phase.COMPLETED)
        assert content(both.source_host) == before
        if not ran:
            both.fence()
            both.source_does("resume_source")
            as_before(both.source_host, before)
