# SPDX-License-Identifier: GPL-2.0-or-later
"""The destination reads the stream and loads the bitmap.

Where RUN comes before COMPLETE the VM may run while the bitmap is loaded:
then its successor records, and COMPLETE merges the two (reclaim).  Where RUN
is last a plain bitmap is enough.  Errors are in ``loss``.
"""

from __future__ import annotations

from collections.abc import Callable

from model.language import NO, Chunk, Step, given
from model.mechanisms import (
    NAME_IS_FREE,
)
from model.mechanisms_loading import (
    CHUNK_OVERWRITES,
    RECLAIM_ATOMIC,
    RECLAIM_UNION,
)
from model.protocol.connections import may_be_late
from model.protocol.lifetimes import destination_forgets
from model.protocol.loss import BEING_LOADED, last_of_stream
from model.protocol.messages import next_is, receives
from model.protocol.world import Updates, World
from model.vocabulary import DestinationVm, Incoming, Message


def nothing(world: World) -> Updates:
    """Effect: a bitmap that START creates is empty."""
    return ()


def add_loader(
    world: World, created: Callable[[World], Updates] = nothing
) -> None:
    """The destination's steps from START to COMPLETE, of each bitmap.

    ``created``: what else START does to the bitmap.
    """
    for bitmap in world.bitmaps:
        _add_start(bitmap, created)
        for way in bitmap.ways:
            _add_bits(way)
        _add_complete(bitmap)


def _add_start(world: World, created: Callable[[World], Updates]) -> None:
    here = world.destination

    @world.action("destination", fair=True)
    def dirty_bitmap_load_start() -> Step:
        """START: create the bitmap; it is busy and does not record.

        QEMU: dirty_bitmap_load_start(), bdrv_create_dirty_bitmap(),
        bdrv_dirty_bitmap_create_successor().
        """
        return given(
            receives(world, Message.START),
            here.bitmap.is_(Incoming.ABSENT),
        ).then(here.bitmap.becomes(Incoming.LOADING), created(world))

    @world.action(
        "destination",
        only=not world.has(NAME_IS_FREE),
        fault=True,
        spends="refuse",
    )
    def dirty_bitmap_load_start_exists() -> Step:
        """START of a name that exists: the migration fails.

        What else was being loaded is removed with it.
        QEMU: dirty_bitmap_load_start(), "already exists".
        """
        return given(
            next_is(world, Message.START),
            here.bitmap.is_(Incoming.ABSENT),
        ).then(
            world.ghost.trouble.becomes(True),
            destination_forgets(world),
            world.destination_closes(),
        )


def _add_bits(world: World) -> None:
    here, next_ = world.destination, world.carries(Message.BITS)
    late = (Incoming.COMPLETE, Incoming.VALID) if may_be_late(world) else ()

    @world.action("destination", over=world.domain.chunks, fair=True)
    def dirty_bitmap_load_bits(chunk: Chunk) -> Step:
        """BITS: store one chunk in the bitmap, not in its successor.

        QEMU: dirty_bitmap_load_bits(), bdrv_dirty_bitmap_deserialize_part().
        """
        arrived = next_.head_contents()
        stored = world.with_(
            CHUNK_OVERWRITES,
            arrived,
            without=arrived | here.bits.contents(chunk),
        )
        return given(
            receives(world, Message.BITS),
            next_.head_chunk().is_(chunk),
            here.bitmap.is_(*BEING_LOADED, *late),
        ).then(
            here.bits.becomes(here.bits.with_contents(chunk, stored)),
            _has_come(world, chunk),
        )


def _has_come(world: World, chunk: Chunk) -> Updates:
    """Effect: the chunk is missing no more; it may have come before RUN."""
    here, missing = world.destination, world.ghost.missing
    nothing = missing.contents(chunk).only_if(NO)
    waits = here.vm.is_(DestinationVm.INMIGRATE)
    return (
        missing.becomes(missing.with_contents(chunk, nothing)),
        here.early.becomes(here.early | waits),
    )


def _add_complete(world: World) -> None:
    here, early = world.destination, not world.design.run_is_last
    handed_back = (
        here.bitmap.becomes(Incoming.VALID),
        here.successor.becomes(frozenset()),
    )
    merged = (here.bitmap.becomes(Incoming.MERGED),)

    @world.action("destination", fair=True)
    def dirty_bitmap_load_complete() -> Step:
        """COMPLETE before the VM's start: the bitmap is whole.

        QEMU: dirty_bitmap_load_complete(),
        bdrv_dirty_bitmap_deserialize_finish().
        """
        return given(
            receives(world, Message.COMPLETE),
            here.bitmap.is_(Incoming.LOADING),
        ).then(
            here.bitmap.becomes(Incoming.COMPLETE),
            world.ghost.arrived.becomes(True),
            last_of_stream(world),
        )

    @world.action("destination", only=early, fair=True)
    def dirty_bitmap_load_complete_reclaim() -> Step:
        """COMPLETE after the VM's start: merge the successor, hand back.

        QEMU: dirty_bitmap_load_complete(), bdrv_reclaim_dirty_bitmap().
        """
        union = here.bits | here.successor
        return given(
            receives(world, Message.COMPLETE),
            here.bitmap.is_(Incoming.SUCCESSOR),
        ).then(
            here.bits.becomes(
                world.with_(RECLAIM_UNION, union, without=here.bits)
            ),
            world.with_(RECLAIM_ATOMIC, handed_back, without=merged),
            world.ghost.arrived.becomes(True),
            last_of_stream(world),
        )

    @world.action(
        "destination",
        only=early and not world.has(RECLAIM_ATOMIC),
        fair=True,
    )
    def reclaim_hand_back() -> Step:
        """The second half of a reclaim that is not atomic (B09).

        QEMU: bdrv_reclaim_dirty_bitmap() before 2.12.
        """
        return given(here.bitmap.is_(Incoming.MERGED)).then(handed_back)
