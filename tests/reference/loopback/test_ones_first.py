# SPDX-License-Identifier: GPL-2.0-or-later
"""A destination that begins with every bit set: what does a break leave?

What has come is exact, what has not is dirty, and so is what the guest wrote
here.  It shows as degraded until a backup has used it.
"""

from __future__ import annotations

import pytest

from reference.backup import (
    begin_incremental,
    incremental_backup,
    job_fails,
    job_succeeds,
)
from reference.bitmap import DirtyBitmap
from reference.disk import NoDisk
from reference.errors import BitmapError
from reference.host import Host, RunState
from reference.loopback import Loopback
from reference.protocol.loader import Loader
from reference.protocol.tables import Arrival, Design, Phase
from tests.reference.loopback.drive import (
    Drive,
    cut,
    every,
    granules,
    loopback,
)

DAILY = ("drive0", "daily")
DISABLED = ("drive0", "weekly")
CHUNK = 64  # granules
ONES = Design.POSTCOPY_ONES


def write(host: Host, node: str, offset: int) -> None:
    host.finish_write(host.begin_write(NoDisk(), node, offset, b"x"))


def broken_after(chunks: int, bulk: bool = False) -> Loopback:
    """Cut when so many chunks have come after RUN; then all that follows."""
    both = loopback(ONES, bulk=bulk)
    drive = Drive(both)
    while both.destination.phase is not Arrival.RUNNING:
        assert drive.step()
    come = 0
    while come < chunks:
        events = both.deliver() if not both.forward.is_empty else []
        if not events:
            assert drive._source()
        come += sum(e.action == "dirty_bitmap_load_bits" for e in events)
    cut(both)
    drive.run()
    return both


def test_every_bit_is_set_until_its_chunk_comes() -> None:
    both = loopback(ONES)
    drive = Drive(both)
    while not every(both.destination_host):
        assert drive.step()
    for bitmap in every(both.destination_host).values():
        assert bitmap.bits.count() == bitmap.granules
        assert bitmap.busy and not bitmap.degraded
    drive.run()
    for names, bitmap in every(both.destination_host).items():
        assert granules(bitmap) == granules(every(both.source_host)[names])
        assert not bitmap.degraded


@pytest.mark.parametrize("chunks", range(8))
def test_a_break_after_each_chunk(chunks: int) -> None:
    """The bitmaps come one after the other, of 3, 2, 2 and 1 chunks."""
    both = broken_after(chunks)
    source, here = every(both.source_host), every(both.destination_host)
    assert here.keys() == source.keys()
    left = chunks
    for names, sent in source.items():
        kept = here[names]
        total = -(-sent.granules // CHUNK)
        came = min(left, total)
        left -= came
        exact = {g for g in granules(sent) if g < came * CHUNK}
        rest = range(min(came * CHUNK, sent.granules), sent.granules)
        assert granules(kept) == exact | {*rest}
        assert kept.degraded
        assert kept.recording == (names != DISABLED)
        assert not kept.busy and kept.successor is None


def test_what_the_guest_writes_here_is_in_it() -> None:
    both = loopback(ONES)
    drive = Drive(both)
    while both.destination.phase is not Arrival.RUNNING:
        assert drive.step()
    while not both.destination.loader.bitmaps[DAILY].covered:
        assert drive.step()
    write(both.destination_host, "drive0", 512 * 10)
    cut(both)
    drive.run()
    daily = every(both.destination_host)[DAILY]
    assert daily.degraded and daily.bits.test(10) and not daily.bits.test(9)
    write(both.destination_host, "drive0", 512 * 9)
    assert daily.bits.test(9)


def test_a_break_before_the_vm_starts_keeps_it_as_well() -> None:
    both = loopback(ONES)
    Drive(both).until(Phase.HANDED_OVER)
    while not both.forward.is_empty:
        both.deliver()
    assert both.destination.phase is Arrival.TAKEN_OVER
    cut(both)
    both.destination_does("dirty_bitmap_mig_cancel_incoming")
    daily = every(both.destination_host)[DAILY]
    assert daily.degraded and not daily.busy and not daily.recording
    Drive(both).run()
    assert both.destination_host.vm is RunState.RUNNING
    assert daily.recording
    assert not every(both.destination_host)[DISABLED].recording


def test_a_break_before_run_removes_it() -> None:
    both = loopback(ONES)
    drive = Drive(both)
    while not every(both.destination_host):
        assert drive.step()
    cut(both)
    drive.run()
    assert every(both.destination_host) == {}
    assert both.source.phase is Phase.FAILED


def test_the_event_tells_what_was_kept() -> None:
    both = loopback(ONES)
    drive = Drive(both)
    while both.destination.phase is not Arrival.RUNNING:
        assert drive.step()
    cut(both)
    event = both.destination_does("dirty_bitmap_mig_cancel_incoming")
    assert event.detail == (
        "kept, degraded: drive0/daily, drive0/weekly, drive1/daily, tiny/one"
    )


# -- where it is not kept ----------------------------------------------------


def test_a_refused_message_drops_it_whatever_follows() -> None:
    both = loopback(ONES)
    drive = Drive(both)
    while both.destination.phase is not Arrival.RUNNING:
        assert drive.step()
    every(both.destination_host)[DAILY].disk_size = 512
    while not both.destination.loader.cancelled:
        assert drive.step()
    cut(both)
    drive.run()
    assert every(both.destination_host) == {}
    assert both.destination_host.vm is RunState.RUNNING


def test_a_stream_that_cannot_be_read_drops_it() -> None:
    both = loopback(ONES)
    drive = Drive(both)
    while both.destination.phase is not Arrival.RUNNING:
        assert drive.step()
    both.forward.lose()
    both.forward.put(b"\xff" * 40)
    both.deliver()
    drive.run()
    assert both.destination_host.vm is RunState.RUNNING
    assert every(both.destination_host) == {}


def stale(both: Loopback) -> list[int]:
    """What the guest wrote after the pass and the bitmap does not have."""
    return [
        granule
        for granule in (5, 70)
        if not every(both.destination_host)[DAILY].bits.test(granule)
    ]


def broken_bulk_source() -> Loopback:
    """Its pass is over, the guest writes, the VM moves, the link breaks."""
    both = loopback(ONES, bulk=True)
    drive = Drive(both)
    drive.until(Phase.ACTIVE)
    while both.source.row("send_bitmap_bits", both.source_host):
        both.source_does("send_bitmap_bits")
    while not both.forward.is_empty:
        both.deliver()
    for granule in (5, 70):
        write(both.source_host, "drive0", granule * 512)
    while both.destination.phase is not Arrival.RUNNING:
        assert drive.step()
    cut(both)
    drive.run()
    return both


def test_chunks_that_came_before_run_are_not_trusted() -> None:
    both = broken_bulk_source()
    assert both.destination_host.vm is RunState.RUNNING
    assert every(both.destination_host) == {}
    assert both.destination.loader.cancelled


def test_to_trust_them_would_lose_writes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What the rule is there for."""
    keep = Loader.keep

    def trust(self: Loader, host: Host) -> list[str]:
        self.early = []
        return keep(self, host)

    monkeypatch.setattr(Loader, "keep", trust)
    both = broken_bulk_source()
    assert every(both.destination_host)[DAILY].degraded
    assert stale(both) == [5, 70]


def test_a_bulk_source_that_comes_to_its_end_is_exact() -> None:
    both = loopback(ONES, bulk=True)
    drive = Drive(both)
    drive.until(Phase.ACTIVE)
    both.source_does("send_bitmap_bits")
    write(both.source_host, "drive0", 5 * 512)
    drive.run()
    for names, bitmap in every(both.destination_host).items():
        assert granules(bitmap) == granules(every(both.source_host)[names])
        assert not bitmap.degraded
    assert stale(both) == [70]


def test_a_forgotten_chunk_is_dirty_and_shows() -> None:
    both = loopback(ONES)
    Drive(both).until(Phase.HANDED_OVER)
    both.source.bitmaps[0].cursor = 1
    Drive(both).run()
    assert both.source.phase is Phase.COMPLETED
    daily = every(both.destination_host)[DAILY]
    source = every(both.source_host)[DAILY]
    exact = {g for g in granules(source) if g >= CHUNK}
    assert granules(daily) == exact | {*range(CHUNK)}
    assert daily.degraded
    others = every(both.destination_host).values()
    assert sum(bitmap.degraded for bitmap in others) == 1


# -- until when does it show? ------------------------------------------------


@pytest.fixture
def kept() -> Host:
    """A destination with bitmaps that were kept at a break."""
    return broken_after(2).destination_host


def daily(host: Host) -> DirtyBitmap:
    return host.bitmap(*DAILY)


def test_a_query_shows_it(kept: Host) -> None:
    shown = kept.query()["drive0"]
    assert [each["degraded"] for each in shown] == [True, True]


def test_a_backup_makes_it_exact(kept: Host) -> None:
    incremental_backup(kept, *DAILY, NoDisk(), NoDisk())
    assert not daily(kept).degraded
    assert daily(kept).bits.count() == 0
    assert kept.bitmap(*DISABLED).degraded


def test_only_a_job_that_succeeds_does(kept: Host) -> None:
    job, _ = begin_incremental(kept, *DAILY, NoDisk(), NoDisk())
    assert daily(kept).degraded
    job_fails(kept, job)
    assert daily(kept).degraded
    job, _ = begin_incremental(kept, *DAILY, NoDisk(), NoDisk())
    job_succeeds(kept, job)
    assert not daily(kept).degraded


def test_a_new_one_of_that_name_is_exact(kept: Host) -> None:
    kept.remove_bitmap(*DAILY)
    assert not kept.add_bitmap(*DAILY).degraded


def test_what_it_is_merged_into_is_no_better(kept: Host) -> None:
    other = kept.add_bitmap("drive0", "other", 512)
    other.merge(daily(kept))
    assert other.degraded
    with pytest.raises(BitmapError):
        other.merge(kept.bitmap("drive1", "daily"))
