# SPDX-License-Identifier: GPL-2.0-or-later
"""The source's steps that designs share: stop, send, complete."""

from __future__ import annotations

from collections.abc import Sequence

from model.language import (
    Chunk,
    Flag,
    Step,
    Update,
    any_of,
)
from model.mechanisms import (
    COMPLETED_AFTER_SHUT,
    DRAIN_AT_STOP,
    SOURCE_KEEPS_BITMAP,
)
from model.protocol.guest import drained
from model.protocol.lifetimes import attempt_over
from model.protocol.naming import sends
from model.protocol.world import World
from model.vocabulary import Link, Message, Outgoing, Reply, SourceVm

Updates = tuple[Update, ...]


def pause(world: World) -> Updates:
    """Effect: the guest issues no more writes."""
    return (world.source.vm.becomes(SourceVm.PAUSED),)


def add_drain(
    world: World, before: Outgoing, after: Outgoing = Outgoing.DEVICE
) -> None:
    """The second half of stopping the VM: what is in flight ends."""
    source = world.source
    released: Updates = ()
    if not world.has(SOURCE_KEEPS_BITMAP):
        released = tuple(
            each.source.has_bitmap.becomes(False) for each in world.bitmaps
        )
    waits: list[Flag] = []
    if world.has(DRAIN_AT_STOP):
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
    waits = world.has(COMPLETED_AFTER_SHUT)
    after = Outgoing.RUN_SENT if waits else Outgoing.COMPLETED
    ended = () if waits else attempt_over(world)

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
                *attempt_over(world),
                world.link.becomes(Link.DOWN),
            ],
        )
