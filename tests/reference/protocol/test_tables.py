# SPDX-License-Identifier: GPL-2.0-or-later
"""Are the tables whole, and is everything that they do not say refused?"""

from __future__ import annotations

import pytest

from checker.conformance.snapshot import freeze, thaw
from reference.errors import ProtocolError
from reference.loopback import Loopback
from reference.protocol.destination import Destination
from reference.protocol.source import Source
from reference.protocol.tables import (
    DESTINATION,
    FROM_OUTSIDE,
    SOURCE,
    Arrival,
    Design,
    Phase,
)
from tests.reference.loopback.drive import DESIGNS, Drive, loopback

EVENTS = sorted({row.event for rows in SOURCE.values() for row in rows})
ARRIVALS = sorted({r.event for rows in DESTINATION.values() for r in rows})
NEEDS = {"", "room", "link", "lost"}
#: phases of other designs; GONE may also come by a kill
NEVER = {
    Design.LIVE: {Phase.SWITCHOVER},
    Design.POSTCOPY: {Phase.BITMAPS_SENT},
    Design.STOP_COPY: {Phase.SWITCHOVER},
    Design.POSTCOPY_ONES: {Phase.BITMAPS_SENT},
    Design.STOP_COPY_BULK: {Phase.SWITCHOVER},
}


@pytest.mark.parametrize("design", DESIGNS)
def test_every_event_has_a_method(design: Design) -> None:
    for row in SOURCE[design]:
        assert callable(getattr(Source, row.event))
        assert row.needs in NEEDS
    for arrival in DESTINATION[design]:
        assert callable(getattr(Destination, arrival.event))
        assert arrival.needs in NEEDS
    assert set(EVENTS) > FROM_OUTSIDE


@pytest.mark.parametrize("design", DESIGNS)
def test_a_pair_has_one_row(design: Design) -> None:
    for rows in (SOURCE[design], DESTINATION[design]):
        pairs = [(p, row.event) for row in rows for p in row.phases]
        assert len(pairs) == len(set(pairs))


@pytest.mark.parametrize("design", DESIGNS)
def test_every_phase_is_reached_by_rows(design: Design) -> None:
    met = {Phase.NONE}
    arrived = {Arrival.WAITING}
    for _ in Phase:
        met |= {r.then or p for r in SOURCE[design] for p in met & {*r.phases}}
        arrived |= {
            r.then or p
            for r in DESTINATION[design]
            for p in arrived & {*r.phases}
        }
    assert met == set(Phase) - NEVER[design]
    assert arrived == set(Arrival)


@pytest.mark.parametrize("design", DESIGNS)
def test_a_pair_without_a_row_is_refused(design: Design) -> None:
    """From every state of a run, in every phase, nothing else happens."""
    drive, states = Drive(loopback(design)), []
    states.append(freeze(drive.loopback))
    while drive.step():
        if len(states) % 3:
            states.append(freeze(drive.loopback))
        else:
            states.append(states[-1])
    for state in dict.fromkeys(states):
        _refuses(thaw(state), design)


def _refuses(both: Loopback, design: Design) -> None:
    pairs = {(p, row.event) for row in SOURCE[design] for p in row.phases}
    before = freeze(both)
    for event in EVENTS:
        if (both.source.phase, event) in pairs:
            continue
        with pytest.raises(ProtocolError, match=event):
            both.source.do(event, both.source_host)
        with pytest.raises(ProtocolError, match=event):
            both.source_does(event)
    for event in ARRIVALS:
        if both.destination.row(event, both.destination_host) is not None:
            continue
        with pytest.raises(ProtocolError, match=event):
            both.destination.do(event, both.destination_host)
        with pytest.raises(ProtocolError, match=event):
            both.destination_does(event)
    assert freeze(both) == before


@pytest.mark.parametrize("design", DESIGNS)
@pytest.mark.parametrize("phase", list(Phase))
def test_every_phase_refuses_what_has_no_row(
    design: Design, phase: Phase
) -> None:
    """Also in phases that such a state never has."""
    both = loopback(design)
    both.source.phase = phase
    _refuses(both, design)


@pytest.mark.parametrize("design", DESIGNS)
@pytest.mark.parametrize("phase", list(Arrival))
def test_every_arrival_refuses_what_has_no_row(
    design: Design, phase: Arrival
) -> None:
    both = loopback(design)
    both.destination.phase = phase
    _refuses(both, design)


def test_an_unknown_event_is_refused() -> None:
    both = loopback(Design.LIVE)
    with pytest.raises(ProtocolError):
        both.source.do("no_such_event", both.source_host)
    with pytest.raises(ProtocolError):
        both.destination.do("no_such_event", both.destination_host)
