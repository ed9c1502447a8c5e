# SPDX-License-Identifier: GPL-2.0-or-later
"""What is promised, in the words of DOMAIN's table of guarantees.

S1 no missing bit, S2 a loss is observable, S3 bitmap trouble never harms the
VM, S5 no needless loss, S6 one side runs, P1 precision, L1 every migration
ends.  S4 and M1 need several bitmaps or images and are not modelled yet.
"""

from __future__ import annotations

from model.backup import (
    losing,
    usable_on_destination,
    usable_on_source,
)
from model.guest import drained
from model.language import YES, any_of
from model.loader import BEING_LOADED, Style
from model.management import breaks, refusal_breaks_link
from model.vocabulary import (
    DestinationVm,
    Incoming,
    Link,
    Outgoing,
    SourceVm,
)
from model.world import World

EVER_RAN = (DestinationVm.RUNNING, DestinationVm.DIED)


def add_properties(world: World, style: Style) -> None:
    """Every guarantee, every thing that must be reachable, every cost."""
    _add_no_lost_bit(world)
    _add_observable(world)
    _add_vm_unharmed(world, style)
    _add_no_needless_loss(world, style)
    _add_one_side(world)
    _add_precision(world)
    _add_ends(world)
    _add_reachable(world)
    _add_costs(world)
    _add_rest(world)


def _add_no_lost_bit(world: World) -> None:
    source, here, ghost = world.source, world.destination, world.ghost
    build = world.build
    build.always(
        "NoLostDirtyBitOnSource",
        "S1",
        "Where a backup could start on the source, every granule written "
        "since the last backup has its bit.",
        when=[usable_on_source(world), drained(world, source.in_flight)],
        then=[
            (ghost.true_dirty <= source.bits).named(
                "true dirty set within the source's bitmap"
            )
        ],
    )
    build.always(
        "NoLostDirtyBitOnDestination",
        "S1",
        "Where a backup could start on the destination, every granule "
        "written since the last backup has its bit.",
        when=[usable_on_destination(world), drained(world, here.in_flight)],
        then=[
            (ghost.true_dirty <= here.bits).named(
                "true dirty set within the destination's bitmap"
            )
        ],
    )
    build.always(
        "BackupChainRestoresDisk",
        "S1",
        "The full backup and the incremental ones taken by a client that "
        "trusts the bitmap restore the disk.",
        then=[ghost.missed.is_empty().named("no backup has missed a granule")],
    )


def _add_observable(world: World) -> None:
    here = world.destination
    world.build.always(
        "LossIsVisible",
        "S2",
        "When the destination runs and reads no more, a bitmap that is not "
        "whole is not there; one that looks usable is whole.",
        when=[here.vm.is_(DestinationVm.RUNNING)],
        then=[
            (~usable_on_destination(world))
            | here.bitmap.is_(Incoming.COMPLETE, Incoming.VALID),
            (~here.stream_ended)
            | here.bitmap.is_not(
                Incoming.LOADING, Incoming.SUCCESSOR, Incoming.PARTIAL
            ),
        ],
    )

    world.build.always(
        "NothingLeftBehind",
        "S2",
        "After a failed attempt the destination has no bitmap of that name.",
        when=[
            here.vm.is_(DestinationVm.INMIGRATE),
            world.link.is_(Link.DOWN),
        ],
        then=[here.bitmap.is_(Incoming.ABSENT, Incoming.LOST)],
        needs=[breaks(world, "cut", "source_killed", "cancel")],
    )


def _add_vm_unharmed(world: World, style: Style) -> None:
    if not style.errors_drop:
        world.build.not_promised(
            "S3",
            "a bitmap error fails the migration by design; the VM goes on "
            "at the source",
        )
        return
    if not refusal_breaks_link(world) and world.has("remove-partial"):
        return
    world.build.always(
        "VmUnharmedByBitmap",
        "S3",
        "No migration fails because of its bitmap: the VM's fate is what it "
        "is without bitmaps.",
        then=[
            (~world.ghost.vm_harmed).named(
                "no migration has failed because of a bitmap"
            )
        ],
    )


def _add_no_needless_loss(world: World, style: Style) -> None:
    source, here, ghost = world.source, world.destination, world.ghost
    world.build.always(
        "NoNeedlessLossOnSource",
        "S5",
        "A source that runs after a failed or cancelled migration has its "
        "bitmap as before, and it is not busy.",
        when=[
            source.vm.is_(SourceVm.RUNNING),
            source.migration.is_(Outgoing.NONE, Outgoing.FAILED),
        ],
        then=[
            source.has_bitmap.named("the source has its bitmap"),
            (~source.busy).named("the source's bitmap is not busy"),
        ],
    )
    arrived = [here.vm.is_(DestinationVm.RUNNING), here.stream_ended]
    if style.errors_drop:
        arrived.append((~ghost.faulted).named("nothing failed"))
    world.build.always(
        "SuccessLosesNothing",
        "S5",
        "A migration that succeeds brings the bitmap along"
        + ("." if style.errors_drop else ", whatever happened before."),
        when=arrived,
        then=[
            here.bitmap.is_(Incoming.COMPLETE, Incoming.MERGED, Incoming.VALID)
        ],
    )


def _add_one_side(world: World) -> None:
    source, here = world.source, world.destination
    world.build.always(
        "OneSideRuns",
        "S6",
        "While the source runs the guest, the destination does not and "
        "never did.",
        when=[source.vm.is_(SourceVm.RUNNING)],
        then=[here.vm.is_not(*EVER_RAN)],
    )


def _add_precision(world: World) -> None:
    here, ghost = world.destination, world.ghost
    world.build.always(
        "DestinationIsExact",
        "P1",
        "If nothing failed in this attempt, the destination's bitmap has no "
        "bit too many.",
        when=[
            here.vm.is_(DestinationVm.RUNNING),
            here.bitmap.is_(Incoming.VALID),
            (~ghost.faulted).named("nothing failed"),
            drained(world, here.in_flight),
        ],
        then=[
            (here.bits <= ghost.true_dirty).named(
                "the destination's bitmap within the true dirty set"
            )
        ],
    )


def _add_ends(world: World) -> None:
    source, here = world.source, world.destination
    moved = here.vm.is_(*EVER_RAN)
    world.build.eventually(
        "MigrationEnds",
        "L1",
        "Whatever was begun ends: somebody runs the guest or nobody can, "
        "and no bitmap stays busy.",
        when=[source.migration.is_(Outgoing.SETUP)],
        then=[
            any_of(
                source.vm.is_(SourceVm.GONE),
                source.migration.is_(Outgoing.NONE, Outgoing.FAILED),
                moved,
            ).named("the source is done"),
            any_of(
                source.vm.is_(SourceVm.RUNNING, SourceVm.GONE), moved
            ).named("a guest that can run runs"),
            any_of(
                here.vm.is_(DestinationVm.KILLED, DestinationVm.DIED),
                here.vm.is_(DestinationVm.INMIGRATE)
                & world.link.is_(Link.DOWN),
                here.vm.is_(DestinationVm.RUNNING) & here.stream_ended,
            ).named("the destination is done"),
            (here.bitmap.is_not(*BEING_LOADED) & ~source.busy).named(
                "no bitmap is busy"
            ),
        ],
    )


def _add_reachable(world: World) -> None:
    build, here = world.build, world.destination
    arrived = [
        here.vm.is_(DestinationVm.RUNNING),
        here.bitmap.is_(Incoming.VALID),
        here.stream_ended,
    ]
    build.reachable(
        "MigrationCompletes",
        "The destination runs with a whole bitmap.",
        then=arrived,
    )
    build.reachable(
        "BackupOnDestination",
        "A backup is taken on the destination.",
        by=["destination_backup"],
    )
    lost = losing(world)
    if lost is not None:
        build.reachable(
            "BitmapDeclaredLost",
            "The destination runs without the bitmap, visibly.",
            then=[
                here.vm.is_(DestinationVm.RUNNING),
                here.bitmap.is_(Incoming.LOST),
            ],
            needs=lost,
        )
    build.reachable(
        "SourceResumes",
        "After a failure the source's guest goes on.",
        by=["resume_source"],
        needs=["cut|cancel|destination_killed"],
    )
    build.reachable(
        "RetrySucceeds",
        "A second attempt in the same processes completes.",
        then=[*arrived, world.ghost.retried],
        needs=["retry", breaks(world, "cut", "cancel")],
    )


def _add_costs(world: World) -> None:
    build, source = world.build, world.source
    sends = ["send_bitmap_bits"]
    build.cost("chunks sent", by=sends, when=YES)
    build.cost(
        "chunks sent while stopped",
        by=sends,
        when=source.vm.is_(SourceVm.STOPPED)
        & source.migration.is_not(Outgoing.RUN_SENT),
    )


def _add_rest(world: World) -> None:
    """Where a run may come to rest, and what reports ask about."""
    build, source, here = world.build, world.source, world.destination
    build.may_end(source.vm.is_(SourceVm.RUNNING))
    build.may_end(here.vm.is_(DestinationVm.RUNNING))
    build.may_end(source.vm.is_(SourceVm.GONE), world.link.is_not(Link.UP))
    build.note(
        "bitmap lost",
        here.vm.is_(DestinationVm.RUNNING) & here.bitmap.is_(Incoming.LOST),
    )
    build.note(
        "migration under way",
        any_of(
            source.migration.is_not(
                Outgoing.NONE, Outgoing.FAILED, Outgoing.COMPLETED
            ),
            here.vm.is_(DestinationVm.RUN_RECEIVED, DestinationVm.PRELAUNCH),
            here.vm.is_(DestinationVm.RUNNING) & ~here.stream_ended,
        ),
    )
