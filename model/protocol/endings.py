# SPDX-License-Identifier: GPL-2.0-or-later
"""How a migration may end, what must be able to happen, and what is counted.

L1, the things that have to be reachable, the costs, and where a run may come
to rest.
"""

from __future__ import annotations

from model.guarantees import (
    WRITE_WAITS,
)
from model.language import YES, all_of, any_of
from model.mechanisms_loading import (
    DROP_ON_FAILURE,
    ERROR_DROPS_BITMAP,
    KEEP_ON_BREAK,
    MARK_DEGRADED,
)
from model.mechanisms_sending import (
    FREEZE_AT_SETUP,
)
from model.protocol.loss import BEING_LOADED
from model.protocol.measures import add_measures
from model.protocol.world import EVER_RAN, World
from model.variant import AT_SOURCE
from model.vocabulary import (
    DestinationVm,
    Incoming,
    Link,
    Outgoing,
    SourceVm,
)


def add_endings(world: World) -> None:
    """All of it."""
    _add_ends(world)
    for node in world.nodes:
        _add_writes_end(node)
    _add_reachable(world)
    if world.design.migrates:
        _add_costs(world)
    _add_rest(world)
    add_measures(world)


def _add_ends(world: World) -> None:
    source, here = world.source, world.destination
    moved = here.vm.is_(*EVER_RAN)
    over = source.migration.is_(Outgoing.NONE, Outgoing.FAILED)
    free = all_of(
        *(
            w.destination.bitmap.is_not(*BEING_LOADED) & ~w.source.busy
            for w in world.bitmaps
        )
    )
    world.build.eventually(
        "MigrationEnds",
        "L1",
        "Whatever was begun ends, on both sides, and no bitmap stays busy.",
        when=[source.migration.is_(Outgoing.SETUP)],
        then=[
            any_of(source.vm.is_(SourceVm.GONE), over, moved).named(
                "the source is done"
            ),
            world.destination_done,
            free.named("no bitmap is busy"),
        ],
        assumes="hosts and management do not put off for ever what stays "
        "possible, a backup job ends, and no client begins one while a "
        "migration waits for that",
    )


def _add_writes_end(world: World) -> None:
    """A write is acknowledged: again and again the guest may write.

    It waits while as many writes are in flight as there may be.
    """
    beside = world.options.limit("writes_beside")
    for side, in_flight in (
        ("Source", world.source.in_flight),
        ("Destination", world.destination.in_flight),
    ):
        world.build.eventually(
            world.name(f"WritesEndOn{side}"),
            "",
            f"A guest whose writes are all in flight on the {side.lower()} "
            "does not wait for ever.",
            then=[in_flight.at_most(beside)],
            trivial="where all of the disk may be in flight at once",
            consequence=WRITE_WAITS,
        )


def _add_reachable(world: World) -> None:
    build, here, design = world.build, world.destination, world.design
    arrived = [
        here.vm.is_(DestinationVm.RUNNING),
        here.bitmap.is_(Incoming.VALID),
        here.stream_ended,
    ]
    if design.migrates:
        arrived.append(world.ghost.arrived.named("COMPLETE was received"))
    build.reachable(
        "MigrationCompletes",
        "The destination runs with a whole bitmap.",
        then=arrived,
    )
    build.reachable(
        "BackupOnSource",
        "A backup is taken on the source.",
        by=["source_backup_succeeds"],
    )
    build.reachable(
        "BackupOnDestination",
        "A backup is taken on the destination.",
        by=["destination_backup"],
    )
    declared = world.has(ERROR_DROPS_BITMAP) and world.has(DROP_ON_FAILURE)
    build.reachable(
        "BitmapDeclaredLost",
        "The destination runs without the bitmap, visibly.",
        then=[
            here.vm.is_(DestinationVm.RUNNING),
            here.bitmap.is_(Incoming.LOST),
        ],
        needs=("refuse",),
        only=design.errors_drop and design.migrates and declared,
    )
    build.reachable(
        "BitmapDegraded",
        "The destination runs with a bitmap of which a chunk has not come.",
        then=[
            here.vm.is_(DestinationVm.RUNNING),
            here.degraded.named("the bitmap shows as degraded"),
        ],
        needs=("cut|source_killed|cancel",),
        only=design.ones_first
        and world.has(KEEP_ON_BREAK)
        and world.has(MARK_DEGRADED),
    )
    build.reachable(
        "SourceResumes",
        "After a failure the source's guest goes on.",
        by=["resume_source"],
        needs=world.options.attempt_fails(AT_SOURCE, refused=True),
    )
    build.reachable(
        "RetrySucceeds",
        "A second attempt completes.",
        then=[*arrived, world.ghost.retried],
        needs=(
            "retry",
            *world.options.attempt_fails(
                AT_SOURCE, refused=True, at_setup=True
            ),
        ),
    )


def _add_costs(world: World) -> None:
    build, source, design = world.build, world.source, world.design
    kinds = ["send_bitmap_bits"]
    if design.freezes(world.options):
        again = ["send_changed_bits"]
        kinds += world.with_(FREEZE_AT_SETUP, again, without=[])
    ways = [way for bitmap in world.bitmaps for way in bitmap.ways]
    sends = [f"{kind}{w.suffix}" for kind in kinds for w in ways]
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
    design = world.design
    build.may_end(source.vm.is_(SourceVm.RUNNING))
    build.may_end(here.vm.is_(DestinationVm.RUNNING))
    build.may_end(source.vm.is_(SourceVm.GONE), world.link.is_(Link.DOWN))
    build.note(
        "bitmap lost",
        here.vm.is_(DestinationVm.RUNNING)
        & here.bitmap.is_(Incoming.LOST, Incoming.ABSENT)
        & here.stream_ended,
    )
    if design.ones_first:
        build.note(
            "bitmap degraded",
            here.vm.is_(DestinationVm.RUNNING)
            & here.degraded
            & ~world.ghost.missing.is_empty()
            & here.stream_ended,
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
