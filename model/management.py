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
    _add_cancel(world, resets)
    _add_resume(world)
    doubtful = world.options.design == "postcopy"
    if world.has("fencing") and (doubtful or world.has("no-resume-after-run")):
        _add_fence(world)
    _add_quit(world, resets)


def refusal_breaks_link(world: World) -> bool:
    """Whether a destination that refuses START closes the connection."""
    if world.options.design == "live":
        return world.has("error-fails-migration")
    return not world.has("error-drops-bitmap")


def breaks(world: World, *names: str) -> str:
    """What may break an attempt: ``names``, and perhaps a refusal."""
    more = ("refuse",) if refusal_breaks_link(world) else ()
    return "|".join((*names, *more))


RETRIES_AFTER_CUT = ("retry", "cut|cancel")


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

    fails = breaks(world, "cut", "cancel")

    @build.action("management", spends="retry", needs=[fails])
    def migrate_again() -> Step:
        """A further attempt after a failed one, in the same processes.

        QEMU: qmp_migrate(); the destination was told to wait again.
        """
        return Step(
            when=[source.migration.is_(Outgoing.FAILED), *ready],
            then=[*begun, ghost.retried.becomes(True)],
        )


def _add_cancel(world: World, resets: tuple[Update, ...]) -> None:
    @world.build.action("management", fault=True, spends="cancel")
    def migrate_cancel() -> Step:
        """Cancel, before the switchover; refused afterwards.

        QEMU: qmp_migrate_cancel(), migration_cancel().
        """
        return Step(
            when=[
                world.source.migration.is_(*CANCELLABLE),
                world.link_up,
            ],
            then=[
                world.source.migration.becomes(Outgoing.FAILED),
                *source_resets(world),
                *resets,
                world.link.becomes(Link.BROKEN),
            ],
        )


def _add_resume(world: World) -> None:
    source = world.source

    @world.build.action(
        "management",
        fair=True,
        needs=[breaks(world, "cut", "cancel", "destination_killed")],
        silent="a refusal after the stop needs START to be in flight then",
    )
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

    @world.build.action(
        "management",
        fair=True,
        needs=[breaks(world, "cut", "destination_killed")],
        silent="a short channel delivers RUN before the break",
    )
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
