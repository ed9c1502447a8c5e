# SPDX-License-Identifier: GPL-2.0-or-later
"""Drop: the bitmap is not migrated, the next backup is a full one.

    setup      nothing is announced; no backup begins any more
    stop       the VM pauses, in-flight writes are drained, it is stopped
    send       the device state (RUN)
    start      the client finds no bitmap and takes a full backup

What other systems do, and the price that the other designs have to beat.
XenServer: "Changed block tracking information is lost on Storage XenMotion"
(Changed Block Tracking Developer Guide, appendices).  VMware HCX switches a
VM's changed block tracking off when it migrates it (hcx.design, 2020-05-11).
"""

from __future__ import annotations

from model.language import Machine, Step
from model.mechanisms import (
    SOURCE_BUSY,
)
from model.protocol.backup import add_backup_client
from model.protocol.faults import add_faults
from model.protocol.form import add_form
from model.protocol.guest import Recorder, add_guest
from model.protocol.loss import Style
from model.protocol.management import add_management
from model.protocol.properties import Promise, add_properties
from model.protocol.setup import add_setup
from model.protocol.switchover import add_drain, add_precopy_end, pause
from model.protocol.takeover import add_takeover
from model.protocol.world import World, create
from model.variant import Variant
from model.vocabulary import Outgoing, SourceVm

STYLE = Style(run_is_last=True, errors_drop=True)


def build(options: Variant) -> Machine:
    """The drop design."""
    world = create(options, return_path=True)
    add_guest(world, Recorder())
    add_setup(world, holds=world.has(SOURCE_BUSY), announces=False)
    _add_vm_stop(world)
    add_precopy_end(world)
    add_takeover(world, STYLE)
    add_backup_client(world)
    add_management(world)
    add_faults(world)
    add_form(world, holds=world.has(SOURCE_BUSY), migrates=False)
    add_properties(world, Promise(migrates=False))
    return world.build.machine()


def _add_vm_stop(world: World) -> None:
    source = world.source

    @world.build.action("source", fair=True)
    def migration_completion() -> Step:
        """Stop the VM for the switchover: nothing is pending.

        QEMU: migration_completion(), vm_stop_force_state().
        """
        return Step(
            when=[
                source.vm.is_(SourceVm.RUNNING),
                source.migration.is_(Outgoing.ACTIVE),
                world.link_up,
            ],
            then=[*pause(world)],
        )

    add_drain(world, before=Outgoing.ACTIVE, after=Outgoing.BITMAP_SENT)
