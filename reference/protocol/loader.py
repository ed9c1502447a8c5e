# SPDX-License-Identifier: GPL-2.0-or-later
"""Loads the bitmaps of one incoming stream into a host.

A bitmap that is being loaded is busy; if it is to record, its successor does
so from the VM's start until COMPLETE.  What cannot be loaded drops all
bitmaps of the stream (postcopy, stop-copy: the VM matters more) or fails the
migration (live).  An unfinished bitmap is never left behind as if it were
whole: it is removed, or, where it began with every bit set, kept and marked
as degraded.

QEMU: migration/block-dirty-bitmap.c, the load half, DBMLoadState.
"""

from __future__ import annotations

from attrs import define, evolve, field

from reference.bitmap import DirtyBitmap
from reference.errors import (
    BitmapError,
    CorruptError,
    DroppedError,
    LimitError,
)
from reference.events import Event
from reference.host import Host
from reference.protocol.aliases import Aliases, Pair
from reference.wire import geometry
from reference.wire.bits import BitsRun, check_bits
from reference.wire.chunks import Complete, Start

MOST_BITMAPS = 4096  # that one stream may announce


@define
class Incoming:
    """One bitmap that the stream has announced."""

    node: str
    name: str
    enabled: bool
    complete: bool = False
    #: granules from the first on that have arrived without a gap
    covered: int = 0

    @property
    def label(self) -> str:
        """What a log calls the bitmap."""
        return f"{self.node}/{self.name}"

    def cover(self, run: BitsRun, granularity: int) -> None:
        """Note what has arrived."""
        first, granules = geometry.granule_range(
            run.first_sector, run.sectors, granularity
        )
        if first <= self.covered < first + granules:
            self.covered = first + granules

    def bitmap(self, host: Host) -> DirtyBitmap:
        """The bitmap in the host."""
        return host.bitmap(self.node, self.name)


@define
class Loader:
    """The bitmaps of one attempt.

    ``plain``: live's bitmaps have no successor, and their errors fail the
    migration; ``failure`` is the one that did, or ''.  ``ones``: a bitmap
    begins with every bit set, so that a break leaves a superset.
    ``cancelled``: every bitmap that was not whole is gone, and the rest of
    the bitmaps' data is read and ignored.  ``names`` are all that the stream
    has announced, as the source calls them.  ``taken_over``: RUN has come.
    ``early``: those of which a chunk came before it and may be stale.
    """

    plain: bool
    ones: bool = False
    chunk_bytes: int = geometry.CHUNK_BYTES
    aliases: Aliases = field(factory=Aliases)
    bitmaps: dict[Pair, Incoming] = field(factory=dict)
    names: list[Pair] = field(factory=list)
    cancelled: bool = False
    started: bool = False
    taken_over: bool = False
    early: list[Pair] = field(factory=list)
    failure: str = ""

    def start(self, chunk: Start, host: Host) -> Event:
        """START: create the bitmap; it is busy and does not record.

        Raises StreamError if the name is taken.
        """
        names = (chunk.node, chunk.bitmap)
        if len(self.names) >= MOST_BITMAPS:
            raise LimitError(f"START: more than {MOST_BITMAPS} bitmaps")
        self.names.append(names)
        local = self.aliases.incoming(names)
        label = "/".join(local or names)
        refused = Event(
            actor="destination",
            action="dirty_bitmap_load_start_refused",
            bitmap=label,
        )
        if self.cancelled:
            return refused
        try:
            if local is None:
                raise DroppedError(f"no alias {names[0]}/{names[1]}")
            host.node(local[0])
        except (DroppedError, BitmapError) as error:
            self._refuse(error, host)
            return evolve(refused, detail=str(error))
        if host.has_bitmap(*local):
            raise CorruptError(f"START: bitmap {label} already exists")
        try:
            bitmap = host.add_bitmap(
                *local, chunk.granularity, chunk.enabled, chunk.persistent
            )
        except BitmapError as error:
            self._refuse(error, host)
            return evolve(refused, detail=str(error))
        if self.ones:
            # what does not come stays dirty
            bitmap.mark(0, bitmap.granules)
        self._hold(bitmap)
        self.bitmaps[names] = Incoming(*local, chunk.enabled)
        return Event(
            actor="destination",
            action="dirty_bitmap_load_start",
            bitmap=label,
        )

    def _hold(self, bitmap: DirtyBitmap) -> None:
        if bitmap.recording and not self.plain:
            bitmap.create_successor()
            assert bitmap.successor is not None
            bitmap.successor.recording = False
        bitmap.recording = False
        bitmap.busy = True

    def _refuse(self, error: Exception, host: Host) -> None:
        if self.plain:
            self.failure = f"bitmaps: {error}"
            self.abandon(host)
            return
        self.cancel(host)

    def bits(self, run: BitsRun, host: Host) -> Event:
        """BITS: store chunks in the bitmap, not in its successor."""
        incoming = self.bitmaps.get((run.node, run.bitmap))
        if self.cancelled:
            return self._event("skip_bits", run, host)
        try:
            reason = "the bitmap is whole already"
            if incoming is None:
                reason = "a bitmap that was not announced"
            elif not incoming.complete:
                bitmap = incoming.bitmap(host)
                reason = check_bits(run, bitmap.granularity, bitmap.disk_size)
            if reason:
                raise DroppedError(f"BITS: {reason}")
        except DroppedError as error:
            self._refuse(error, host)
            done = self._event("dirty_bitmap_load_bits_refused", run, host)
            return evolve(done, detail=str(error))
        assert incoming is not None
        bitmap = incoming.bitmap(host)
        self._store(bitmap, run)
        names = (run.node, run.bitmap)
        if not (self.taken_over or names in self.early):
            self.early.append(names)
        incoming.cover(run, bitmap.granularity)
        return self._event("dirty_bitmap_load_bits", run, host)

    def _store(self, bitmap: DirtyBitmap, run: BitsRun) -> None:
        first, granules = geometry.granule_range(
            run.first_sector, run.sectors, bitmap.granularity
        )
        if run.data is None:
            data: bytes | memoryview = bytes(geometry.word_bytes(granules))
            bitmap.load(first, granules, data)
        else:
            bitmap.load(first, granules, run.words(bitmap.granularity))

    def _event(self, action: str, run: BitsRun, host: Host) -> Event:
        incoming = self.bitmaps.get((run.node, run.bitmap))
        label, chunk = f"{run.node}/{run.bitmap}", -1
        if incoming is not None:
            label = incoming.label
            granularity = incoming.bitmap(host).granularity
            first, _ = geometry.granule_range(
                run.first_sector, run.sectors, granularity
            )
            chunk = first // geometry.granules_per_chunk(
                granularity, self.chunk_bytes
            )
        return Event(
            actor="destination",
            action=action,
            bitmap=label,
            chunk=chunk,
            chunks=run.chunks,
        )

    def complete(self, chunk: Complete, host: Host) -> Event:
        """COMPLETE: the bitmap is whole; reclaim its successor."""
        names = (chunk.node, chunk.bitmap)
        incoming = self.bitmaps.get(names)
        action = "dirty_bitmap_load_complete"
        if self.cancelled:
            action = "skip_complete"
        elif incoming is None or incoming.complete:
            self._refuse(DroppedError("COMPLETE: not announced"), host)
            action = "dirty_bitmap_load_complete_refused"
        elif not (self.ones or self._is_covered(incoming, host)):
            # as a source with a smaller disk sends it; QEMU does not look
            text = "COMPLETE: the bitmap does not cover the disk"
            self._refuse(DroppedError(text), host)
            action = "dirty_bitmap_load_complete_refused"
        else:
            if self.started and incoming.bitmap(host).frozen:
                action = "dirty_bitmap_load_complete_reclaim"
            # a chunk that the source has left out is one that is all dirty
            degraded = not self._is_covered(incoming, host)
            self._hand_back(incoming, host, degraded)
        return Event(
            actor="destination",
            action=action,
            bitmap=incoming.label if incoming else "/".join(names),
        )

    def _is_covered(self, incoming: Incoming, host: Host) -> bool:
        """Whether every granule of the disk has come."""
        return incoming.covered >= incoming.bitmap(host).granules

    def _hand_back(
        self, incoming: Incoming, host: Host, degraded: bool
    ) -> None:
        """The bitmap is its user's from now on; its successor is merged."""
        bitmap = incoming.bitmap(host)
        if bitmap.successor is not None:
            bitmap.reclaim()
        bitmap.busy = False
        bitmap.degraded = degraded
        incoming.complete = True

    def before_vm_start(self, host: Host) -> None:
        """Whoever is to record the guest's writes is switched on.

        QEMU: dirty_bitmap_mig_before_vm_start().
        """
        self.started = True
        for incoming in self.bitmaps.values():
            bitmap = incoming.bitmap(host)
            if incoming.complete:
                bitmap.recording = incoming.enabled
            elif bitmap.successor is not None:
                bitmap.successor.recording = incoming.enabled

    @property
    def unfinished(self) -> bool:
        """Whether a bitmap is announced and not whole."""
        return any(not b.complete for b in self.bitmaps.values())

    def keep(self, host: Host) -> list[str]:
        """The stream broke after RUN: keep what there is, as degraded.

        What has not come is dirty.  A chunk that came before RUN may lack
        what the guest wrote after that, so such a bitmap goes.  Returns what
        was kept, as 'node/name'.
        """
        kept = []
        for names, incoming in self.bitmaps.items():
            certain = self.ones and names not in self.early
            if certain and not incoming.complete:
                self._hand_back(incoming, host, degraded=True)
                kept.append(incoming.label)
        if self.unfinished:
            self.cancel(host)
        return kept

    def cancel(self, host: Host) -> None:
        """Remove every bitmap that is not whole: declared lost.

        QEMU: dirty_bitmap_mig_cancel_incoming().
        """
        self.cancelled = True
        for names, incoming in list(self.bitmaps.items()):
            if not incoming.complete:
                self._remove(names, incoming, host)

    def abandon(self, host: Host) -> None:
        """The attempt failed before the VM came: remove all it brought."""
        for names, incoming in list(self.bitmaps.items()):
            self._remove(names, incoming, host)

    def _remove(self, names: Pair, incoming: Incoming, host: Host) -> None:
        del self.bitmaps[names]
        del host.node(incoming.node).bitmaps[incoming.name]
