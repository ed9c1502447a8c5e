# SPDX-License-Identifier: GPL-2.0-or-later
"""Postcopy with every bit set first: a break costs precision, not the bitmap.

    setup      postcopy's; START creates the bitmap with every bit set
    iterate    nothing
    switchover postcopy's
    start      the destination's successor records, its VM starts
    send       meanwhile every chunk once: it replaces its part; then
               COMPLETE: reclaim
    failure    after RUN: what has come is exact, what has not is dirty; the
               bitmap is handed back, and shows as degraded

The source is postcopy's, and so is the wire.  A message that is refused drops
the bitmap as in postcopy: of a bitmap of another size nothing is known.  A
chunk that comes before RUN may be older than the stop: then a break drops the
bitmap as well.  Nothing of this was posted.

QEMU: bdrv_dirty_bitmap_deserialize_ones() exists, and an image's bitmaps are
loaded with it; a migration does not call it.
"""

from __future__ import annotations

from model.designs.postcopy import add_source
from model.language import NO, Machine, choose, every_granule
from model.mechanisms_loading import (
    EARLY_CHUNKS_DROP,
    KEEP_ON_BREAK,
    MARK_DEGRADED,
    ONES_FIRST,
    RECLAIM_UNION,
)
from model.protocol.backup import add_backup_client
from model.protocol.creation import create
from model.protocol.design import Design
from model.protocol.faults import add_faults
from model.protocol.form import add_form
from model.protocol.guest import add_guest
from model.protocol.loader import add_loader
from model.protocol.loss import (
    BEING_LOADED,
    add_cancel_incoming,
    add_loss,
    after_loss,
    nothing_missing,
    unfinished_removed,
)
from model.protocol.management import add_management
from model.protocol.properties import add_properties
from model.protocol.takeover import add_takeover
from model.protocol.world import Updates, World
from model.variant import Variant
from model.vocabulary import Incoming, Message

DESIGN = Design(last=Message.COMPLETE, ones_first=True)


def every_bit_set(world: World) -> Updates:
    """Effect: START sets every bit; no chunk has come yet.

    QEMU: none; bdrv_dirty_bitmap_deserialize_ones() would do it.
    """
    every = every_granule(world.disk)
    ones = (world.destination.bits.becomes(every),)
    return (
        *world.with_(ONES_FIRST, ones, without=()),
        world.ghost.missing.becomes(every),
    )


def kept(world: World) -> Updates:
    """Effect of a break: a bitmap that is not whole is handed back as it is.

    What has not come has its bits set since START.  A chunk that came before
    RUN may be older than the stop; then the bitmap is removed.
    QEMU: none; bdrv_dirty_bitmap_deserialize_finish() and
    bdrv_reclaim_dirty_bitmap() would do it.
    """
    here = world.destination
    unfinished = here.bitmap.is_(*BEING_LOADED)
    stale = world.with_(EARLY_CHUNKS_DROP, here.early, without=NO)
    dropped = unfinished & stale
    handed_back = here.bitmap.switch(
        {
            Incoming.LOADING: Incoming.COMPLETE,
            Incoming.SUCCESSOR: Incoming.VALID,
            Incoming.MERGED: Incoming.VALID,
        }
    )
    union = here.bits | here.successor
    left = world.with_(RECLAIM_UNION, union, without=here.bits)
    shown = here.degraded.becomes(here.degraded | (unfinished & ~stale))
    return (
        here.bitmap.becomes(choose(~dropped, handed_back, after_loss(world))),
        here.bits.becomes(left.only_if(~dropped)),
        here.successor.becomes(frozenset()),
        *world.with_(MARK_DEGRADED, (shown,), without=()),
        nothing_missing(world, if_=dropped),
    )


def build(options: Variant) -> Machine:
    """Postcopy with every bit set first, from setup to failure."""
    world = create(World, options, DESIGN)
    add_guest(world)  # data, then bdrv_set_dirty(); on either host

    # -- the source: setup, switchover, send -----------------------------

    add_source(world)  # postcopy's, step for step

    # -- the destination: load, run; a break -----------------------------

    add_loader(world, every_bit_set)  # dirty_bitmap_load_start(), and so on
    add_loss(world)  # cancel_incoming_locked(), and what is skipped then
    at_break = world.with_(KEEP_ON_BREAK, kept, without=unfinished_removed)
    add_cancel_incoming(world, at_break)  # dirty_bitmap_mig_cancel_incoming()
    add_takeover(world)  # RUN, dirty_bitmap_mig_before_vm_start()

    # -- the others, failures, what is asked -----------------------------

    add_backup_client(world)  # backup jobs and edits, by the bitmap's name
    add_management(world)  # migrate, cancel, cont, fence, quit
    add_faults(world)  # breaks and kills, and how each host notices
    add_form(world)  # what a state looks like: no guarantee
    add_properties(world)  # the guarantees, S1 to L1
    return world.build.machine()
