# SPDX-License-Identifier: GPL-2.0-or-later
"""One pass over frozen bitmaps while the guest runs, then what has changed."""

from __future__ import annotations

from collections import Counter

import pytest

from reference.disk import NoDisk
from reference.errors import ProtocolError
from reference.events import Event
from reference.host import Host, RunState
from reference.loopback import Loopback
from reference.protocol.destination import Destination
from reference.protocol.tables import IN_PROGRESS, Design, Phase
from tests.reference.loopback.drive import (
    CHUNK_BYTES,
    Drive,
    as_before,
    content,
    every,
    granules,
    loopback,
)

DAILY = ("drive0", "daily")
BULK = Design.STOP_COPY_BULK
CHUNKS = 8  # of four bitmaps: 3, 2, 2 and 1


def write(host: Host, granule: int) -> None:
    data = host.begin_write(NoDisk(), "drive0", granule * 512, b"x")
    host.finish_write(data)


def frozen() -> Loopback:
    """Up to the beginning of the pass."""
    both = loopback(BULK)
    Drive(both).until(Phase.ACTIVE)
    return both


def the_pass(both: Loopback) -> list[Event]:
    """All of it, and what arrives meanwhile."""
    done = []
    while both.source.row("send_bitmap_bits", both.source_host):
        done.append(both.source_does("send_bitmap_bits"))
    while not both.forward.is_empty:
        both.deliver()
    return done


def test_a_frozen_bitmap_does_not_change() -> None:
    both = frozen()
    daily = every(both.source_host)[DAILY]
    before = granules(daily)
    assert daily.busy and daily.frozen
    write(both.source_host, 20)
    assert granules(daily) == before
    assert daily.successor is not None
    assert granules(daily.successor) == {20}
    assert daily.records


def test_what_changes_is_sent_again_and_nothing_else() -> None:
    both = frozen()
    assert len(the_pass(both)) == CHUNKS
    # granule 64 is dirty already; 70 is not, and is of the same chunk
    for granule in (64, 20, 70, 71):
        write(both.source_host, granule)
    both.source.downtime = 3
    assert both.source.bitmaps[0].find_changed(both.source_host) == [0, 1]
    # of weekly, which is disabled, nothing has changed
    assert both.source.bitmaps[1].find_changed(both.source_host) == []
    for event in ("migration_completion", "bdrv_drain_all"):
        both.source_does(event)
    assert not both.source_can("send_bitmap_complete")
    assert not both.source_can("send_changed_bits")
    both.source_does("reclaim_at_stop")
    assert not both.source_can("reclaim_at_stop")
    daily = every(both.source_host)[DAILY]
    assert daily.busy and not daily.frozen and daily.bits.test(20)
    assert not both.source_can("send_bitmap_complete")
    with pytest.raises(ProtocolError, match="chunk 2 of drive0/daily"):
        both.source_does("send_changed_bits", 2)
    # in any order
    assert both.source_does("send_changed_bits", 1).chunk == 1
    assert both.source_does("send_changed_bits", 0).chunk == 0
    assert not both.source_can("send_changed_bits")
    before = content(both.source_host)
    Drive(both).run()
    as_before(both.destination_host, before)


def test_a_write_that_changes_no_bit_costs_nothing() -> None:
    both = frozen()
    the_pass(both)
    write(both.source_host, 64)
    both.source.downtime = 0
    Drive(both).run()
    assert both.source.phase is Phase.COMPLETED


def test_no_chunk_is_sent_more_than_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """While stopped only what has changed, and never more than that."""
    sent: Counter[tuple[str, int]] = Counter()
    stopped: list[int] = []
    does = Loopback.source_does

    def counted(
        self: Loopback, event: str, chunk: int = -1, index: int = 0
    ) -> Event:
        halted = self.source_host.vm is not RunState.RUNNING
        done = does(self, event, chunk, index)
        if done.chunk >= 0:
            sent[done.bitmap, done.chunk] += 1
            stopped.extend([done.chunk] * halted)
        return done

    monkeypatch.setattr(Loopback, "source_does", counted)
    both = frozen()
    both.source.downtime = 2
    the_pass(both)
    for granule in (20, 21, 130):
        write(both.source_host, granule)
    Drive(both).run()
    assert both.source.phase is Phase.COMPLETED
    assert len(sent) == CHUNKS
    assert {where for where, times in sent.items() if times == 2} == {
        ("drive0/daily", 0),
        ("drive0/daily", 2),
    }
    assert max(sent.values()) == 2
    assert stopped == [0, 2]


def test_it_never_stops_where_more_has_changed() -> None:
    """There is one pass: what is pending after it only grows."""
    both = frozen()
    the_pass(both)
    both.source.downtime = 1
    write(both.source_host, 20)
    write(both.source_host, 70)
    Drive(both).run()
    assert both.source.phase is Phase.ACTIVE
    assert both.source_host.vm is RunState.RUNNING
    both.source.downtime = 2
    Drive(both).run()
    assert both.source.phase is Phase.COMPLETED


def test_a_write_in_flight_at_the_stop_is_sent() -> None:
    both = frozen()
    both.source.downtime = 1
    the_pass(both)
    late = both.source_host.begin_write(NoDisk(), "drive0", 20 * 512, b"x")
    both.source_does("migration_completion")
    assert not both.source_can("bdrv_drain_all")
    both.source_host.finish_write(late)
    Drive(both).run()
    assert every(both.destination_host)[DAILY].bits.test(20)


@pytest.mark.parametrize("steps", range(1, 24))
def test_cancelled_after_every_step_while_the_guest_writes(
    steps: int,
) -> None:
    """Whatever the successor has recorded is in the bitmap again."""
    both = loopback(BULK)
    both.source.downtime = 100
    drive, wanted = Drive(both), granules(every(both.source_host)[DAILY])
    for number in range(steps):
        assert drive.step()
        if both.source_host.vm is RunState.RUNNING:
            write(both.source_host, number)
            wanted.add(number)
    assert both.source.phase in IN_PROGRESS[:-1]
    both.source_does("migrate_cancel")
    daily = every(both.source_host)[DAILY]
    assert granules(daily) == wanted
    assert daily.recording and not daily.busy and not daily.frozen


def test_the_destination_is_that_of_stop_copy() -> None:
    both = loopback(BULK)
    both.destination = Destination(Design.STOP_COPY, CHUNK_BYTES)
    the_pass_is_over = False
    drive = Drive(both)
    while both.source.phase is not Phase.COMPLETED:
        assert drive.step()
        if both.source.bitmaps and not the_pass_is_over:
            the_pass_is_over = True
            write(both.source_host, 20)
    assert both.destination.error == ""
    for names, bitmap in every(both.destination_host).items():
        assert granules(bitmap) == granules(every(both.source_host)[names])
