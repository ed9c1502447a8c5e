# SPDX-License-Identifier: GPL-2.0-or-later
"""Setup: what a migration does with the bitmap before anything is sent.

It announces the bitmap and holds it.  A backup job may hold it already, it
may be inconsistent, or there may be none.
"""

from __future__ import annotations

from model.language import Flag, Granule, Step, Update, every_granule
from model.mechanisms import (
    BITMAPS_ASKED_ANEW,
    CONSISTENT_AT_SETUP,
    OWN_BITS_ONLY,
    OWN_RESETS_ONLY,
)
from model.protocol.backup import job_ends
from model.protocol.naming import sends
from model.protocol.world import World
from model.vocabulary import Message, Outgoing

Updates = tuple[Update, ...]


def add_setup(world: World, holds: bool, announces: bool = True) -> None:
    """Setup: announce each bitmap, and hold it: no client may use it."""
    for each in world.bitmaps:
        _add_setup(each, holds, announces)
    _add_busy_at_setup(world)
    _add_none_at_setup(world)
    if announces:
        _add_inconsistent(world)
    if not world.has(OWN_RESETS_ONLY):
        _add_mirror_resets(world)


def _add_setup(world: World, holds: bool, announces: bool) -> None:
    source, stream = world.source, world.stream
    busy = (source.busy.becomes(True),) if holds else ()
    turn = [
        flag
        for other in world.before
        if (flag := other.source.announced) is not None
    ]
    said: Updates = ()
    if source.announced is not None:
        turn.append(~source.announced)
        said = (source.announced.becomes(True),)
    had: Updates = ()
    if world.ghost.had is not None:
        turn.append(_to_be_migrated(world))
        had = (world.ghost.had.becomes(True),)
    active: Updates = ()
    if world.is_last:
        active = (source.migration.becomes(Outgoing.ACTIVE),)
    marked: Updates = ()
    if not world.has(OWN_BITS_ONLY):
        marked = (source.bits.becomes(every_granule(world.disk)),)
    room = [stream.has_room()] if announces else []
    start = sends(world, Message.START) if announces else ()

    @world.build.action("source", fair=True, suffix=world.suffix)
    def dirty_bitmap_save_setup() -> Step:
        """Setup: take the bitmap for this migration, send START.

        QEMU: dirty_bitmap_save_setup(), init_dirty_bitmap_migration(),
        send_bitmap_start().
        """
        return Step(
            when=[
                source.migration.is_(Outgoing.SETUP),
                world.link_up,
                ~source.job,
                *turn,
                *room,
            ],
            then=[*active, *said, *busy, *marked, *start, *had],
        )


def _to_be_migrated(world: World) -> Flag:
    """Whether setup finds the bitmap.

    Without 'bitmaps-asked-anew' not after an attempt that has found none.
    """
    source = world.source
    found = source.has_bitmap
    if source.found_none is not None and not world.has(BITMAPS_ASKED_ANEW):
        found = found & ~source.found_none
    return found


def _add_none_at_setup(world: World) -> None:
    source, had = world.source, world.ghost.had
    if had is None or source.left_out is None or source.found_none is None:
        return
    left_out, found_none = source.left_out, source.found_none

    @world.build.action("source", fair=True)
    def dirty_bitmap_save_setup_none() -> Step:
        """Setup finds no bitmap: the attempt goes without.

        QEMU: dirty_bitmap_is_active(), no_bitmaps of DBMSaveState.
        """
        return Step(
            when=[
                source.migration.is_(Outgoing.SETUP),
                world.link_up,
                ~_to_be_migrated(world),
            ],
            then=[
                source.migration.becomes(Outgoing.ACTIVE),
                left_out.becomes(True),
                found_none.becomes(True),
                had.becomes(source.has_bitmap),
            ],
        )


def _add_busy_at_setup(world: World) -> None:
    """What setup does with a bitmap that a backup job holds."""
    source, policy = world.source, world.options.busy_bitmap
    held = [
        source.migration.is_(Outgoing.SETUP),
        world.link_up,
        source.job,
    ]
    if policy == "fail":

        @world.build.action("source", fair=True)
        def dirty_bitmap_save_setup_busy() -> Step:
            """A busy bitmap fails the whole migration.

            QEMU: add_bitmaps_to_list(), bdrv_dirty_bitmap_check().
            """
            return Step(when=held, then=setup_fails(world))

    if policy == "abort":

        @world.build.action("management", fair=True)
        def block_job_cancel() -> Step:
            """Management cancels the job: the successor is merged back.

            QEMU: qmp_block_job_cancel(), bdrv_reclaim_dirty_bitmap().
            """
            return Step(
                when=[source.migration.is_(Outgoing.SETUP), source.job],
                then=[
                    source.bits.becomes(source.bits | source.successor),
                    *job_ends(world),
                ],
            )

    if policy == "leave-out":
        left_out = source.left_out
        assert left_out is not None

        @world.build.action("source", fair=True)
        def dirty_bitmap_save_setup_leaves_out() -> Step:
            """A busy bitmap is not migrated, and the client will see that.

            QEMU: none; as if management had given it no alias.
            """
            return Step(
                when=held,
                then=[
                    source.migration.becomes(Outgoing.ACTIVE),
                    left_out.becomes(True),
                ],
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
    if world.has(CONSISTENT_AT_SETUP):
        return
    source = world.source

    @world.build.action("source", fault=True, spends="refuse")
    def dirty_bitmap_save_setup_inconsistent() -> Step:
        """An inconsistent bitmap fails the whole migration.

        QEMU: add_bitmaps_to_list(), bdrv_dirty_bitmap_check().
        """
        return Step(
            when=[source.migration.is_(Outgoing.SETUP), world.link_up],
            then=setup_fails(world),
        )


def _add_mirror_resets(world: World) -> None:
    source = world.source

    @world.build.action("source", over=world.domain.granules)
    def mirror_resets_dirty(granule: Granule) -> Step:
        """Storage migration clears the bits of what it copies: the user's too.

        QEMU: bdrv_reset_dirty() in block migration and mirror before 2.3.
        """
        return Step(
            when=[source.migration.is_(Outgoing.ACTIVE)],
            then=[source.bits.becomes(source.bits - world.single(granule))],
        )
