# SPDX-License-Identifier: GPL-2.0-or-later
"""What a break may cost, and how exact a bitmap is: D1, P1 and P2.

A bitmap that is kept although not all of it has come is worth something only
if it is exact where it has; and a client has to see that it was kept.
"""

from __future__ import annotations

from model.guarantees import LOOKS_EXACT
from model.mechanisms_loading import (
    KEEP_ON_BREAK,
    MARK_DEGRADED,
)
from model.protocol.backup import usable_on_destination
from model.protocol.guest import drained
from model.protocol.world import World
from model.vocabulary import DestinationVm, Incoming

#: what a destination whose VM runs sees as the end of the stream
BREAKS = ("cut|source_killed|cancel",)


def add_precision(world: World) -> None:
    """What a break costs, and what an attempt without one."""
    _add_kept(world)
    _add_exact(world)


def _add_kept(world: World) -> None:
    """A break after the switchover costs precision, not the bitmap."""
    design = world.design
    if not design.migrates:
        world.build.not_promised("D1", "the bitmap is not migrated by design")
        return
    if not (design.run_is_last or design.ones_first):
        world.build.not_promised(
            "D1", "a break after the switchover loses the bitmap by design"
        )
        return
    if design.ones_first:
        _add_degraded(world)
    if not world.destination.early.absent:
        world.build.not_promised(
            "D1", "chunks come before RUN, and then a break loses the bitmap"
        )
        return
    here, ghost = world.destination, world.ghost
    world.build.always(
        world.name("NoLossAfterSwitchover"),
        "D1",
        "A destination that runs has not lost the bitmap that it began to "
        "load, whatever has failed, unless a message was refused.",
        when=[
            here.vm.is_(DestinationVm.RUNNING),
            (~ghost.trouble).named("no bitmap error happened"),
        ],
        then=[here.bitmap.is_not(Incoming.LOST, Incoming.PARTIAL)],
    )


def _add_degraded(world: World) -> None:
    here, ghost = world.destination, world.ghost
    world.build.always(
        world.name("DegradedIsVisible"),
        "S2",
        "A bitmap that looks usable although neither COMPLETE nor all of its "
        "chunks have come shows as degraded.",
        when=[
            usable_on_destination(world),
            (~ghost.arrived & ~ghost.missing.is_empty()).named(
                "not all of it has come"
            ),
        ],
        then=[here.degraded.named("the bitmap shows as degraded")],
        needs=BREAKS,
        only=world.has(KEEP_ON_BREAK),
        consequence=LOOKS_EXACT,
    )
    world.build.always(
        world.name("DegradedOnlyAfterABreak"),
        "",
        "A bitmap shows as degraded only where something has failed and "
        "COMPLETE has not come.",
        when=[here.degraded.named("the bitmap shows as degraded")],
        then=[
            (~ghost.arrived).named("COMPLETE was not received"),
            ghost.faulted.named("something has failed"),
        ],
        needs=BREAKS,
        only=world.has(KEEP_ON_BREAK) and world.has(MARK_DEGRADED),
    )


def _add_exact(world: World) -> None:
    here, ghost = world.destination, world.ghost
    world.build.always(
        world.name("DestinationIsExact"),
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
    world.build.always(
        world.name("ExtraOnlyWhereMissing"),
        "P2",
        "Whatever has failed, the destination's bitmap has a bit too many "
        "only where a chunk has not come.",
        when=[
            (
                here.vm.is_(DestinationVm.RUNNING)
                & here.bitmap.is_(Incoming.VALID)
            ).named("the guest runs there, the bitmap is valid"),
            drained(world, here.in_flight).named("no write is in flight"),
        ],
        then=[
            ((here.bits - ghost.missing) <= ghost.true_dirty).named(
                "the bits of what has come within the true dirty set"
            )
        ],
    )
