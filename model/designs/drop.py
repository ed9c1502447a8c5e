# SPDX-License-Identifier: GPL-2.0-or-later
"""Drop: the bitmap is not migrated, the next backup is a full one.

    setup      nothing is announced; no backup begins any more
    stop       the VM pauses, in-flight writes are drained, it is stopped
    send       the device state (RUN)
    start      the client finds no bitmap and takes a full backup

What other systems do (XenServer's changed block tracking, VMware HCX), and
the price that the other designs have to beat.
"""

from __future__ import annotations

from model.backup import add_backup_client
from model.faults import add_faults
from model.guest import Recorder, add_guest
from model.language import Domain, Machine, Step
from model.loader import Style
from model.management import add_management
from model.options import Options
from model.properties import Promise, add_properties
from model.switchover import add_drain, add_precopy_end, add_setup, pause
from model.takeover import add_takeover
from model.vocabulary import Outgoing, SourceVm
from model.world import World, create

STYLE = Style(run_is_last=True, errors_drop=True)


def build(options: Options, domain: Domain | None = None) -> Machine:
    """The drop design at the size that ``options`` asks for."""
    world = create(options, return_path=True, domain=domain)
    add_guest(world, Recorder())
    busy = world.has("source-busy")
    add_setup(world, also=(world.source.busy.becomes(busy),), announces=False)
    _add_vm_stop(world)
    add_precopy_end(world)
    add_takeover(world, STYLE)
    add_backup_client(world)
    add_management(world)
    add_faults(world)
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
