# SPDX-License-Identifier: GPL-2.0-or-later
"""Stop-copy with a bulk pass: send it all, then only what has changed.

    setup      the bitmap is marked busy and frozen: a successor records;
               START is sent
    iterate    one pass: every chunk once, as it was at setup
    stop       when what is unsent or has changed fits the downtime limit: the
               VM pauses, in-flight writes are drained, it stops
    send       the successor tells which chunks have changed and is merged
               in; they are sent again, COMPLETE, then the device state (RUN)
    start      the destination has everything before its VM starts
    failure    the successor is merged back; the source goes on

The destination is stop-copy's, and so is the wire: a chunk may come twice.
There is one pass, so what is pending grows after it: where more has changed
than fits the limit, the VM is never stopped.  Nothing of this was posted.
"""

from __future__ import annotations

from model.language import Machine, Step, all_of, any_of, given
from model.protocol.backup import add_backup_client
from model.protocol.creation import create
from model.protocol.design import Design
from model.protocol.faults import add_faults
from model.protocol.form import add_form
from model.protocol.frozen import (
    add_reclaim_at_stop,
    add_send_changed,
    found_at_pause,
    nothing_changed_is_left,
    pending,
    thawed,
)
from model.protocol.guest import add_guest
from model.protocol.loader import add_loader
from model.protocol.loss import add_loss
from model.protocol.management import add_management
from model.protocol.properties import add_properties
from model.protocol.setup import add_setup
from model.protocol.switchover import (
    add_downtime_kept,
    add_drain,
    add_run_last,
    add_send_chunks,
    add_send_complete,
)
from model.protocol.takeover import add_takeover
from model.protocol.world import World
from model.variant import Variant
from model.vocabulary import Message, Outgoing, SourceVm

DESIGN = Design(last=Message.RUN, bulk=True)


def build(options: Variant) -> Machine:
    """The stop-copy design with a bulk pass, from setup to failure."""
    world = create(World, options, DESIGN)
    source = world.source
    add_guest(world)  # data, then bdrv_set_dirty(); on either host

    # -- setup: a successor records, START -------------------------------

    add_setup(world)  # dirty_bitmap_save_setup()

    # -- iterate: every chunk once, while the guest runs: BITS -----------

    running = source.migration.is_(Outgoing.ACTIVE)
    stopped = source.migration.is_(Outgoing.DEVICE)
    add_send_chunks(world, running | stopped & thawed(world))

    # -- stop ------------------------------------------------------------

    limit = world.options.limit("downtime")
    little = all_of(*(pending(w).at_most(limit) for w in world.bitmaps))

    @world.action("source", fair=True)
    def migration_completion() -> Step:
        """Stop the VM when what is pending fits the downtime limit.

        QEMU: migration_iteration_run(), migration_completion(),
        vm_stop_force_state().
        """
        return given(
            source.vm.is_(SourceVm.RUNNING),
            source.migration.is_(Outgoing.ACTIVE),
            world.link_up,
            any_of(little, source.left_out).named(
                "what is pending fits the downtime limit"
            ),
        ).then(source.vm.becomes(SourceVm.PAUSED), found_at_pause(world))

    add_drain(world, Outgoing.ACTIVE, then=Outgoing.DEVICE)
    add_reclaim_at_stop(world)  # bdrv_reclaim_dirty_bitmap()

    # -- send: BITS of what has changed, COMPLETE, RUN -------------------

    add_send_changed(world, stopped)
    done = (stopped, *nothing_changed_is_left(world))
    add_send_complete(world, done, then=Outgoing.BITMAP_SENT)
    add_run_last(world)  # qemu_savevm_state_complete_precopy(), then SHUT

    # -- the destination: load, run; a loss ------------------------------

    add_loader(world)  # dirty_bitmap_load_start(), _bits(), _complete()
    add_loss(world)  # cancel_incoming_locked(), and what is skipped then
    add_takeover(world)  # RUN, dirty_bitmap_mig_before_vm_start()

    # -- the others, failures, what is asked -----------------------------

    add_backup_client(world)  # backup jobs and edits, by the bitmap's name
    add_management(world)  # migrate, cancel, cont, fence, quit
    add_faults(world)  # breaks and kills, and how each host notices
    add_form(world)  # what a state looks like: no guarantee
    for bitmap in world.bitmaps:
        add_downtime_kept(bitmap, pending(bitmap))
    add_properties(world)  # the guarantees, S1 to L1
    return world.build.machine()
