# SPDX-License-Identifier: GPL-2.0-or-later
"""Seeded defects of the source's role."""

from __future__ import annotations

import pytest

from reference.host import Host
from reference.protocol.outgoing import Outgoing
from reference.protocol.source import Source
from reference.protocol.tables import Phase
from tests.conformance.defects import (
    ALL,
    AS_BUILT,
    LIVE,
    POSTCOPY,
    POSTCOPY_TWO,
    STOP_COPY,
    defect,
    source_row,
)


@defect("no-resume-after-run", ALL, "phase 'failed'")
def fails_as_if_run_was_not_sent(patch: pytest.MonkeyPatch) -> None:
    source_row(patch, "migration_fails_after_run", then=Phase.FAILED)


@defect("no-resume-after-run", ALL, "would do resume_source")
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


@defect("source-busy", AS_BUILT, "source.busy")
def cancel_leaves_the_bitmap_busy(patch: pytest.MonkeyPatch) -> None:
    cancel = Source.migrate_cancel

    def leave(self: Source, host: Host) -> None:
        sent = self.bitmaps
        cancel(self, host)
        for one in sent:
            one.bitmap(host).busy = True

    patch.setattr(Source, "migrate_cancel", leave)


@defect("bits-after-stop", AS_BUILT, "would do send_bitmap_bits")
def sends_bits_while_the_guest_runs(patch: pytest.MonkeyPatch) -> None:
    source_row(patch, "send_bitmap_bits", (Phase.ACTIVE,))


@defect("bits-after-stop", (POSTCOPY,), "would do send_postcopy_run")
def sends_run_before_the_drain(patch: pytest.MonkeyPatch) -> None:
    source_row(patch, "send_postcopy_run", (Phase.SWITCHOVER,))


@defect("last-pass-stopped", (LIVE,), "would do send_bitmap_complete")
def completes_while_the_guest_runs(patch: pytest.MonkeyPatch) -> None:
    source_row(patch, "send_bitmap_complete", (Phase.ACTIVE,))


@defect("last-pass-stopped", (LIVE,), "would do migration_completion")
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


# postcopy sends nothing before the hand-over, and afterwards nobody retries
@defect("bits-after-stop", (STOP_COPY,), "source.cursor", (POSTCOPY,))
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


@defect("L1", (POSTCOPY,), "source.busy")
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


@defect("S6", ALL, "would do migrate_cancel")
def can_be_cancelled_after_the_hand_over(patch: pytest.MonkeyPatch) -> None:
    also = (Phase.DEVICE, Phase.BITMAPS_SENT, Phase.HANDED_OVER)
    source_row(patch, "migrate_cancel", also)
