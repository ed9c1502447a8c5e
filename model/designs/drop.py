# SPDX-License-Identifier: GPL-2.0-or-later
"""Drop: the bitmap is not migrated, the next backup is a full one.

    setup      nothing is announced; no backup begins any more
    stop       the VM pauses, in-flight writes are drained, it is stopped
    send       the device state (RUN)
    start      the client finds no bitmap and takes a full backup
    failure    the source goes on with its bitmap

What other systems do, and the price that the other designs have to beat.
XenServer: "Changed block tracking information is lost on Storage XenMotion"
(Changed Block Tracking Developer Guide, appendices).  VMware HCX switches a
VM's changed block tracking off when it migrates it (hcx.design, 2020-05-11).
"""

from __future__ import annotations

from model.language import Machine, Step, given
from model.protocol.backup import add_backup_client
from model.protocol.creation import create
from model.protocol.design import Design
from model.protocol.faults import add_faults
from model.protocol.form import add_form
from model.protocol.guest import add_guest
from model.protocol.management import add_management
from model.protocol.properties import add_properties
from model.protocol.setup import add_setup
from model.protocol.switchover import add_drain, add_run_last
from model.protocol.takeover import add_takeover
from model.protocol.world import World
from model.variant import Variant
from model.vocabulary import Message, Outgoing, SourceVm

DESIGN = Design(last=Message.RUN, migrates=False)


def build(options: Variant) -> Machine:
    """The drop design, from setup to failure."""
    world = create(World, options, DESIGN)
    source = world.source
    add_guest(world)  # data, then bdrv_set_dirty(); on either host

    # -- setup: nothing is announced -------------------------------------

    add_setup(world)  # dirty_bitmap_save_setup()

    # -- stop ------------------------------------------------------------

    @world.action("source", fair=True)
    def migration_completion() -> Step:
        """Stop the VM for the switchover: nothing is pending.

        QEMU: migration_completion(), vm_stop_force_state().
        """
        return given(
            source.vm.is_(SourceVm.RUNNING),
            source.migration.is_(Outgoing.ACTIVE),
            world.link_up,
        ).then(source.vm.becomes(SourceVm.PAUSED))

    add_drain(world, Outgoing.ACTIVE, then=Outgoing.BITMAP_SENT)

    # -- send: RUN; the destination runs ---------------------------------

    add_run_last(world)  # qemu_savevm_state_complete_precopy(), then SHUT
    add_takeover(world)  # RUN, dirty_bitmap_mig_before_vm_start()

    # -- the others, failures, what is asked -----------------------------

    add_backup_client(world)  # backup jobs and edits, by the bitmap's name
    add_management(world)  # migrate, cancel, cont, fence, quit
    add_faults(world)  # breaks and kills, and how each host notices
    add_form(world)  # what a state looks like: no guarantee
    add_properties(world)  # the guarantees, S1 to L1
    return world.build.machine()
