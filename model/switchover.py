# SPDX-License-Identifier: GPL-2.0-or-later
"""The source's steps that designs share: announce, stop, send, complete."""

from __future__ import annotations

from collections.abc import Sequence

from model.guest import drained
from model.language import (
    Chunk,
    Flag,
    Step,
    Update,
    every_granule,
)
from model.vocabulary import Link, Message, Outgoing, Reply, SourceVm
from model.world import World

Updates = tuple[Update, ...]


def add_setup(world: World, also: Updates = ()) -> None:
    """Setup: mark the bitmap (``also``) and announce it."""
    source, stream = world.source, world.stream
    marked: Updates = ()
    if not world.has("own-bits-only"):
        marked = (source.bits.becomes(every_granule(world.disk)),)

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
                stream.has_room(),
            ],
            then=[
                source.migration.becomes(Outgoing.ACTIVE),
                *also,
                *marked,
                *stream.put(Message.START),
            ],
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

    @world.build.action("source", over=world.domain.chunks, fair=True)
    def send_bitmap_bits(chunk: Chunk) -> Step:
        """Send the next chunk of the bitmap.

        QEMU: dirty_bitmap_save_complete() or dirty_bitmap_save_iterate(),
        send_bitmap_bits().
        """
        return Step(
            when=[
                *when,
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

    @world.build.action("source", fair=True)
    def send_bitmap_complete() -> Step:
        """Every chunk was sent: say so.

        QEMU: dirty_bitmap_save_complete(), send_bitmap_complete().
        """
        return Step(
            when=[
                *when,
                source.cursor.at_end(),
                world.link_up,
                stream.has_room(),
            ],
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
                source.migration.becomes(Outgoing.RUN_SENT),
            ],
        )

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
                source.busy.becomes(False),
                world.link.becomes(Link.DOWN),
            ],
        )
