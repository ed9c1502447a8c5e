# SPDX-License-Identifier: GPL-2.0-or-later
"""The destination takes over: RUN, recorders on, VM start, SHUT.

The recorders are switched on before the VM starts; whether the bitmap is
whole by then or its successor records meanwhile depends on the design.
"""

from __future__ import annotations

from model.language import Step, Update, any_of, choose
from model.mechanisms import (
    COMPLETED_AFTER_SHUT,
    RECORDER_BEFORE_START,
)
from model.protocol.loss import Style
from model.protocol.world import World
from model.vocabulary import DestinationVm, Incoming, Message, Reply

Updates = tuple[Update, ...]


def add_takeover(world: World, style: Style) -> None:
    """The destination's steps from RUN to the running guest."""
    _add_run(world, style)
    _add_vm_start(world)
    if style.run_is_last:
        _add_reply(world)


def _add_run(world: World, style: Style) -> None:
    here, stream = world.destination, world.stream
    ends = world.stream_ends() if style.run_is_last else ()

    @world.build.action("destination", fair=True)
    def loadvm_run() -> Step:
        """Device state and RUN: from here on the VM belongs here.

        QEMU: loadvm_postcopy_handle_run(), or the end of
        qemu_loadvm_state() where RUN is the end of the stream.
        """
        return Step(
            when=[
                stream.head_is(Message.RUN),
                here.vm.is_(DestinationVm.INMIGRATE),
                ~here.stream_ended,
            ],
            then=[
                *stream.take(),
                here.vm.becomes(DestinationVm.RUN_RECEIVED),
                *ends,
            ],
        )


def _recorders_on(world: World) -> Updates:
    """Effect: what is to record the guest's writes does so.

    Of a bitmap that is not enabled neither it nor its successor records.
    """
    found: list[Update] = []
    for bitmap in (each.destination.bitmap for each in world.bitmaps):
        with_complete = choose(
            bitmap.is_not(Incoming.COMPLETE), bitmap, Incoming.VALID
        )
        found.append(
            bitmap.becomes(
                choose(
                    bitmap.is_not(Incoming.LOADING),
                    with_complete,
                    Incoming.SUCCESSOR,
                )
            )
        )
    return tuple(found)


def _add_vm_start(world: World) -> None:
    build, here = world.build, world.destination
    first, second = DestinationVm.RUN_RECEIVED, DestinationVm.PRELAUNCH

    if world.has(RECORDER_BEFORE_START):

        @build.action("destination", fair=True)
        def dirty_bitmap_mig_before_vm_start() -> Step:
            """A whole bitmap is enabled, else its successor is.

            QEMU: dirty_bitmap_mig_before_vm_start().
            """
            return Step(
                when=[here.vm.is_(first)],
                then=[here.vm.becomes(second), *_recorders_on(world)],
            )

        @build.action("destination", fair=True)
        def vm_start() -> Step:
            """The guest runs.  QEMU: vm_start(); event RESUME."""
            return Step(
                when=[here.vm.is_(second)],
                then=[here.vm.becomes(DestinationVm.RUNNING)],
            )

        return

    @build.action("destination", fair=True)
    def vm_start_first() -> Step:
        """The guest runs, although nobody records yet."""
        return Step(
            when=[here.vm.is_(first)],
            then=[here.vm.becomes(DestinationVm.RUNNING)],
        )

    @build.action("destination", fair=True)
    def recorders_after_vm_start() -> Step:
        """The recorders are switched on too late."""
        return Step(
            when=[
                here.vm.is_(DestinationVm.RUNNING),
                any_of(
                    *(
                        each.destination.bitmap.is_(
                            Incoming.LOADING, Incoming.COMPLETE
                        )
                        for each in world.bitmaps
                    )
                ),
            ],
            then=[*_recorders_on(world)],
        )


def _add_reply(world: World) -> None:
    here, back = world.destination, world.return_path
    if back is None or not world.has(COMPLETED_AFTER_SHUT):
        return

    @world.build.action("destination", fair=True)
    def migrate_send_rp_shut() -> Step:
        """Tell the source that everything was loaded and the VM runs.

        A SHUT that is sent over a broken link is one that was sent before
        the break.  QEMU: migrate_send_rp_shut().
        """
        return Step(
            when=[
                here.vm.is_(DestinationVm.RUNNING),
                world.link_up,
                back.has_room(),
            ],
            then=[*back.put(Reply.SHUT)],
        )
