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

from model.language import Machine, Step
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
    add_send_chunks,
    add_send_complete,
    pause,
)
from model.protocol.takeover import add_takeover
from model.protocol.world import World, create
from model.variant import Variant
from model.vocabulary import Message, Outgoing, SourceVm

STYLE = Style(run_is_last=False, errors_drop=True)


def build(options: Variant) -> Machine:
    """The postcopy design."""
    world = create(options, return_path=False)
    source = world.source
    add_guest(world, Recorder())
    add_setup(world, holds=world.has(SOURCE_BUSY))
    _add_switchover(world)
    sending = [Outgoing.RUN_SENT]
    if not world.has(BITS_AFTER_STOP):
        sending.append(Outgoing.ACTIVE)
    add_send_chunks(world, when=[source.migration.is_(*sending)])
    add_send_complete(
        world,
        when=[source.migration.is_(Outgoing.RUN_SENT)],
        then=Outgoing.COMPLETED,
        also=tuple(w.source.busy.becomes(False) for w in world.bitmaps),
    )
    add_loader(world, STYLE)
    add_takeover(world, STYLE)
    add_backup_client(world)
    add_management(world)
    add_faults(world)
    add_form(world, holds=world.has(SOURCE_BUSY))
    add_properties(world, Promise())
    return world.build.machine()


def _add_switchover(world: World) -> None:
    build, source, stream = world.build, world.source, world.stream

    @build.action("management", fair=True)
    def migrate_start_postcopy() -> Step:
        """Management asks for the switchover.

        QEMU: qmp_migrate_start_postcopy().
        """
        return Step(
            when=[source.migration.is_(Outgoing.ACTIVE)],
            then=[source.migration.becomes(Outgoing.POSTCOPY_REQUESTED)],
        )

    @build.action("source", fair=True)
    def postcopy_start() -> Step:
        """Stop the VM for the switchover.

        QEMU: postcopy_start(), migration_stop_vm().
        """
        return Step(
            when=[
                source.vm.is_(SourceVm.RUNNING),
                source.migration.is_(Outgoing.POSTCOPY_REQUESTED),
                world.link_up,
            ],
            then=[*pause(world)],
        )

    add_drain(world, before=Outgoing.POSTCOPY_REQUESTED)

    @build.action("source", fair=True)
    def send_postcopy_run() -> Step:
        """The package: device state and RUN.

        QEMU: qemu_savevm_send_packaged(), qemu_savevm_send_postcopy_run().
        """
        return Step(
            when=[
                source.migration.is_(Outgoing.DEVICE),
                world.link_up,
                stream.has_room(),
            ],
            then=[
                *stream.put(Message.RUN),
                source.migration.becomes(Outgoing.RUN_SENT),
            ],
        )
