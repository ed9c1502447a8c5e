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

from model.language import (
    YES,
    Flag,
    Granule,
    GranuleSet,
    Part,
    Step,
    Update,
    any_of,
    given,
)
from model.mechanisms import (
    BIT_AFTER_DATA,
    BIT_BEFORE_ACK,
    WRITERS_END_AT_STOP,
)
from model.mechanisms_loading import (
    SUCCESSOR,
)
from model.protocol.world import Updates, World
from model.vocabulary import DestinationVm, Incoming, Outgoing, SourceVm


def drained(world: World, in_flight: GranuleSet) -> Flag:
    """What a drain waits for: no write is in flight.

    Without 'bit-before-ack' a write is acknowledged as soon as its data are
    on the disk, so a drain does not wait for the bit.
    """
    return world.with_(
        BIT_BEFORE_ACK,
        in_flight.is_empty(),
        without=YES.named("no unacknowledged write"),
    )


def add_guest(world: World) -> None:
    """The writes on both sides, to each node."""
    for node in world.nodes:
        _add_source_writes(node)
        _add_destination_writes(node)


def _begins(world: World, in_flight: GranuleSet, granule: Granule) -> Part:
    """The first half of a write, which is up to the guest."""
    others = in_flight.at_most(world.options.limit("writes_beside"))
    begun = in_flight.becomes(in_flight | world.single(granule))
    return Part((~in_flight.contains(granule), others), (begun,))


def _ends(world: World, in_flight: GranuleSet, granule: Granule) -> Part:
    """The second half, which follows: the write is acknowledged."""
    ended = in_flight.becomes(in_flight - world.single(granule))
    return Part((in_flight.contains(granule),), (ended,))


def _dirtied(world: World, granule: Granule) -> Updates:
    """Effect: the data reach the disk, so the granule is truly dirty."""
    found: list[Update] = []
    single = world.single(granule)
    for each in world.recording:
        ghost = each.ghost
        found.append(ghost.true_dirty.becomes(ghost.true_dirty | single))
    return tuple(found)


def _since_the_job_began(world: World, granule: Granule) -> Updates:
    found: list[Update] = []
    for each in world.recording:
        since, single = each.ghost.since, world.single(granule)
        found.append(since.becomes(since | single.only_if(each.source.job)))
    return tuple(found)


def _recorded_on_source(world: World, granule: Granule) -> Updates:
    """Effect: the bit is set in what records on the source.

    QEMU: bdrv_set_dirty(): every enabled bitmap of the node, so the
    successor while a backup job, or the migration, holds the bitmap frozen,
    else the bitmap itself.
    """
    found: list[Update] = []
    single = world.single(granule)
    for each in world.recording:
        bits, successor = each.source.bits, each.source.successor
        apart = each.recorded_apart
        found += [
            bits.becomes(bits | single.only_if(~apart)),
            successor.becomes(successor | single.only_if(apart)),
        ]
    return (*found, *world.bit_is_set(granule))


def _recorded_on_destination(world: World, granule: Granule) -> Updates:
    """Effect: the bit is set in what records on the destination."""
    found: list[Update] = []
    single = world.single(granule)
    for each in world.recording:
        here = each.destination
        itself = here.bitmap.is_(Incoming.VALID, Incoming.PARTIAL)
        loading = here.bitmap.is_(Incoming.SUCCESSOR, Incoming.MERGED)
        apart = (
            here.bits.becomes(here.bits | single.only_if(itself)),
            here.successor.becomes(here.successor | single.only_if(loading)),
        )
        either = here.bits | single.only_if(itself | loading)
        together = (here.bits.becomes(either),)
        found += world.with_(SUCCESSOR, apart, without=together)
    return tuple(found)


def _add_source_writes(world: World) -> None:
    source, allowance = world.source, world.allowance
    data_first = world.has(BIT_AFTER_DATA)
    runs = source.vm.is_(SourceVm.RUNNING)
    ends_late = source.vm.is_(SourceVm.RUNNING, SourceVm.STOPPED)
    free = source.migration.is_not(Outgoing.SETUP, Outgoing.ACTIVE)
    willing = any_of(free, allowance.is_full()).named(
        "the throttle lets the guest write"
    )

    def half(granule: Granule, first: bool) -> Part:
        if not first:
            return _ends(world, source.in_flight, granule)
        begins = _begins(world, source.in_flight, granule)
        may = world.with_(WRITERS_END_AT_STOP, runs, without=ends_late)
        return Part(
            (may, willing, *begins.when),
            (*allowance.emptied(), *begins.then),
        )

    @world.action(
        "guest",
        over=world.domain.granules,
        fair=not data_first,
        spends="writes" if data_first else "",
    )
    def source_write_data(granule: Granule) -> Step:
        """The data of a guest write reach the disk.

        QEMU: bdrv_driver_pwritev() below bdrv_aligned_pwritev().
        """
        return given(half(granule, first=data_first)).then(
            _dirtied(world, granule),
            _since_the_job_began(world, granule),
        )

    @world.action(
        "guest",
        over=world.domain.granules,
        fair=data_first,
        spends="" if data_first else "writes",
    )
    def source_set_dirty(granule: Granule) -> Step:
        """The write's bit is set; then the write is acknowledged.

        QEMU: bdrv_co_write_req_finish(), bdrv_set_dirty().
        """
        return given(half(granule, first=not data_first)).then(
            _recorded_on_source(world, granule)
        )


def _add_destination_writes(world: World) -> None:
    here, data_first = world.destination, world.has(BIT_AFTER_DATA)

    def half(granule: Granule, first: bool) -> Part:
        if not first:
            return _ends(world, here.in_flight, granule)
        begins = _begins(world, here.in_flight, granule)
        runs = here.vm.is_(DestinationVm.RUNNING)
        return Part((runs, *begins.when), begins.then)

    @world.action(
        "guest",
        over=world.domain.granules,
        fair=not data_first,
        spends="writes" if data_first else "",
    )
    def destination_write_data(granule: Granule) -> Step:
        """The data of a guest write reach the disk.

        QEMU: bdrv_driver_pwritev() below bdrv_aligned_pwritev().
        """
        return given(half(granule, first=data_first)).then(
            _dirtied(world, granule)
        )

    @world.action(
        "guest",
        over=world.domain.granules,
        fair=data_first,
        spends="" if data_first else "writes",
    )
    def destination_set_dirty(granule: Granule) -> Step:
        """The write's bit is set in whatever bitmap records here.

        QEMU: bdrv_set_dirty(): every enabled bitmap of the node, so the
        successor while the bitmap is loaded, the bitmap itself afterwards,
        none after a loss.
        """
        return given(half(granule, first=not data_first)).then(
            _recorded_on_destination(world, granule)
        )
