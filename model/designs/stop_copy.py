# SPDX-License-Identifier: GPL-2.0-or-later
"""Stop-copy: what users get when postcopy is never started.

    setup      the bitmap is marked busy, START is sent
    iterate    nothing
    stop       when what is pending, the whole bitmap, fits the downtime
               limit: the VM pauses, in-flight writes are drained, it stops
    send       every chunk once, COMPLETE, then the device state (RUN)
    start      the destination has everything before its VM starts
    failure    a bitmap error drops the bitmap, the VM goes on

The whole bitmap is downtime, and nothing that happens while the guest runs
makes it less: where it does not fit the limit, the VM is never stopped.
QEMU: the precopy path of migration/block-dirty-bitmap.c,
dirty_bitmap_save_complete(), dirty_bitmap_state_pending().  As built, the
estimate counts bits as bytes; here it is right.
"""

from __future__ import annotations

from model.language import Machine, Step, all_of, any_of, given
from model.mechanisms_sending import (
    BITS_AFTER_STOP,
)
from model.protocol.backup import add_backup_client
from model.protocol.creation import create
from model.protocol.design import Design
from model.protocol.faults import add_faults
from model.protocol.form import add_form
from model.protocol.guest import add_guest
from model.protocol.loader import add_loader
from model.protocol.loss import add_loss
from model.protocol.management import add_management
from model.protocol.properties import add_properties
from model.protocol.setup import add_setup
from model.protocol.switchover import (
    add_drain,
    add_run_last,
    add_send_chunks,
    add_send_complete,
)
from model.protocol.takeover import add_takeover
from model.protocol.world import World
from model.variant import Variant
from model.vocabulary import Message, Outgoing, SourceVm

DESIGN = Design(last=Message.RUN)


def build(options: Variant) -> Machine:
    """The stop-copy design, from setup to failure."""
    world = create(World, options, DESIGN)
    source = world.source
    add_guest(world)  # data, then bdrv_set_dirty(); on either host

    # -- setup: START ----------------------------------------------------

    add_setup(world)  # dirty_bitmap_save_setup()

    # -- stop ------------------------------------------------------------

    limit = world.options.limit("downtime")
    little = all_of(
        *(w.source.cursor.ahead().at_most(limit) for w in world.bitmaps)
    )

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
        ).then(source.vm.becomes(SourceVm.PAUSED))

    add_drain(world, Outgoing.ACTIVE, then=Outgoing.DEVICE)

    # -- send: BITS, COMPLETE, RUN ---------------------------------------

    stopped = source.migration.is_(Outgoing.DEVICE)
    early = source.migration.is_(Outgoing.DEVICE, Outgoing.ACTIVE)
    chunks = world.with_(BITS_AFTER_STOP, stopped, without=early)
    add_send_chunks(world, chunks)
    add_send_complete(world, stopped, then=Outgoing.BITMAP_SENT)
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
    add_properties(world)  # the guarantees, S1 to L1
    return world.build.machine()
