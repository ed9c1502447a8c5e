# SPDX-License-Identifier: GPL-2.0-or-later
"""Which bitmap a message speaks of.

Where there are two, a message names its bitmap, unless it is the one of the
message before: then the name is left out, also from one section to the next,
and the receiver carries it on.  With one bitmap there is nothing to name.

QEMU: send_bitmap_header(), prev_bs and prev_bitmap of DBMSaveState, which are
forgotten at setup; dirty_bitmap_load_header(), the bitmap of DBMLoadState.
"""

from __future__ import annotations

from typing import Any

from model.language import Flag, Update, any_of, choose
from model.mechanisms import (
    NAMES_PER_ATTEMPT,
)
from model.protocol.world import World
from model.vocabulary import Message, Name

Updates = tuple[Update, ...]


def sends(world: World, kind: Message, **payload: Any) -> Updates:
    """Effect: a message about this bitmap is sent."""
    last = world.source.named
    if last is None:
        return world.stream.put(kind, **payload)
    this = choose(last.is_(world.this), last, world.this)
    name = choose(~last.is_(world.this), this, Name.NONE)
    return (
        *world.stream.put(kind, name=name, **payload),
        last.becomes(world.this),
    )


def receives(world: World, kind: Message) -> Flag:
    """Whether the next message is of this kind and about this bitmap."""
    is_next = world.stream.head_is(kind)
    current = world.destination.named
    if current is None:
        return is_next
    name = world.stream.head_member("name")
    about = any_of(
        name.is_(world.this),
        name.is_(Name.NONE) & current.is_(world.this),
    )
    return is_next & about.named(f"it is about the {world.this.value} bitmap")


def takes(world: World) -> Updates:
    """Effect: the next message is taken; its name is carried on."""
    current = world.destination.named
    if current is None:
        return world.stream.take()
    return (*world.stream.take(), current.becomes(world.this))


def names_forgotten_at_setup(world: World) -> Updates:
    """Effect: an attempt begins by naming its first bitmap."""
    named = world.source.named
    if named is None or not world.has(NAMES_PER_ATTEMPT):
        return ()
    return (named.becomes(Name.NONE),)


def names_forgotten_by_loader(world: World) -> Updates:
    """Effect: a new process, or a cancelled one, knows no name."""
    named = world.destination.named
    return () if named is None else (named.becomes(Name.NONE),)
