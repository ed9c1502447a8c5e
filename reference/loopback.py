# SPDX-License-Identifier: GPL-2.0-or-later
"""Both ends in one process, joined by a pipe that can fail at any byte.

Deterministic: nothing happens unless it is asked for, one step at a time.
The pipe keeps what was written in *messages*, one for each step of a sender;
it hands them on whole or byte by byte.  A cut loses what is in flight; a
process that dies or closes leaves what it has sent.
"""

from __future__ import annotations

import enum

from attrs import define, field

from reference.errors import ProtocolError
from reference.events import Event
from reference.host import Host, RunState
from reference.protocol.destination import Destination
from reference.protocol.source import Source
from reference.protocol.tables import Arrival, Design, Phase


class Connection(enum.Enum):
    """What joins the two ends."""

    DOWN = "down"  # there is none
    UP = "up"
    BROKEN = "broken"  # closed at one end; the other has not noticed


@define
class Pipe:
    """What is in flight in one direction.

    ``messages``: oldest first; ``delivered``: bytes of the first that have
    arrived; ``capacity``: how many messages fit.
    """

    capacity: int = 1 << 30
    messages: list[bytes] = field(factory=list)
    delivered: int = 0

    @property
    def has_room(self) -> bool:
        """Whether one more message fits."""
        return len(self.messages) < self.capacity

    @property
    def is_empty(self) -> bool:
        """Whether nothing is in flight."""
        return not self.messages

    def put(self, data: bytes) -> None:
        """A message is sent."""
        if data:
            self.messages.append(data)

    def take(self, most: int | None = None) -> bytes:
        """What is left of the first message, or ``most`` bytes of it."""
        head = self.messages[0]
        end = len(head)
        if most is not None:
            end = min(end, self.delivered + most)
        data = head[self.delivered : end]
        self.delivered = end
        if end == len(head):
            del self.messages[0]
            self.delivered = 0
        return data

    def lose(self) -> None:
        """What is in flight is lost."""
        self.messages.clear()
        self.delivered = 0


@define
class Loopback:
    """A source, a destination, and the connection between them."""

    source_host: Host
    destination_host: Host
    source: Source
    destination: Destination
    connection: Connection = Connection.DOWN
    forward: Pipe = field(factory=Pipe)
    backward: Pipe = field(factory=Pipe)

    @classmethod
    def create(
        cls,
        design: Design,
        nodes: dict[str, int],
        chunk_bytes: int,
        capacity: int = 1 << 30,
        downtime: int = 1,
    ) -> Loopback:
        """A running source and a waiting destination with equal ``nodes``.

        ``nodes`` maps names to sizes in bytes.
        """
        source_host = Host(RunState.RUNNING)
        destination_host = Host(RunState.INMIGRATE)
        for name, size in nodes.items():
            source_host.add_node(name, size)
            destination_host.add_node(name, size)
        return cls(
            source_host,
            destination_host,
            Source(design, chunk_bytes, downtime),
            Destination(design, chunk_bytes),
            forward=Pipe(capacity),
            backward=Pipe(1),
        )

    # -- what the transport offers -----------------------------------------

    def offers(self, needs: str, pipe: Pipe) -> bool:
        """Whether a row that ``needs`` this may happen now."""
        up = self.connection is Connection.UP
        if needs == "room":
            return up and pipe.has_room
        if needs == "link":
            return up
        if needs == "lost":
            return not up
        return True

    # -- the source --------------------------------------------------------

    def source_can(self, event: str) -> bool:
        """Whether the source may take this step now."""
        row = self.source.row(event, self.source_host)
        if row is None:
            return False
        if event in ("migrate", "migrate_again"):
            return (
                self.connection is Connection.DOWN
                and self.destination_host.vm is RunState.INMIGRATE
                and self.destination.phase is Arrival.WAITING
            )
        return self.offers(row.needs, self.forward)

    def source_does(
        self, event: str, chunk: int = -1, index: int = 0
    ) -> Event:
        """One step of the source, or of management with the source."""
        if not self.source_can(event):
            raise ProtocolError(f"{event} is not possible now")
        row = self.source.row(event, self.source_host)
        if row is not None and row.needs == "lost":
            lost = self.source.lost(self.source_host)
            assert lost is not None
            return lost
        done = self.source.do(event, self.source_host, chunk, index)
        self.forward.put(done.data)
        if event in ("migrate", "migrate_again"):
            self.connection = Connection.UP
        elif event in ("migrate_cancel", "dirty_bitmap_save_fails"):
            self.connection = Connection.BROKEN
        return done.event

    def shut_arrives(self) -> list[Event]:
        """What is on the return path reaches the source."""
        events = self.source.receive(self.backward.take(), self.source_host)
        if self.source.phase is Phase.COMPLETED:
            self.connection = Connection.DOWN
        elif self.source.error:
            self.connection = Connection.BROKEN
        return events

    # -- the destination ---------------------------------------------------

    def deliver(self, most: int | None = None) -> list[Event]:
        """The next message (or ``most`` bytes of it) arrives."""
        data = self.forward.take(most)
        events = self.destination.receive(data, self.destination_host)
        self.backward.put(self.destination.take_replies())
        if self.destination.error:
            # the destination closes: what is in flight is lost
            self.forward.lose()
            self.backward.lose()
            self.connection = Connection.BROKEN
        elif self.destination.ended and (
            self.destination.design is Design.POSTCOPY
        ):
            self.connection = Connection.DOWN
        return events

    def destination_can(self, event: str) -> bool:
        """Whether the destination may take this step now."""
        row = self.destination.row(event, self.destination_host)
        if row is None or self.destination_host.vm is RunState.GONE:
            return False
        if row.needs == "lost":
            broken = self.connection is Connection.BROKEN
            return broken and self.forward.is_empty
        return self.offers(row.needs, self.backward)

    def destination_does(self, event: str) -> Event:
        """One step that the destination takes on its own."""
        if not self.destination_can(event):
            raise ProtocolError(f"{event} is not possible now")
        row = self.destination.row(event, self.destination_host)
        if row is not None and row.needs == "lost":
            lost = self.destination.lost(self.destination_host)
            assert lost is not None
            self.connection = Connection.DOWN
            return lost
        done = self.destination.do(event, self.destination_host)
        self.backward.put(done.data)
        return done.event

    # -- failures, and management's last resort ----------------------------

    def cut(self) -> None:
        """The connection breaks; what is in flight is lost, both ways."""
        self.connection = Connection.BROKEN
        self.forward.lose()
        self.backward.lose()

    def kill_source(self) -> None:
        """The source's process dies; what it has sent still arrives."""
        self.source.die(self.source_host)
        self.backward.lose()
        if self.connection is Connection.UP:
            self.connection = Connection.BROKEN

    def kill_destination(self) -> None:
        """The destination's process dies."""
        self.destination.die(self.destination_host)
        self.cut()

    def fence(self) -> None:
        """Management ends the destination; the source may resume."""
        self.source.do("fence_destination", self.source_host)
        self.destination.die(self.destination_host)
        self.cut()
        self.connection = Connection.DOWN
