# SPDX-License-Identifier: GPL-2.0-or-later
"""The source's role, sans-IO: events in, bytes and events out.

``tables.SOURCE`` says which event is allowed in which phase; a method named
after the event says what it does, one named ``_may_...`` what must hold
beside the phase.  Nothing here knows a socket, a clock or a thread: the code
that drives it calls ``do`` when the transport offers what the row needs.

An attempt that fails before the hand-over leaves the bitmaps as they were.
"""

from __future__ import annotations

from attrs import define, field

from reference.errors import ProtocolError
from reference.events import Event
from reference.host import Host, RunState
from reference.protocol.outgoing import outgoing
from reference.protocol.passes import Done
from reference.protocol.sending import Sending
from reference.protocol.tables import (
    BULK_POSTCOPY,
    SOURCE,
    Design,
    Phase,
    Row,
)
from reference.wire import geometry
from reference.wire.chunks import Complete, Start
from reference.wire.return_path import BrokenReturn, ReturnReader, Shut
from reference.wire.stream import DIRTY_BITMAP, CommandKind
from reference.wire.writer import StreamWriter

#: not 0: QEMU's destination takes that for the first section that it has
#: and that was not started
SECTION_ID = 1
#: which chunk they are about is up to the driver
CHOOSES = ("dirty_phase", "send_changed_bits")
ACTORS = {
    "migrate": "management",
    "migrate_again": "management",
    "migrate_start_postcopy": "management",
    "migrate_cancel": "management",
    "block_job_cancel": "management",
    "resume_source": "management",
    "fence_destination": "management",
    "quit_source": "management",
}


@define
class Source(Sending):
    """The source of a migration; the bitmaps stay in the host.

    ``error``: why the destination can be waited for no longer, or '';
    the driver of the source then closes the connection and calls ``lost``.
    """

    replies: ReturnReader = field(factory=ReturnReader)
    error: str = ""

    # -- what may happen ---------------------------------------------------

    @property
    def rows(self) -> tuple[Row, ...]:
        """The table that holds for this source."""
        if self.bulk and self.design.is_postcopy:
            return BULK_POSTCOPY
        return SOURCE[self.design]

    def row(self, event: str, host: Host) -> Row | None:
        """The table's row for ``event`` now, None if it is not allowed."""
        for row in self.rows:
            if row.event == event and self.phase in row.phases:
                if row.own and self.trouble(host):
                    return None
                asks = getattr(self, f"_may_{event}", None)
                return row if asks is None or asks(host) else None
        return None

    def work(self, host: Host) -> list[Row]:
        """The source's own next steps, in the table's order."""
        rows = (
            self.row(row.event, host)
            for row in self.rows
            if row.own or row.event == "dirty_bitmap_save_fails"
        )
        return [row for row in rows if row is not None]

    def dirty_bitmap_save_fails(self, host: Host) -> Done:
        """A bitmap cannot be used any more: the attempt fails, all stays."""
        reason = self.trouble(host)
        self._release(host, moved=False)
        event = Event(
            actor="source", action="dirty_bitmap_save_fails", detail=reason
        )
        return Done(b"", event)

    def do(
        self, event: str, host: Host, chunk: int = -1, index: int = 0
    ) -> Done:
        """Let ``event`` happen.

        ``chunk`` of bitmap ``index``: for the events in ``CHOOSES``.
        Raises ProtocolError if the table does not allow it now.
        """
        row = self.row(event, host)
        if row is None:
            raise ProtocolError(
                f"{event} is not allowed in phase '{self.phase.value}' of "
                f"{self.design.value}"
            )
        actor = ACTORS.get(event, "source")
        if event in CHOOSES:
            done = getattr(self, event)(host, chunk, index)
        else:
            done = getattr(self, event)(host)
        if row.then is not None:
            self.phase = row.then
        if isinstance(done, Done):
            return done
        return Done(done or b"", Event(actor=actor, action=event))

    def next_chunk(self, event: str) -> int:
        """The chunk that ``event`` would be about, -1 if there is none."""
        if self.taken is not None:
            return self.taken.chunk
        index = self._unfinished()
        return -1 if index is None else self.bitmaps[index].cursor

    def lost(self, host: Host) -> Event | None:
        """The connection is gone; what that means now, None if nothing."""
        for row in self.rows:
            if row.needs == "lost" and self.phase in row.phases:
                return self.do(row.event, host).event
        return None

    def receive(self, data: bytes, host: Host) -> list[Event]:
        """Bytes from the return path; look at ``error`` after.

        What has no meaning in this phase is ignored.
        """
        events = []
        closes = "close_return_path_on_source"
        for message in self.replies.receive(data):
            match message:
                case Shut(value=0) if self.row(closes, host):
                    events.append(self.do(closes, host).event)
                    break
                case Shut(value=value) if value:
                    self.error = f"the destination failed: SHUT {value}"
                case BrokenReturn(error=error):
                    self.error = f"return path: {error}"
        return events

    # -- setup -------------------------------------------------------------

    def dirty_bitmap_save_setup_busy(self, host: Host) -> None:
        """A job holds a bitmap: the attempt fails, all stays."""
        self._release(host, moved=False)

    def dirty_bitmap_save_setup(self, host: Host) -> bytes:
        """Take the bitmaps, announce them.  QEMU: the same name."""
        self.bitmaps = [
            outgoing(host, names, aliases, self.chunk_bytes)
            for names, aliases in self.aliases.outgoing(host)
        ]
        out = self.writer
        data = [out.header(), out.configuration()]
        if self.design.is_postcopy:
            data.append(out.command(CommandKind.POSTCOPY_ADVISE))
        else:
            data.append(out.command(CommandKind.OPEN_RETURN_PATH))
        data.append(out.section_start(DIRTY_BITMAP, section_id=SECTION_ID))
        for sent in self.bitmaps:
            bitmap = sent.bitmap(host)
            start = Start(
                sent.node_alias,
                sent.alias,
                bitmap.granularity,
                bitmap.records,
                bitmap.persistent,
            )
            data.append(out.chunk(start))
            bitmap.skip_store = True
            if self.design is Design.LIVE:
                bitmap.attach_meta(
                    geometry.granules_per_chunk(
                        bitmap.granularity, self.chunk_bytes
                    )
                )
            elif self.bulk:
                # what is sent does not change; the guest's writes go on in
                # the successor
                bitmap.create_successor()
            else:
                bitmap.busy = True
        return b"".join([*data, out.end_of_section(), out.footer()])

    # -- switchover --------------------------------------------------------

    def migrate_start_postcopy(self, host: Host) -> None:
        """Management asks for the switchover."""

    def _may_postcopy_start(self, host: Host) -> bool:
        return host.vm is RunState.RUNNING

    def postcopy_start(self, host: Host) -> None:
        """Stop the VM: the guest issues no more writes."""
        host.stop()

    def _may_migration_completion(self, host: Host) -> bool:
        if host.vm is not RunState.RUNNING or self.taken is not None:
            return False
        if self.waits_for_job(host):
            return False
        return self._little_is_pending(host)

    migration_completion = postcopy_start

    def _may_bdrv_drain_all(self, host: Host) -> bool:
        return host.vm is RunState.STOPPING and host.drained

    def bdrv_drain_all(self, host: Host) -> None:
        """No write is in flight any more: the VM counts as stopped."""
        host.stopped()

    def _may_send_postcopy_run(self, host: Host) -> bool:
        return not self.is_frozen(host)

    def send_postcopy_run(self, host: Host) -> bytes:
        """The package: from here on the destination may run."""
        out = self.writer
        nested = out.command(CommandKind.POSTCOPY_LISTEN)
        return out.package(nested + out.command(CommandKind.POSTCOPY_RUN))

    # -- the end -----------------------------------------------------------

    def _may_send_bitmap_complete(self, host: Host) -> bool:
        if self._unfinished() is not None or self.taken is not None:
            return False
        if self.is_frozen(host) or self.to_send_again() is not None:
            return False
        return self.design is not Design.LIVE or self._pending(host) == 0

    def send_bitmap_complete(self, host: Host) -> bytes:
        """COMPLETE for every bitmap; in postcopy also the stream's end."""
        out = self.writer
        data = [self._begin_end()]
        for sent in self.bitmaps:
            data.append(out.chunk(Complete(sent.node_alias, sent.alias)))
            if self.design is Design.LIVE:
                sent.bitmap(host).drop_meta()
            sent.cursor = 0
        data += [out.end_of_section(), out.footer()]
        if self.design.is_postcopy:
            data.append(out.end_of_stream())
            self._release(host)
        return b"".join(data)

    def _may_send_device_state(self, host: Host) -> bool:
        return host.vm is RunState.STOPPED

    def send_device_state(self, host: Host) -> bytes:
        """The end of the stream: from here on the destination may run."""
        return self.writer.end_of_stream()

    def close_return_path_on_source(self, host: Host) -> None:
        """SHUT came: the destination runs."""
        self._release(host)

    # -- failures ----------------------------------------------------------

    def _release(self, host: Host, moved: bool = True) -> None:
        """Release the bitmaps and forget the attempt.

        QEMU: dirty_bitmap_do_save_cleanup().
        """
        for sent in self.bitmaps:
            if not host.has_bitmap(sent.node, sent.name):
                continue
            bitmap = sent.bitmap(host)
            if self.design is Design.LIVE:
                bitmap.drop_meta()
            elif self.bulk and bitmap.frozen:
                bitmap.reclaim()
            else:
                bitmap.busy = False
            if not moved:
                bitmap.skip_store = False
        self.bitmaps = []
        self.writer = StreamWriter()
        self.replies = ReturnReader()
        self.end_begun = False
        self.error = ""
        self.taken = self.part = None

    def migration_fails(self, host: Host) -> None:
        """The connection is over, and the source gets to know it.

        Before the hand-over nothing is lost.  After it the source must not
        resume: the destination may have what was sent.
        """
        self._release(host, moved=self.phase is Phase.HANDED_OVER)

    migrate_cancel = migration_fails

    def _may_resume_source(self, host: Host) -> bool:
        return host.vm in (RunState.STOPPING, RunState.STOPPED)

    def resume_source(self, host: Host) -> None:
        """The guest goes on here after a failed attempt."""
        host.cont()

    def _may_fence_destination(self, host: Host) -> bool:
        return host.vm is RunState.STOPPED

    def fence_destination(self, host: Host) -> None:
        """Management has ended the destination: the source may resume."""
        for node in host.nodes.values():
            for bitmap in node.bitmaps.values():
                bitmap.skip_store = False
        self._release(host, moved=False)

    def _may_quit_source(self, host: Host) -> bool:
        return host.vm is RunState.STOPPED and host.drained

    def quit_source(self, host: Host) -> None:
        """The VM has moved: this process ends."""
        self._release(host)
        host.die()

    def die(self, host: Host) -> None:
        """The process is killed."""
        self._release(host)
        self.phase = Phase.GONE
        host.die()
