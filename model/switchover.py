# SPDX-License-Identifier: GPL-2.0-or-later
"""The source's steps that designs share: announce, stop, send, complete."""

from __future__ import annotations

from collections.abc import Sequence

from model.backup import job_ends
from model.guest import drained
from model.language import (
    Chunk,
    Flag,
    Granule,
    Step,
    Update,
    any_of,
    every_granule,
)
from model.naming import sends
from model.vocabulary import Link, Message, Outgoing, Reply, SourceVm
from model.world import World

Updates = tuple[Update, ...]


def source_resets(world: World) -> Updates:
    """Effect: the source's share of a migration attempt is cleaned up.

    Without 'cursor-per-attempt' the next attempt goes on where this one was.
    QEMU: dirty_bitmap_do_save_cleanup(), dirty_bitmap_save_setup().
    """
    found: list[Update] = []
    for source in (each.source for each in world.bitmaps):
        found.append(source.busy.becomes(False))
        if world.has("cursor-per-attempt"):
            found.append(source.cursor.becomes(0))
        found += [
            flag.becomes(False)
            for flag in (source.announced, source.completed)
            if flag is not None
        ]
    left_out = world.source.left_out
    if left_out is not None:
        found.append(left_out.becomes(False))
    return tuple(found)


def add_setup(world: World, holds: bool, announces: bool = True) -> None:
    """Setup: announce each bitmap, and hold it: no client may use it."""
    for each in world.bitmaps:
        _add_setup(each, holds, announces)
    _add_busy_at_setup(world)
    _add_none_at_setup(world)
    if announces:
        _add_inconsistent(world)
    if not world.has("own-resets-only"):
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
    if not world.has("own-bits-only"):
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
    if source.found_none is not None and not world.has("bitmaps-asked-anew"):
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
    if world.has("consistent-at-setup"):
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


def pause(world: World) -> Updates:
    """Effect: the guest issues no more writes."""
    return (world.source.vm.becomes(SourceVm.PAUSED),)


def add_drain(
    world: World, before: Outgoing, after: Outgoing = Outgoing.DEVICE
) -> None:
    """The second half of stopping the VM: what is in flight ends."""
    source = world.source
    released: Updates = ()
    if not world.has("source-keeps-bitmap"):
        released = tuple(
            each.source.has_bitmap.becomes(False) for each in world.bitmaps
        )
    waits: list[Flag] = []
    if world.has("drain-at-stop"):
        waits = [drained(world, n.source.in_flight) for n in world.nodes]

    @world.build.action("source", fair=True)
    def bdrv_drain_all() -> Step:
        """No write is in flight any more: the VM counts as stopped.

        QEMU: do_vm_stop(), bdrv_drain_all(), then bdrv_inactivate_all().
        """
        return Step(
            when=[
                source.vm.is_(SourceVm.PAUSED),
                source.migration.is_(before),
                *waits,
            ],
            then=[
                source.vm.becomes(SourceVm.STOPPED),
                source.migration.becomes(after),
                *released,
            ],
        )


def add_send_chunks(world: World, when: Sequence[Flag]) -> None:
    """One pass over the bitmap, chunk by chunk, read and sent at once."""
    for each in world.bitmaps:
        _add_send_chunks(each, when)


def _add_send_chunks(world: World, when: Sequence[Flag]) -> None:
    source, stream = world.source, world.stream
    turn = [other.source.cursor.at_end() for other in world.before]
    if source.left_out is not None:
        turn.append(~source.left_out)

    @world.build.action(
        "source",
        over=world.domain.chunks,
        fair=True,
        suffix=world.suffix,
    )
    def send_bitmap_bits(chunk: Chunk) -> Step:
        """Send the next chunk of the bitmap.

        QEMU: dirty_bitmap_save_complete() or dirty_bitmap_save_iterate(),
        send_bitmap_bits().
        """
        return Step(
            when=[
                *when,
                *turn,
                source.cursor.at(chunk),
                world.link_up,
                stream.has_room(),
            ],
            then=[
                *sends(
                    world,
                    Message.BITS,
                    chunk=chunk,
                    contents=source.bits.contents(chunk),
                ),
                source.cursor.becomes(source.cursor.past(chunk)),
            ],
        )


def add_send_complete(
    world: World,
    when: Sequence[Flag],
    then: Outgoing,
    also: Updates = (),
) -> None:
    """COMPLETE of each bitmap, once every chunk of all of them was sent.

    The migration is then ``then``.
    """
    for each in world.bitmaps:
        _add_send_complete(each, when, then, also)


def _add_send_complete(
    world: World, when: Sequence[Flag], then: Outgoing, also: Updates
) -> None:
    source, stream = world.source, world.stream
    all_sent = [each.source.cursor.at_end() for each in world.bitmaps]
    if source.left_out is not None:
        all_sent = [any_of(*all_sent, source.left_out)]
    turn = [
        flag
        for other in world.before
        if (flag := other.source.completed) is not None
    ]
    if source.completed is not None:
        turn.append(~source.completed)
    ended: list[Update] = []
    if world.is_last:
        ended = [source.migration.becomes(then), *also]
        ended += [each.source.cursor.becomes(0) for each in world.bitmaps]
        ended += [
            flag.becomes(False)
            for each in world.bitmaps
            for flag in (each.source.completed, each.source.announced)
            if flag is not None
        ]
    elif source.completed is not None:
        ended = [source.completed.becomes(True)]

    @world.build.action("source", fair=True, suffix=world.suffix)
    def send_bitmap_complete() -> Step:
        """Every chunk was sent: say so.  Of a bitmap left out: the end.

        QEMU: dirty_bitmap_save_complete(), send_bitmap_complete().
        """
        return Step(
            when=[
                *when,
                *all_sent,
                *turn,
                world.link_up,
                stream.has_room(),
            ],
            then=[*sends(world, Message.COMPLETE), *ended],
        )


def add_precopy_end(world: World) -> None:
    """Where RUN is the end of the stream: send it, wait for SHUT."""
    source, stream, back = world.source, world.stream, world.return_path
    assert back is not None
    waits = world.has("completed-after-shut")
    after = Outgoing.RUN_SENT if waits else Outgoing.COMPLETED
    ended = () if waits else source_resets(world)

    @world.build.action("source", fair=True)
    def send_device_state() -> Step:
        """Everything else, and with it the right to run.

        QEMU: qemu_savevm_state_complete_precopy(); the destination starts
        the VM at the end of the stream.
        """
        return Step(
            when=[
                source.migration.is_(Outgoing.BITMAP_SENT),
                source.vm.is_(SourceVm.STOPPED),
                world.link_up,
                stream.has_room(),
            ],
            then=[
                *stream.put(Message.RUN),
                source.migration.becomes(after),
                *ended,
            ],
        )

    if not waits:
        return

    @world.build.action("source", fair=True)
    def close_return_path_on_source() -> Step:
        """SHUT came back: the migration is completed.

        QEMU: close_return_path_on_source(), migration_completion().
        """
        return Step(
            when=[
                source.migration.is_(Outgoing.RUN_SENT),
                back.head_is(Reply.SHUT),
            ],
            then=[
                *back.take(),
                source.migration.becomes(Outgoing.COMPLETED),
                *source_resets(world),
                world.link.becomes(Link.DOWN),
            ],
        )
