# SPDX-License-Identifier: GPL-2.0-or-later
"""Stop-copy: what users get when postcopy is never started.

    setup      the bitmap is marked busy, START is sent
    iterate    nothing
    stop       when what is pending, the whole bitmap, fits the downtime
               limit: the VM pauses, in-flight writes are drained, it stops
    send       every chunk once, COMPLETE, then the device state (RUN)
    start      the destination has everything before its VM starts

The whole bitmap is downtime, and nothing that happens while the guest runs
makes it less: where it does not fit the limit, the VM is never stopped.
QEMU: the precopy path of migration/block-dirty-bitmap.c,
dirty_bitmap_save_complete(), dirty_bitmap_state_pending().  As built, the
estimate counts bits as bytes; here it is right.
"""

from __future__ import annotations

from model.language import Machine, Step, all_of, any_of
from model.mechanisms import (
    BITS_AFTER_STOP,
    SOURCE_BUSY,
)
from model.protocol.backup import add_backup_client
from model.protocol.faults import add_faults
from model.protocol.form import add_form
from model.protocol.guest import Recorder, add_guest
from model.protocol.loader import add_loader
from model.protocol.loss import Style
from model.protocol.management import add_management
from model.protocol.properties import Promise, add_properties
from model.protocol.setup import add_setup
from model.protocol.switchover import (
    add_drain,
    add_precopy_end,
    add_send_chunks,
    add_send_complete,
    pause,
)
from model.protocol.takeover import add_takeover
from model.protocol.world import World, create
from model.variant import Variant
from model.vocabulary import Outgoing, SourceVm

STYLE = Style(run_is_last=True, errors_drop=True)


def build(options: Variant) -> Machine:
    """The stop-copy design."""
    world = create(options, return_path=True)
    source = world.source
    add_guest(world, Recorder())
    add_setup(world, holds=world.has(SOURCE_BUSY))
    _add_vm_stop(world)
    sending = [Outgoing.DEVICE]
    if not world.has(BITS_AFTER_STOP):
        sending.append(Outgoing.ACTIVE)
    add_send_chunks(world, when=[source.migration.is_(*sending)])
    add_send_complete(
        world,
        when=[source.migration.is_(Outgoing.DEVICE)],
        then=Outgoing.BITMAP_SENT,
    )
    add_precopy_end(world)
    add_loader(world, STYLE)
    add_takeover(world, STYLE)
    add_backup_client(world)
    add_management(world)
    add_faults(world)
    add_form(world, holds=world.has(SOURCE_BUSY))
    add_properties(world, Promise())
    return world.build.machine()


def _add_vm_stop(world: World) -> None:
    source = world.source
    limit = world.options.limit("downtime")
    little = all_of(
        *(w.source.cursor.ahead().at_most(limit) for w in world.bitmaps)
    )
    if source.left_out is not None:
        little = any_of(little, source.left_out)

    @world.build.action("source", fair=True)
    def migration_completion() -> Step:
        """Stop the VM when what is pending fits the downtime limit.

        QEMU: migration_iteration_run(), migration_completion(),
        vm_stop_force_state().
        """
        return Step(
            when=[
                source.vm.is_(SourceVm.RUNNING),
                source.migration.is_(Outgoing.ACTIVE),
                world.link_up,
                little.named("what is pending fits the downtime limit"),
            ],
            then=[*pause(world)],
        )

    add_drain(world, before=Outgoing.ACTIVE)
