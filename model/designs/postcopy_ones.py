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
from model.language import Machine
from model.protocol.backup import add_backup_client
from model.protocol.creation import create
from model.protocol.design import Design
from model.protocol.faults import add_faults
from model.protocol.form import add_form
from model.protocol.guest import add_guest
from model.protocol.loader import add_loader
from model.protocol.loss import add_keep_on_break, add_loss
from model.protocol.management import add_management
from model.protocol.properties import add_properties
from model.protocol.takeover import add_takeover
from model.protocol.world import World
from model.variant import Variant
from model.vocabulary import Message

DESIGN = Design(last=Message.COMPLETE, ones_first=True)


def build(options: Variant) -> Machine:
    """Postcopy with every bit set first, from setup to failure."""
    world = create(World, options, DESIGN)
    add_guest(world)  # data, then bdrv_set_dirty(); on either host

    # -- the source: setup, switchover, send -----------------------------

    add_source(world)  # postcopy's, step for step

    # -- the destination: load, run; a break -----------------------------

    add_loader(world)  # dirty_bitmap_load_start() sets every bit
    add_loss(world)  # cancel_incoming_locked(), and what is skipped then
    add_keep_on_break(world)  # dirty_bitmap_mig_cancel_incoming()
    add_takeover(world)  # RUN, dirty_bitmap_mig_before_vm_start()

    # -- the others, failures, what is asked -----------------------------

    add_backup_client(world)  # backup jobs and edits, by the bitmap's name
    add_management(world)  # migrate, cancel, cont, fence, quit
    add_faults(world)  # breaks and kills, and how each host notices
    add_form(world)  # what a state looks like: no guarantee
    add_properties(world)  # the guarantees, S1 to L1
    return world.build.machine()
