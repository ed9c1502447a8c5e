# SPDX-License-Identifier: GPL-2.0-or-later
"""Cancelling: after every step of a migration, and what it means then."""

from __future__ import annotations

import pytest

from checker.conformance.snapshot import freeze
from reference.errors import ProtocolError
from reference.host import RunState
from reference.loopback import Loopback
from reference.protocol.tables import IN_PROGRESS, Arrival, Design, Phase
from tests.reference.loopback.drive import (
    DESIGNS,
    Drive,
    again,
    as_before,
    content,
    every,
    loopback,
)

#: before the hand-over; after it only management can tell who runs
HARMLESS = {
    Phase.SETUP,
    Phase.ACTIVE,
    Phase.SWITCHOVER,
    Phase.DEVICE,
    Phase.BITMAPS_SENT,
}


@pytest.mark.parametrize("design", DESIGNS)
def test_cancel_after_every_step(design: Design) -> None:
    allowed, refused = set(), set()
    for steps in range(1000):
        both = loopback(design)
        before = content(both.source_host)
        drive = Drive(both)
        if not all(drive.step() for _ in range(steps)):
            break
        phase, now = both.source.phase, freeze(both)
        if phase not in IN_PROGRESS:
            refused.add(phase)
            with pytest.raises(ProtocolError, match="migrate_cancel"):
                both.source_does("migrate_cancel")
            assert freeze(both) == now
            continue
        allowed.add(phase)
        both.source_does("migrate_cancel")
        Drive(both).run()
        if phase not in HARMLESS:
            in_doubt(both)
            continue
        failed = both.source.phase
        assert failed is Phase.FAILED
        assert both.destination.phase is Arrival.WAITING
        assert every(both.destination_host) == {}
        as_before(both.source_host, before)
        again(both)
        assert both.source.phase is Phase.COMPLETED
        as_before(both.destination_host, before)
    wanted = {*IN_PROGRESS}
    if design.is_postcopy:
        wanted.remove(Phase.BITMAPS_SENT)
    else:
        wanted.remove(Phase.SWITCHOVER)
    assert allowed == wanted
    assert refused == {Phase.NONE, Phase.COMPLETED}


def in_doubt(both: Loopback) -> None:
    """Cancelled after the hand-over: the source must not resume."""
    assert both.source.phase is Phase.IN_DOUBT
    assert both.source_host.vm is RunState.STOPPED
    assert not both.source_can("resume_source")
    assert not both.source_can("migrate_again")
    runs = both.destination_host.vm is RunState.RUNNING
    assert both.source_can("fence_destination") != runs
    assert both.source_can("quit_source") == runs


@pytest.mark.parametrize("design", DESIGNS)
def test_cancelled_many_times(design: Design) -> None:
    """Nothing of an attempt is left: the tenth goes like the first."""
    both = loopback(design)
    before = content(both.source_host)
    both.source_does("migrate")
    for number in range(10):
        drive = Drive(both)
        for _ in range(number % 4):
            drive.step()
        both.source_does("migrate_cancel")
        Drive(both).run()
        as_before(both.source_host, before)
        if both.source_host.vm is not RunState.RUNNING:
            both.source_does("resume_source")
        both.source_does("migrate_again")
    Drive(both).run()
    as_before(both.destination_host, before)


@pytest.mark.parametrize("design", DESIGNS)
def test_the_guest_writes_between_two_attempts(design: Design) -> None:
    both = loopback(design)
    Drive(both).until(Phase.ACTIVE)
    both.source_does("migrate_cancel")
    Drive(both).run()
    bitmap = every(both.source_host)["drive1", "daily"]
    bitmap.record(60 * 1024, 5000)
    bitmap.disable()
    before = content(both.source_host)
    again(both)
    as_before(both.destination_host, before)
