# SPDX-License-Identifier: GPL-2.0-or-later
"""The destination reads the stream and loads the bitmap.

Loading is QEMU's as built for postcopy and stop-copy (successor, reclaim,
errors drop the bitmap); the live design has a plain bitmap and any error
fails the migration.  ``Style`` says which.

An error may come at START (no such node or alias; the name exists), at BITS
(they do not fit the bitmap) and at COMPLETE.  START refuses neither
granularity nor size: the bitmap is created with the granularity that it
names, and no size is on the wire.
"""

from __future__ import annotations

from attrs import frozen

from model.language import Chunk, Flag, Step, Update, choose
from model.vocabulary import (
    DestinationVm,
    Incoming,
    Link,
    Message,
)
from model.world import World

Updates = tuple[Update, ...]

BEING_LOADED = (Incoming.LOADING, Incoming.SUCCESSOR, Incoming.MERGED)
#: budgets by which an attempt may fail
FAILS = "cut|source_killed|destination_killed|cancel"


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
    _add_bits(world)
    _add_complete(world, style)
    _add_refusals(world, style)
    _add_skipping(world, style)
    if not style.run_is_last:
        _add_cancel_incoming(world)


def drops(world: World, style: Style) -> bool:
    """Whether a refused bitmap is dropped and the stream is read on."""
    if style.errors_drop:
        return world.has("error-drops-bitmap")
    return not world.has("error-fails-migration")


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

    if world.has("name-is-free"):
        return

    @build.action("destination", fault=True, spends="refuse")
    def dirty_bitmap_load_start_exists() -> Step:
        """START of a name that exists: the migration fails.

        QEMU: dirty_bitmap_load_start(), "already exists".
        """
        return Step(
            when=[
                stream.head_is(Message.START),
                here.bitmap.is_(Incoming.ABSENT),
            ],
            then=[
                world.ghost.trouble.becomes(True),
                *world.destination_closes(),
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
    ends = () if style.run_is_last else world.stream_ends()
    reclaimed = here.bits
    if world.has("reclaim-union"):
        reclaimed = here.bits | here.successor
    hand_back = (
        here.bitmap.becomes(Incoming.VALID),
        here.successor.becomes(frozenset()),
    )
    arrived = world.ghost.arrived.becomes(True)

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
                arrived,
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
            then = [*stream.take(), merged, *hand_back, arrived, *ends]
        else:
            pending = here.bitmap.becomes(Incoming.MERGED)
            then = [*stream.take(), merged, pending, arrived, *ends]
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


def _add_refusals(world: World, style: Style) -> None:
    """A bitmap error at START, at BITS or at COMPLETE."""
    build, here, stream = world.build, world.destination, world.stream
    dropping = drops(world, style)
    last = () if style.run_is_last else world.stream_ends()

    def refused(when: list[Flag], ends: Updates = ()) -> Step:
        return Step(
            when=when,
            then=[
                world.ghost.trouble.becomes(True),
                *(_dropped(world, ends) if dropping else _failed(world)),
            ],
        )

    @build.action("destination", fault=True, spends="refuse")
    def dirty_bitmap_load_start_refused() -> Step:
        """START is refused: no such node or alias.

        QEMU: dirty_bitmap_load_header(), cancel_incoming_locked().
        """
        return refused(
            [
                stream.head_is(Message.START),
                here.bitmap.is_(Incoming.ABSENT),
            ]
        )

    @build.action("destination", fault=True, spends="refuse")
    def dirty_bitmap_load_bits_refused() -> Step:
        """BITS are refused: they do not fit the bitmap.

        QEMU: dirty_bitmap_load_bits(), cancel_incoming_locked().
        """
        return refused(
            [stream.head_is(Message.BITS), here.bitmap.is_(*BEING_LOADED)]
        )

    @build.action("destination", fault=True, spends="refuse")
    def dirty_bitmap_load_complete_refused() -> Step:
        """COMPLETE is refused: it names no bitmap that is being loaded.

        QEMU: dirty_bitmap_load_header(), cancel_incoming_locked().
        """
        return refused(
            [
                stream.head_is(Message.COMPLETE),
                here.bitmap.is_(*BEING_LOADED),
            ],
            last,
        )


def _dropped(world: World, ends: Updates) -> Updates:
    """Effect: the bitmap is removed, the rest of the stream is read."""
    here = world.destination
    left = here.bits.only_if(~here.bitmap.is_(*BEING_LOADED))
    if after_loss(world) is Incoming.PARTIAL:
        left = here.bits | here.successor
    return (
        *world.stream.take(),
        here.bitmap.becomes(after_loss(world)),
        here.bits.becomes(left),
        here.successor.becomes(frozenset()),
        *ends,
    )


def _failed(world: World) -> Updates:
    """Effect: the error ends the incoming migration; a VM that runs dies.

    QEMU: before 5.1 an error in postcopy was an assertion.
    """
    here = world.destination
    waits = here.vm.is_(DestinationVm.INMIGRATE)
    return (
        here.vm.becomes(choose(waits, here.vm, DestinationVm.DIED)),
        here.bitmap.becomes(Incoming.ABSENT),
        here.bits.becomes(frozenset()),
        here.successor.becomes(frozenset()),
        here.in_flight.becomes(frozenset()),
        *world.destination_closes(),
    )


def _add_skipping(world: World, style: Style) -> None:
    """The rest of a dropped bitmap's data is read and ignored."""
    here, stream = world.destination, world.stream
    gone = (after_loss(world), Incoming.REMOVED)
    why = "skips what follows a loss, a removal or a bitmap left out"

    @world.build.action(
        "destination", fair=True, needs=("refuse|edits",), silent=why
    )
    def skip_bits() -> Step:
        """BITS of a bitmap that was dropped are read and ignored.

        QEMU: dirty_bitmap_load_bits(), s->cancelled.
        """
        return Step(
            when=[stream.head_is(Message.BITS), here.bitmap.is_(*gone)],
            then=[*stream.take()],
        )

    @world.build.action("destination", fair=True, silent=why)
    def skip_complete() -> Step:
        """COMPLETE of a bitmap that was dropped, or of none at all.

        QEMU: dirty_bitmap_load_complete(), s->cancelled.
        """
        ends = () if style.run_is_last else world.stream_ends()
        return Step(
            when=[
                stream.head_is(Message.COMPLETE),
                here.bitmap.is_(*gone, Incoming.ABSENT),
            ],
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

    ends_early = not world.has("quit-when-over")

    @world.build.action(
        "destination",
        fair=True,
        needs=() if ends_early else ("cut|source_killed|cancel",),
    )
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
            ],
            then=[
                here.bitmap.becomes(kept),
                here.bits.becomes(left),
                here.successor.becomes(frozenset()),
                *world.destination_closes(),
            ],
        )
