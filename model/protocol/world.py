# SPDX-License-Identifier: GPL-2.0-or-later
"""The state that every design shares: two hosts, a link, the true dirty set.

One disk of ``chunks x granules`` on storage that both hosts reach, and one
bitmap of it, known by its name.  Fields that mean nothing any more are put
back to their first value by the step that ends their meaning, so that one
situation is one state.

What is fixed before anything runs is asked of the world: its ``design``, the
mechanisms (``with_``, and ``only`` of an action), the options.  What changes
while it runs is a field, and is chosen with ``choose`` and ``switch``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Self, TypeVar

from attrs import evolve, field, frozen

from model.language import (
    YES,
    Channel,
    ChunkSet,
    Disk,
    Domain,
    EnumValue,
    Flag,
    Granule,
    GranuleSet,
    MachineBuilder,
    Step,
    Tally,
    Update,
    any_of,
    choose,
    effect,
    single,
)
from model.mechanism import Mechanism
from model.mechanisms import (
    SOURCE_BUSY,
)
from model.protocol.design import Design
from model.protocol.hosts import (
    LEFT_OUT,
    Destination,
    Ghost,
    Source,
)
from model.variant import Variant
from model.vocabulary import (
    IN_PROGRESS,
    DestinationVm,
    Link,
    Message,
    Name,
)

Updates = tuple[Update, ...]
Choice = TypeVar("Choice")
Step_ = TypeVar("Step_", bound=Callable[..., Step])

ENDED = (DestinationVm.KILLED, DestinationVm.DIED)
#: what a command to the destination sees: it has not resumed
NOT_RESUMED = (
    DestinationVm.INMIGRATE,
    DestinationVm.RUN_RECEIVED,
    DestinationVm.PRELAUNCH,
    DestinationVm.KILLED,
)
EVER_RAN = (DestinationVm.RUNNING, DestinationVm.DIED)


@frozen(eq=False, kw_only=True)
class World:
    """All of it, with the options and the builder that collects actions.

    Where there are two bitmaps there are two worlds, which differ in the
    bitmap that they speak of: ``this``, with ``suffix`` behind the names of
    its actions and properties; ``bitmaps`` are both.  ``enabled``: whether
    it records the guest's writes.  ``allowance``: chunks sent since the last
    write of a guest that is held back.  ``connections``: those on which chunks
    travel apart from the stream, if they do; ``ways`` has a world for each,
    which differ in the connection that they speak of."""

    options: Variant
    design: Design
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
    allowance: Tally = field(factory=lambda: Tally(None))
    connections: tuple[Channel, ...] = ()
    way: int = 0

    # -- fixed before anything runs --------------------------------------

    def has(self, mechanism: Mechanism) -> bool:
        """Whether the mechanism is in place."""
        return self.options.has(mechanism)

    def with_(
        self, mechanism: Mechanism, this: Choice, without: Choice
    ) -> Choice:
        """``this`` where the mechanism is in place, else ``without``."""
        return this if self.has(mechanism) else without

    def action(
        self,
        actor: str,
        over: Any = None,
        *,
        only: bool = True,
        fair: bool = False,
        fault: bool = False,
        spends: str = "",
        needs: Iterable[str] = (),
        silent: str = "",
    ) -> Callable[[Step_], Step_]:
        """Decorator: an action of ``actor``; of this bitmap, by its suffix.

        ``only``: whether this variant has it.  The rest is as the builder's.
        """
        if not only:
            return lambda function: function
        return self.build.action(
            actor,
            over=over,
            fair=fair,
            fault=fault,
            spends=spends,
            needs=tuple(needs),
            silent=silent or self._seldom,
            suffix=self.suffix,
        )

    def beside(self, build: MachineBuilder) -> dict[str, Any]:
        """What a design declares beside the fields of ``hosts``, by name."""
        return {}

    # -- what else changes with the source's bits, in some design --------

    def bit_is_set(self, granule: Granule) -> Updates:
        """Effect: in the critical section in which the guest's bit is set."""
        return ()

    def bits_change(
        self, gone: ChunkSet | None = None, come: ChunkSet | None = None
    ) -> Updates:
        """Effect: bits go from, or come to, these chunks, by no write."""
        return ()

    @property
    def recorded_apart(self) -> Flag:
        """Whether on the source a successor records, and not the bitmap."""
        return any_of(self.source.job, self.source.frozen)

    @property
    def job_may_begin(self) -> Flag:
        """What the beginning of a backup job waits for besides."""
        return YES

    @property
    def idle(self) -> tuple[Flag, ...]:
        """What an attempt that is over leaves as it was at first."""
        return ()

    def add_own_measures(self) -> None:
        """Declare what this design works off besides; see ``measures``."""

    # -- one or two bitmaps ----------------------------------------------

    @property
    def several(self) -> bool:
        """Whether there are two bitmaps."""
        return len(self.bitmaps) > 1

    @property
    def appears(self) -> bool:
        """Whether the bitmap may be added while attempts are made."""
        return self.options.bitmaps == "appears"

    @property
    def may_leave_out(self) -> bool:
        """Whether an attempt may go without the bitmap."""
        return LEFT_OUT in self.design.words(self.options)

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
        names = [w.this for w in self.bitmaps]
        return self.bitmaps[: names.index(self.this)]

    @property
    def is_last(self) -> bool:
        """Whether this bitmap is the last in the stream."""
        return self.bitmaps[-1].this is self.this

    @property
    def ways(self) -> list[Self]:
        """One world for each connection on which a chunk may travel."""
        if not self.connections:
            return [self]
        return [
            evolve(self, way=way, suffix=self.suffix + other)
            for way, other in enumerate(("", "_on_other"))
        ]

    @property
    def _seldom(self) -> str:
        """Why the other connection may be of no use, or ''."""
        return "where no two chunks are under way at once" if self.way else ""

    def carries(self, kind: Message) -> Channel:
        """The channel on which messages of this kind travel."""
        if self.connections and kind is Message.BITS:
            return self.connections[self.way]
        return self.stream

    def name(self, text: str) -> str:
        """The name of a property of this bitmap."""
        return text + "".join(w.capitalize() for w in self.suffix.split("_"))

    @property
    def holds(self) -> bool:
        """Whether the migration holds the source's bitmap."""
        return self.design.holds and self.has(SOURCE_BUSY)

    @property
    def domain(self) -> Domain:
        """What sets and positions are made of."""
        return self.disk.domain

    # -- what is asked while it runs -------------------------------------

    @property
    def link_up(self) -> Flag:
        """Whether messages can be sent."""
        return self.link.is_(Link.UP)

    @property
    def in_progress(self) -> Flag:
        """Whether the source carries out a migration."""
        return self.source.migration.is_(*IN_PROGRESS).named(
            "a migration is in progress"
        )

    @property
    def destination_done(self) -> Flag:
        """Whether the destination uses the connection no more."""
        here = self.destination
        return any_of(here.stream_ended, here.vm.is_(*ENDED)).named(
            "the destination is done"
        )

    def single(self, granule: Granule) -> GranuleSet:
        """The set that holds just ``granule``."""
        return single(self.disk, granule)

    def messages_lost(self) -> Updates:
        """Effect: what travels to the destination is lost."""
        channels = (self.stream, *self.connections)
        return tuple(u for each in channels for u in each.lose_all())

    def replies_lost(self) -> Updates:
        """Effect: what travels back is lost."""
        if self.return_path is None:
            return ()
        return self.return_path.lose_all()

    def source_closes(self) -> Updates:
        """Effect: the source uses the connection no more.

        What it has sent may still arrive, or not.
        """
        closed = self._closed(self.destination_done)
        return effect("the source closes", (*self.replies_lost(), closed))

    def destination_closes(self) -> Updates:
        """Effect: the destination reads no more, and what was in flight
        to it is lost.
        """
        return effect(
            "the destination closes",
            (
                *self.messages_lost(),
                self.destination.stream_ended.becomes(True),
                self._closed(~self.in_progress),
            ),
        )

    def stream_ends(self) -> Updates:
        """Effect: the destination has read all; only SHUT may still go."""
        still = choose(self.in_progress, self.link, Link.DOWN)
        return effect(
            "the stream ends",
            (
                self.destination.stream_ended.becomes(True),
                self.link.becomes(still),
            ),
        )

    def _closed(self, other_is_done: Flag) -> Update:
        still = choose(self.link.is_(Link.SILENT), self.link, Link.BROKEN)
        return self.link.becomes(choose(~other_is_done, still, Link.DOWN))
