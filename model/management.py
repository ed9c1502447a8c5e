# SPDX-License-Identifier: GPL-2.0-or-later
"""Management: the layer that issues QMP commands (libvirt, a person).

It starts the migration, tries again, resumes the source where it may, and
fences where nobody can know which side runs.  It reads events: it knows
whether the destination ever emitted RESUME.
"""

from __future__ import annotations

from model.language import Flag, Step, Update
from model.vocabulary import (
    DestinationVm,
    Incoming,
    Link,
    Outgoing,
    SourceVm,
)
from model.world import World

CANCELLABLE = (
    Outgoing.SETUP,
    Outgoing.ACTIVE,
    Outgoing.POSTCOPY_REQUESTED,
)


def source_resets(world: World) -> tuple[Update, ...]:
    """Effect: the source's share of a migration attempt is cleaned up.

    QEMU: dirty_bitmap_do_save_cleanup().
    """
    return (
        world.source.busy.becomes(False),
        world.source.cursor.becomes(0),
    )


def add_management(world: World, resets: tuple[Update, ...] = ()) -> None:
    """What management does in every design.

    ``resets``: what else an attempt that ends gives up on the source.
    """
    _add_attempts(world)
    if world.possible("cancel"):
        _add_cancel(world, resets)
    if breaks_after_stop(world):
        _add_resume(world)
    if world.has("fencing") and may_be_in_doubt(world):
        _add_fence(world)
    _add_quit(world, resets)


def refusal_breaks_link(world: World) -> bool:
    """Whether a destination that refuses START closes the connection."""
    if not world.possible("refuse"):
        return False
    if world.options.design == "live":
        return world.has("error-fails-migration")
    return not world.has("error-drops-bitmap")


def may_be_in_doubt(world: World) -> bool:
    """Whether the source may be left not knowing who runs.

    A source that resumes on its own leaves no doubt, unless it had completed
    before the destination's VM was to start.
    """
    if world.has("no-resume-after-run"):
        return breaks_after_run(world)
    bounds = world.options.bounds
    all_in_flight = bounds.channel > bounds.chunks + 1
    return world.options.design == "postcopy" and (
        world.possible("destination_killed")
        or (world.possible("cut") and all_in_flight)
        or (refusal_breaks_link(world) and bounds.channel > bounds.chunks + 2)
    )


def retries_after_cut(world: World) -> bool:
    """Whether a second attempt may follow one that the loader has begun."""
    return world.possible("retry") and world.possible("cut", "cancel")


def fails_and_retries(world: World) -> bool:
    """Whether a second attempt is possible.

    A killed process cannot be tried again.
    """
    fails = world.possible("cut", "cancel") or refusal_breaks_link(world)
    return world.possible("retry") and fails


def breaks_after_stop(world: World) -> bool:
    """Whether an attempt may fail after the VM was paused, before RUN.

    A refusal can do so only if START is still in flight at the stop; the
    live design stops when all but ``downtime`` chunks were sent.
    """
    if world.possible("cut", "cancel", "destination_killed"):
        return True
    bounds = world.options.bounds
    ahead = 0
    if world.options.design == "live":
        ahead = max(0, bounds.chunks - bounds.downtime)
    return refusal_breaks_link(world) and bounds.channel > ahead


def breaks_after_run(world: World) -> bool:
    """Whether the connection may break between RUN sent and RUN processed.

    A refusal can do so only if START is still in flight when RUN is sent.
    """
    if world.possible("cut", "destination_killed"):
        return True
    bounds = world.options.bounds
    ahead = 1 if world.options.design == "postcopy" else bounds.chunks + 2
    return refusal_breaks_link(world) and bounds.channel > ahead


def _add_attempts(world: World) -> None:
    build, source, ghost = world.build, world.source, world.ghost
    ready = (
        source.vm.is_(SourceVm.RUNNING),
        world.destination.vm.is_(DestinationVm.INMIGRATE),
        world.link.is_(Link.DOWN),
    )
    begun = (
        source.migration.becomes(Outgoing.SETUP),
        world.link.becomes(Link.UP),
        ghost.faulted.becomes(False),
    )

    @build.action("management")
    def migrate() -> Step:
        """The first attempt.  QEMU: qmp_migrate()."""
        return Step(
            when=[source.migration.is_(Outgoing.NONE), *ready],
            then=[*begun],
        )

    if fails_and_retries(world):

        @build.action("management")
        def migrate_again() -> Step:
            """A further attempt after a failed one, in the same processes.

            QEMU: qmp_migrate(); the destination was told to wait again.
            """
            return Step(
                when=[
                    source.migration.is_(Outgoing.FAILED),
                    *ready,
                    world.left("retry"),
                ],
                then=[
                    *begun,
                    ghost.retried.becomes(True),
                    *world.spend("retry"),
                ],
            )


def _add_cancel(world: World, resets: tuple[Update, ...]) -> None:
    @world.build.action("management", fault=True)
    def migrate_cancel() -> Step:
        """Cancel, before the switchover; refused afterwards.

        QEMU: qmp_migrate_cancel(), migration_cancel().
        """
        return Step(
            when=[
                world.source.migration.is_(*CANCELLABLE),
                world.link_up,
                world.left("cancel"),
            ],
            then=[
                world.source.migration.becomes(Outgoing.FAILED),
                *source_resets(world),
                *resets,
                world.link.becomes(Link.BROKEN),
                *world.spend("cancel"),
            ],
        )


def _add_resume(world: World) -> None:
    source = world.source

    @world.build.action("management", fair=True)
    def resume_source() -> Step:
        """The source's guest goes on after a failed attempt.

        QEMU: vm_start() in migration_completion()'s failure path, or cont.
        """
        return Step(
            when=[
                source.vm.is_(SourceVm.PAUSED, SourceVm.STOPPED),
                source.migration.is_(Outgoing.FAILED),
            ],
            then=[source.vm.becomes(SourceVm.RUNNING)],
        )


def in_doubt(world: World) -> Flag:
    """RUN was sent, the link is gone, the destination has not run."""
    source, here = world.source, world.destination
    return (
        source.vm.is_(SourceVm.STOPPED)
        & source.migration.is_(Outgoing.UNCERTAIN, Outgoing.COMPLETED)
        & here.vm.is_(DestinationVm.INMIGRATE, DestinationVm.KILLED)
        & world.link.is_not(Link.UP)
    )


def _add_fence(world: World) -> None:
    source, here = world.source, world.destination

    @world.build.action("management", fair=True)
    def fence_destination() -> Step:
        """End a destination that has not started; the source may resume.

        QEMU: none; management's duty (SIGKILL, then cont on the source).
        """
        return Step(
            when=[in_doubt(world)],
            then=[
                here.vm.becomes(DestinationVm.KILLED),
                here.bitmap.becomes(Incoming.ABSENT),
                here.bits.becomes(frozenset()),
                *world.stream.lose_all(),
                world.link.becomes(Link.DOWN),
                source.migration.becomes(Outgoing.FAILED),
                *source_resets(world),
            ],
        )


def _add_quit(world: World, resets: tuple[Update, ...]) -> None:
    source, here = world.source, world.destination

    @world.build.action("management", fair=True)
    def quit_source() -> Step:
        """The VM has moved: the source's process ends, its bitmap with it.

        QEMU: qmp_quit().
        """
        return Step(
            when=[
                source.vm.is_(SourceVm.STOPPED),
                source.in_flight.is_empty(),
                source.migration.is_(Outgoing.COMPLETED, Outgoing.UNCERTAIN),
                here.vm.is_(DestinationVm.RUNNING, DestinationVm.DIED),
            ],
            then=[
                source.vm.becomes(SourceVm.GONE),
                source.migration.becomes(Outgoing.NONE),
                source.has_bitmap.becomes(False),
                source.bits.becomes(frozenset()),
                *source_resets(world),
                *resets,
            ],
        )
