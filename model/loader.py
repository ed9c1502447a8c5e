# SPDX-License-Identifier: GPL-2.0-or-later
"""The destination reads the stream and loads the bitmap.

Loading is QEMU's as built for postcopy and stop-copy (successor, reclaim,
errors drop the bitmap); the live design has a plain bitmap and any error
fails the migration.  ``Style`` says which.
"""

from __future__ import annotations

from attrs import frozen

from model.language import Chunk, Step, Update, choose
from model.management import RETRIES_AFTER_CUT, refusal_breaks_link
from model.vocabulary import (
    DestinationVm,
    Incoming,
    Link,
    Message,
)
from model.world import World

BEING_LOADED = (Incoming.LOADING, Incoming.SUCCESSOR, Incoming.MERGED)


@frozen
class Style:
    """How a design's destination differs.

    ``run_is_last``: RUN is the end of the stream (else COMPLETE is).
    ``errors_drop``: a bitmap error drops the bitmap (else it fails the
    migration).
    """

    run_is_last: bool
    errors_drop: bool


def add_loader(world: World, style: Style) -> None:
    """The destination's steps from START to COMPLETE, and the loss."""
    _add_start(world)
    _add_refusal(world, style)
    _add_bits(world)
    _add_complete(world, style)
    _add_skipping(world, style)
    if not style.run_is_last:
        _add_cancel_incoming(world)


def drops(world: World, style: Style) -> bool:
    """Whether a refused bitmap is dropped and the stream is read on."""
    if style.errors_drop:
        return world.has("error-drops-bitmap")
    return not world.has("error-fails-migration")


def skipping(world: World, style: Style) -> list[str] | None:
    """What dropping a bitmap while its data still arrive needs."""
    refused = drops(world, style)
    if world.has("fresh-loader"):
        return ["refuse"] if refused else None
    if refused:
        return ["retry|refuse", "cut|cancel|refuse"]
    return [*RETRIES_AFTER_CUT]


def after_loss(world: World) -> Incoming:
    """What stands under the bitmap's name after a loss."""
    kept = not world.has("drop-on-failure") or (
        not world.has("error-fails-migration")
    )
    return Incoming.PARTIAL if kept else Incoming.LOST


def _add_start(world: World) -> None:
    build, here, stream = world.build, world.destination, world.stream

    @build.action("destination", fair=True)
    def dirty_bitmap_load_start() -> Step:
        """START: create the bitmap; it is busy and does not record.

        QEMU: dirty_bitmap_load_start(), bdrv_create_dirty_bitmap(),
        bdrv_dirty_bitmap_create_successor().
        """
        return Step(
            when=[
                stream.head_is(Message.START),
                here.bitmap.is_(Incoming.ABSENT),
            ],
            then=[*stream.take(), here.bitmap.becomes(Incoming.LOADING)],
        )

    if not world.has("remove-partial"):

        @build.action("destination", fair=True, needs=RETRIES_AFTER_CUT)
        def dirty_bitmap_load_start_exists() -> Step:
            """START of a name that exists: the migration fails.

            QEMU: dirty_bitmap_load_start(), "already exists".
            """
            return Step(
                when=[
                    stream.head_is(Message.START),
                    here.bitmap.is_not(Incoming.ABSENT),
                ],
                then=[
                    *stream.lose_all(),
                    world.link.becomes(Link.BROKEN),
                    world.ghost.vm_harmed.becomes(True),
                ],
            )


def _add_refusal(world: World, style: Style) -> None:
    here, stream = world.destination, world.stream

    @world.build.action("destination", fault=True, spends="refuse")
    def dirty_bitmap_load_start_refused() -> Step:
        """START is refused: no such node, other size or granularity.

        QEMU: dirty_bitmap_load_header(), cancel_incoming_locked().
        """
        consequence: list[Update | tuple[Update, ...]]
        if refusal_breaks_link(world):
            consequence = [
                *stream.lose_all(),
                world.link.becomes(Link.BROKEN),
                world.ghost.vm_harmed.becomes(True),
            ]
        else:
            consequence = [
                *stream.take(),
                here.bitmap.becomes(after_loss(world)),
            ]
        return Step(
            when=[
                stream.head_is(Message.START),
                here.bitmap.is_(Incoming.ABSENT),
            ],
            then=[
                *consequence,
                world.ghost.faulted.becomes(True),
            ],
        )


def _add_bits(world: World) -> None:
    here, stream = world.destination, world.stream

    @world.build.action("destination", over=world.domain.chunks, fair=True)
    def dirty_bitmap_load_bits(chunk: Chunk) -> Step:
        """BITS: store one chunk in the bitmap, not in its successor.

        QEMU: dirty_bitmap_load_bits(), bdrv_dirty_bitmap_deserialize_part().
        """
        arrived = stream.head_contents()
        if not world.has("chunk-overwrites"):
            arrived = arrived | here.bits.contents(chunk)
        return Step(
            when=[
                stream.head_is(Message.BITS),
                stream.head_chunk().is_(chunk),
                here.bitmap.is_(*BEING_LOADED),
            ],
            then=[
                *stream.take(),
                here.bits.becomes(here.bits.with_contents(chunk, arrived)),
            ],
        )


def _add_complete(world: World, style: Style) -> None:
    here, stream = world.destination, world.stream
    ends = () if style.run_is_last else _stream_ends(world)
    reclaimed = here.bits
    if world.has("reclaim-union"):
        reclaimed = here.bits | here.successor
    hand_back = (
        here.bitmap.becomes(Incoming.VALID),
        here.successor.becomes(frozenset()),
    )

    @world.build.action("destination", fair=True)
    def dirty_bitmap_load_complete() -> Step:
        """COMPLETE before the VM's start: the bitmap is whole.

        QEMU: dirty_bitmap_load_complete(),
        bdrv_dirty_bitmap_deserialize_finish().
        """
        return Step(
            when=[
                stream.head_is(Message.COMPLETE),
                here.bitmap.is_(Incoming.LOADING),
            ],
            then=[
                *stream.take(),
                here.bitmap.becomes(Incoming.COMPLETE),
                *ends,
            ],
        )

    if style.run_is_last:
        return

    @world.build.action("destination", fair=True)
    def dirty_bitmap_load_complete_reclaim() -> Step:
        """COMPLETE after the VM's start: merge the successor, hand back.

        QEMU: dirty_bitmap_load_complete(),
        bdrv_reclaim_dirty_bitmap_locked().
        """
        merged = here.bits.becomes(reclaimed)
        when = [
            stream.head_is(Message.COMPLETE),
            here.bitmap.is_(Incoming.SUCCESSOR),
        ]
        if world.has("reclaim-atomic"):
            then = [*stream.take(), merged, *hand_back, *ends]
        else:
            pending = here.bitmap.becomes(Incoming.MERGED)
            then = [*stream.take(), merged, pending, *ends]
        return Step(when=when, then=then)

    if not world.has("reclaim-atomic"):

        @world.build.action("destination", fair=True)
        def reclaim_hand_back() -> Step:
            """The second half of a reclaim that is not atomic (B09).

            QEMU: bdrv_reclaim_dirty_bitmap() before 2.12.
            """
            return Step(
                when=[here.bitmap.is_(Incoming.MERGED)], then=[*hand_back]
            )


def _stream_ends(world: World) -> tuple[Update, ...]:
    return (
        world.destination.stream_ended.becomes(True),
        world.link.becomes(Link.DOWN),
    )


def _add_skipping(world: World, style: Style) -> None:
    """The rest of a dropped bitmap's data is read and ignored."""
    here, stream = world.destination, world.stream
    dropped = here.bitmap.is_(after_loss(world))
    needs = skipping(world, style)
    if needs is None:
        return

    @world.build.action("destination", fair=True, needs=needs)
    def skip_bits() -> Step:
        """BITS of a bitmap that was dropped are read and ignored.

        QEMU: dirty_bitmap_load_bits(), s->cancelled.
        """
        return Step(
            when=[stream.head_is(Message.BITS), dropped],
            then=[*stream.take()],
        )

    if not world.has("fresh-loader"):

        @world.build.action("destination", fair=True, needs=RETRIES_AFTER_CUT)
        def skip_start() -> Step:
            """START for a loader that was cancelled in an earlier attempt.

            QEMU: dirty_bitmap_load_header() with s->cancelled, which nobody
            resets.
            """
            return Step(
                when=[stream.head_is(Message.START), dropped],
                then=[*stream.take()],
            )

    @world.build.action("destination", fair=True, needs=needs)
    def skip_complete() -> Step:
        """COMPLETE of a bitmap that was dropped is read and ignored.

        QEMU: dirty_bitmap_load_complete(), s->cancelled.
        """
        ends = () if style.run_is_last else _stream_ends(world)
        return Step(
            when=[stream.head_is(Message.COMPLETE), dropped],
            then=[*stream.take(), *ends],
        )


def _add_cancel_incoming(world: World) -> None:
    """The stream breaks after RUN: postcopy's declared loss."""
    here = world.destination
    unfinished = here.bitmap.is_(*BEING_LOADED)
    kept = choose(~unfinished, here.bitmap, after_loss(world))
    left = here.bits.only_if(~unfinished)
    if not world.has("drop-on-failure"):
        left = here.bits | here.successor

    @world.build.action("destination", fair=True, needs=["cut|source_killed"])
    def dirty_bitmap_mig_cancel_incoming() -> Step:
        """The stream breaks after RUN: unfinished bitmaps are removed.

        The VM goes on.  The loss shows as the absence of the name.
        QEMU: dirty_bitmap_mig_cancel_incoming(), postcopy_ram_listen_thread().
        """
        return Step(
            when=[
                here.vm.is_(
                    DestinationVm.RUN_RECEIVED,
                    DestinationVm.PRELAUNCH,
                    DestinationVm.RUNNING,
                ),
                ~here.stream_ended,
                world.link.is_(Link.BROKEN),
                world.stream.is_empty(),
            ],
            then=[
                here.bitmap.becomes(kept),
                here.bits.becomes(left),
                here.successor.becomes(frozenset()),
                *_stream_ends(world),
            ],
        )
