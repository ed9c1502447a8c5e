# SPDX-License-Identifier: GPL-2.0-or-later
"""The state that every design shares: two hosts, a link, the true dirty set.

One disk of ``chunks x granules`` on storage that both hosts reach, and one
bitmap of it, known by its name.  Fields that mean nothing any more are put
back to their first value by the step that ends their meaning, so that one
situation is one state.
"""

from __future__ import annotations

from attrs import evolve, field, frozen

from model.language import (
    Channel,
    ContentsType,
    Cursor,
    Disk,
    Domain,
    EnumType,
    EnumValue,
    Flag,
    Granule,
    GranuleSet,
    MachineBuilder,
    NameType,
    Projected,
    Type,
    Update,
    any_of,
    choose,
    single,
)
from model.variant import FAILURES, Variant
from model.vocabulary import (
    IN_PROGRESS,
    DestinationVm,
    Incoming,
    Link,
    Message,
    Name,
    Outgoing,
    Reply,
    SourceVm,
)

Updates = tuple[Update, ...]

ENDED = (DestinationVm.KILLED, DestinationVm.DIED)
#: what a command to the destination sees: it has not resumed
NOT_RESUMED = (
    DestinationVm.INMIGRATE,
    DestinationVm.RUN_RECEIVED,
    DestinationVm.PRELAUNCH,
    DestinationVm.KILLED,
)
EVER_RAN = (DestinationVm.RUNNING, DestinationVm.DIED)


@frozen(eq=False)
class Source:
    """The host that runs the guest at first.

    ``in_flight``: writes that are under way.  ``bits``: the bitmap; it
    records while the VM runs.  ``job``: a backup job holds the bitmap; until
    it ends, its ``successor`` records.  ``busy``: held by the migration, so
    no client may use it.  ``cursor``: the next chunk to send.  ``left_out``:
    this attempt goes without the bitmap; None where none ever does.
    ``found_none``: an attempt of this process has found no bitmap.  Where
    there are two bitmaps: ``announced``, ``completed``: START, COMPLETE of
    this one is sent; ``named``: the one that the last message spoke of.
    """

    vm: EnumValue[SourceVm]
    migration: EnumValue[Outgoing]
    in_flight: GranuleSet
    bits: GranuleSet
    has_bitmap: Flag
    busy: Flag
    job: Flag
    successor: GranuleSet
    cursor: Cursor
    left_out: Flag | None
    found_none: Flag | None
    announced: Flag | None
    completed: Flag | None
    named: EnumValue[Name] | None


@frozen(eq=False)
class Destination:
    """The host that the VM moves to.

    ``bits``: the bitmap (the parent, while there is a successor).
    ``successor``: what the successor has recorded.  ``stream_ended``: no more
    is read, by success or by failure.  ``named``: where there are two
    bitmaps, the one that the last message spoke of.
    """

    vm: EnumValue[DestinationVm]
    bitmap: EnumValue[Incoming]
    in_flight: GranuleSet
    bits: GranuleSet
    successor: GranuleSet
    stream_ended: Flag
    named: EnumValue[Name] | None


@frozen(eq=False)
class Ghost:
    """What no host can see.

    ``true_dirty``: granules whose data differ from the last backup, and those
    that the user merged in.  ``since``: granules written or merged in since
    the backup job began.  ``would_miss``: granules that this job does not copy
    and should.  ``missed``: such granules, of a job that succeeded.  In this
    attempt: ``faulted``: a cut, a kill or a cancel; ``trouble``: a bitmap
    error; ``arrived``: COMPLETE was received.  ``killed``: some process was,
    ever.
    ``retried``: this is no first attempt.  ``had``: there was a bitmap when
    this attempt began; None where there always is.
    """

    true_dirty: GranuleSet
    since: GranuleSet
    would_miss: GranuleSet
    missed: GranuleSet
    faulted: Flag
    trouble: Flag
    arrived: Flag
    killed: Flag
    retried: Flag
    had: Flag | None


@frozen(eq=False)
class World:
    """All of it, with the options and the builder that collects actions.

    Where there are two bitmaps there are two worlds, which differ in the
    bitmap that they speak of: ``this``, with ``suffix`` behind the names of
    its actions and properties; ``bitmaps`` are both.  ``enabled``: whether
    it records the guest's writes."""

    options: Variant
    build: MachineBuilder
    disk: Disk
    source: Source
    destination: Destination
    link: EnumValue[Link]
    stream: Channel
    return_path: Channel | None
    ghost: Ghost
    this: Name = Name.FIRST
    suffix: str = ""
    enabled: bool = True
    bitmaps: list[World] = field(factory=list)

    @property
    def several(self) -> bool:
        """Whether there are two bitmaps."""
        return len(self.bitmaps) > 1

    @property
    def recording(self) -> list[World]:
        """Those of the bitmaps that record the writes to this one's node."""
        node = self.source.in_flight.field_name()
        return [
            w
            for w in self.bitmaps
            if w.enabled and w.source.in_flight.field_name() == node
        ]

    @property
    def nodes(self) -> list[World]:
        """One world for each node."""
        found = {
            w.source.in_flight.field_name(): w for w in self.bitmaps[::-1]
        }
        return list(found.values())[::-1]

    @property
    def before(self) -> list[World]:
        """Those of the bitmaps that come earlier in the stream."""
        return self.bitmaps[: self.bitmaps.index(self)]

    @property
    def is_last(self) -> bool:
        """Whether this bitmap is the last in the stream."""
        return self.bitmaps[-1] is self

    def name(self, text: str) -> str:
        """The name of a property of this bitmap."""
        return text + "".join(w.capitalize() for w in self.suffix.split("_"))

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

    def replies_lost(self) -> Updates:
        """Effect: what travels back is lost."""
        if self.return_path is None:
            return ()
        return self.return_path.lose_all()

    def source_closes(self) -> Updates:
        """Effect: the source uses the connection no more.

        What it has sent may still arrive, or not.
        """
        here = self.destination
        done = any_of(here.stream_ended, here.vm.is_(*ENDED))
        return (*self.replies_lost(), self._closed(done))

    def destination_closes(self) -> Updates:
        """Effect: the destination reads no more, and what was in flight
        to it is lost.
        """
        done = self.source.migration.is_not(*IN_PROGRESS)
        return (
            *self.stream.lose_all(),
            self.destination.stream_ended.becomes(True),
            self._closed(done),
        )

    def stream_ends(self) -> Updates:
        """Effect: the destination has read all; only SHUT may still go."""
        in_progress = self.source.migration.is_(*IN_PROGRESS)
        return (
            self.destination.stream_ended.becomes(True),
            self.link.becomes(choose(in_progress, self.link, Link.DOWN)),
        )

    def _closed(self, other_is_done: Flag) -> Update:
        still = choose(self.link.is_(Link.SILENT), self.link, Link.BROKEN)
        return self.link.becomes(choose(~other_is_done, still, Link.DOWN))


def create(options: Variant, return_path: bool) -> World:
    """A world in which nothing has happened yet.

    The source runs a guest that has written nothing since the last backup;
    the destination waits for a migration.
    """
    build = MachineBuilder(options.name, isinstance(options.domain, Projected))
    disk = Disk("disk", options.domain)
    several = options.bitmaps not in ("one", "appears")
    appears = options.bitmaps == "appears"
    source = Source(
        vm=build.enum("source.vm", SourceVm.RUNNING),
        migration=build.enum("source.migration", Outgoing.NONE),
        in_flight=build.granules("source.in_flight", disk),
        bits=build.granules("source.bits", disk),
        has_bitmap=build.flag("source.has_bitmap", initial=not appears),
        busy=build.flag("source.busy"),
        job=build.flag("source.job"),
        successor=build.granules("source.successor", disk),
        cursor=build.cursor("source.cursor", disk),
        left_out=build.flag("source.left_out")
        if options.busy_bitmap == "leave-out" or appears
        else None,
        found_none=build.flag("source.found_none") if appears else None,
        announced=build.flag("source.announced") if several else None,
        completed=build.flag("source.completed") if several else None,
        named=build.enum("source.named", Name.NONE) if several else None,
    )
    destination = Destination(
        vm=build.enum("destination.vm", DestinationVm.INMIGRATE),
        bitmap=build.enum("destination.bitmap", Incoming.ABSENT),
        in_flight=build.granules("destination.in_flight", disk),
        bits=build.granules("destination.bits", disk),
        successor=build.granules("destination.successor", disk),
        stream_ended=build.flag("destination.stream_ended"),
        named=build.enum("destination.named", Name.NONE) if several else None,
    )
    chunk, contents = NameType(disk), ContentsType(disk)
    name: dict[str, Type] = {"name": EnumType(Name)} if several else {}
    stream = build.channel(
        "stream",
        options.limit("channel"),
        {
            Message.START: {**name},
            Message.BITS: {**name, "chunk": chunk, "contents": contents},
            Message.COMPLETE: {**name},
            Message.RUN: {},
        },
    )
    replies = (
        build.channel("return_path", 1, {Reply.SHUT: {}})
        if return_path
        else None
    )
    for spent in (*FAILURES, "writes", "edits"):
        build.budget(spent, options.budget(spent))
    ghost = Ghost(
        true_dirty=build.granules("ghost_true_dirty", disk, ghost=True),
        since=build.granules("ghost_since", disk, ghost=True),
        would_miss=build.granules("ghost_would_miss", disk, ghost=True),
        missed=build.granules("ghost_missed", disk, ghost=True),
        faulted=build.flag("ghost_faulted", ghost=True),
        trouble=build.flag("ghost_trouble", ghost=True),
        arrived=build.flag("ghost_arrived", ghost=True),
        killed=build.flag("ghost_killed", ghost=True),
        retried=build.flag("ghost_retried", ghost=True),
        had=build.flag("ghost_had", ghost=True) if appears else None,
    )
    world = World(
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
    world.bitmaps.append(world)
    if several:
        world.bitmaps.append(_second(world))
    return world


def _second(world: World) -> World:
    """The same world with a second bitmap in hand."""
    build, disk, kind = world.build, world.disk, world.options.bitmaps

    def granules(name: str, ghost: bool = False) -> GranuleSet:
        return build.granules(name, disk, ghost=ghost)

    source = evolve(
        world.source,
        bits=granules("source.second.bits"),
        has_bitmap=build.flag("source.second.has_bitmap", initial=True),
        busy=build.flag("source.second.busy"),
        job=build.flag("source.second.job"),
        successor=granules("source.second.successor"),
        cursor=build.cursor("source.second.cursor", disk),
        announced=build.flag("source.second.announced"),
        completed=build.flag("source.second.completed"),
    )
    here = evolve(
        world.destination,
        bitmap=build.enum("destination.second.bitmap", Incoming.ABSENT),
        bits=granules("destination.second.bits"),
        successor=granules("destination.second.successor"),
    )
    if kind == "two-nodes":
        source = evolve(source, in_flight=granules("source.second.in_flight"))
        here = evolve(here, in_flight=granules("destination.second.in_flight"))
    ghost = evolve(
        world.ghost,
        true_dirty=granules("ghost_second_true_dirty", ghost=True),
        since=granules("ghost_second_since", ghost=True),
        would_miss=granules("ghost_second_would_miss", ghost=True),
        missed=granules("ghost_second_missed", ghost=True),
        arrived=build.flag("ghost_second_arrived", ghost=True),
    )
    return evolve(
        world,
        source=source,
        destination=here,
        ghost=ghost,
        this=Name.SECOND,
        suffix="_of_second",
        enabled=kind != "one-disabled",
    )
