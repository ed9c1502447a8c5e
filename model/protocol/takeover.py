# SPDX-License-Identifier: GPL-2.0-or-later
"""The destination takes over: RUN, recorders on, VM start, SHUT.

The recorders are switched on before the VM starts; whether the bitmap is
whole by then or its successor records meanwhile depends on the design.
"""

from __future__ import annotations

from model.language import Step, any_of, given
from model.mechanisms import (
    COMPLETED_AFTER_SHUT,
    RECORDER_BEFORE_START,
)
from model.protocol.messages import receives, replies
from model.protocol.world import Updates, World
from model.vocabulary import DestinationVm, Incoming, Message, Reply


def add_takeover(world: World) -> None:
    """The destination's steps from RUN to the running guest."""
    _add_run(world)
    _add_vm_start(world)
    _add_vm_start_first(world)
    _add_reply(world)


def _add_run(world: World) -> None:
    here = world.destination

    @world.action("destination", fair=True)
    def loadvm_run() -> Step:
        """Device state and RUN: from here on the VM belongs here.

        QEMU: loadvm_postcopy_handle_run(), or the end of
        qemu_loadvm_state() where RUN is the end of the stream.
        """
        return given(
            receives(world, Message.RUN),
            here.vm.is_(DestinationVm.INMIGRATE),
            ~here.stream_ended,
        ).then(
            here.vm.becomes(DestinationVm.RUN_RECEIVED),
            world.stream_ends() if world.design.run_is_last else (),
        )


def _recorders_on(world: World) -> Updates:
    """Effect: what is to record the guest's writes does so.

    Of a bitmap that is not enabled neither it nor its successor records.
    """
    found = (each.destination.bitmap for each in world.bitmaps)
    return tuple(
        bitmap.becomes(
            bitmap.switch(
                {
                    Incoming.COMPLETE: Incoming.VALID,
                    Incoming.LOADING: Incoming.SUCCESSOR,
                }
            )
        )
        for bitmap in found
    )


def _add_vm_start(world: World) -> None:
    here, before = world.destination, world.has(RECORDER_BEFORE_START)

    @world.action("destination", only=before, fair=True)
    def dirty_bitmap_mig_before_vm_start() -> Step:
        """A whole bitmap is enabled, else its successor is.

        QEMU: dirty_bitmap_mig_before_vm_start().
        """
        return given(here.vm.is_(DestinationVm.RUN_RECEIVED)).then(
            here.vm.becomes(DestinationVm.PRELAUNCH),
            _recorders_on(world),
        )

    @world.action("destination", only=before, fair=True)
    def vm_start() -> Step:
        """The guest runs.  QEMU: vm_start(); event RESUME."""
        return given(here.vm.is_(DestinationVm.PRELAUNCH)).then(
            here.vm.becomes(DestinationVm.RUNNING)
        )


def _add_vm_start_first(world: World) -> None:
    here, after = world.destination, not world.has(RECORDER_BEFORE_START)

    @world.action("destination", only=after, fair=True)
    def vm_start_first() -> Step:
        """The guest runs, although nothing records yet."""
        return given(here.vm.is_(DestinationVm.RUN_RECEIVED)).then(
            here.vm.becomes(DestinationVm.RUNNING)
        )

    @world.action("destination", only=after, fair=True)
    def recorders_after_vm_start() -> Step:
        """The recorders are switched on too late."""
        bitmaps = [each.destination.bitmap for each in world.bitmaps]
        return given(
            here.vm.is_(DestinationVm.RUNNING),
            any_of(
                *(
                    bitmap.is_(Incoming.LOADING, Incoming.COMPLETE)
                    for bitmap in bitmaps
                )
            ),
        ).then(_recorders_on(world))


def _add_reply(world: World) -> None:
    here = world.destination
    awaited = world.design.run_is_last and world.has(COMPLETED_AFTER_SHUT)

    @world.action("destination", only=awaited, fair=True)
    def migrate_send_rp_shut() -> Step:
        """Tell the source that everything was loaded and the VM runs.

        A SHUT that is sent over a broken link is one that was sent before
        the break.  QEMU: migrate_send_rp_shut().
        """
        return given(here.vm.is_(DestinationVm.RUNNING)).then(
            replies(world, Reply.SHUT)
        )
