# SPDX-License-Identifier: GPL-2.0-or-later
"""Where chunks travel: in the stream, or on connections of their own.

With one connection all messages are one stream: every message is read in the
order in which it was sent, chunks of two bitmaps as well, and RUN neither
overtakes a chunk nor is overtaken by one.

With several, START, COMPLETE and RUN are such a stream, and BITS travel on two
connections beside it.  Each holds one chunk; the source takes the first that
has room, and the destination reads both.  So a chunk may arrive before START
or long after RUN, and two chunks that are under way may change their order:
one of them may be as late as it likes, while any number of others pass it.
All the connections break together: an end that sees one of them break gives
up all.  On a connection of its own a chunk always names its bitmap, as no
message before it could.

QEMU: none sends a bitmap like this; RAM travels so with the capability
multifd, and what puts its pages in order there is multifd_send_sync_main()
and multifd_recv_sync_main().
"""

from __future__ import annotations

from typing import Any

from model.language import Channel, Chunk, Flag, Part, Update, all_of
from model.mechanisms_loading import (
    CHUNK_ORDER,
    CHUNKS_BEFORE_COMPLETE,
    CHUNKS_BEFORE_RUN,
)
from model.protocol.world import World
from model.vocabulary import Message

Updates = tuple[Update, ...]


def travels_apart(world: World, kind: Message) -> bool:
    """Whether a message of this kind is not one of the stream."""
    return bool(world.connections) and kind is Message.BITS


def sends_apart(world: World, chunk: Chunk, **payload: Any) -> Part:
    """The source sends a chunk on a connection of its own.

    It takes the first that has room: to the reader they are alike.
    """
    on = world.carries(Message.BITS)
    earlier = world.connections[: world.way]
    others = (each for each in world.connections if each is not on)
    name = {"name": world.this} if world.several else {}
    in_order = [~_is_under_way(world, other, chunk) for other in others]
    return Part(
        (
            world.link_up,
            on.has_room(),
            *(~other.has_room() for other in earlier),
            *world.with_(CHUNK_ORDER, in_order, without=[]),
        ),
        on.put(Message.BITS, chunk=chunk, **name, **payload),
    )


def _is_under_way(world: World, on: Channel, chunk: Chunk) -> Flag:
    """Whether this connection holds an older version of the chunk.

    The source does not see that.  It need not: a chunk that always travels
    on the connection on which it was sent first meets no older one.
    """
    older = on.holds_chunk(chunk)
    if world.several:
        older = older & on.head_member("name").is_(world.this)
    return older.named("an older version of the chunk is under way")


def comes_apart(world: World) -> Flag:
    """Whether the next on the chunk's own connection is of this bitmap."""
    on = world.carries(Message.BITS)
    is_next = on.head_is(Message.BITS)
    if not world.several:
        return is_next
    about = on.head_member("name").is_(world.this)
    return is_next & about.named(f"it is about the {world.this.value} bitmap")


def may_be_late(world: World) -> bool:
    """Whether a chunk may come when COMPLETE was read.

    It is stored in the bitmap that it names, and nothing asks whether that
    one is done, or in use.  What reads a connection reads it to its end,
    also where the stream has ended.
    QEMU: dirty_bitmap_load_header(), dirty_bitmap_load_bits().
    """
    return bool(world.connections) and not world.has(CHUNKS_BEFORE_COMPLETE)


def may_be_read(world: World, kind: Message) -> tuple[Flag, ...]:
    """What the next message of the stream waits for, if it is of this kind.

    QEMU: for RAM, multifd_recv_sync_main().
    """
    if not world.connections:
        return ()
    read = all_of(*(each.is_empty() for each in world.connections))
    to_the_end = (read.named("no chunk is under way"),)
    if kind is Message.COMPLETE:
        return world.with_(CHUNKS_BEFORE_COMPLETE, to_the_end, without=())
    if kind is Message.RUN and not world.destination.early.absent:
        return world.with_(CHUNKS_BEFORE_RUN, to_the_end, without=())
    return ()
