# SPDX-License-Identifier: GPL-2.0-or-later
"""The source's steps that designs share: drain, send, complete, RUN."""

from __future__ import annotations

from model.guarantees import LONG_DOWNTIME
from model.language import (
    Chunk,
    ChunkSet,
    Effect,
    Flag,
    Guard,
    Step,
    any_of,
    given,
)
from model.mechanisms import (
    COMPLETED_AFTER_SHUT,
    DRAIN_AT_STOP,
    SOURCE_KEEPS_BITMAP,
)
from model.mechanisms_sending import (
    EVERY_CHUNK_SENT,
)
from model.protocol.guest import drained
from model.protocol.lifetimes import attempt_over
from model.protocol.messages import hears, sends
from model.protocol.world import World
from model.vocabulary import Link, Message, Outgoing, Reply, SourceVm


def add_drain(world: World, at: Outgoing, then: Outgoing) -> None:
    """The second half of stopping the VM: writes in flight end.

    The migration is ``at`` before, and ``then`` afterwards.
    """
    source = world.source

    @world.action("source", fair=True)
    def bdrv_drain_all() -> Step:
        """No write is in flight any more: the VM counts as stopped.

        QEMU: do_vm_stop(), bdrv_drain_all(), then bdrv_inactivate_all().
        """
        waits = [drained(world, n.source.in_flight) for n in world.nodes]
        released = [w.source.has_bitmap.becomes(False) for w in world.bitmaps]
        return given(
            source.vm.is_(SourceVm.PAUSED),
            source.migration.is_(at),
            world.with_(DRAIN_AT_STOP, waits, without=[]),
        ).then(
            source.vm.becomes(SourceVm.STOPPED),
            source.migration.becomes(then),
            world.with_(SOURCE_KEEPS_BITMAP, [], without=released),
        )


def add_send_chunks(world: World, sending: Flag) -> None:
    """One pass over each bitmap, chunk by chunk, read and sent at once."""
    for bitmap in world.bitmaps:
        for way in bitmap.ways:
            _add_send_chunks(way, sending)
    add_forgotten_chunk(world, sending)


def _add_send_chunks(world: World, sending: Flag) -> None:
    source = world.source

    @world.action("source", over=world.domain.chunks, fair=True)
    def send_bitmap_bits(chunk: Chunk) -> Step:
        """Send the next chunk of the bitmap.

        QEMU: dirty_bitmap_save_complete() or dirty_bitmap_save_iterate(),
        send_bitmap_bits().
        """
        return given(
            sending,
            [other.source.cursor.at_end() for other in world.before],
            ~source.left_out,
            source.cursor.at(chunk),
        ).then(
            sends(
                world,
                Message.BITS,
                chunk=chunk,
                contents=source.bits.contents(chunk),
            ),
            source.cursor.becomes(source.cursor.past(chunk)),
        )


def add_forgotten_chunk(world: World, sending: Guard) -> None:
    """Without 'every-chunk-sent' the source may pass over a chunk."""
    for bitmap in world.bitmaps:
        _add_forgotten_chunk(bitmap, sending)


def _add_forgotten_chunk(world: World, sending: Guard) -> None:
    source = world.source

    @world.action(
        "source",
        over=world.domain.chunks,
        only=not world.has(EVERY_CHUNK_SENT),
    )
    def forget_chunk(chunk: Chunk) -> Step:
        """The source passes over a chunk, and no one can tell.

        QEMU: none; a source that takes a chunk for empty would do it.
        """
        return given(
            sending,
            world.link_up,
            ~source.left_out,
            source.cursor.at(chunk),
        ).then(source.cursor.becomes(source.cursor.past(chunk)))


def add_send_complete(world: World, when: Guard, then: Outgoing) -> None:
    """COMPLETE of each bitmap, once every chunk of all of them was sent.

    ``when``: what else it waits for.  With the last one the migration is
    ``then``; where that is its end, the
    bitmaps are handed back.
    """
    for bitmap in world.bitmaps:
        _add_send_complete(bitmap, when, then)


def _add_send_complete(world: World, when: Guard, then: Outgoing) -> None:
    source = world.source
    sources = [w.source for w in world.bitmaps]
    handed_back = [each.busy.becomes(False) for each in sources]
    all_done: Effect = [
        source.migration.becomes(then),
        handed_back if then is Outgoing.COMPLETED else [],
        [each.cursor.becomes(0) for each in sources],
        [each.completed.becomes(False) for each in sources],
        [each.announced.becomes(False) for each in sources],
    ]

    @world.action("source", fair=True)
    def send_bitmap_complete() -> Step:
        """Every chunk was sent: say so.  Of a bitmap left out: the end.

        QEMU: dirty_bitmap_save_complete(), send_bitmap_complete().
        """
        all_sent = [each.cursor.at_end() for each in sources]
        if not world.several:
            all_sent = [any_of(*all_sent, source.left_out)]
        return given(
            when,
            all_sent,
            [other.source.completed for other in world.before],
            ~source.completed,
        ).then(
            sends(world, Message.COMPLETE),
            all_done if world.is_last else source.completed.becomes(True),
        )


def add_run_last(world: World) -> None:
    """Where RUN is the end of the stream: send it, wait for SHUT."""
    source = world.source

    @world.action("source", fair=True)
    def send_device_state() -> Step:
        """Everything else, and with it the right to run.

        QEMU: qemu_savevm_state_complete_precopy(); the destination starts
        the VM at the end of the stream.
        """
        waits = source.migration.becomes(Outgoing.RUN_SENT)
        ends = (
            source.migration.becomes(Outgoing.COMPLETED),
            *attempt_over(world),
        )
        return given(
            source.migration.is_(Outgoing.BITMAP_SENT),
            source.vm.is_(SourceVm.STOPPED),
        ).then(
            sends(world, Message.RUN),
            world.with_(COMPLETED_AFTER_SHUT, (waits,), without=ends),
        )

    @world.action("source", only=world.has(COMPLETED_AFTER_SHUT), fair=True)
    def close_return_path_on_source() -> Step:
        """SHUT came back: the migration is completed.

        QEMU: close_return_path_on_source(), migration_completion().
        """
        return given(
            source.migration.is_(Outgoing.RUN_SENT),
            hears(world, Reply.SHUT),
        ).then(
            source.migration.becomes(Outgoing.COMPLETED),
            attempt_over(world),
            world.link.becomes(Link.DOWN),
        )


def add_downtime_kept(world: World, pending: ChunkSet) -> None:
    """The downtime that is promised: D chunks and the writes in flight."""
    source = world.source
    most = world.options.limit("pending_at_stop")
    world.build.always(
        world.name("DowntimeKept"),
        "",
        "When the VM is stopped no more is pending than the downtime limit "
        "allows and the writes that were in flight add.",
        when=[
            source.vm.is_(SourceVm.PAUSED, SourceVm.STOPPED),
            source.migration.is_(Outgoing.ACTIVE, Outgoing.DEVICE),
        ],
        then=[pending.at_most(most).named("that little is pending")],
        trivial="where the whole bitmap fits the limit",
        consequence=LONG_DOWNTIME,
    )
