# SPDX-License-Identifier: GPL-2.0-or-later
"""Seeded defects of the source's role."""

from __future__ import annotations

import pytest
from attrs import evolve

from reference.host import Host
from reference.protocol.outgoing import Outgoing
from reference.protocol.source import Source
from reference.protocol.tables import SOURCE, Phase
from tests.defects.catalogue import (
    ALL,
    AS_BUILT,
    BULK,
    BULK_TWO,
    JOBS,
    LIVE,
    LIVE_JOBS,
    ONES_BULK_SOURCE,
    POSTCOPY_TWO,
    PRECOPY,
    RUN_FIRST,
    STOP_COPY,
    STOP_COPY_TIGHT,
    defect,
    dict_of,
    source_row,
)


@defect("no-resume-after-run", ALL, "phase 'failed'")
def fails_as_if_run_was_not_sent(patch: pytest.MonkeyPatch) -> None:
    source_row(patch, "migration_fails", then=Phase.FAILED)


@defect("no-resume-after-run", ALL, "would do resume_source", breaks="S6|L1")
def resumes_after_the_hand_over(patch: pytest.MonkeyPatch) -> None:
    also = (Phase.HANDED_OVER, Phase.IN_DOUBT)
    source_row(patch, "resume_source", also)


@defect("fencing", ALL, "allows fence_destination")
def nobody_fences(patch: pytest.MonkeyPatch) -> None:
    source_row(patch, "fence_destination", gone=True)


@defect("own-bits-only", ALL, "source.bits")
def setup_marks_every_granule(patch: pytest.MonkeyPatch) -> None:
    setup = Source.dirty_bitmap_save_setup

    def mark_all(self: Source, host: Host) -> bytes:
        data = setup(self, host)
        for sent in self.bitmaps:
            bitmap = sent.bitmap(host)
            bitmap.mark(0, bitmap.granules)
        return data

    patch.setattr(Source, "dirty_bitmap_save_setup", mark_all)


@defect("source-busy", AS_BUILT, "source.busy")
def bitmap_is_not_busy_while_it_is_sent(patch: pytest.MonkeyPatch) -> None:
    setup = Source.dirty_bitmap_save_setup

    def free(self: Source, host: Host) -> bytes:
        data = setup(self, host)
        for sent in self.bitmaps:
            sent.bitmap(host).busy = False
        return data

    patch.setattr(Source, "dirty_bitmap_save_setup", free)


@defect("source-busy", AS_BUILT, "source.busy", breaks="L1")
def cancel_leaves_the_bitmap_busy(patch: pytest.MonkeyPatch) -> None:
    cancel = Source.migrate_cancel

    def leave(self: Source, host: Host) -> None:
        sent = self.bitmaps
        cancel(self, host)
        for one in sent:
            one.bitmap(host).busy = True

    patch.setattr(Source, "migrate_cancel", leave)


@defect(
    "bits-after-stop",
    (*RUN_FIRST, STOP_COPY),
    "would do send_bitmap_bits",
)
def sends_bits_while_the_guest_runs(patch: pytest.MonkeyPatch) -> None:
    source_row(patch, "send_bitmap_bits", (Phase.ACTIVE,))


@defect("bits-after-stop", RUN_FIRST, "would do send_postcopy_run")
def sends_run_before_the_drain(patch: pytest.MonkeyPatch) -> None:
    source_row(patch, "send_postcopy_run", (Phase.SWITCHOVER,))


@defect("last-pass-stopped", (LIVE,), "would do send_bitmap_complete")
def completes_while_the_guest_runs(patch: pytest.MonkeyPatch) -> None:
    source_row(patch, "send_bitmap_complete", (Phase.ACTIVE,))


@defect("last-pass-stopped", (LIVE,), "allows source_backup_begins")
def changed_chunks_do_not_count_as_pending(
    patch: pytest.MonkeyPatch,
) -> None:
    def pending(self: Outgoing, host: Host) -> int:
        return self.chunks - self.cursor

    patch.setattr(Outgoing, "pending", pending)


@defect("bits-after-stop", (POSTCOPY_TWO, STOP_COPY), "send_bitmap_complete")
def completes_before_everything_was_sent(
    patch: pytest.MonkeyPatch,
) -> None:
    def may(self: Source, host: Host) -> bool:
        return self.taken is None

    patch.setattr(Source, "_may_send_bitmap_complete", may)


@defect("cursor-per-attempt", ALL, "source.cursor")
def retry_goes_on_where_the_failure_was(patch: pytest.MonkeyPatch) -> None:
    setup, fails = Source.dirty_bitmap_save_setup, Source.migration_fails

    def keep(self: Source, host: Host) -> None:
        sent = self.bitmaps
        fails(self, host)
        self.bitmaps = sent

    def go_on(self: Source, host: Host) -> bytes:
        before = {sent.label: sent.cursor for sent in self.bitmaps}
        data = setup(self, host)
        for sent in self.bitmaps:
            sent.cursor = before.get(sent.label, 0)
        return data

    patch.setattr(Source, "migration_fails", keep)
    patch.setattr(Source, "migrate_cancel", keep)
    patch.setattr(Source, "dirty_bitmap_save_setup", go_on)


@defect("B07", ALL, "1 messages are in flight and 0 of them mean")
def names_are_kept_across_attempts(patch: pytest.MonkeyPatch) -> None:
    fails = Source.migration_fails

    def keep(self: Source, host: Host) -> None:
        writer = self.writer
        fails(self, host)
        self.writer = writer

    patch.setattr(Source, "migration_fails", keep)
    patch.setattr(Source, "migrate_cancel", keep)


@defect("L1", RUN_FIRST, "source.busy")
def complete_does_not_end_busy_on_the_source(
    patch: pytest.MonkeyPatch,
) -> None:
    complete = Source.send_bitmap_complete

    def leave(self: Source, host: Host) -> bytes:
        sent = self.bitmaps
        data = complete(self, host)
        for one in sent:
            one.bitmap(host).busy = True
        return data

    patch.setattr(Source, "send_bitmap_complete", leave)


@defect("S3", ALL, "the model allows migrate_cancel")
def cannot_be_cancelled_once_the_vm_has_stopped(
    patch: pytest.MonkeyPatch,
) -> None:
    late = (Phase.DEVICE, Phase.BITMAPS_SENT, Phase.HANDED_OVER)
    for design, rows in SOURCE.items():
        changed = [
            evolve(row, phases=tuple(p for p in row.phases if p not in late))
            if row.event == "migrate_cancel"
            else row
            for row in rows
        ]
        patch.setitem(dict_of(SOURCE), design, tuple(changed))


@defect("S6", ALL, "phase 'failed'")
def cancel_after_the_hand_over_is_a_failure(
    patch: pytest.MonkeyPatch,
) -> None:
    source_row(patch, "migrate_cancel", then=Phase.FAILED)


@defect("completed-after-shut", PRECOPY, "source.migration")
def completes_when_everything_is_written(patch: pytest.MonkeyPatch) -> None:
    source_row(patch, "send_device_state", then=Phase.COMPLETED)


@defect("own-resets-only", ALL, "source.bits")
def setup_clears_what_it_copies(patch: pytest.MonkeyPatch) -> None:
    setup = Source.dirty_bitmap_save_setup

    def reset(self: Source, host: Host) -> bytes:
        data = setup(self, host)
        for sent in self.bitmaps:
            sent.bitmap(host).bits.clear_all()
        return data

    patch.setattr(Source, "dirty_bitmap_save_setup", reset)


@defect("every-chunk-sent", ALL, "source.cursor")
def forgets_the_first_chunk(patch: pytest.MonkeyPatch) -> None:
    setup = Source.dirty_bitmap_save_setup

    def forget(self: Source, host: Host) -> bytes:
        data = setup(self, host)
        for sent in self.bitmaps[:1]:
            sent.cursor = 1
        return data

    patch.setattr(Source, "dirty_bitmap_save_setup", forget)


# -- a pass over a frozen bitmap ---------------------------------------------


@defect("freeze-at-setup", (BULK,), "source.frozen", breaks="S1")
def setup_does_not_freeze(patch: pytest.MonkeyPatch) -> None:
    setup = Source.dirty_bitmap_save_setup

    def hold(self: Source, host: Host) -> bytes:
        data = setup(self, host)
        for sent in self.bitmaps:
            bitmap = sent.bitmap(host)
            if bitmap.frozen:
                bitmap.reclaim()
                bitmap.busy = True
        return data

    patch.setattr(Source, "dirty_bitmap_save_setup", hold)


@defect("reclaim-at-stop", (BULK, ONES_BULK_SOURCE), "source.bits")
def what_was_recorded_is_not_merged_at_the_stop(
    patch: pytest.MonkeyPatch,
) -> None:
    thaw = Outgoing.thaw

    def forget(self: Outgoing, host: Host) -> None:
        successor = self.bitmap(host).successor
        assert successor is not None
        changed = self.find_changed(host)
        successor.bits.clear_all()
        thaw(self, host)
        self.changed = changed

    patch.setattr(Outgoing, "thaw", forget)


@defect("reclaim-at-stop", (BULK,), "source.busy")
def the_stop_releases_the_bitmap(patch: pytest.MonkeyPatch) -> None:
    thaw = Outgoing.thaw

    def release(self: Outgoing, host: Host) -> None:
        thaw(self, host)
        self.bitmap(host).busy = False

    patch.setattr(Outgoing, "thaw", release)


@defect("reclaim-on-failure", (BULK,), "source.bits", breaks="S1")
def a_failure_forgets_what_was_recorded(patch: pytest.MonkeyPatch) -> None:
    release = Source._release

    def forget(self: Source, host: Host, moved: bool = True) -> None:
        for sent in self.bitmaps:
            successor = sent.bitmap(host).successor
            if self.bulk and successor is not None:
                successor.bits.clear_all()
        release(self, host, moved)

    patch.setattr(Source, "_release", forget)


@defect("changed-after-drain", (BULK,), "source.frozen")
def what_changed_is_found_when_the_guest_pauses(
    patch: pytest.MonkeyPatch,
) -> None:
    pause = Source.postcopy_start

    def early(self: Source, host: Host) -> None:
        pause(self, host)
        if self.is_frozen(host):
            self.reclaim_at_stop(host)

    patch.setattr(Source, "migration_completion", early)


@defect(
    "changed-before-complete", (BULK_TWO,), "would do send_bitmap_complete"
)
def completes_after_the_pass(patch: pytest.MonkeyPatch) -> None:
    def may(self: Source, host: Host) -> bool:
        return not self.is_frozen(host) and self._unfinished() is None

    patch.setattr(Source, "_may_send_bitmap_complete", may)


@defect("S1", (BULK,), "source.changed", breaks="S1")
def what_has_changed_is_not_looked_for(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Outgoing, "find_changed", lambda self, host: [])


@defect("L1", (BULK,), "would do reclaim_at_stop")
def reclaims_before_the_stop(patch: pytest.MonkeyPatch) -> None:
    source_row(patch, "reclaim_at_stop", (Phase.ACTIVE,))


# -- backup jobs -------------------------------------------------------------


@defect("stop-waits-for-job", (LIVE_JOBS,), "would do migration_completion")
def stops_while_a_job_holds_the_bitmap(patch: pytest.MonkeyPatch) -> None:
    waits = Source.waits_for_job

    def setup_only(self: Source, host: Host) -> bool:
        return self.phase is Phase.SETUP and waits(self, host)

    patch.setattr(Source, "waits_for_job", setup_only)


@defect("stop-waits-for-job", JOBS, "would do source_backup_begins")
def jobs_begin_although_one_is_waited_for(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Source, "lets_job_begin", lambda self, host: True)


@defect("source-busy", JOBS, "would do dirty_bitmap_save_setup")
def setup_takes_a_bitmap_from_a_job(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Source, "waits_for_job", lambda self, host: False)


@defect("L1", ("postcopy-busy-fails", "live-busy-fails"), "setup_busy")
def setup_waits_although_it_is_to_fail(patch: pytest.MonkeyPatch) -> None:
    source_row(patch, "dirty_bitmap_save_setup_busy", gone=True)


@defect("L1", (STOP_COPY_TIGHT,), "would do migration_completion")
def stop_copy_stops_although_too_much_is_pending(
    patch: pytest.MonkeyPatch,
) -> None:
    patch.setattr(Source, "_little_is_pending", lambda self, host: True)
