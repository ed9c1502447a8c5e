# SPDX-License-Identifier: GPL-2.0-or-later
"""What begins anew: when an attempt is over, and when a process ends.

``hosts`` says of each field what it survives.  Two mechanisms are that a field
does not survive more than it should.
"""

from __future__ import annotations

from collections.abc import Iterable

from model.language import anew, effect
from model.mechanisms import (
    CURSOR_PER_ATTEMPT,
    NAMES_PER_ATTEMPT,
)
from model.mechanisms_sending import (
    RECLAIM_ON_FAILURE,
)
from model.protocol.hosts import BITMAP
from model.protocol.messages import names_forgotten_by_loader
from model.protocol.world import Updates, World


def attempt_over(world: World) -> Updates:
    """Effect: the source's share of an attempt is cleaned up.

    Without 'cursor-per-attempt' the next attempt goes on where this one was.
    QEMU: dirty_bitmap_do_save_cleanup(), dirty_bitmap_save_setup().
    """
    over = _once(
        (*anew(each.source, "attempt"), *_reclaimed(each))
        for each in world.bitmaps
    )
    return effect("the attempt is over on the source", _kept(world, over))


def _reclaimed(world: World) -> Updates:
    """Effect: a bitmap that was frozen is one with its successor again.

    QEMU: bdrv_reclaim_dirty_bitmap().
    """
    source = world.source
    if source.frozen.absent:
        return ()
    recorded = source.successor.only_if(source.frozen)
    back = source.bits.becomes(source.bits | recorded)
    return (
        *world.with_(RECLAIM_ON_FAILURE, (back,), without=()),
        source.successor.becomes(source.successor - recorded),
    )


def source_ends(world: World) -> Updates:
    """Effect: the source's process ends; what it has sent may arrive."""
    ended = (anew(each.source, "process") for each in world.bitmaps)
    jobs = (
        (
            each.ghost.since.becomes(frozenset()),
            each.ghost.would_miss.becomes(frozenset()),
        )
        for each in world.bitmaps
    )
    return effect(
        "the source's process ends", _kept(world, _once([*ended, *jobs]))
    )


def destination_forgets(world: World) -> Updates:
    """Effect: the destination's process has no bitmap."""
    found = (
        (
            *anew(each.destination, "process", of=[BITMAP]),
            each.ghost.arrived.becomes(False),
            each.ghost.missing.becomes(frozenset()),
        )
        for each in world.bitmaps
    )
    return effect(
        "the destination has no bitmap",
        (*_once(found), *names_forgotten_by_loader(world)),
    )


def _once(effects: Iterable[Updates]) -> Updates:
    """Two bitmaps share what there is one of."""
    return tuple({u.field: u for effect in effects for u in effect}.values())


def _kept(world: World, effect: Updates) -> Updates:
    """``effect`` without what wrongly survives an attempt."""
    cursors = [w.source.cursor.field_name() for w in world.bitmaps]
    named = [world.source.named.field_name()] if world.several else []
    kept = (
        *world.with_(CURSOR_PER_ATTEMPT, [], without=cursors),
        *world.with_(NAMES_PER_ATTEMPT, [], without=named),
    )
    return tuple(u for u in effect if u.field not in kept)
