# SPDX-License-Identifier: GPL-2.0-or-later
"""Cancelling: after every step of a migration, allowed or refused."""

from __future__ import annotations

import pytest

from checker.conformance.snapshot import freeze
from reference.errors import ProtocolError
from reference.host import RunState
from reference.protocol.tables import Arrival, Design, Phase
from tests.reference.loopback.drive import (
    DESIGNS,
    Drive,
    again,
    as_before,
    content,
    every,
    loopback,
)

CANCELLABLE = {Phase.SETUP, Phase.ACTIVE, Phase.SWITCHOVER}


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
        if phase not in CANCELLABLE:
            refused.add(phase)
            with pytest.raises(ProtocolError, match="migrate_cancel"):
                both.source_does("migrate_cancel")
            assert freeze(both) == now
            continue
        allowed.add(phase)
        both.source_does("migrate_cancel")
        Drive(both).run()
        failed = both.source.phase
        assert failed is Phase.FAILED
        assert both.destination.phase is Arrival.WAITING
        assert every(both.destination_host) == {}
        as_before(both.source_host, before)
        again(both)
        assert both.source.phase is Phase.COMPLETED
        as_before(both.destination_host, before)
    wanted = set(CANCELLABLE)
    if design is not Design.POSTCOPY:
        wanted.remove(Phase.SWITCHOVER)
    assert allowed == wanted
    assert {Phase.NONE, Phase.DEVICE, Phase.HANDED_OVER} <= refused
    assert Phase.COMPLETED in refused


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
        if both.source.phase not in CANCELLABLE:
            both.cut()
        else:
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
