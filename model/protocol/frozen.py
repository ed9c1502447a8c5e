# SPDX-License-Identifier: GPL-2.0-or-later
"""A source that freezes the bitmap at setup, and what it does at the stop.

From setup on a successor records, as it does for a backup job: what is sent
while the guest runs does not change under the sender's hands.  With the VM
stopped the successor tells which chunks have changed since; it is merged in,
and these chunks are sent again.

QEMU: none sends a bitmap like this; the functions that it would call are
those of a backup job, bdrv_dirty_bitmap_create_successor() and
bdrv_reclaim_dirty_bitmap().
"""

from __future__ import annotations

from model.language import (
    Chunk,
    ChunkSet,
    Flag,
    Step,
    any_of,
    chunk_alone,
    given,
)
from model.mechanisms import (
    OWN_BITS_ONLY,
)
from model.mechanisms_sending import (
    CHANGED_AFTER_DRAIN,
    CHANGED_BEFORE_COMPLETE,
    FREEZE_AT_SETUP,
    RECLAIM_AT_STOP,
)
from model.protocol.messages import sends
from model.protocol.world import Updates, World
from model.vocabulary import Message, Outgoing


def changed_since(world: World) -> ChunkSet:
    """Chunks of which the successor has a bit that the bitmap has not."""
    source = world.source
    return (source.successor - source.bits).chunks()


def pending(world: World) -> ChunkSet:
    """The chunks that are unsent, have changed, or wait to be sent again."""
    source = world.source
    return source.cursor.ahead() | changed_since(world) | source.changed


def thawed(world: World) -> Flag:
    """Whether no bitmap is frozen: each has what its successor recorded."""
    frozen = (w.source.frozen for w in world.bitmaps)
    return (~any_of(*frozen)).named("no bitmap is frozen")


def found_at_pause(world: World) -> Updates:
    """Effect where the guest pauses: nothing yet, in a sound source."""
    found = [_reclaimed(bitmap) for bitmap in world.bitmaps]
    early = [update for each in found for update in each]
    return world.with_(CHANGED_AFTER_DRAIN, (), without=tuple(early))


def _reclaimed(world: World) -> Updates:
    """Effect: what changed is noted, and the successor is merged in."""
    source = world.source
    again = changed_since(world) - source.cursor.ahead()
    merged = (source.bits.becomes(source.bits | source.successor),)
    return (
        source.changed.becomes(source.changed | again),
        *world.with_(RECLAIM_AT_STOP, merged, without=()),
        source.successor.becomes(frozenset()),
        source.frozen.becomes(False),
    )


def add_reclaim_at_stop(world: World) -> None:
    """With the VM stopped the successor has told all that it can."""
    for bitmap in world.bitmaps:
        _add_reclaim_at_stop(bitmap)


def _add_reclaim_at_stop(world: World) -> None:
    source = world.source

    @world.action(
        "source",
        only=world.has(CHANGED_AFTER_DRAIN) and world.has(FREEZE_AT_SETUP),
        fair=True,
    )
    def reclaim_at_stop() -> Step:
        """The VM has stopped: note what changed, merge the successor in.

        The bitmap stays busy.  QEMU: bdrv_reclaim_dirty_bitmap(), which no
        migration calls on the source.
        """
        return given(
            source.migration.is_(Outgoing.DEVICE), source.frozen
        ).then(_reclaimed(world))


def add_send_changed(world: World, sending: Flag) -> None:
    """The chunks that changed after they were sent, once more."""
    for bitmap in world.bitmaps:
        for way in bitmap.ways:
            _add_send_changed(way, sending)


def _add_send_changed(world: World, sending: Flag) -> None:
    source = world.source

    @world.action(
        "source",
        over=world.domain.chunks,
        only=world.has(FREEZE_AT_SETUP),
        fair=True,
        silent=world.with_(
            OWN_BITS_ONLY,
            "",
            without="where setup marks every granule no chunk changes after",
        ),
    )
    def send_changed_bits(chunk: Chunk) -> Step:
        """Send a chunk again that has changed since it was sent.

        QEMU: send_bitmap_bits().
        """
        return given(
            sending,
            ~source.frozen,
            source.cursor.at_end(),
            source.changed.contains(chunk),
        ).then(
            sends(
                world,
                Message.BITS,
                chunk=chunk,
                contents=source.bits.contents(chunk),
            ),
            source.changed.becomes(
                source.changed - chunk_alone(world.disk, chunk)
            ),
        )


def nothing_changed_is_left(world: World) -> tuple[Flag, ...]:
    """What COMPLETE waits for beside the pass: all of what has changed."""
    sent = [w.source.changed.is_empty() for w in world.bitmaps]
    return (
        thawed(world),
        *world.with_(CHANGED_BEFORE_COMPLETE, sent, without=[]),
    )
