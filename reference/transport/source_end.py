# SPDX-License-Identifier: GPL-2.0-or-later
"""The source's end of a connection: pumps what its core wants to send.

The rule: a step is taken when the transport offers what its row needs, and
what it returns is written before the next.  A connection that is gone is
told to the core once, and the core says what that means.  An attempt that
fails before the hand-over leaves the VM running here.  QEMU's counterpart:
``migration_thread``, ``source_return_path_thread``.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time
from collections.abc import Callable

from attrs import define, field

from reference.errors import (
    BitmapError,
    DirtyBitmapError,
    TransportError,
)
from reference.events import Event
from reference.host import Host, RunState, Write
from reference.protocol.source import Source
from reference.protocol.tables import Phase
from reference.transport.address import Address, connect
from reference.transport.link import Link
from reference.transport.log import Log, bitmap_fields
from reference.transport.outcome import Progress, Sent
from reference.transport.rate import Rate
from reference.transport.workload import Workload, guest_events
from reference.wire.writer import StreamWriter

#: steps without a pause; no multiple of a live chunk's three
TURN = 8
#: seconds until it is looked again whether a job has ended
JOB = 0.01
#: what waits until the switchover is wanted
SWITCHOVER = ("migrate_start_postcopy", "migration_completion")
SENDS = ("send_bitmap_bits", "send_changed_bits")
SAVE_FAILS = "dirty_bitmap_save_fails"
#: a bitmap ends the attempt
ENDS = {
    SAVE_FAILS: "",
    "dirty_bitmap_save_setup_busy": "a backup job holds a bitmap",
}
#: after the end of the stream; QEMU's destination waits for it before it
#: says SHUT, and if the connection ends instead it says SHUT 1
DESCRIPTION = StreamWriter().vm_description('{"devices": []}')


async def send(
    host: Host,
    source: Source,
    address: Address,
    *,
    rate: Rate | None = None,
    tls: ssl.SSLContext | None = None,
    log: Log | None = None,
    progress: Callable[[Progress], None] | None = None,
    workload: Workload | None = None,
    cancel: asyncio.Event | None = None,
    switchover: asyncio.Event | None = None,
) -> Sent:
    """One attempt to migrate ``host``'s bitmaps to ``address``.

    ``rate``: bytes a second.  ``workload`` writes until the VM stops or the
    attempt is over.  ``cancel``: when it is set, migrate_cancel.
    ``switchover``: the VM is not stopped before it is set.  May be called
    again after a failure.  A backup job that holds a bitmap is waited for.

    Raises BitmapError if a bitmap is inconsistent or otherwise busy, and
    ProtocolError if the source cannot migrate; then nothing has happened.
    """
    sending = _Sending(host, source, rate, log, progress, workload, switchover)
    return await sending.run(address, tls, cancel or asyncio.Event())


@define
class _Sending:
    """One attempt; times are in seconds, as of ``time.monotonic``."""

    host: Host
    source: Source
    rate: Rate | None
    log: Log | None
    progress: Callable[[Progress], None] | None
    workload: Workload | None
    switchover: asyncio.Event | None
    wake: asyncio.Event = field(factory=asyncio.Event)
    chunks: int = 0
    chunks_sent: int = 0
    bytes_sent: int = 0
    stop_at: float = 0.0
    stop_bytes: int = 0
    over_at: float = 0.0
    over_bytes: int = 0
    last: tuple[int, int] = (0, -1)

    async def run(
        self,
        address: Address,
        tls: ssl.SSLContext | None,
        cancel: asyncio.Event,
    ) -> Sent:
        """The whole attempt."""
        begun = time.monotonic()
        labels = self._header()
        again = self.source.phase is Phase.FAILED
        self._do("migrate_again" if again else "migrate")
        stop = asyncio.create_task(self._wake_at(cancel))
        wanted = asyncio.create_task(self._wake_at(self.switchover))
        guest = self._start_guest()
        error: DirtyBitmapError | None = None
        acknowledged = False
        try:
            link = await self._connect(address, tls, stop)
            try:
                acknowledged = await self._migrate(link, stop)
            finally:
                await self._close(link, acknowledged, cancel.is_set())
        except (TransportError, BitmapError) as failure:
            error = failure
        finally:
            stop.cancel()
            wanted.cancel()
            self._lost()
            guest_error = await self._end_guest(guest)
        end = time.monotonic()
        return Sent(
            phase=self.source.phase,
            error=error,
            acknowledged=acknowledged,
            interrupted=cancel.is_set() and error is not None,
            bitmaps=labels,
            chunks=self.chunks,
            chunks_sent=self.chunks_sent,
            bytes_sent=self.bytes_sent,
            seconds=end - begun,
            stopped_seconds=(self.over_at or end) - (self.stop_at or end),
            stopped_at=self.stop_at,
            stopped_bytes=self._stopped_bytes(),
            guest_error=guest_error,
        )

    def _header(self) -> tuple[str, ...]:
        source = self.source
        bitmaps = []
        for names, _ in source.aliases.outgoing(self.host):
            bitmap = self.host.bitmap(*names)
            label = "/".join(names)
            bitmaps.append(bitmap_fields(label, bitmap, source.chunk_bytes))
        self.chunks = sum(fields["chunks"] for fields in bitmaps)
        if self.log is not None:
            downtime = min(source.downtime, self.chunks)
            self.log.header(
                "source", source.design, bitmaps, downtime=downtime
            )
        return tuple(fields["bitmap"] for fields in bitmaps)

    # -- the connection ----------------------------------------------------

    async def _connect(
        self,
        address: Address,
        tls: ssl.SSLContext | None,
        stop: asyncio.Task[None],
    ) -> Link:
        connecting = asyncio.create_task(connect(address, tls))
        await asyncio.wait(
            {connecting, stop}, return_when=asyncio.FIRST_COMPLETED
        )
        if not connecting.done():
            connecting.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await connecting
        if connecting.cancelled():
            raise TransportError(f"{address}: cancelled")
        return connecting.result()

    async def _migrate(self, link: Link, stop: asyncio.Task[None]) -> bool:
        """Until the end; whether the peer has closed in good order."""
        pump = asyncio.create_task(self._pump(link))
        listen = asyncio.create_task(self._listen(link))
        left: set[asyncio.Task[None]] = {pump, listen}
        try:
            while True:
                await asyncio.wait(
                    {*left, stop}, return_when=asyncio.FIRST_COMPLETED
                )
                if stop.done():
                    self._cancel()
                    raise TransportError("cancelled")
                if listen.done():
                    listen.result()
                    return self._peer_closed()
                if pump.done():
                    pump.result()
                    left.discard(pump)
        finally:
            for task in (pump, listen):
                task.cancel()
            await asyncio.gather(pump, listen, return_exceptions=True)

    def _peer_closed(self) -> bool:
        if self.source.phase is Phase.COMPLETED:
            return True
        raise TransportError(
            f"the destination closed after {self.bytes_sent} bytes "
            f"({self.source.phase.value})"
        )

    async def _close(
        self, link: Link, acknowledged: bool, cancelled: bool
    ) -> None:
        if acknowledged:
            await link.close()
        elif cancelled or self.source.phase is not Phase.COMPLETED:
            await link.abort()
        else:
            await link.close()

    async def _listen(self, link: Link) -> None:
        """The return path, until the peer closes."""
        while data := await link.read():
            for event in self.source.receive(data, self.host):
                self._logged(event)
            self._mark_over()
            self.wake.set()
            if self.source.error:
                raise TransportError(self.source.error)
        if any(self.source.replies.close()):
            raise TransportError("the return path ends within a message")

    # -- the pump ----------------------------------------------------------

    async def _pump(self, link: Link) -> None:
        """Take the core's steps until it has none left."""
        steps = 0
        while True:
            # what is asked for below is true of a transport with room
            await link.room()
            if self.rate is not None:
                await self.rate.ready()
            self.wake.clear()
            event = self._next()
            if event is None:
                if self.source.phase is Phase.COMPLETED:
                    await link.finish()
                    return
                await self._woken()
                continue
            data = self._do(event)
            link.write(data)
            if self.rate is not None:
                self.rate.spend(len(data))
            self._mark_over()
            steps += 1
            if steps % TURN == 0:
                # the guest and the peer have their turn
                await asyncio.sleep(0)

    async def _woken(self) -> None:
        """Until there may be something to do; no job tells that it ends."""
        while self.source.waits_for_job(self.host):
            if self.wake.is_set():
                return
            await asyncio.sleep(JOB)
            if not self.source.waits_for_job(self.host):
                return
        await self.wake.wait()

    def _next(self) -> str | None:
        """The core's next step, None if it waits for somebody."""
        wanted = self.switchover is None or self.switchover.is_set()
        if wanted and self.source.row("migrate_start_postcopy", self.host):
            return "migrate_start_postcopy"
        # the first of ``source.work``, without a look at the others
        for row in self.source.rows:
            if not row.own and row.event != SAVE_FAILS:
                continue
            if not wanted and row.event in SWITCHOVER:
                continue
            if self.source.row(row.event, self.host) is not None:
                return row.event
        return None

    def _do(self, event: str) -> bytes:
        ran = self.host.vm is RunState.RUNNING
        index, chunk = self._choose(event)
        done = self.source.do(event, self.host, chunk, index)
        if ran and self.host.vm is not RunState.RUNNING:
            self.stop_at = time.monotonic()
            self.stop_bytes = self.bytes_sent
        data = done.data
        if event == "send_device_state":
            data += DESCRIPTION
        self.bytes_sent += len(data)
        self._logged(done.event)
        if event in ENDS:
            raise BitmapError(done.event.detail or ENDS[event])
        if event in SENDS:
            self.chunks_sent += done.event.chunks
        if self.progress is not None:
            self.progress(
                Progress(
                    self.source.phase,
                    self.chunks,
                    self.chunks_sent,
                    self.bytes_sent,
                )
            )
        return data

    def _choose(self, event: str) -> tuple[int, int]:
        """Bitmap and chunk; live: after the last one, or else the first."""
        source, host = self.source, self.host
        if event == "send_changed_bits":
            return source.to_send_again() or (0, -1)
        if event != "dirty_phase":
            return 0, -1
        found = source.next_changed(host, self.last)
        self.last = found or source.next_changed(host) or (0, -1)
        return self.last

    def _mark_over(self) -> None:
        """Note when the VM's time between the two hosts is over."""
        phase = self.source.phase
        if phase is Phase.HANDED_OVER:
            word = "close_return_path_on_source"
            over = self.source.row(word, self.host) is None
        else:
            over = phase is Phase.COMPLETED
        if over and not self.over_at:
            self.over_at = time.monotonic()
            self.over_bytes = self.bytes_sent

    def _stopped_bytes(self) -> int:
        if not self.stop_at:
            return 0
        end = self.over_bytes if self.over_at else self.bytes_sent
        return end - self.stop_bytes

    # -- failures ----------------------------------------------------------

    def _cancel(self) -> None:
        if self.source.row("migrate_cancel", self.host) is not None:
            self._do("migrate_cancel")

    def _lost(self) -> None:
        """The connection is gone; who keeps the VM goes on with it."""
        event = self.source.lost(self.host)
        if event is not None:
            self._logged(event)
        failed = self.source.phase is Phase.FAILED
        if failed and self.host.vm in (RunState.STOPPING, RunState.STOPPED):
            self._do("resume_source")

    # -- the guest, the log ------------------------------------------------

    def _start_guest(self) -> asyncio.Task[None] | None:
        if self.workload is None:
            return None
        return asyncio.create_task(self.workload.run(self._wrote))

    async def _end_guest(
        self, guest: asyncio.Task[None] | None
    ) -> DirtyBitmapError | None:
        """End it; what went wrong with it."""
        if guest is not None:
            guest.cancel()
            try:
                await guest
            except asyncio.CancelledError:
                return None
            except DirtyBitmapError as error:
                return error
        return None

    def _wrote(self, action: str, write: Write) -> None:
        self.wake.set()
        if self.log is not None:
            for event in guest_events("source", action, write, self.host):
                self.log.event(event)

    def _logged(self, event: Event) -> None:
        if self.log is not None:
            self.log.event(event)

    async def _wake_at(self, happens: asyncio.Event | None) -> None:
        if happens is not None:
            await happens.wait()
            self.wake.set()
