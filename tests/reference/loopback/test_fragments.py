# SPDX-License-Identifier: GPL-2.0-or-later
"""How the bytes are cut on their way, and when they stop for a while."""

from __future__ import annotations

import pytest

from checker.conformance.snapshot import freeze, thaw
from reference.disk import NoDisk
from reference.host import RunState
from reference.loopback import Loopback
from reference.protocol.tables import Design, Phase
from tests.reference.loopback.drive import (
    DESIGNS,
    NODES,
    Drive,
    as_before,
    bytes_of,
    content,
    every,
    granules,
    loopback,
)


@pytest.mark.parametrize("design", DESIGNS)
@pytest.mark.parametrize("most", [1, 2, 3, 7, 64, None])
@pytest.mark.parametrize("burst", [1, 2, 100])
def test_fragments_do_not_matter(
    design: Design, most: int | None, burst: int
) -> None:
    both = loopback(design, burst)
    before = content(both.source_host)
    Drive(both, most).run()
    assert both.source.phase is Phase.COMPLETED
    assert both.destination_host.vm is RunState.RUNNING
    as_before(both.destination_host, before)
    assert len(before) == 4


@pytest.mark.parametrize("design", DESIGNS)
def test_stall_at_every_byte(design: Design) -> None:
    """Both ends are put away whole in the middle, and go on later."""
    plain = loopback(design)
    Drive(plain).run()
    wanted = freeze(plain)
    for size in range(0, bytes_of(design) + 1, 2):
        drive = Drive(loopback(design), most=1)
        while drive.arrived < size and drive.step():
            pass
        frozen = freeze(drive.loopback)
        del drive
        both: Loopback = thaw(frozen)
        Drive(both).run()
        assert freeze(both) == wanted


@pytest.mark.parametrize("design", DESIGNS)
def test_a_slow_reader_has_bounded_memory(design: Design) -> None:
    """Byte by byte no more is kept than the longest item needs."""
    both = loopback(design)
    drive = Drive(both, most=1)
    most = 0
    while drive.step():
        most = max(most, len(both.destination.reader.kept))
        assert len(both.source.replies.kept) < 8
    assert most < 100


def test_the_pipe_is_bounded_by_its_capacity() -> None:
    both = loopback(Design.STOP_COPY)
    both.forward.capacity = 1
    both.source_does("migrate")
    both.source_does("dirty_bitmap_save_setup")
    both.source_does("migration_completion")
    both.source_does("bdrv_drain_all")
    assert not both.source_can("send_bitmap_bits")
    before = content(both.source_host)
    Drive(both).run()
    as_before(both.destination_host, before)


@pytest.mark.parametrize("design", DESIGNS)
@pytest.mark.parametrize("step", [1, 3, 4])
def test_guest_writes_on_both_sides(design: Design, step: int) -> None:
    """Between the steps a write, wherever the guest runs: none is lost."""
    both = loopback(design)
    drive = Drive(both, most=25)
    wanted = {n: granules(b) for n, b in every(both.source_host).items()}
    records = {n: b.recording for n, b in every(both.source_host).items()}
    sides = set()
    for number in range(2000):
        moved = drive.step()
        host = both.source_host
        if host.vm is not RunState.RUNNING:
            host = both.destination_host
        if host.vm is RunState.RUNNING and number % step == 0 and moved:
            offset = number * 7919 % NODES["drive0"]
            host.finish_write(
                host.begin_write(NoDisk(), "drive0", offset, b"x")
            )
            sides.add(host is both.source_host)
            for names, marked in wanted.items():
                if names[0] == "drive0" and records[names]:
                    size = every(host)[names].granularity
                    marked.add(offset // size)
        if not moved and both.source.phase is Phase.ACTIVE:
            # what its pass has left only grows: the limit is raised
            assert design is Design.STOP_COPY_BULK
            both.source.downtime = 100
        elif not moved:
            break
        if both.source.phase is Phase.ACTIVE and number > 300:
            step = 10_000  # the guest calms down, so that live ends
    assert both.source.phase is Phase.COMPLETED
    assert both.destination_host.vm is RunState.RUNNING
    # else the guest never wrote on the source, and nothing was asked
    assert sides >= {True}
    found = every(both.destination_host)
    assert {n: granules(b) for n, b in found.items()} == wanted
    assert {n: b.recording for n, b in found.items()} == records
