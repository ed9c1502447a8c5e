# SPDX-License-Identifier: GPL-2.0-or-later
"""Writes: the guest's, on the side where its VM runs, and other writers'.

A write is two steps: the data reach the disk, then the bit is set in the
bitmap that records; only then is the write acknowledged and no longer in
flight.  Several may be in flight, of different granules: two of one granule
set the same bit.  A discard counts as a write.  Overwriting a granule that is
dirty already is a write like any other.  A writer that is not the guest (an
NBD export, a block job) writes as the guest does; what it may do that the
guest cannot is to go on after the VM has stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from attrs import field, frozen

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
from model.mechanisms import (
    BIT_AFTER_DATA,
    BIT_BEFORE_ACK,
    SUCCESSOR,
    WRITERS_END_AT_STOP,
)
from model.protocol.world import World
from model.vocabulary import DestinationVm, Incoming, Outgoing, SourceVm

Updates = tuple[Update, ...]


def _nothing(_: Granule) -> Updates:
    return ()


@frozen(eq=False)
class Recorder:
    """What else a bit that is set on the source touches.

    ``source_also``: what happens in the same critical section (the live
    design's meta bitmap).  ``allowance``: the throttled guest's, chunks sent
    since its last write.
    """

    source_also: Callable[[Granule], Updates] = _nothing
    allowance: Tally = field(factory=lambda: Tally(None))


def drained(world: World, in_flight: GranuleSet) -> Flag:
    """What a drain waits for: no write is in flight.

    Without 'bit-before-ack' a write is acknowledged as soon as its data are
    on the disk, so a drain does not wait for the bit.
    """
    if not world.has(BIT_BEFORE_ACK):
        return YES.named("no unacknowledged write")
    return in_flight.is_empty()


def recorded_on_source(
    world: World, granules: GranuleSet
) -> tuple[Update, ...]:
    """Effect: bits set in what records on the source.

    QEMU: bdrv_set_dirty(): every enabled bitmap of the node, so the
    successor while a backup job holds the bitmap, else the bitmap itself.
    """
    found: list[Update] = []
    for each in world.recording:
        bits, successor = each.source.bits, each.source.successor
        job = each.source.job
        found += [
            bits.becomes(bits | granules.only_if(~job)),
            successor.becomes(successor | granules.only_if(job)),
        ]
    return tuple(found)


def _recorded_on_destination(world: World, granules: GranuleSet) -> Updates:
    found: list[Update] = []
    for each in world.recording:
        here = each.destination
        itself = here.bitmap.is_(Incoming.VALID, Incoming.PARTIAL)
        loading = here.bitmap.is_(Incoming.SUCCESSOR, Incoming.MERGED)
        if world.has(SUCCESSOR):
            found += [
                here.bits.becomes(here.bits | granules.only_if(itself)),
                here.successor.becomes(
                    here.successor | granules.only_if(loading)
                ),
            ]
        else:
            either = itself | loading
            found.append(
                here.bits.becomes(here.bits | granules.only_if(either))
            )
    return tuple(found)


def add_guest(world: World, recorder: Recorder) -> None:
    """The writes on both sides, to each node."""
    for node in world.nodes:
        _add_source_writes(node, recorder)
        _add_destination_writes(node)


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
    first, second = _order(world)
    return {
        first: Step(
            when=[
                *may_start,
                ~in_flight.contains(granule),
                in_flight.at_most(world.options.limit("writes_beside")),
            ],
            then=[
                *started,
                in_flight.becomes(in_flight | single),
                *halves[first],
            ],
        ),
        second: Step(
            when=[in_flight.contains(granule)],
            then=[
                in_flight.becomes(in_flight - single),
                *halves[second],
            ],
        ),
    }


def _order(world: World) -> tuple[str, str]:
    """The first half of a write, which is up to the guest, and the second."""
    if world.has(BIT_AFTER_DATA):
        return "data", "bit"
    return "bit", "data"


def _dirtied_on_source(world: World, granules: GranuleSet) -> Updates:
    ghost, job = world.ghost, world.source.job
    return (
        ghost.true_dirty.becomes(ghost.true_dirty | granules),
        ghost.since.becomes(ghost.since | granules.only_if(job)),
    )


def _add_source_writes(world: World, recorder: Recorder) -> None:
    build, source = world.build, world.source
    first, second = _order(world)
    allowance = recorder.allowance
    free = source.migration.is_not(Outgoing.SETUP, Outgoing.ACTIVE)
    willing = any_of(free, allowance.is_full()).named(
        "the throttle lets the guest write"
    )
    writes = [SourceVm.RUNNING]
    if not world.has(WRITERS_END_AT_STOP):
        writes.append(SourceVm.STOPPED)

    def write(granule: Granule) -> dict[str, Step]:
        single = world.single(granule)
        return _steps(
            world,
            source.in_flight,
            granule,
            ([source.vm.is_(*writes), willing], allowance.emptied()),
            tuple(
                update
                for each in world.recording
                for update in _dirtied_on_source(each, single)
            ),
            (
                *recorded_on_source(world, single),
                *recorder.source_also(granule),
            ),
        )

    @build.action(
        "guest",
        over=world.domain.granules,
        fair=second == "data",
        spends="writes" if first == "data" else "",
        suffix=world.suffix,
    )
    def source_write_data(granule: Granule) -> Step:
        """The data of a guest write reach the disk.

        QEMU: bdrv_driver_pwritev() below bdrv_aligned_pwritev().
        """
        return write(granule)["data"]

    @build.action(
        "guest",
        over=world.domain.granules,
        fair=second == "bit",
        spends="writes" if first == "bit" else "",
        suffix=world.suffix,
    )
    def source_set_dirty(granule: Granule) -> Step:
        """The write's bit is set; then the write is acknowledged.

        QEMU: bdrv_co_write_req_finish(), bdrv_set_dirty().
        """
        return write(granule)["bit"]


def _add_destination_writes(world: World) -> None:
    build, here = world.build, world.destination
    first, second = _order(world)

    def write(granule: Granule) -> dict[str, Step]:
        single = world.single(granule)
        return _steps(
            world,
            here.in_flight,
            granule,
            ([here.vm.is_(DestinationVm.RUNNING)], ()),
            tuple(
                w.ghost.true_dirty.becomes(w.ghost.true_dirty | single)
                for w in world.recording
            ),
            _recorded_on_destination(world, single),
        )

    @build.action(
        "guest",
        over=world.domain.granules,
        fair=second == "data",
        spends="writes" if first == "data" else "",
        suffix=world.suffix,
    )
    def destination_write_data(granule: Granule) -> Step:
        """The data of a guest write reach the disk.

        QEMU: bdrv_driver_pwritev() below bdrv_aligned_pwritev().
        """
        return write(granule)["data"]

    @build.action(
        "guest",
        over=world.domain.granules,
        fair=second == "bit",
        spends="writes" if first == "bit" else "",
        suffix=world.suffix,
    )
    def destination_set_dirty(granule: Granule) -> Step:
        """The write's bit is set in whatever bitmap records here.

        QEMU: bdrv_set_dirty(): every enabled bitmap of the node, so the
        successor while the bitmap is loaded, the bitmap itself afterwards,
        none after a loss.
        """
        return write(granule)["bit"]
