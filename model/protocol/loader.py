# SPDX-License-Identifier: GPL-2.0-or-later
"""The destination reads the stream and loads the bitmap.

Loading is QEMU's as built for postcopy and stop-copy (successor, reclaim,
errors drop the bitmap); the live design has a plain bitmap and any error
fails the migration.  ``Style`` says which; errors are in ``loss``.
"""

from __future__ import annotations

from model.language import Chunk, Step
from model.mechanisms import (
    CHUNK_OVERWRITES,
    NAME_IS_FREE,
    RECLAIM_ATOMIC,
    RECLAIM_UNION,
)
from model.protocol.lifetimes import destination_forgets
from model.protocol.loss import (
    BEING_LOADED,
    Style,
    add_loss,
    last_of_stream,
)
from model.protocol.naming import receives, takes
from model.protocol.world import World
from model.vocabulary import Incoming, Message


def add_loader(world: World, style: Style) -> None:
    """The destination's steps from START to COMPLETE, and the loss."""
    for each in world.bitmaps:
        _add_start(each)
        _add_bits(each)
        _add_complete(each, style)
    add_loss(world, style)


def _add_start(world: World) -> None:
    build, here = world.build, world.destination

    @build.action("destination", fair=True, suffix=world.suffix)
    def dirty_bitmap_load_start() -> Step:
        """START: create the bitmap; it is busy and does not record.

        QEMU: dirty_bitmap_load_start(), bdrv_create_dirty_bitmap(),
        bdrv_dirty_bitmap_create_successor().
        """
        return Step(
            when=[
                receives(world, Message.START),
                here.bitmap.is_(Incoming.ABSENT),
            ],
            then=[*takes(world), here.bitmap.becomes(Incoming.LOADING)],
        )

    if world.has(NAME_IS_FREE):
        return

    @build.action(
        "destination", fault=True, spends="refuse", suffix=world.suffix
    )
    def dirty_bitmap_load_start_exists() -> Step:
        """START of a name that exists: the migration fails.

        What else was being loaded is removed with it.
        QEMU: dirty_bitmap_load_start(), "already exists".
        """
        return Step(
            when=[
                receives(world, Message.START),
                here.bitmap.is_(Incoming.ABSENT),
            ],
            then=[
                world.ghost.trouble.becomes(True),
                *destination_forgets(world),
                *world.destination_closes(),
            ],
        )


def _add_bits(world: World) -> None:
    here, stream = world.destination, world.stream

    @world.build.action(
        "destination",
        over=world.domain.chunks,
        fair=True,
        suffix=world.suffix,
    )
    def dirty_bitmap_load_bits(chunk: Chunk) -> Step:
        """BITS: store one chunk in the bitmap, not in its successor.

        QEMU: dirty_bitmap_load_bits(), bdrv_dirty_bitmap_deserialize_part().
        """
        arrived = stream.head_contents()
        if not world.has(CHUNK_OVERWRITES):
            arrived = arrived | here.bits.contents(chunk)
        return Step(
            when=[
                receives(world, Message.BITS),
                stream.head_chunk().is_(chunk),
                here.bitmap.is_(*BEING_LOADED),
            ],
            then=[
                *takes(world),
                here.bits.becomes(here.bits.with_contents(chunk, arrived)),
            ],
        )


def _add_complete(world: World, style: Style) -> None:
    here = world.destination
    ends = last_of_stream(world, style)
    reclaimed = here.bits
    if world.has(RECLAIM_UNION):
        reclaimed = here.bits | here.successor
    hand_back = (
        here.bitmap.becomes(Incoming.VALID),
        here.successor.becomes(frozenset()),
    )
    arrived = world.ghost.arrived.becomes(True)

    @world.build.action("destination", fair=True, suffix=world.suffix)
    def dirty_bitmap_load_complete() -> Step:
        """COMPLETE before the VM's start: the bitmap is whole.

        QEMU: dirty_bitmap_load_complete(),
        bdrv_dirty_bitmap_deserialize_finish().
        """
        return Step(
            when=[
                receives(world, Message.COMPLETE),
                here.bitmap.is_(Incoming.LOADING),
            ],
            then=[
                *takes(world),
                here.bitmap.becomes(Incoming.COMPLETE),
                arrived,
                *ends,
            ],
        )

    if style.run_is_last:
        return

    @world.build.action("destination", fair=True, suffix=world.suffix)
    def dirty_bitmap_load_complete_reclaim() -> Step:
        """COMPLETE after the VM's start: merge the successor, hand back.

        QEMU: dirty_bitmap_load_complete(),
        bdrv_reclaim_dirty_bitmap_locked().
        """
        merged = here.bits.becomes(reclaimed)
        when = [
            receives(world, Message.COMPLETE),
            here.bitmap.is_(Incoming.SUCCESSOR),
        ]
        if world.has(RECLAIM_ATOMIC):
            then = [*takes(world), merged, *hand_back, arrived, *ends]
        else:
            pending = here.bitmap.becomes(Incoming.MERGED)
            then = [*takes(world), merged, pending, arrived, *ends]
        return Step(when=when, then=then)

    if not world.has(RECLAIM_ATOMIC):

        @world.build.action("destination", fair=True, suffix=world.suffix)
        def reclaim_hand_back() -> Step:
            """The second half of a reclaim that is not atomic (B09).

            QEMU: bdrv_reclaim_dirty_bitmap() before 2.12.
            """
            return Step(
                when=[here.bitmap.is_(Incoming.MERGED)], then=[*hand_back]
            )
