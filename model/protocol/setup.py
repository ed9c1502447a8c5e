# SPDX-License-Identifier: GPL-2.0-or-later
"""Setup: what a migration does with the bitmap before anything is sent.

It announces the bitmap and holds it.  A backup job may hold it already, it
may be inconsistent, or there may be none.
"""

from __future__ import annotations

from model.language import YES, Flag, Granule, Step, every_granule, given
from model.mechanisms import (
    BITMAPS_ASKED_ANEW,
    CONSISTENT_AT_SETUP,
    OWN_BITS_ONLY,
    OWN_RESETS_ONLY,
)
from model.mechanisms_sending import (
    FREEZE_AT_SETUP,
)
from model.protocol.backup import job_ends
from model.protocol.messages import sends
from model.protocol.world import Updates, World
from model.vocabulary import Message, Outgoing


def add_setup(world: World) -> None:
    """Setup: announce each bitmap, and hold it: no client may use it."""
    for bitmap in world.bitmaps:
        _add_setup(bitmap)
    _add_busy_at_setup(world)
    _add_none_at_setup(world)
    _add_inconsistent(world)
    _add_mirror_resets(world)


def _add_setup(world: World) -> None:
    source, ghost, design = world.source, world.ghost, world.design
    active = source.migration.becomes(Outgoing.ACTIVE)
    every_bit = source.bits.becomes(every_granule(world.disk))
    frozen = (source.frozen.becomes(True),)

    @world.action("source", fair=True)
    def dirty_bitmap_save_setup() -> Step:
        """Setup: take the bitmap for this migration, send START.

        QEMU: dirty_bitmap_save_setup(), init_dirty_bitmap_migration(),
        send_bitmap_start().
        """
        return given(
            source.migration.is_(Outgoing.SETUP),
            world.link_up,
            ~source.job,
            [other.source.announced for other in world.before],
            ~source.announced,
            _to_be_migrated(world),
        ).then(
            active if world.is_last else (),
            source.announced.becomes(True),
            source.busy.becomes(True) if world.holds else (),
            world.with_(FREEZE_AT_SETUP, frozen, without=()),
            world.with_(OWN_BITS_ONLY, (), without=(every_bit,)),
            sends(world, Message.START) if design.migrates else (),
            ghost.had.becomes(True),
        )


def _to_be_migrated(world: World) -> Flag:
    """Whether setup finds the bitmap, where it may not be there.

    Without 'bitmaps-asked-anew' not after an attempt that has found none.
    """
    source = world.source
    if not world.appears:
        return YES
    remembered = source.has_bitmap & ~source.found_none
    return world.with_(
        BITMAPS_ASKED_ANEW, source.has_bitmap, without=remembered
    )


def _add_none_at_setup(world: World) -> None:
    source, ghost = world.source, world.ghost

    @world.action("source", only=world.appears, fair=True)
    def dirty_bitmap_save_setup_none() -> Step:
        """Setup finds no bitmap: the attempt goes without.

        QEMU: dirty_bitmap_is_active(), no_bitmaps of DBMSaveState.
        """
        return given(
            source.migration.is_(Outgoing.SETUP),
            world.link_up,
            ~_to_be_migrated(world),
        ).then(
            source.migration.becomes(Outgoing.ACTIVE),
            source.left_out.becomes(True),
            source.found_none.becomes(True),
            ghost.had.becomes(source.has_bitmap),
        )


def _add_busy_at_setup(world: World) -> None:
    """What setup does with a bitmap that a backup job holds."""
    source, policy = world.source, world.options.busy_bitmap
    held = (source.migration.is_(Outgoing.SETUP), world.link_up, source.job)

    @world.action("source", only=policy == "fail", fair=True)
    def dirty_bitmap_save_setup_busy() -> Step:
        """A busy bitmap fails the whole migration.

        QEMU: add_bitmaps_to_list(), bdrv_dirty_bitmap_check().
        """
        return given(held).then(setup_fails(world))

    @world.action("management", only=policy == "abort", fair=True)
    def block_job_cancel() -> Step:
        """Management cancels the job: the successor is merged back.

        QEMU: qmp_block_job_cancel(), bdrv_reclaim_dirty_bitmap().
        """
        return given(source.migration.is_(Outgoing.SETUP), source.job).then(
            source.bits.becomes(source.bits | source.successor),
            job_ends(world),
        )

    @world.action("source", only=policy == "leave-out", fair=True)
    def dirty_bitmap_save_setup_leaves_out() -> Step:
        """A busy bitmap is not migrated, and the client will see that.

        QEMU: none; as if management had given it no alias.
        """
        return given(held).then(
            source.migration.becomes(Outgoing.ACTIVE),
            source.left_out.becomes(True),
        )


def setup_fails(world: World) -> Updates:
    """Effect: a bitmap fails the migration at the source's setup."""
    source = world.source
    return (
        source.migration.becomes(Outgoing.FAILED),
        world.ghost.trouble.becomes(True),
        *world.source_closes(),
    )


def _add_inconsistent(world: World) -> None:
    source = world.source
    may = world.design.migrates and not world.has(CONSISTENT_AT_SETUP)

    @world.action("source", only=may, fault=True, spends="refuse")
    def dirty_bitmap_save_setup_inconsistent() -> Step:
        """An inconsistent bitmap fails the whole migration.

        QEMU: add_bitmaps_to_list(), bdrv_dirty_bitmap_check().
        """
        return given(source.migration.is_(Outgoing.SETUP), world.link_up).then(
            setup_fails(world)
        )


def _add_mirror_resets(world: World) -> None:
    source = world.source

    @world.action(
        "source",
        over=world.domain.granules,
        only=not world.has(OWN_RESETS_ONLY),
    )
    def mirror_resets_dirty(granule: Granule) -> Step:
        """Storage migration clears the bits of what it copies: the user's too.

        QEMU: bdrv_reset_dirty() in block migration and mirror before 2.3.
        """
        return given(source.migration.is_(Outgoing.ACTIVE)).then(
            source.bits.becomes(source.bits - world.single(granule))
        )
