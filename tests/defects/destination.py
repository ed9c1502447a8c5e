# SPDX-License-Identifier: GPL-2.0-or-later
"""Seeded defects of the destination's role."""

from __future__ import annotations

import pytest

from reference.bitmap import DirtyBitmap
from reference.events import Event
from reference.host import Host
from reference.protocol.destination import Destination
from reference.protocol.loader import Incoming, Loader
from reference.protocol.tables import Arrival
from reference.wire.bits import BitsRun
from reference.wire.chunks import Complete, Start
from tests.defects.catalogue import (
    ALL,
    AS_BUILT,
    BULK,
    LIVE,
    LIVE_REFUSING,
    ONES,
    ONES_BULK_SOURCE,
    POSTCOPY,
    PRECOPY,
    RUN_FIRST,
    RUN_LAST,
    STOP_COPY,
    defect,
    destination_row,
)


@defect("recorder-before-start", ALL, "destination.bitmap")
def recorders_come_on_after_the_vm(patch: pytest.MonkeyPatch) -> None:
    switch, start = Loader.before_vm_start, Destination.vm_start

    def late(self: Destination, host: Host) -> None:
        start(self, host)
        switch(self.loader, host)

    patch.setattr(Loader, "before_vm_start", lambda self, host: None)
    patch.setattr(Destination, "vm_start", late)


@defect("recorder-before-start", ALL, "destination.bitmap", breaks="S1|M1")
def recorders_never_come_on(patch: pytest.MonkeyPatch) -> None:
    def start(self: Loader, host: Host) -> None:
        self.started = True

    patch.setattr(Loader, "before_vm_start", start)


@defect(
    "remove-partial",
    ALL,
    "incoming_fails: a whole bitmap is busy",
    breaks="S2",
)
def failed_attempt_leaves_its_bitmap(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Loader, "abandon", lambda self, host: None)


@defect("error-fails-migration", (LIVE_REFUSING,), "destination.bitmap")
def live_ignores_a_refused_bitmap(patch: pytest.MonkeyPatch) -> None:
    def ignore(self: Loader, error: Exception, host: Host) -> None:
        self.cancel(host)

    patch.setattr(Loader, "_refuse", ignore)


@defect("successor", RUN_FIRST, "destination.bitmap", RUN_LAST)
def bitmap_records_itself_while_loading(patch: pytest.MonkeyPatch) -> None:
    def hold(self: Loader, bitmap: DirtyBitmap) -> None:
        bitmap.recording = False
        bitmap.busy = True

    def switch(self: Loader, host: Host) -> None:
        self.started = True
        for incoming in self.bitmaps.values():
            incoming.bitmap(host).recording = incoming.enabled

    patch.setattr(Loader, "_hold", hold)
    patch.setattr(Loader, "before_vm_start", switch)


@defect("successor", RUN_FIRST, "destination.bitmap", RUN_LAST)
def successor_is_never_switched_on(patch: pytest.MonkeyPatch) -> None:
    def switch(self: Loader, host: Host) -> None:
        self.started = True
        for incoming in self.bitmaps.values():
            if incoming.complete:
                incoming.bitmap(host).recording = incoming.enabled

    patch.setattr(Loader, "before_vm_start", switch)


@defect("busy-until-complete", AS_BUILT, "destination.bitmap")
def bitmap_is_not_busy_while_it_loads(patch: pytest.MonkeyPatch) -> None:
    hold = Loader._hold

    def free(self: Loader, bitmap: DirtyBitmap) -> None:
        hold(self, bitmap)
        bitmap.busy = False

    patch.setattr(Loader, "_hold", free)


@defect("L1", ALL, "a whole bitmap is busy")
def complete_does_not_end_busy(patch: pytest.MonkeyPatch) -> None:
    complete = Loader.complete

    def stay(self: Loader, chunk: Complete, host: Host) -> Event:
        event = complete(self, chunk, host)
        for incoming in self.bitmaps.values():
            incoming.bitmap(host).busy = True
        return event

    patch.setattr(Loader, "complete", stay)


@defect("drop-on-failure", AS_BUILT, "destination.bitmap")
def cancel_removes_nothing(patch: pytest.MonkeyPatch) -> None:
    def cancel(self: Loader, host: Host) -> None:
        self.cancelled = True

    patch.setattr(Loader, "cancel", cancel)


@defect("drop-on-failure", (POSTCOPY,), "destination.bitmap", breaks="S1")
def a_partial_bitmap_passes_for_whole(patch: pytest.MonkeyPatch) -> None:
    def keep(self: Loader, host: Host) -> None:
        self.cancelled = True
        for incoming in self.bitmaps.values():
            bitmap = incoming.bitmap(host)
            if bitmap.successor is not None:
                bitmap.reclaim()
            bitmap.busy = False
            incoming.complete = True

    patch.setattr(Loader, "cancel", keep)


@defect("error-drops-bitmap", AS_BUILT, "link")
def refused_bitmap_fails_the_migration(patch: pytest.MonkeyPatch) -> None:
    def refuse(self: Loader, error: Exception, host: Host) -> None:
        self.failure = str(error)
        self.abandon(host)

    patch.setattr(Loader, "_refuse", refuse)


@defect("L1", ALL, "in flight and 0 of them mean something")
def reader_is_kept_across_attempts(patch: pytest.MonkeyPatch) -> None:
    def forget(self: Destination) -> None:
        self.loader = self._fresh_loader()
        self.error, self.replies = "", b""

    patch.setattr(Destination, "_forget", forget)


@defect("L1", ALL, "destination.stream_ended")
def failed_destination_waits_for_another(patch: pytest.MonkeyPatch) -> None:
    fails = Destination.incoming_fails

    def waits(self: Destination, host: Host) -> None:
        fails(self, host)
        self.ended = False

    patch.setattr(Destination, "incoming_fails", waits)


@defect(
    "error-drops-bitmap", AS_BUILT, "would do dirty_bitmap_load_bits_refused"
)
def data_of_a_dropped_bitmap_is_refused_again(
    patch: pytest.MonkeyPatch,
) -> None:
    bits = Loader.bits

    def again(self: Loader, run: BitsRun, host: Host) -> Event:
        self.cancelled = False
        return bits(self, run, host)

    patch.setattr(Loader, "bits", again)


@defect(
    "chunk-overwrites",
    (LIVE, ONES),
    "destination.bits",
    (POSTCOPY, STOP_COPY, BULK),
)
def zeroes_do_not_clear(patch: pytest.MonkeyPatch) -> None:
    store = Loader._store

    def skip(self: Loader, bitmap: DirtyBitmap, run: BitsRun) -> None:
        if run.data is not None:
            store(self, bitmap, run)

    patch.setattr(Loader, "_store", skip)


@defect("B07", AS_BUILT, "destination.bits")
def bits_are_read_and_not_stored(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Loader, "_store", lambda *_: None)


@defect("S6", PRECOPY, "would do migrate_send_rp_shut")
def says_that_the_vm_runs_too_early(patch: pytest.MonkeyPatch) -> None:
    also = (Arrival.TAKEN_OVER, Arrival.PRELAUNCH)
    destination_row(patch, "migrate_send_rp_shut", also)


# -- a bitmap that begins with every bit set ---------------------------------


@defect("ones-first", (ONES,), "destination.bits", breaks="S1")
def start_leaves_the_bitmap_empty(patch: pytest.MonkeyPatch) -> None:
    start = Loader.start

    def empty(self: Loader, chunk: Start, host: Host) -> Event:
        event = start(self, chunk, host)
        for incoming in self.bitmaps.values():
            if not incoming.covered:
                incoming.bitmap(host).bits.clear_all()
        return event

    patch.setattr(Loader, "start", empty)


@defect("keep-on-break", (ONES,), "destination.bitmap", breaks="D1")
def a_break_drops_the_bitmap(patch: pytest.MonkeyPatch) -> None:
    def keep(self: Loader, host: Host) -> list[str]:
        self.cancel(host)
        return []

    patch.setattr(Loader, "keep", keep)


@defect("mark-degraded", (ONES,), "destination.degraded", breaks="P1")
def what_was_kept_passes_for_exact(patch: pytest.MonkeyPatch) -> None:
    hand_back = Loader._hand_back

    def exact(
        self: Loader, incoming: Incoming, host: Host, degraded: bool
    ) -> None:
        hand_back(self, incoming, host, degraded=False)

    patch.setattr(Loader, "_hand_back", exact)


@defect("mark-degraded", (ONES,), "destination.degraded")
def degraded_shows_for_ever(patch: pytest.MonkeyPatch) -> None:
    clear = DirtyBitmap.clear

    def still(self: DirtyBitmap) -> None:
        degraded = self.degraded
        clear(self)
        self.degraded = degraded

    patch.setattr(DirtyBitmap, "clear", still)


@defect("D1", (ONES,), "destination.bits")
def what_the_guest_wrote_here_is_not_kept(patch: pytest.MonkeyPatch) -> None:
    keep = Loader.keep

    def forget(self: Loader, host: Host) -> list[str]:
        for incoming in self.bitmaps.values():
            bitmap = incoming.bitmap(host)
            if bitmap.successor is not None and not incoming.complete:
                bitmap.successor.bits.clear_all()
        return keep(self, host)

    patch.setattr(Loader, "keep", forget)


@defect("drop-on-failure", (ONES,), "destination.bitmap")
def a_refusal_counts_as_a_break(patch: pytest.MonkeyPatch) -> None:
    def refuse(self: Loader, error: Exception, host: Host) -> None:
        self.keep(host)
        self.cancelled = True

    patch.setattr(Loader, "_refuse", refuse)


@defect("early-chunks-drop", (ONES_BULK_SOURCE,), "destination.early")
def chunks_before_run_are_trusted(patch: pytest.MonkeyPatch) -> None:
    bits = Loader.bits

    def trust(self: Loader, run: BitsRun, host: Host) -> Event:
        event = bits(self, run, host)
        self.early = []
        return event

    patch.setattr(Loader, "bits", trust)


@defect("early-chunks-drop", (ONES_BULK_SOURCE,), "destination.bitmap")
def a_break_asks_for_no_early_chunk(patch: pytest.MonkeyPatch) -> None:
    keep = Loader.keep

    def trust(self: Loader, host: Host) -> list[str]:
        early, self.early = self.early, []
        kept = keep(self, host)
        self.early = early
        return kept

    patch.setattr(Loader, "keep", trust)


@defect("S6", ALL, "would do vm_start")
def vm_starts_before_run(patch: pytest.MonkeyPatch) -> None:
    destination_row(patch, "vm_start", (Arrival.WAITING,))
