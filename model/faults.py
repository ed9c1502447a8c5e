# SPDX-License-Identifier: GPL-2.0-or-later
"""What may fail, and how each host notices.

A cut loses what is in flight.  A killed process closes its connections; what
it had sent before still arrives.  Each kind of failure has its own budget.
"""

from __future__ import annotations

from model.language import EnumValue, Step, Update, any_of, choose
from model.management import breaks, source_resets
from model.vocabulary import (
    DestinationVm,
    Incoming,
    Link,
    Outgoing,
    SourceVm,
)
from model.world import World

BEFORE_RUN = (
    Outgoing.SETUP,
    Outgoing.ACTIVE,
    Outgoing.POSTCOPY_REQUESTED,
    Outgoing.DEVICE,
    Outgoing.BITMAP_SENT,
)
IN_PROGRESS = (*BEFORE_RUN, Outgoing.RUN_SENT)


def add_faults(world: World, resets: tuple[Update, ...] = ()) -> None:
    """The failures that the configuration allows, and their detection.

    ``resets``: what else an attempt that ends gives up on the source.
    """
    _add_cut(world)
    _add_source_killed(world, resets)
    _add_destination_killed(world)
    _add_source_detection(world, resets)
    _add_uncertainty(world, resets)
    _add_destination_detection(world)


def _add_cut(world: World) -> None:
    @world.build.action("network", fault=True, spends="cut")
    def channel_cut() -> Step:
        """The connection breaks; messages in flight are lost, both ways.

        QEMU: qemu_file_get_error() on either side.
        """
        return Step(
            when=[world.link_up],
            then=[
                world.link.becomes(Link.BROKEN),
                *world.stream.lose_all(),
                *world.replies_lost(),
                world.ghost.faulted.becomes(True),
            ],
        )


def _add_source_killed(world: World, resets: tuple[Update, ...]) -> None:
    source = world.source

    @world.build.action("network", fault=True, spends="source_killed")
    def source_killed() -> Step:
        """The source's process dies; what it has sent still arrives.

        QEMU: SIGKILL.
        """
        return Step(
            when=[
                source.migration.is_(*IN_PROGRESS, Outgoing.UNCERTAIN),
            ],
            then=[
                source.vm.becomes(SourceVm.GONE),
                source.migration.becomes(Outgoing.NONE),
                source.in_flight.becomes(frozenset()),
                source.bits.becomes(frozenset()),
                source.has_bitmap.becomes(False),
                *source_resets(world),
                *resets,
                world.link.becomes(
                    choose(~world.link_up, world.link, Link.BROKEN)
                ),
                *world.replies_lost(),
                world.ghost.faulted.becomes(True),
            ],
        )


def _add_destination_killed(world: World) -> None:
    here = world.destination

    @world.build.action(
        "network", fault=True, over=(False, True), spends="destination_killed"
    )
    def destination_killed(after_start: bool) -> Step:
        """The destination's process dies, before or after its VM started.

        QEMU: SIGKILL.
        """
        running = here.vm.is_(DestinationVm.RUNNING)
        under_way = any_of(
            world.link.is_not(Link.DOWN),
            here.vm.is_(DestinationVm.RUN_RECEIVED, DestinationVm.PRELAUNCH),
        ).named("a migration is under way")
        waiting = here.vm.is_(
            DestinationVm.INMIGRATE,
            DestinationVm.RUN_RECEIVED,
            DestinationVm.PRELAUNCH,
        )
        return Step(
            when=[
                running if after_start else waiting,
                under_way,
            ],
            then=[
                here.vm.becomes(
                    DestinationVm.DIED if after_start else DestinationVm.KILLED
                ),
                here.bitmap.becomes(Incoming.ABSENT),
                here.bits.becomes(frozenset()),
                here.successor.becomes(frozenset()),
                here.in_flight.becomes(frozenset()),
                here.stream_ended.becomes(False),
                *world.stream.lose_all(),
                *world.replies_lost(),
                world.link.becomes(Link.BROKEN),
                world.ghost.faulted.becomes(True),
            ],
        )


def _add_source_detection(world: World, resets: tuple[Update, ...]) -> None:
    source = world.source

    @world.build.action(
        "source", fair=True, needs=[breaks(world, "cut", "destination_killed")]
    )
    def migration_fails() -> Step:
        """The source notices before it has sent RUN: nothing is lost.

        QEMU: migration_detect_error(), migrate_fd_cleanup(),
        dirty_bitmap_save_cleanup(): busy ends, the bitmap is as it was.
        """
        return Step(
            when=[
                source.migration.is_(*BEFORE_RUN),
                world.link.is_not(Link.UP),
            ],
            then=[
                source.migration.becomes(Outgoing.FAILED),
                *source_resets(world),
                *resets,
            ],
        )


def _add_uncertainty(world: World, resets: tuple[Update, ...]) -> None:
    source = world.source
    after = (
        Outgoing.UNCERTAIN
        if world.has("no-resume-after-run")
        else Outgoing.FAILED
    )

    @world.build.action(
        "source",
        fair=True,
        needs=[breaks(world, "cut", "destination_killed")],
        silent="a short channel delivers RUN before the break",
    )
    def migration_fails_after_run() -> Step:
        """The source notices after it has sent RUN: it must not resume.

        Whether RUN arrived it cannot know, so only management may decide.
        QEMU: postcopy_pause() or the failed state after the switchover.
        """
        return Step(
            when=[
                source.migration.is_(Outgoing.RUN_SENT),
                world.link.is_not(Link.UP),
            ],
            then=[
                source.migration.becomes(after),
                *source_resets(world),
                *resets,
            ],
        )


def _add_destination_detection(world: World) -> None:
    here = world.destination
    left = _left_by_failed_attempt(world)

    @world.build.action(
        "destination",
        fair=True,
        needs=[breaks(world, "cut", "source_killed", "cancel")],
    )
    def incoming_fails() -> Step:
        """The stream ends before RUN was processed: wait for a new attempt.

        The bitmap that this attempt had begun is removed.
        QEMU: process_incoming_migration_co(),
        dirty_bitmap_mig_cancel_incoming().
        """
        return Step(
            when=[
                here.vm.is_(DestinationVm.INMIGRATE),
                world.link.is_(Link.BROKEN),
                world.stream.is_empty(),
            ],
            then=[
                world.link.becomes(Link.DOWN),
                here.bitmap.becomes(left),
                here.bits.becomes(frozenset()),
            ],
        )


def _left_by_failed_attempt(
    world: World,
) -> EnumValue[Incoming] | Incoming:
    """What the next attempt finds under the bitmap's name."""
    bitmap = world.destination.bitmap
    if not world.has("remove-partial"):
        kept = bitmap.is_not(Incoming.LOST)
        return choose(kept, bitmap, Incoming.ABSENT)
    if not world.has("fresh-loader"):
        untouched = bitmap.is_(Incoming.ABSENT)
        return choose(untouched, bitmap, Incoming.LOST)
    return Incoming.ABSENT
