# SPDX-License-Identifier: GPL-2.0-or-later
"""Both ends in one process, joined by a pipe that can fail at any byte.

Deterministic: nothing happens unless it is asked for, one step at a time.
The pipe keeps what was written in *messages*, one for each step of a sender;
it hands them on whole or byte by byte.  When the connection breaks nothing in
flight is lost at once: each end uses what has come to it until it notices, in
its own time.  Of a silent break neither is told until a time-out.
"""

from __future__ import annotations

import enum

from attrs import define, field

from reference.errors import ProtocolError
from reference.events import Event
from reference.host import Host, RunState
from reference.protocol.destination import Destination
from reference.protocol.source import Source
from reference.protocol.tables import IN_PROGRESS, Arrival, Design, Phase


class Connection(enum.Enum):
    """What joins the two ends."""

    DOWN = "down"  # there is none, or neither end uses it any more
    UP = "up"
    BROKEN = "broken"  # over: an end that still uses it may notice
    SILENT = "silent"  # nothing moves, and neither end is told


#: in which the source uses the connection no more, and not in good order
ENDED = (Phase.FAILED, Phase.IN_DOUBT)


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
        downtime: int | None = None,
        bulk: bool = False,
    ) -> Loopback:
        """A running source and a waiting destination with equal ``nodes``.

        ``nodes`` maps names to sizes in bytes.  ``bulk``: the source makes a
        pass while the guest runs, whatever the design.
        """
        source_host = Host(RunState.RUNNING)
        destination_host = Host(RunState.INMIGRATE)
        for name, size in nodes.items():
            source_host.add_node(name, size)
            destination_host.add_node(name, size)
        source = Source(design, chunk_bytes)
        if downtime is not None:
            source.downtime = downtime
        source.bulk = source.bulk or bulk
        return cls(
            source_host,
            destination_host,
            source,
            Destination(design, chunk_bytes),
            forward=Pipe(capacity),
            backward=Pipe(1),
        )

    # -- what the transport offers -----------------------------------------

    def offers(self, needs: str, pipe: Pipe) -> bool:
        """Whether a row that ``needs`` this may happen now.

        What is sent after a break is as good as sent before it and lost, so
        nothing is sent then.
        """
        up = self.connection is Connection.UP
        if needs == "room":
            return up and pipe.has_room
        if needs == "link":
            return up
        if needs == "lost":
            return self.connection is Connection.BROKEN
        return True

    # -- the source, and management with it --------------------------------

    def source_can(self, event: str) -> bool:
        """Whether the source may take this step now."""
        row = self.source.row(event, self.source_host)
        if row is None:
            return False
        if event == "migrate":
            waiting = self.destination_host.vm is RunState.INMIGRATE
            return waiting and not self.destination.has_failed
        if event == "migrate_again":
            return self._destination_failed()
        if event == "fence_destination":
            return self._unknown_who_runs()
        if event == "quit_source":
            return self.destination.phase is Arrival.RUNNING
        return self.offers(row.needs, self.forward)

    def _destination_failed(self) -> bool:
        """What management is shown: ended before its VM ran, or failed."""
        ended = self.destination_host.vm is RunState.GONE
        resumed = self.destination.phase is Arrival.RUNNING
        return self.destination.has_failed or (ended and not resumed)

    def _unknown_who_runs(self) -> bool:
        """RUN was sent and the destination was never seen to resume."""
        if self.source.phase is Phase.COMPLETED:
            return self._destination_failed()
        return self.destination.phase is not Arrival.RUNNING

    def source_does(
        self, event: str, chunk: int = -1, index: int = 0
    ) -> Event:
        """One step of the source, or of management with the source."""
        if not self.source_can(event):
            raise ProtocolError(f"{event} is not possible now")
        done = self.source.do(event, self.source_host, chunk, index)
        self.forward.put(done.data)
        if event in ("migrate", "migrate_again"):
            if event == "migrate_again":
                self._renew_destination()
            self.connection = Connection.UP
        elif event == "fence_destination":
            self._end_destination()
        if self.source.phase in ENDED:
            self._source_closes()
        self._settle()
        return done.event

    def _end_destination(self) -> None:
        self.destination.die(self.destination_host)
        self.forward.lose()

    def _renew_destination(self) -> None:
        """A destination takes one migration: the next goes to another."""
        host = Host(RunState.INMIGRATE)
        for node in self.destination_host.nodes.values():
            host.add_node(node.name, node.size)
        self.destination_host = host
        self.destination.renew()
        self.forward.lose()

    def shut_arrives(self, most: int | None = None) -> list[Event]:
        """What is on the return path (or a part of it) comes to the source."""
        data = self.backward.take(most)
        events = self.source.receive(data, self.source_host)
        if self.source.error:
            self._breaks()
        self._settle()
        return events

    # -- the destination ---------------------------------------------------

    def deliver(self, most: int | None = None) -> list[Event]:
        """The next message (or ``most`` bytes of it) arrives."""
        data = self.forward.take(most)
        events = self.destination.receive(data, self.destination_host)
        self.backward.put(self.destination.take_replies())
        if self.destination.error:
            self._destination_closes()
        self._settle()
        return events

    def destination_can(self, event: str) -> bool:
        """Whether the destination may take this step now."""
        row = self.destination.row(event, self.destination_host)
        if row is None or self.destination_host.vm is RunState.GONE:
            return False
        return self.offers(row.needs, self.backward)

    def destination_does(self, event: str) -> Event:
        """One step that the destination takes on its own."""
        if not self.destination_can(event):
            raise ProtocolError(f"{event} is not possible now")
        row = self.destination.row(event, self.destination_host)
        done = self.destination.do(event, self.destination_host)
        self.backward.put(done.data)
        if row is not None and row.needs == "lost":
            self._destination_closes()
        self._settle()
        return done.event

    # -- failures, and management's last resort ----------------------------

    def cut(self, silent: bool = False) -> None:
        """The connection breaks; what is in flight may still arrive."""
        self.connection = Connection.SILENT if silent else Connection.BROKEN
        self._settle()

    def time_out(self) -> None:
        """A connection on which nothing moves is given up."""
        if self.connection is Connection.SILENT:
            self.connection = Connection.BROKEN

    def kill_source(self) -> None:
        """The source's process dies; what it has sent may still arrive."""
        self.source.die(self.source_host)
        self._source_closes()
        self._settle()

    def kill_destination(self) -> None:
        """The destination's process dies; what it has sent may arrive."""
        self.destination.die(self.destination_host)
        self._destination_closes()
        self._settle()

    def fence(self) -> None:
        """Management ends the destination; the source may resume."""
        self.source_does("fence_destination")

    # -- the connection's end ----------------------------------------------

    def _breaks(self) -> None:
        if self.connection is Connection.UP:
            self.connection = Connection.BROKEN

    def _source_closes(self) -> None:
        """It reads no more; what it has sent may still arrive."""
        self.backward.lose()
        self._breaks()

    def _destination_closes(self) -> None:
        """It reads no more; what it has sent may still arrive."""
        self.forward.lose()
        self._breaks()

    def _settle(self) -> None:
        """The connection is down when neither end uses it any more."""
        here = self.destination
        ended = self.destination_host.vm is RunState.GONE or here.ended
        if ended and self.source.phase not in IN_PROGRESS:
            self.connection = Connection.DOWN
