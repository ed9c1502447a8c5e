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
from model.vocabulary import Link, Message, Outgoing, Reply, SourceVm
from model.world import World

Updates = tuple[Update, ...]


def source_resets(world: World) -> Updates:
    """Effect: the source's share of a migration attempt is cleaned up.

    Without 'cursor-per-attempt' the next attempt goes on where this one was.
    QEMU: dirty_bitmap_do_save_cleanup(), dirty_bitmap_save_setup().
    """
    source = world.source
    cursor: Updates = ()
    if world.has("cursor-per-attempt"):
        cursor = (source.cursor.becomes(0),)
    left_out: Updates = ()
    if source.left_out is not None:
        left_out = (source.left_out.becomes(False),)
    return (source.busy.becomes(False), *cursor, *left_out)


def add_setup(
    world: World, also: Updates = (), announces: bool = True
) -> None:
    """Setup: mark the bitmap (``also``) and announce it."""
    source, stream = world.source, world.stream
    marked: Updates = ()
    if not world.has("own-bits-only"):
        marked = (source.bits.becomes(every_granule(world.disk)),)
    room = [stream.has_room()] if announces else []
    start = stream.put(Message.START) if announces else ()

    @world.build.action("source", fair=True)
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
                *room,
            ],
            then=[
                source.migration.becomes(Outgoing.ACTIVE),
                *also,
                *marked,
                *start,
            ],
        )

    _add_busy_at_setup(world)
    if announces:
        _add_inconsistent(world)
    if not world.has("own-resets-only"):
        _add_mirror_resets(world)


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
        released = (source.has_bitmap.becomes(False),)
    waits: list[Flag] = []
    if world.has("drain-at-stop"):
        waits = [drained(world, source.in_flight)]

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
    source, stream = world.source, world.stream
    sends = [] if source.left_out is None else [~source.left_out]

    @world.build.action("source", over=world.domain.chunks, fair=True)
    def send_bitmap_bits(chunk: Chunk) -> Step:
        """Send the next chunk of the bitmap.

        QEMU: dirty_bitmap_save_complete() or dirty_bitmap_save_iterate(),
        send_bitmap_bits().
        """
        return Step(
            when=[
                *when,
                *sends,
                source.cursor.at(chunk),
                world.link_up,
                stream.has_room(),
            ],
            then=[
                *stream.put(
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
    """COMPLETE, once everything was sent; the migration is then ``then``."""
    source, stream = world.source, world.stream
    all_sent = source.cursor.at_end()
    if source.left_out is not None:
        all_sent = any_of(all_sent, source.left_out)

    @world.build.action("source", fair=True)
    def send_bitmap_complete() -> Step:
        """Every chunk was sent: say so.  Of a bitmap left out: the end.

        QEMU: dirty_bitmap_save_complete(), send_bitmap_complete().
        """
        return Step(
            when=[*when, all_sent, world.link_up, stream.has_room()],
            then=[
                *stream.put(Message.COMPLETE),
                source.migration.becomes(then),
                source.cursor.becomes(0),
                *also,
            ],
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
