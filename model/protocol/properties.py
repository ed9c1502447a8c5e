# SPDX-License-Identifier: GPL-2.0-or-later
"""What is promised: every guarantee as properties of the model.

S1 no missing bit, S2 a loss is observable, S3 bitmap trouble never harms the
VM, S5 no needless loss, S6 one side runs, D1 no loss after the switchover, P1
and P2 precision, L1 every migration ends.  S4 and M1 need images or snapshots
and are not modelled.
"""

from __future__ import annotations

from model.guarantees import (
    FAILED_WITHOUT_REASON,
    FALSE_COMPLETED,
    HIDDEN,
    LEFT_BEHIND,
    MISSING_ON_DESTINATION,
    MISSING_ON_SOURCE,
    NOWHERE,
    TOO_MUCH_ON_SOURCE,
    VM_ENDED,
)
from model.language import Flag, any_of
from model.protocol.backup import usable_on_destination, usable_on_source
from model.protocol.endings import add_endings
from model.protocol.guest import drained
from model.protocol.precision import WHOLE, add_precision
from model.protocol.world import (
    EVER_RAN,
    World,
)
from model.variant import AT_DESTINATION, AT_SOURCE
from model.vocabulary import (
    DestinationVm,
    Incoming,
    Outgoing,
    SourceVm,
)

MOVES = "management can tell a VM that has resumed from one that has not"


def add_properties(world: World) -> None:
    """Every guarantee, every thing that must be reachable, every cost."""
    for bitmap in world.bitmaps:
        _add_no_lost_bit(bitmap)
        _add_observable(bitmap)
        _add_as_it_was(bitmap)
        _add_no_needless_loss(bitmap)
        add_precision(bitmap)
    _add_vm_lives(world)
    _add_vm_unharmed(world)
    _add_completed(world)
    _add_one_side(world)
    add_endings(world)


def _add_no_lost_bit(world: World) -> None:
    source, here, ghost = world.source, world.destination, world.ghost
    build = world.build
    build.always(
        world.name("NoLostDirtyBitOnSource"),
        "S1",
        "Where a backup could start on the source, every granule written "
        "since the last backup has its bit.",
        when=[usable_on_source(world), drained(world, source.in_flight)],
        then=[
            (ghost.true_dirty <= source.bits).named(
                "true dirty set within the source's bitmap"
            )
        ],
        consequence=MISSING_ON_SOURCE,
    )
    build.always(
        world.name("NoLostDirtyBitOnDestination"),
        "S1",
        "Where a backup could start on the destination, every granule "
        "written since the last backup has its bit.",
        when=[usable_on_destination(world), drained(world, here.in_flight)],
        then=[
            (ghost.true_dirty <= here.bits).named(
                "true dirty set within the destination's bitmap"
            )
        ],
        consequence=MISSING_ON_DESTINATION,
    )
    build.always(
        world.name("BackupChainRestoresDisk"),
        "S1",
        "The full backup and the incremental ones taken by a client that "
        "trusts the bitmap restore the disk.",
        then=[ghost.missed.is_empty().named("no backup has missed a granule")],
    )


def _add_observable(world: World) -> None:
    here, build = world.destination, world.build
    whole = "the destination's bitmap is whole"
    build.always(
        world.name("UsableIsWhole"),
        "S2",
        "A bitmap on the destination that looks usable is whole.",
        when=[usable_on_destination(world)],
        then=[here.bitmap.is_(Incoming.COMPLETE, Incoming.VALID).named(whole)],
    )
    if not world.design.migrates:
        return
    build.always(
        world.name("LossIsVisible"),
        "S2",
        "When the destination runs and reads no more, a bitmap that is not "
        "whole is not there.",
        when=[here.vm.is_(DestinationVm.RUNNING), here.stream_ended],
        then=[
            here.bitmap.is_not(
                Incoming.LOADING, Incoming.SUCCESSOR, Incoming.PARTIAL
            )
        ],
        consequence=HIDDEN,
    )
    build.always(
        world.name("NothingLeftBehind"),
        "S2",
        "After a failed attempt the destination has no bitmap of that name.",
        when=[here.vm.is_(DestinationVm.INMIGRATE), here.stream_ended],
        then=[here.bitmap.is_(Incoming.ABSENT, Incoming.LOST)],
        needs=world.options.attempt_fails(
            AT_DESTINATION, refused=True, at_setup=True
        ),
        consequence=LEFT_BEHIND,
    )


def _add_vm_lives(world: World) -> None:
    """A VM ends only because it was killed, and is not left stopped."""
    source, here, ghost = world.source, world.destination, world.ghost
    world.build.always(
        "VmEndsOnlyIfKilled",
        "S3",
        "If no process was killed, the source has the VM, or the destination "
        "runs it.",
        when=[(~ghost.killed).named("no process was killed")],
        then=[
            any_of(
                source.vm.is_not(SourceVm.GONE),
                here.vm.is_(DestinationVm.RUNNING),
            ).named("some host has the VM"),
            here.vm.is_not(DestinationVm.DIED),
        ],
        assumes=MOVES,
        consequence=VM_ENDED,
    )
    world.build.eventually(
        "VmIsNotLeftStopped",
        "S3",
        "A VM that was stopped for the migration runs again, on one side, "
        "unless it was killed.",
        when=[source.vm.is_(SourceVm.PAUSED, SourceVm.STOPPED)],
        then=[
            any_of(
                source.vm.is_(SourceVm.RUNNING, SourceVm.GONE),
                here.vm.is_(*EVER_RAN),
            ).named("a guest that can run runs")
        ],
        consequence=NOWHERE,
    )


def _add_vm_unharmed(world: World) -> None:
    migration, ghost = world.source.migration, world.ghost
    world.build.always(
        "FailsOnlyForAReason",
        "S3",
        "A migration fails only if something failed.",
        when=[migration.is_(Outgoing.FAILED, Outgoing.UNCERTAIN)],
        then=[
            (ghost.faulted | ghost.trouble).named(
                "a failure or a bitmap error happened"
            )
        ],
        needs=world.options.attempt_fails(
            AT_SOURCE, refused=True, at_setup=True
        ),
        consequence=FAILED_WITHOUT_REASON,
    )
    if not world.design.migrates:
        return
    if not world.design.errors_drop:
        world.build.not_promised(
            "S3",
            "a bitmap error fails the migration by design; the VM goes on "
            "at the source",
        )
        return
    fails_if_busy = world.options.busy_bitmap == "fail"
    world.build.always(
        "BitmapTroubleFailsNoMigration",
        "S3",
        "A migration whose only trouble was a bitmap's does not fail: its "
        "outcome is what it is without bitmaps.",
        when=[
            ghost.trouble.named("a bitmap error happened"),
            (~ghost.faulted).named("nothing else failed"),
        ],
        then=[migration.is_not(Outgoing.FAILED, Outgoing.UNCERTAIN)],
        needs=() if fails_if_busy else ("refuse",),
    )


def _had(world: World) -> Flag:
    """That there was a bitmap when the attempt began, where it may not be."""
    had = world.ghost.had
    return had.named("there was a bitmap") if world.appears else had


def _add_as_it_was(world: World) -> None:
    """A source that goes on has its bitmap as before."""
    source, ghost = world.source, world.ghost
    world.build.always(
        world.name("NoNeedlessLossOnSource"),
        "S5",
        "A source that runs before or after a failed or cancelled migration "
        "has its bitmap, and the migration does not hold it.",
        when=[
            source.vm.is_(SourceVm.RUNNING),
            source.migration.is_(Outgoing.NONE, Outgoing.FAILED),
            _had(world),
        ],
        then=[
            source.has_bitmap.named("the source has its bitmap"),
            (~source.busy).named("the source's bitmap is not busy"),
        ],
    )
    world.build.always(
        world.name("FailedAttemptChangesNothing"),
        "S5",
        "A failed or cancelled attempt leaves the source's bitmap as it "
        "was: it has no bit too many.",
        when=[
            source.vm.is_(SourceVm.RUNNING),
            source.migration.is_(Outgoing.FAILED),
            (~source.job).named("no backup job runs"),
            drained(world, source.in_flight),
        ],
        then=[
            (source.bits <= ghost.true_dirty).named(
                "the source's bitmap within the true dirty set"
            )
        ],
        needs=world.options.attempt_fails(
            AT_SOURCE, refused=True, at_setup=True
        ),
        consequence=TOO_MUCH_ON_SOURCE,
    )


def _add_no_needless_loss(world: World) -> None:
    here, ghost = world.destination, world.ghost
    if not world.design.migrates:
        world.build.not_promised("S5", "the bitmap is not migrated by design")
        return
    arrived = [
        here.vm.is_(DestinationVm.RUNNING),
        here.stream_ended,
        _had(world),
    ]
    kept = [*WHOLE, Incoming.REMOVED]
    if world.design.errors_drop:
        arrived.append((~ghost.faulted).named("nothing failed"))
        arrived.append((~ghost.trouble).named("no bitmap error happened"))
    world.build.always(
        world.name("SuccessLosesNothing"),
        "S5",
        "A migration that succeeds brings the bitmap along"
        + ("." if world.design.errors_drop else ", whatever happened before."),
        when=arrived,
        then=[here.bitmap.is_(*kept)],
    )
    world.build.always(
        world.name("SuccessHasComplete"),
        "",
        "A migration that succeeds has brought COMPLETE.",
        when=arrived,
        then=[ghost.arrived.named("COMPLETE was received")],
    )
    world.build.always(
        world.name("CompleteIsKept"),
        "S5",
        "A bitmap whose COMPLETE was received stays, until the user removes "
        "it.",
        when=[
            here.vm.is_(DestinationVm.RUNNING),
            ghost.arrived.named("COMPLETE was received"),
        ],
        then=[here.bitmap.is_(*kept)],
    )


def _add_completed(world: World) -> None:
    """'completed' says that the destination runs: where SHUT comes back.

    A postcopy source has no return path here: its 'completed' says that all
    was written to the connection, and nothing of the destination.
    QEMU: qapi/migration.json, MigrationStatus.
    """
    if world.return_path is None:
        return
    here = world.destination
    world.build.always(
        "CompletedMeansMoved",
        "S3",
        "When the source says completed, the destination has run the VM.",
        when=[world.source.migration.is_(Outgoing.COMPLETED)],
        then=[here.vm.is_(*EVER_RAN)],
        consequence=FALSE_COMPLETED,
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
