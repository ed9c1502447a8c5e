# SPDX-License-Identifier: GPL-2.0-or-later
"""The backup client: it goes by the bitmap and knows it only by its name.

An incremental backup is a job.  It begins when writes are drained; from then
on the bitmap is frozen and a successor records.  The job copies the granules
whose bit is set, as they were at the beginning.  If it succeeds, the
successor takes the bitmap's place; if it fails, its bits are merged back.
The client starts one on the side where the VM runs, whenever a query shows
the bitmap there and not busy.  It believes what it sees: that is what makes a
missing bit silent.  After a loss it sees no bitmap of that name and takes a
full backup with a new bitmap.

On the destination a backup is one step: the migration does not touch the
bitmap any more, so what happens meanwhile cannot matter to it.

QEMU: bdrv_dirty_bitmap_create_successor(), bdrv_dirty_bitmap_abdicate() and
bdrv_reclaim_dirty_bitmap(), called by the backup job (commit d58d845397, 2.4).
As built a job and a migration exclude each other through busy; libvirt refuses
to migrate a domain with an active block job (qemuMigrationSrcIsAllowed()).
"""

from __future__ import annotations

from model.language import NO, Flag, Granule, Step, chunk_alone, given
from model.mechanisms import (
    DRAIN_BEFORE_BACKUP,
    FULL_BACKUP_ON_LOSS,
)
from model.mechanisms_loading import (
    BUSY_UNTIL_COMPLETE,
)
from model.protocol.guest import drained
from model.protocol.world import Updates, World
from model.vocabulary import DestinationVm, Incoming, Outgoing, SourceVm


def usable_on_source(world: World) -> Flag:
    """What a query on the source shows: there, not busy, VM running."""
    source = world.source
    return (
        source.vm.is_(SourceVm.RUNNING)
        & source.has_bitmap
        & ~source.busy
        & ~source.job
    ).named("the source's bitmap is usable")


def usable_on_destination(world: World) -> Flag:
    """What a query on the destination shows: there, not busy, VM running.

    Without 'busy-until-complete' a bitmap that is being loaded looks like
    any other.
    """
    here = world.destination
    not_busy = here.bitmap.is_(
        Incoming.VALID, Incoming.COMPLETE, Incoming.PARTIAL
    )
    there = here.bitmap.is_not(
        Incoming.ABSENT, Incoming.LOST, Incoming.REMOVED
    )
    looks_valid = world.with_(BUSY_UNTIL_COMPLETE, not_busy, without=there)
    return (here.vm.is_(DestinationVm.RUNNING) & looks_valid).named(
        "the destination's bitmap is usable"
    )


def job_ends(world: World) -> Updates:
    """Effect: no job holds the source's bitmap, and no successor records."""
    source, ghost = world.source, world.ghost
    return (
        source.job.becomes(False),
        source.successor.becomes(frozenset()),
        ghost.since.becomes(frozenset()),
        ghost.would_miss.becomes(frozenset()),
    )


def add_backup_client(world: World) -> None:
    """Backups and edits on both sides; a full backup after a loss."""
    for bitmap in world.bitmaps:
        _add_source_job(bitmap)
        _add_source_add(bitmap)
        _add_source_edits(bitmap)
        _add_destination_backup(bitmap)
        _add_full_backup(bitmap)


def _add_source_job(world: World) -> None:
    source, ghost = world.source, world.ghost
    # a job comes no further on images that are inactive
    runs = (
        source.job,
        source.vm.is_(SourceVm.RUNNING, SourceVm.PAUSED),
    )

    @world.action("client")
    def source_backup_begins() -> Step:
        """A backup job freezes the bitmap; its successor records.

        None is begun while a migration waits for one to end.
        QEMU: blockdev-backup with sync=incremental: bdrv_drained_begin(),
        bdrv_dirty_bitmap_create_successor().
        """
        drain = drained(world, source.in_flight)
        return given(
            usable_on_source(world),
            source.migration.is_not(Outgoing.SETUP),
            world.with_(DRAIN_BEFORE_BACKUP, (drain,), without=()),
            world.job_may_begin,
        ).then(
            source.job.becomes(True),
            ghost.would_miss.becomes(ghost.true_dirty - source.bits),
        )

    @world.action("client", fair=True)
    def source_backup_succeeds() -> Step:
        """What was dirty at the beginning is copied: the successor stays.

        QEMU: bdrv_dirty_bitmap_abdicate().
        """
        not_copied = ghost.true_dirty - source.bits
        return given(runs).then(
            source.bits.becomes(source.successor),
            ghost.missed.becomes(ghost.missed | ghost.would_miss),
            ghost.true_dirty.becomes(not_copied | ghost.since),
            world.bits_change(
                gone=source.bits.chunks(), come=source.successor.chunks()
            ),
            job_ends(world),
        )

    @world.action("client", fault=True, spends="backup_fails")
    def source_backup_fails() -> Step:
        """The job fails: the successor's bits are merged back.

        QEMU: bdrv_reclaim_dirty_bitmap().
        """
        return given(runs).then(
            source.bits.becomes(source.bits | source.successor),
            world.bits_change(come=source.successor.chunks()),
            job_ends(world),
        )


def _add_source_add(world: World) -> None:
    source, ghost = world.source, world.ghost

    @world.action("client", only=world.appears)
    def source_add() -> Step:
        """The user adds the bitmap and takes a full backup with it.

        QEMU: a transaction of block-dirty-bitmap-add and blockdev-backup
        with sync=full, which drains.
        """
        return given(
            source.vm.is_(SourceVm.RUNNING),
            ~source.has_bitmap,
            drained(world, source.in_flight),
        ).then(
            source.has_bitmap.becomes(True),
            source.bits.becomes(frozenset()),
            ghost.true_dirty.becomes(frozenset()),
        )


def _add_source_edits(world: World) -> None:
    source, ghost = world.source, world.ghost

    @world.action("client", over=world.domain.granules, spends="edits")
    def source_merge(granule: Granule) -> Step:
        """The user merges a bitmap with this bit into the source's.

        From then on the user counts the granule as dirty.  A job that had
        begun would not copy it.
        QEMU: qmp_block_dirty_bitmap_merge(), bdrv_merge_dirty_bitmap().
        """
        single = world.single(granule)
        return given(usable_on_source(world)).then(
            source.bits.becomes(source.bits | single),
            ghost.true_dirty.becomes(ghost.true_dirty | single),
            ghost.since.becomes(ghost.since | single.only_if(source.job)),
            world.bits_change(come=chunk_alone(world.disk, granule.chunk)),
        )

    @world.action("client", spends="edits")
    def source_clear() -> Step:
        """The user clears the bitmap and takes a full backup with it.

        QEMU: a transaction of block-dirty-bitmap-clear and blockdev-backup
        with sync=full, which drains.
        """
        return given(
            usable_on_source(world), drained(world, source.in_flight)
        ).then(
            source.bits.becomes(frozenset()),
            ghost.true_dirty.becomes(frozenset()),
            world.bits_change(gone=source.bits.chunks()),
        )


def _add_destination_backup(world: World) -> None:
    ghost, here = world.ghost, world.destination

    @world.action("client")
    def destination_backup() -> Step:
        """Incremental backup on the destination: copy, then clear.

        QEMU: as on the source.
        """
        missed = ghost.true_dirty - here.bits
        drain = drained(world, here.in_flight)
        return given(
            usable_on_destination(world),
            world.with_(DRAIN_BEFORE_BACKUP, (drain,), without=()),
        ).then(
            ghost.missed.becomes(ghost.missed | missed),
            ghost.true_dirty.becomes(ghost.true_dirty - here.bits),
            here.bits.becomes(frozenset()),
            _exact_again(world),
        )

    @world.action("client", spends="edits")
    def destination_remove() -> Step:
        """The user removes the bitmap by its name.

        QEMU: qmp_block_dirty_bitmap_remove(), refused while it is busy.
        """
        return given(usable_on_destination(world)).then(
            here.bitmap.becomes(Incoming.REMOVED),
            here.bits.becomes(frozenset()),
            here.successor.becomes(frozenset()),
            _exact_again(world),
        )


def _exact_again(world: World) -> Updates:
    """Effect: nothing is left of what was set because it had not come."""
    return (
        world.destination.degraded.becomes(False),
        world.ghost.missing.becomes(frozenset()),
    )


def _add_full_backup(world: World) -> None:
    ghost, here = world.ghost, world.destination

    @world.action(
        "client",
        silent="where nothing can make a loss there is none to make good",
    )
    def destination_full_backup() -> Step:
        """No bitmap of that name: a new bitmap and, with it, a full backup.

        QEMU: a transaction of block-dirty-bitmap-add and blockdev-backup
        with sync=full.
        """
        backed_up = ghost.true_dirty.only_if(NO)
        left = world.with_(
            FULL_BACKUP_ON_LOSS, backed_up, without=ghost.true_dirty
        )
        return given(
            here.vm.is_(DestinationVm.RUNNING),
            here.bitmap.is_(Incoming.LOST, Incoming.ABSENT, Incoming.REMOVED),
            here.stream_ended,
            drained(world, here.in_flight),
        ).then(
            here.bitmap.becomes(Incoming.VALID),
            here.bits.becomes(frozenset()),
            ghost.true_dirty.becomes(left),
        )
