# SPDX-License-Identifier: GPL-2.0-or-later
"""The state that every design shares: two hosts, a link, the true dirty set.

One disk of ``chunks x granules`` on storage that both hosts reach, and one
bitmap of it, known by its name.  Fields that mean nothing any more are put
back to their first value by whoever ends their meaning, so that one situation
is one state.
"""

from __future__ import annotations

from attrs import frozen

from model.language import (
    Channel,
    ContentsType,
    Cursor,
    Disk,
    Domain,
    EnumValue,
    Flag,
    Granule,
    GranuleSet,
    MachineBuilder,
    NameType,
    Projected,
    Update,
    single,
)
from model.variant import Variant
from model.vocabulary import (
    DestinationVm,
    Incoming,
    Link,
    Message,
    Outgoing,
    Reply,
    SourceVm,
)

BUDGETS = (
    "cut",
    "source_killed",
    "destination_killed",
    "refuse",
    "cancel",
    "retry",
    "writes",
)


@frozen(eq=False)
class Source:
    """The host that runs the guest at first.

    ``in_flight``: the write that is under way (at most one).  ``bits``: the
    bitmap; it records while the VM runs.  ``busy``: held by the migration,
    so no client may use it.  ``cursor``: the next chunk to send.
    """

    vm: EnumValue[SourceVm]
    migration: EnumValue[Outgoing]
    in_flight: GranuleSet
    bits: GranuleSet
    has_bitmap: Flag
    busy: Flag
    cursor: Cursor


@frozen(eq=False)
class Destination:
    """The host that the VM moves to.

    ``bits``: the bitmap (the parent, while there is a successor).
    ``successor``: what the successor has recorded.  ``stream_ended``: no more
    is read, by success or by failure.
    """

    vm: EnumValue[DestinationVm]
    bitmap: EnumValue[Incoming]
    in_flight: GranuleSet
    bits: GranuleSet
    successor: GranuleSet
    stream_ended: Flag


@frozen(eq=False)
class Ghost:
    """What no host can see.

    ``true_dirty``: granules whose data differ from the last backup.
    ``missed``: granules that a backup should have copied and did not.
    ``faulted``: a failure happened in this attempt.  ``vm_harmed``: a bitmap
    error failed a migration.  ``retried``: this is no first attempt.
    """

    true_dirty: GranuleSet
    missed: GranuleSet
    faulted: Flag
    vm_harmed: Flag
    retried: Flag


@frozen(eq=False)
class World:
    """All of it, with the options and the builder that collects actions."""

    options: Variant
    build: MachineBuilder
    disk: Disk
    source: Source
    destination: Destination
    link: EnumValue[Link]
    stream: Channel
    return_path: Channel | None
    ghost: Ghost

    @property
    def domain(self) -> Domain:
        """What sets and positions are made of."""
        return self.disk.domain

    def has(self, mechanism: str) -> bool:
        """Whether the mechanism is in place."""
        return self.options.has(mechanism)

    @property
    def link_up(self) -> Flag:
        """Whether messages can be sent."""
        return self.link.is_(Link.UP)

    def single(self, granule: Granule) -> GranuleSet:
        """The set that holds just ``granule``."""
        return single(self.disk, granule)

    def replies_lost(self) -> tuple[Update, ...]:
        """Effect: what travels back is lost."""
        if self.return_path is None:
            return ()
        return self.return_path.lose_all()


def create(options: Variant, return_path: bool) -> World:
    """A world in which nothing has happened yet.

    The source runs a guest that has written nothing since the last backup;
    the destination waits for a migration.
    """
    build = MachineBuilder(options.name, isinstance(options.domain, Projected))
    disk = Disk("disk", options.domain)
    source = Source(
        vm=build.enum("source.vm", SourceVm.RUNNING),
        migration=build.enum("source.migration", Outgoing.NONE),
        in_flight=build.granules("source.in_flight", disk),
        bits=build.granules("source.bits", disk),
        has_bitmap=build.flag("source.has_bitmap", initial=True),
        busy=build.flag("source.busy"),
        cursor=build.cursor("source.cursor", disk),
    )
    destination = Destination(
        vm=build.enum("destination.vm", DestinationVm.INMIGRATE),
        bitmap=build.enum("destination.bitmap", Incoming.ABSENT),
        in_flight=build.granules("destination.in_flight", disk),
        bits=build.granules("destination.bits", disk),
        successor=build.granules("destination.successor", disk),
        stream_ended=build.flag("destination.stream_ended"),
    )
    chunk, contents = NameType(disk), ContentsType(disk)
    stream = build.channel(
        "stream",
        options.limit("channel"),
        {
            Message.START: {},
            Message.BITS: {"chunk": chunk, "contents": contents},
            Message.COMPLETE: {},
            Message.RUN: {},
        },
    )
    replies = (
        build.channel("return_path", 1, {Reply.SHUT: {}})
        if return_path
        else None
    )
    for name in BUDGETS:
        build.budget(name, options.budget(name))
    ghost = Ghost(
        true_dirty=build.granules("ghost_true_dirty", disk, ghost=True),
        missed=build.granules("ghost_missed", disk, ghost=True),
        faulted=build.flag("ghost_faulted", ghost=True),
        vm_harmed=build.flag("ghost_vm_harmed", ghost=True),
        retried=build.flag("ghost_retried", ghost=True),
    )
    return World(
        options,
        build,
        disk,
        source,
        destination,
        build.enum("link", Link.DOWN),
        stream,
        replies,
        ghost,
    )
