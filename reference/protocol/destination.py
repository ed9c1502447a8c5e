# SPDX-License-Identifier: GPL-2.0-or-later
"""The destination's role, sans-IO: bytes in, events (and a reply) out.

``tables.DESTINATION`` says which event is allowed where.  Messages are worked
off as they arrive; what the destination does on its own (recorders on, VM
start, SHUT) is ``work``, done step by step by its driver.  A
destination takes one migration: one that has failed reads no other.
"""

from __future__ import annotations

from attrs import define, field

from reference.errors import CorruptError, ProtocolError, StreamError
from reference.events import Event
from reference.host import Host, RunState
from reference.protocol.aliases import Aliases
from reference.protocol.loader import Loader
from reference.protocol.passes import Done
from reference.protocol.tables import (
    DESTINATION,
    Arrival,
    ArrivalRow,
    Design,
)
from reference.wire import geometry
from reference.wire.bits import BitsRun
from reference.wire.chunks import Complete, Start
from reference.wire.reader import StreamReader
from reference.wire.return_path import Pong, Shut, encode_return
from reference.wire.stream import (
    DIRTY_BITMAP,
    Broken,
    ChunkItem,
    Command,
    CommandKind,
    EndOfStream,
    Item,
    SectionEnd,
    VmDescription,
)


@define
class Destination:
    """The destination of a migration; the bitmaps are the host's.

    ``ended``: no more is read, by success or failure.  ``error``: why the
    stream cannot be read on, or ''; its driver then closes the
    connection and calls ``lost``.
    ``replies``: bytes for the return path that wait to be sent.  ``advised``,
    ``end_begun``: what the stream has shown of the source's design;
    ``answers``: whether the source has opened a return path;
    ``described``: whether the description that may follow was read.
    """

    design: Design
    chunk_bytes: int = geometry.CHUNK_BYTES
    aliases: Aliases = field(factory=Aliases)
    phase: Arrival = Arrival.WAITING
    reader: StreamReader = field(factory=StreamReader)
    loader: Loader = field(init=False)
    ended: bool = False
    shut_sent: bool = False
    error: str = ""
    replies: bytes = b""
    advised: bool = False
    end_begun: bool = False
    answers: bool = False
    described: bool = False

    def __attrs_post_init__(self) -> None:
        self.loader = self._fresh_loader()

    def _fresh_loader(self) -> Loader:
        return Loader(
            plain=self.design is Design.LIVE,
            ones=self.design is Design.POSTCOPY_ONES,
            chunk_bytes=self.chunk_bytes,
            aliases=self.aliases,
        )

    # -- what may happen ---------------------------------------------------

    def row(self, event: str, host: Host) -> ArrivalRow | None:
        """The table's row for ``event`` now, None if it is not allowed."""
        for row in DESTINATION[self.design]:
            if row.event == event and self.phase in row.phases:
                if event == "migrate_send_rp_shut" and self.shut_sent:
                    return None
                if row.needs == "lost" and self.ended:
                    return None
                return row
        return None

    def work(self, host: Host) -> list[ArrivalRow]:
        """What the destination does next on its own."""
        rows = (
            self.row(row.event, host)
            for row in DESTINATION[self.design]
            if row.needs != "lost" and row.event != "loadvm_run"
        )
        return [row for row in rows if row is not None]

    def do(self, event: str, host: Host) -> Done:
        """Let ``event`` happen; ProtocolError if it is not allowed now."""
        row = self.row(event, host)
        if row is None:
            raise ProtocolError(
                f"{event} is not allowed in phase '{self.phase.value}' of "
                f"{self.design.value}"
            )
        done = getattr(self, event)(host)
        if row.then is not None:
            self.phase = row.then
        if isinstance(done, Done):
            return done
        return Done(done or b"", Event(actor="destination", action=event))

    def lost(self, host: Host) -> Event | None:
        """The connection is gone; what that means now, None if nothing."""
        for row in DESTINATION[self.design]:
            if row.needs == "lost" and self.row(row.event, host):
                return self.do(row.event, host).event
        return None

    # -- the stream --------------------------------------------------------

    def receive(self, data: bytes, host: Host) -> list[Event]:
        """Work off what arrived; look at ``error`` and ``ended`` after."""
        events: list[Event] = []
        if self.error or self.has_failed:
            return events
        for item in self.reader.receive(data):
            try:
                events += self._item(item, host)
            except (StreamError, ProtocolError) as error:
                self.error = str(error)
            if self.error:
                break
        return events

    def take_replies(self) -> bytes:
        """What is to be sent on the return path now."""
        replies, self.replies = self.replies, b""
        return replies

    def _item(self, item: Item, host: Host) -> list[Event]:
        self._check_design(item)
        match item:
            case ChunkItem(chunk=Start() as chunk):
                return self._loaded(self.loader.start(chunk, host))
            case ChunkItem(chunk=BitsRun() as chunk):
                return self._loaded(self.loader.bits(chunk, host))
            case ChunkItem(chunk=Complete() as chunk):
                return self._loaded(self.loader.complete(chunk, host))
            case Command():
                return self._command(item, host)
            case EndOfStream():
                return self._end(host)
            case VmDescription():
                self.described = True
            case Broken():
                raise item.error
        return []

    def _loaded(self, event: Event) -> list[Event]:
        """A refusal may be the end of the migration."""
        failure = self.loader.failure
        if failure:
            self._forget()
            self.error, self.ended = failure, True
        return [event]

    def _check_design(self, item: Item) -> None:
        """CorruptError for what a source of this design does not send."""
        other = None
        match item:
            case Command(kind=CommandKind.POSTCOPY_ADVISE):
                self.advised = True
                # QEMU sends it in precopy as well, if bitmaps may migrate
                if self.design is Design.LIVE:
                    other = "postcopy"
            case Command(kind=CommandKind.POSTCOPY_LISTEN):
                if not self.design.is_postcopy:
                    other = "postcopy"
            case ChunkItem(chunk=Start()):
                if self.design.is_postcopy and not self.advised:
                    other = "live or stop-copy"
            case SectionEnd() if item.idstr == DIRTY_BITMAP:
                self.end_begun = True
            case ChunkItem(chunk=BitsRun()):
                if self.design is Design.LIVE and self.end_begun:
                    other = "stop-copy"
        if other is not None:
            raise CorruptError(
                f"the source uses {other}, this destination waits for "
                f"{self.design.value}"
            )

    def _command(self, item: Command, host: Host) -> list[Event]:
        postcopy = self.design.is_postcopy
        if item.kind == CommandKind.PING:
            self.replies += encode_return(Pong(int.from_bytes(item.data)))
        elif item.kind == CommandKind.OPEN_RETURN_PATH:
            self.answers = True
        elif item.kind == CommandKind.POSTCOPY_RUN and postcopy:
            return [self.do("loadvm_run", host).event]
        return []

    def _end(self, host: Host) -> list[Event]:
        if self.design.is_postcopy:
            if self.phase is Arrival.WAITING:
                raise CorruptError("the stream ends before RUN")
            events = []
            if self.answers:
                # QEMU's source waits for it; bitmaps that are lost are none
                # of its business
                self.replies += encode_return(Shut(0))
        else:
            events = [self.do("loadvm_run", host).event]
        if self.loader.unfinished:
            # the source has ended, and has not said COMPLETE
            self.loader.keep(host)
        self.ended = True
        return events

    # -- what the events do ------------------------------------------------

    def loadvm_run(self, host: Host) -> None:
        """Device state and RUN: the VM belongs here."""
        self.loader.taken_over = True

    def dirty_bitmap_mig_before_vm_start(self, host: Host) -> None:
        """Whoever is to record the guest's writes is switched on."""
        self.loader.before_vm_start(host)
        host.vm = RunState.PRELAUNCH

    def vm_start(self, host: Host) -> None:
        """The guest runs.  QEMU: vm_start(); event RESUME."""
        host.cont()

    def migrate_send_rp_shut(self, host: Host) -> bytes:
        """Tell the source that everything was loaded and the VM runs."""
        self.shut_sent = True
        return encode_return(Shut(0))

    def incoming_fails(self, host: Host) -> None:
        """The stream ended before RUN: remove what it brought.

        The process stays to be asked, and to be ended.
        """
        self.loader.abandon(host)
        self._forget()
        self.ended = True

    def dirty_bitmap_mig_cancel_incoming(self, host: Host) -> Done:
        """The stream is over after RUN: unfinished bitmaps are lost.

        Where they began with every bit set they are kept instead, unless
        what came could not be read: then nothing that it held is trusted.
        """
        kept: list[str] = []
        if self.error:
            self.loader.cancel(host)
        else:
            kept = self.loader.keep(host)
        self.ended = True
        self.reader = StreamReader()
        event = Event(
            actor="destination",
            action="dirty_bitmap_mig_cancel_incoming",
            detail=f"kept, degraded: {', '.join(kept)}" if kept else "",
        )
        return Done(b"", event)

    def _forget(self) -> None:
        self.reader = StreamReader()
        self.loader = self._fresh_loader()
        self.error = ""
        self.replies = b""
        self.advised = self.end_begun = False
        self.answers = self.described = False

    @property
    def has_failed(self) -> bool:
        """Whether the one migration that it takes has failed."""
        return self.ended and self.phase is Arrival.WAITING

    def renew(self) -> None:
        """Another process takes its place: it knows of no migration."""
        self._forget()
        self.phase = Arrival.WAITING
        self.ended = self.shut_sent = False

    def die(self, host: Host) -> None:
        """The process is killed."""
        self._forget()
        self.ended = False
        host.die()
