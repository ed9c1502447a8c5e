# SPDX-License-Identifier: GPL-2.0-or-later
"""The protocol's words: a message is sent, a message is received.

Each brings its condition and its effect: ``sends`` needs a connection with
room, ``receives`` that the next message is this one.  Where there is one
connection all messages are one stream, in the order in which they were sent;
``connections`` says what is different where chunks travel apart.

Where there are two bitmaps, a message names its bitmap, unless it is the one
of the message before: then the name is left out, also from one section to the
next, and the receiver carries it on.  With one bitmap there is nothing to
name.

QEMU: send_bitmap_header(), prev_bs and prev_bitmap of DBMSaveState, which are
forgotten at setup; dirty_bitmap_load_header(), the bitmap of DBMLoadState.
"""

from __future__ import annotations

from typing import Any

from model.language import Flag, Part, Update, any_of, choose
from model.mechanisms import (
    NAMES_PER_ATTEMPT,
)
from model.protocol.connections import (
    comes_apart,
    may_be_read,
    sends_apart,
    travels_apart,
)
from model.protocol.world import World
from model.vocabulary import Message, Name, Reply

Updates = tuple[Update, ...]


def sends(world: World, kind: Message, **payload: Any) -> Part:
    """The source sends a message; but for RUN it is about this bitmap."""
    if travels_apart(world, kind):
        return sends_apart(world, **payload)
    stream, last = world.stream, world.source.named
    room = (world.link_up, stream.has_room())
    if not world.several or kind is Message.RUN:
        return Part(room, stream.put(kind, **payload))
    this = choose(last.is_(world.this), last, world.this)
    name = choose(~last.is_(world.this), this, Name.NONE)
    named = last.becomes(world.this)
    return Part(room, (*stream.put(kind, name=name, **payload), named))


def next_is(world: World, kind: Message) -> Flag:
    """Whether the next message is of this kind; and about this bitmap."""
    if travels_apart(world, kind):
        return comes_apart(world)
    is_next = world.stream.head_is(kind)
    if not world.several or kind is Message.RUN:
        return is_next
    name, current = world.stream.head_member("name"), world.destination.named
    about = any_of(
        name.is_(world.this),
        name.is_(Name.NONE) & current.is_(world.this),
    )
    return is_next & about.named(f"it is about the {world.this.value} bitmap")


def receives(world: World, kind: Message) -> Part:
    """The destination takes the next message, and carries its name on."""
    taken = world.carries(kind).take()
    if (
        world.several
        and kind is not Message.RUN
        and not travels_apart(world, kind)
    ):
        taken = (*taken, world.destination.named.becomes(world.this))
    return Part((next_is(world, kind), *may_be_read(world, kind)), taken)


def replies(world: World, kind: Reply) -> Part:
    """The destination sends ``kind`` on the return path."""
    back = world.return_path
    assert back is not None
    return Part((world.link_up, back.has_room()), back.put(kind))


def hears(world: World, kind: Reply) -> Part:
    """The source takes ``kind`` from the return path."""
    back = world.return_path
    assert back is not None
    return Part((back.head_is(kind),), back.take())


def names_forgotten_at_setup(world: World) -> Updates:
    """Effect: an attempt begins by naming its first bitmap."""
    forgotten = (world.source.named.becomes(Name.NONE),)
    return world.with_(NAMES_PER_ATTEMPT, forgotten, without=())


def names_forgotten_by_loader(world: World) -> Updates:
    """Effect: a new process, or a cancelled one, knows no name."""
    return (world.destination.named.becomes(Name.NONE),)
