# SPDX-License-Identifier: GPL-2.0-or-later
"""Management: the layer that issues QMP commands (libvirt, a person).

It starts the migration, tries again, cancels, resumes the source where it
may, fences where it is not known which side runs, and ends the source when
the VM has moved.

It knows what queries show it and what it has done itself: on the source the
state of the VM and of the migration, on the destination whether the process
lives, whether it ever resumed (the event RESUME) and whether its migration
has failed.  It does not know what is in flight, whether the link stands, or
how far the destination is before it resumes; ``SEES`` is checked.  A query
and the command that follows are one step here.  For most that is no loss: what
is acted upon stays true (a process has ended, a VM has run, an attempt has
failed).  A fence is different: that the VM has not resumed does not stay
true.  So it is assumed, and ``compare`` prints it, that the VM does not resume
between the query and the fence, as where management itself lets the
destination go on (libvirt: ``-S``, then cont).  Wrong managements are
variants.
"""

from __future__ import annotations

from model.language import EnumValue, Flag, Step, any_of, given
from model.mechanisms import (
    FENCE_BEFORE_RESUME,
    FENCING,
    NO_RESUME_AFTER_RUN,
    QUIT_WHEN_MOVED,
    QUIT_WHEN_OVER,
)
from model.protocol.lifetimes import (
    attempt_over,
    destination_forgets,
    source_ends,
)
from model.protocol.messages import names_forgotten_at_setup
from model.protocol.world import EVER_RAN, NOT_RESUMED, World
from model.variant import AT_SOURCE
from model.vocabulary import DestinationVm, Link, Outgoing, SourceVm

#: fields that a query shows; of the destination's VM see ``NOT_RESUMED``
SEES = (
    "source.vm",
    "source.migration",
    "source.job",
    "source.busy",
    "destination.vm",
    "destination.stream_ended",
)


def add_management(world: World) -> None:
    """What management does in every design."""
    _add_attempts(world)
    _add_cancel(world)
    _add_resume(world)
    _add_fence(world)
    _add_quit(world)


def failed(world: World) -> EnumValue[Outgoing]:
    """What a migration that fails is called: RUN may have been sent."""
    migration = world.source.migration
    late = world.with_(
        NO_RESUME_AFTER_RUN, Outgoing.UNCERTAIN, without=Outgoing.FAILED
    )
    return migration.switch({Outgoing.RUN_SENT: late}, Outgoing.FAILED)


def _failed_there(world: World) -> Flag:
    """What a query shows: its process is gone, or its migration failed."""
    here = world.destination
    return any_of(
        here.vm.is_(DestinationVm.KILLED),
        here.vm.is_(DestinationVm.INMIGRATE) & here.stream_ended,
    )


def _add_attempts(world: World) -> None:
    source, here, ghost = world.source, world.destination, world.ghost
    begun = (
        source.migration.becomes(Outgoing.SETUP),
        world.link.becomes(Link.UP),
        *names_forgotten_at_setup(world),
    )

    @world.action("management")
    def migrate() -> Step:
        """The first attempt.  QEMU: qmp_migrate()."""
        return given(
            source.migration.is_(Outgoing.NONE),
            source.vm.is_(SourceVm.RUNNING),
            here.vm.is_(*NOT_RESUMED),
        ).then(begun)

    @world.action(
        "management",
        needs=world.options.attempt_fails(
            AT_SOURCE, refused=True, at_setup=True
        ),
        spends="retry",
    )
    def migrate_again() -> Step:
        """A further attempt after a failed one, to a new process.

        A destination process takes one incoming migration; the old one,
        which has failed or ended, is replaced.  The source's process is the
        same.
        QEMU: qmp_migrate(); qmp_migrate_incoming() works once per process
        (since 2.3), so a retry never meets the loader of the failed attempt.
        """
        return given(
            source.migration.is_(Outgoing.FAILED),
            source.vm.is_(SourceVm.RUNNING),
            _failed_there(world).named("the destination has failed"),
        ).then(
            begun,
            here.vm.becomes(DestinationVm.INMIGRATE),
            destination_forgets(world),
            here.stream_ended.becomes(False),
            world.messages_lost(),
            ghost.faulted.becomes(False),
            ghost.trouble.becomes(False),
            ghost.retried.becomes(True),
        )


def _add_cancel(world: World) -> None:
    source = world.source

    @world.action("management", fault=True, spends="cancel")
    def migrate_cancel() -> Step:
        """Cancel, in every state in which some QEMU accepts it.

        After RUN was sent that is no different from a break: the source
        cannot know who runs.  5.2 to 9.2 accept it in postcopy too, 10.0 no
        more (commit 646119088f); all accept it while the rest of a precopy
        stream is written.
        QEMU: qmp_migrate_cancel(), migration_cancel().
        """
        return given(world.in_progress).then(
            source.migration.becomes(failed(world)),
            attempt_over(world),
            world.source_closes(),
            world.ghost.faulted.becomes(True),
        )


def _add_resume(world: World) -> None:
    source = world.source

    @world.action(
        "management",
        fair=True,
        needs=world.options.attempt_fails(AT_SOURCE, refused=True),
    )
    def resume_source() -> Step:
        """The source's guest goes on after a failed attempt.

        QEMU: vm_start() in migration_completion()'s failure path, or cont.
        """
        return given(
            source.vm.is_(SourceVm.PAUSED, SourceVm.STOPPED),
            source.migration.is_(Outgoing.FAILED),
        ).then(source.vm.becomes(SourceVm.RUNNING))


def _add_fence(world: World) -> None:
    source, here = world.source, world.destination
    doubt = source.migration.is_(Outgoing.UNCERTAIN)
    # the source says completed, the destination has failed
    completed = source.migration.is_(Outgoing.COMPLETED)
    refuted = completed & _failed_there(world)
    unknown = (
        source.vm.is_(SourceVm.STOPPED),
        here.vm.is_(*NOT_RESUMED),
        (doubt | refuted).named("it is not known who runs"),
    )
    gone_on = (
        source.migration.becomes(Outgoing.FAILED),
        *attempt_over(world),
    )
    silent = "where a refusal comes before RUN is sent, and nothing fails"
    fails = world.options.attempt_fails(AT_SOURCE, refused=True)
    fences = world.has(FENCE_BEFORE_RESUME)

    @world.action(
        "management",
        only=world.has(FENCING) and not fences,
        fair=True,
        needs=fails,
        silent=silent,
    )
    def cont_without_fence() -> Step:
        """The source goes on although the destination may.

        QEMU: qmp_cont().
        """
        return given(unknown).then(gone_on)

    @world.action(
        "management",
        only=world.has(FENCING) and fences,
        fair=True,
        needs=fails,
        silent=silent,
    )
    def fence_destination() -> Step:
        """End a destination that has not resumed; the source may.

        QEMU: none; management's duty (SIGKILL, then cont on the source).
        """
        return given(unknown).then(
            gone_on,
            here.vm.becomes(DestinationVm.KILLED),
            destination_forgets(world),
            here.stream_ended.becomes(False),
            world.messages_lost(),
            world.replies_lost(),
            world.link.becomes(Link.DOWN),
        )


def _add_quit(world: World) -> None:
    source, here = world.source, world.destination
    over = (Outgoing.COMPLETED, Outgoing.UNCERTAIN)
    moved = (here.vm.is_(*EVER_RAN),)

    @world.action("management", fair=True)
    def quit_source() -> Step:
        """The VM has moved: the source's process ends, its bitmap with it.

        QEMU: qmp_quit().
        """
        return given(
            source.vm.is_(SourceVm.STOPPED),
            source.migration.is_(*over),
            world.with_(QUIT_WHEN_MOVED, moved, without=()),
        ).then(source_ends(world))

    @world.action("management", only=not world.has(QUIT_WHEN_OVER), fair=True)
    def quit_source_early() -> Step:
        """The VM has moved, and the source still has to send.

        QEMU: qmp_quit().
        """
        return given(
            source.migration.is_(Outgoing.RUN_SENT),
            here.vm.is_(*EVER_RAN),
        ).then(source_ends(world), world.source_closes())
