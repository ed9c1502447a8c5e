# SPDX-License-Identifier: GPL-2.0-or-later
"""The backup client: it goes by the bitmap and knows it only by its name.

An incremental backup copies the granules whose bit is set and clears the
bits.  The client takes one on the side where the VM runs, whenever a query
shows the bitmap there and not busy.  It believes what it sees: that is what
makes a missing bit silent.  After a loss it sees no bitmap of that name and
takes a full backup with a new bitmap.
"""

from __future__ import annotations

from model.guest import drained
from model.language import NO, Flag, Step, Update
from model.management import RETRIES_AFTER_CUT
from model.vocabulary import DestinationVm, Incoming, SourceVm
from model.world import World


def usable_on_source(world: World) -> Flag:
    """What a query on the source shows: there, not busy, VM running."""
    source = world.source
    return (
        source.vm.is_(SourceVm.RUNNING) & source.has_bitmap & ~source.busy
    ).named("the source's bitmap is usable")


def usable_on_destination(world: World) -> Flag:
    """What a query on the destination shows: there, not busy, VM running.

    Without 'busy-until-complete' a bitmap that is being loaded looks like
    any other.
    """
    here = world.destination
    looks_valid = here.bitmap.is_(
        Incoming.VALID, Incoming.COMPLETE, Incoming.PARTIAL
    )
    if not world.has("busy-until-complete"):
        looks_valid = here.bitmap.is_not(Incoming.ABSENT, Incoming.LOST)
    return (here.vm.is_(DestinationVm.RUNNING) & looks_valid).named(
        "the destination's bitmap is usable"
    )


def add_backup_client(
    world: World, source_also: tuple[Update, ...] = ()
) -> None:
    """Incremental backups on both sides; a full one after a loss.

    ``source_also``: what else clearing the source's bitmap does.
    """
    build, ghost = world.build, world.ghost
    source, here = world.source, world.destination
    drains = world.has("drain-before-backup")

    @build.action("client")
    def source_backup() -> Step:
        """Incremental backup on the source: copy, then clear the bits.

        QEMU: blockdev-backup with sync=incremental; bdrv_drained_begin(),
        bdrv_dirty_bitmap_reclaim() or bdrv_clear_dirty_bitmap().
        """
        missed = ghost.true_dirty - source.bits
        return Step(
            when=[
                usable_on_source(world),
                *([drained(world, source.in_flight)] if drains else []),
            ],
            then=[
                ghost.missed.becomes(ghost.missed | missed),
                ghost.true_dirty.becomes(ghost.true_dirty - source.bits),
                source.bits.becomes(frozenset()),
                *source_also,
            ],
        )

    @build.action("client")
    def destination_backup() -> Step:
        """Incremental backup on the destination: copy, then clear.

        QEMU: as on the source.
        """
        missed = ghost.true_dirty - here.bits
        return Step(
            when=[
                usable_on_destination(world),
                *([drained(world, here.in_flight)] if drains else []),
            ],
            then=[
                ghost.missed.becomes(ghost.missed | missed),
                ghost.true_dirty.becomes(ghost.true_dirty - here.bits),
                here.bits.becomes(frozenset()),
            ],
        )

    if losing(world) is not None:
        _add_full_backup(world)


def losing(world: World) -> list[str] | None:
    """What declaring a loss needs; None: this design never does."""
    if world.options.design == "live" or not world.has("drop-on-failure"):
        return None
    refused = ["refuse"] if world.has("error-drops-bitmap") else []
    broken = []
    if world.options.design == "postcopy":
        broken = ["cut", "source_killed"]
    direct = [*refused, *broken]
    if world.has("fresh-loader"):
        return ["|".join(direct)] if direct else None
    first, then = RETRIES_AFTER_CUT
    return ["|".join([first, *direct]), "|".join([then, *direct])]


def _add_full_backup(world: World) -> None:
    build, ghost, here = world.build, world.ghost, world.destination
    real = world.has("full-backup-on-loss")

    @build.action("client", needs=losing(world) or ())
    def destination_full_backup() -> Step:
        """No bitmap of that name: a new bitmap and, with it, a full backup.

        QEMU: a transaction of block-dirty-bitmap-add and blockdev-backup
        with sync=full.
        """
        left = ghost.true_dirty.only_if(NO) if real else ghost.true_dirty
        return Step(
            when=[
                here.vm.is_(DestinationVm.RUNNING),
                here.bitmap.is_(Incoming.LOST),
                here.stream_ended,
                drained(world, here.in_flight),
            ],
            then=[
                here.bitmap.becomes(Incoming.VALID),
                here.bits.becomes(frozenset()),
                ghost.true_dirty.becomes(left),
            ],
        )
