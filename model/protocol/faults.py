# SPDX-License-Identifier: GPL-2.0-or-later
"""What may fail, and how each host notices.

The connection may break, by a close or by silence; either process may be
killed.  Nothing in flight is lost in that very step: each end uses what has
come to it until it notices, in its own time, so a message may still arrive
after the other end has noticed.  With that, a break of one direction alone
is a run of this model as well: the other end notices late.  Each kind of
failure has its own budget.
"""

from __future__ import annotations

from model.language import Step, any_of, choose, given
from model.mechanisms import (
    REMOVE_PARTIAL,
    TIME_OUT,
)
from model.protocol.lifetimes import (
    attempt_over,
    destination_forgets,
    source_ends,
)
from model.protocol.management import failed
from model.protocol.world import World
from model.variant import AT_DESTINATION
from model.vocabulary import (
    IN_PROGRESS,
    Break,
    DestinationVm,
    Link,
    Outgoing,
)


def add_faults(world: World) -> None:
    """The failures that the configuration allows, and their detection."""
    _add_cut(world)
    _add_source_killed(world)
    _add_destination_killed(world)
    _add_source_detection(world)
    _add_destination_detection(world)


def _add_cut(world: World) -> None:
    link = world.link

    @world.action("network", over=tuple(Break), fault=True, spends="cut")
    def channel_cut(how: Break) -> Step:
        """The connection breaks; what is in flight may arrive, or not.

        QEMU: qemu_file_get_error() on either side, if that side is told.
        """
        silent = how is Break.SILENCE
        return given(world.link_up).then(
            link.becomes(Link.SILENT if silent else Link.BROKEN),
            world.ghost.faulted.becomes(True),
        )

    @world.action(
        "network", only=world.has(TIME_OUT), fair=True, needs=("cut",)
    )
    def connection_times_out() -> Step:
        """A connection on which nothing moves is given up.

        QEMU: none of its own; TCP's keep-alive and time-out, or
        management that ends what does not move.
        """
        return given(link.is_(Link.SILENT)).then(link.becomes(Link.BROKEN))


def _add_source_killed(world: World) -> None:
    source = world.source

    @world.action("network", fault=True, spends="source_killed")
    def source_killed() -> Step:
        """The source's process dies; what it has sent may still arrive.

        QEMU: SIGKILL.
        """
        return given(
            source.migration.is_(*IN_PROGRESS, Outgoing.UNCERTAIN)
        ).then(
            source_ends(world),
            world.source_closes(),
            world.ghost.faulted.becomes(True),
            world.ghost.killed.becomes(True),
        )


def _add_destination_killed(world: World) -> None:
    here, link = world.destination, world.link

    @world.action(
        "network",
        over=(False, True),
        fault=True,
        spends="destination_killed",
    )
    def destination_killed(after_start: bool) -> Step:
        """The destination's process dies, before or after its VM started.

        What it has sent may still arrive.  QEMU: SIGKILL.
        """
        under_way = any_of(
            link.is_not(Link.DOWN),
            here.vm.is_(DestinationVm.RUN_RECEIVED, DestinationVm.PRELAUNCH),
        ).named("a migration is under way")
        waiting = here.vm.is_(
            DestinationVm.INMIGRATE,
            DestinationVm.RUN_RECEIVED,
            DestinationVm.PRELAUNCH,
        )
        running = here.vm.is_(DestinationVm.RUNNING)
        after = DestinationVm.DIED if after_start else DestinationVm.KILLED
        broken = choose(link.is_(Link.SILENT), link, Link.BROKEN)
        return given(running if after_start else waiting, under_way).then(
            here.vm.becomes(after),
            destination_forgets(world),
            [
                node.destination.in_flight.becomes(frozenset())
                for node in world.nodes
            ],
            here.stream_ended.becomes(False),
            world.messages_lost(),
            link.becomes(choose(world.in_progress, broken, Link.DOWN)),
            world.ghost.faulted.becomes(True),
            world.ghost.killed.becomes(True),
        )


def _add_source_detection(world: World) -> None:
    source = world.source

    @world.action(
        "source",
        fair=True,
        needs=world.options.attempt_fails(
            "cut|destination_killed", refused=True
        ),
    )
    def migration_fails() -> Step:
        """The source notices that the connection is over.

        Before RUN was sent nothing is lost: the VM is the source's.  After it
        the source cannot know whether RUN arrived; it must not resume.
        QEMU: migration_detect_error(), migrate_fd_cleanup(),
        dirty_bitmap_save_cleanup(); postcopy_pause() after RUN.
        """
        return given(world.in_progress, world.link.is_(Link.BROKEN)).then(
            source.migration.becomes(failed(world)),
            attempt_over(world),
            world.source_closes(),
        )


def _add_destination_detection(world: World) -> None:
    here = world.destination

    @world.action(
        "destination",
        fair=True,
        needs=world.options.attempt_fails(AT_DESTINATION, at_setup=True),
    )
    def incoming_fails() -> Step:
        """The stream ends before RUN was processed: the migration failed.

        The bitmap that this attempt had begun is removed.  The process ends,
        or waits to be ended (exit-on-error=false, since 9.1, commit
        dbea1c89da); it takes no other migration.
        QEMU: process_incoming_migration_co(),
        dirty_bitmap_mig_cancel_incoming().
        """
        only_ghosts = tuple(
            each.ghost.arrived.becomes(False) for each in world.bitmaps
        )
        return given(
            here.vm.is_(DestinationVm.INMIGRATE),
            ~here.stream_ended,
            world.link.is_(Link.BROKEN),
        ).then(
            world.with_(
                REMOVE_PARTIAL, destination_forgets(world), without=only_ghosts
            ),
            world.destination_closes(),
        )
