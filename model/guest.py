# SPDX-License-Identifier: GPL-2.0-or-later
"""The guest: it writes on the side where its VM runs.

A write is two steps: the data reach the disk, then the bit is set in the
bitmap that records; only then is the write acknowledged and no longer in
flight.  A discard counts as a write.  Overwriting a granule that is dirty
already is a write like any other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from attrs import frozen

from model.language import (
    YES,
    Flag,
    Granule,
    GranuleSet,
    Step,
    Tally,
    Update,
    any_of,
)
from model.vocabulary import DestinationVm, Incoming, Outgoing, SourceVm
from model.world import World

Updates = tuple[Update, ...]


@frozen(eq=False)
class Recorder:
    """Which bitmap a host's writes set bits in, and what else they touch.

    A design overrides ``source_also`` to have something happen in the same
    critical section as the setting of the bit (the live design's meta
    bitmap).  ``allowance`` is the throttled guest's: chunks sent since its
    last write.
    """

    source_also: Callable[[Granule], Updates] = lambda _: ()
    allowance: Tally | None = None


def drained(world: World, in_flight: GranuleSet) -> Flag:
    """What a drain waits for: no write is in flight.

    Without 'bit-before-ack' a write is acknowledged as soon as its data are
    on the disk, so a drain does not wait for the bit.
    """
    if not world.has("bit-before-ack"):
        return YES.named("no unacknowledged write")
    return in_flight.is_empty()


def may_write(world: World, recorder: Recorder) -> tuple[list[Flag], Updates]:
    """Guard and effect of the guest's willingness to write on the source."""
    if recorder.allowance is None:
        return [], ()
    enough = recorder.allowance.is_full()
    free = world.source.migration.is_not(Outgoing.SETUP, Outgoing.ACTIVE)
    return (
        [any_of(free, enough).named("the throttle lets the guest write")],
        recorder.allowance.emptied(),
    )


def add_guest(world: World, recorder: Recorder) -> None:
    """The guest's writes on both sides."""
    _add_source_writes(world, recorder)
    _add_destination_writes(world)


def _steps(
    world: World,
    in_flight: GranuleSet,
    granule: Granule,
    start: tuple[Sequence[Flag], Updates],
    data: Updates,
    bit: Updates,
) -> dict[str, Step]:
    """The write's two halves by name; 'bit-after-data' decides the order."""
    single = world.single(granule)
    may_start, started = start
    halves = {"data": data, "bit": bit}
    order = ("data", "bit") if world.has("bit-after-data") else ("bit", "data")
    return {
        order[0]: Step(
            when=[*may_start, in_flight.is_empty()],
            then=[*started, in_flight.becomes(single), *halves[order[0]]],
        ),
        order[1]: Step(
            when=[in_flight.contains(granule)],
            then=[
                in_flight.becomes(in_flight - single),
                *halves[order[1]],
            ],
        ),
    }


def _first(world: World) -> tuple[str, str]:
    """What each half spends: the one that comes first begins a write."""
    if world.has("bit-after-data"):
        return "writes", ""
    return "", "writes"


def _add_source_writes(world: World, recorder: Recorder) -> None:
    build, source, ghost = world.build, world.source, world.ghost
    willing, spent = may_write(world, recorder)
    data, bit = _first(world)

    def write(granule: Granule) -> dict[str, Step]:
        single = world.single(granule)
        return _steps(
            world,
            source.in_flight,
            granule,
            ([source.vm.is_(SourceVm.RUNNING), *willing], spent),
            (ghost.true_dirty.becomes(ghost.true_dirty | single),),
            (
                source.bits.becomes(source.bits | single),
                *recorder.source_also(granule),
            ),
        )

    @build.action("guest", over=world.domain.granules, spends=data)
    def source_write_data(granule: Granule) -> Step:
        """The data of a guest write reach the disk.

        QEMU: bdrv_driver_pwritev() below bdrv_aligned_pwritev().
        """
        return write(granule)["data"]

    @build.action("guest", over=world.domain.granules, fair=True, spends=bit)
    def source_set_dirty(granule: Granule) -> Step:
        """The write's bit is set; then the write is acknowledged.

        QEMU: bdrv_co_write_req_finish(), bdrv_set_dirty().
        """
        return write(granule)["bit"]


def _add_destination_writes(world: World) -> None:
    build, here, ghost = world.build, world.destination, world.ghost
    data, bit = _first(world)
    itself = here.bitmap.is_(Incoming.VALID, Incoming.PARTIAL)
    loading = here.bitmap.is_(Incoming.SUCCESSOR, Incoming.MERGED)

    def write(granule: Granule) -> dict[str, Step]:
        single = world.single(granule)
        if world.has("successor"):
            recorded: Updates = (
                here.bits.becomes(here.bits | single.only_if(itself)),
                here.successor.becomes(
                    here.successor | single.only_if(loading)
                ),
            )
        else:
            recorded = (
                here.bits.becomes(
                    here.bits | single.only_if(itself | loading)
                ),
            )
        return _steps(
            world,
            here.in_flight,
            granule,
            ([here.vm.is_(DestinationVm.RUNNING)], ()),
            (ghost.true_dirty.becomes(ghost.true_dirty | single),),
            recorded,
        )

    @build.action("guest", over=world.domain.granules, spends=data)
    def destination_write_data(granule: Granule) -> Step:
        """The data of a guest write reach the disk.

        QEMU: bdrv_driver_pwritev() below bdrv_aligned_pwritev().
        """
        return write(granule)["data"]

    @build.action("guest", over=world.domain.granules, fair=True, spends=bit)
    def destination_set_dirty(granule: Granule) -> Step:
        """The write's bit is set in whichever bitmap records here.

        QEMU: bdrv_set_dirty(): every enabled bitmap of the node, so the
        successor while the bitmap is loaded, the bitmap itself afterwards,
        none after a loss.
        """
        return write(granule)["bit"]
