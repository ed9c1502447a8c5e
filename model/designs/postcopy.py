# SPDX-License-Identifier: GPL-2.0-or-later
"""Postcopy, as QEMU has built it since 2.12.

    setup      the bitmap is marked busy, START is sent
    iterate    nothing
    switchover management starts postcopy; the VM pauses, in-flight writes
               are drained, device state and RUN are sent
    start      the destination's successor records, its VM starts
    send       meanwhile every chunk once, then COMPLETE: reclaim
    failure    after RUN: the bitmap is dropped, the VM goes on

QEMU: migration/block-dirty-bitmap.c, dirty_bitmap_save_iterate() in the
postcopy phase.
"""

from __future__ import annotations

from model.language import Machine, Step, given
from model.mechanisms_sending import (
    BITS_AFTER_STOP,
)
from model.protocol.backup import add_backup_client
from model.protocol.creation import create
from model.protocol.design import Design
from model.protocol.faults import add_faults
from model.protocol.form import add_form
from model.protocol.frozen import (
    add_reclaim_at_stop,
    add_send_changed,
    nothing_changed_is_left,
    thawed,
)
from model.protocol.guest import add_guest
from model.protocol.loader import add_loader
from model.protocol.loss import add_cancel_incoming, add_loss
from model.protocol.management import add_management
from model.protocol.messages import sends
from model.protocol.properties import add_properties
from model.protocol.setup import add_setup
from model.protocol.switchover import (
    add_drain,
    add_send_chunks,
    add_send_complete,
)
from model.protocol.takeover import add_takeover
from model.protocol.world import World
from model.variant import Variant
from model.vocabulary import Message, Outgoing, SourceVm

DESIGN = Design(last=Message.COMPLETE)


def build(options: Variant) -> Machine:
    """The postcopy design, from setup to failure."""
    world = create(World, options, DESIGN)
    add_guest(world)  # data, then bdrv_set_dirty(); on either host

    # -- the source: setup, switchover, send -----------------------------

    add_source(world)

    # -- the destination: load, run; a loss ------------------------------

    add_loader(world)  # dirty_bitmap_load_start(), _bits(), _complete()
    add_loss(world)  # cancel_incoming_locked(), and what is skipped then
    add_cancel_incoming(world)  # dirty_bitmap_mig_cancel_incoming()
    add_takeover(world)  # RUN, dirty_bitmap_mig_before_vm_start()

    # -- the others, failures, what is asked -----------------------------

    add_backup_client(world)  # backup jobs and edits, by the bitmap's name
    add_management(world)  # migrate, cancel, cont, fence, quit
    add_faults(world)  # breaks and kills, and how each host notices
    add_form(world)  # what a state looks like: no guarantee
    add_properties(world)  # the guarantees, S1 to L1
    return world.build.machine()


def add_source(world: World) -> None:
    """The source of postcopy, whatever its destination does at a break.

    With a bulk source every chunk is sent before the stop as well, as it was
    at setup, and after RUN only what has changed.
    """
    source = world.source
    bulk = world.design.freezes(world.options)

    # -- setup: START ----------------------------------------------------

    add_setup(world)  # dirty_bitmap_save_setup()

    # -- switchover: the VM stops, RUN -----------------------------------

    @world.action("management", fair=True)
    def migrate_start_postcopy() -> Step:
        """Management asks for the switchover.

        QEMU: qmp_migrate_start_postcopy().
        """
        return given(source.migration.is_(Outgoing.ACTIVE)).then(
            source.migration.becomes(Outgoing.POSTCOPY_REQUESTED)
        )

    @world.action("source", fair=True)
    def postcopy_start() -> Step:
        """Stop the VM for the switchover.

        QEMU: postcopy_start(), migration_stop_vm().
        """
        return given(
            source.vm.is_(SourceVm.RUNNING),
            source.migration.is_(Outgoing.POSTCOPY_REQUESTED),
            world.link_up,
        ).then(source.vm.becomes(SourceVm.PAUSED))

    add_drain(world, Outgoing.POSTCOPY_REQUESTED, then=Outgoing.DEVICE)

    @world.action("source", fair=True)
    def send_postcopy_run() -> Step:
        """The package: device state and RUN.

        QEMU: qemu_savevm_send_packaged(), qemu_savevm_send_postcopy_run().
        """
        return given(
            source.migration.is_(Outgoing.DEVICE),
            thawed(world) if bulk else (),
        ).then(
            sends(world, Message.RUN),
            source.migration.becomes(Outgoing.RUN_SENT),
        )

    # -- send: BITS, COMPLETE --------------------------------------------

    sent = source.migration.is_(Outgoing.RUN_SENT)
    early = source.migration.is_(Outgoing.RUN_SENT, Outgoing.ACTIVE)
    late = world.with_(BITS_AFTER_STOP, sent, without=early)
    add_send_chunks(world, early if bulk else late)
    if bulk:
        add_reclaim_at_stop(world)  # bdrv_reclaim_dirty_bitmap()
        add_send_changed(world, sent)
    add_send_complete(
        world,
        (sent, *nothing_changed_is_left(world)) if bulk else sent,
        then=Outgoing.COMPLETED,
    )
