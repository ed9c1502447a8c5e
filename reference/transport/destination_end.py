# SPDX-License-Identifier: GPL-2.0-or-later
"""The destination's end: what arrives goes into its core.

The rule: one connection after the other.  A destination takes one migration:
after a failed one the next comes to a new one, as if to another process.  A
connection on which nothing was sent is no attempt.  Once the VM runs here the
process serves no other.  QEMU's counterpart:
``process_incoming_migration_co``.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time
from collections.abc import Callable

from attrs import define

from reference.errors import (
    DirtyBitmapError,
    DroppedError,
    ProtocolError,
    StreamError,
    TransportError,
)
from reference.events import Event
from reference.host import Host, RunState, Write
from reference.protocol.destination import Destination
from reference.protocol.tables import Arrival
from reference.transport.address import Address, Listener, listen
from reference.transport.link import Link
from reference.transport.log import Log, bitmap_fields
from reference.transport.outcome import Received, Verdict
from reference.transport.workload import Workload, guest_events

LINGER = 1.0  # seconds, for what may follow the end of the stream


async def serve(
    host: Host,
    destination: Destination,
    address: Address,
    *,
    tls: ssl.SSLContext | None = None,
    log: Log | None = None,
    progress: Callable[[int], None] | None = None,
    workload: Workload | None = None,
    once: bool = False,
    cancel: asyncio.Event | None = None,
    ready: Callable[[Address], None] | None = None,
    failed: Callable[[DirtyBitmapError], None] | None = None,
) -> Received:
    """Wait at ``address`` until a migration has come to its end.

    ``ready`` is told where it listens, ``failed`` why an attempt has failed,
    ``progress`` how many bytes have arrived.  ``once``: do not wait for a
    further attempt.  ``workload`` writes from the VM's start; serving ends
    when it does.  ``cancel``: when it is set, serving ends; bitmaps that are
    not whole are dropped.

    Raises TransportError if it cannot listen there.
    """
    stop = asyncio.create_task((cancel or asyncio.Event()).wait())
    listener = await listen(address, tls)
    serving = _Serving(host, destination, log, progress, workload, stop)
    try:
        if ready is not None:
            ready(listener.address)
        return await serving.run(listener, once, failed)
    finally:
        stop.cancel()
        await listener.close()


@define
class _Serving:
    """All attempts; the counts are those of the last."""

    host: Host
    destination: Destination
    log: Log | None
    progress: Callable[[int], None] | None
    workload: Workload | None
    stop: asyncio.Task[bool]
    attempts: int = 0
    chunks: int = 0
    received: int = 0
    begun: float = 0.0
    over: float = 0.0
    started_at: float = 0.0
    error: DirtyBitmapError | None = None
    refused: str = ""
    guest: asyncio.Task[None] | None = None

    async def run(
        self,
        listener: Listener,
        once: bool,
        failed: Callable[[DirtyBitmapError], None] | None,
    ) -> Received:
        """Until a VM has come, or it is told to end."""
        while not self.stop.done():
            link = await self._accept(listener)
            if link is None:
                break
            await self._attempt(link)
            if self.destination.phase is not Arrival.WAITING:
                break
            if self.error is not None and self.received and failed is not None:
                failed(self.error)
            if self.received and once:
                break
            if self.destination.ended:
                self.destination.renew()
        guest_error = await self._guest_ends()
        return Received(
            phase=self.destination.phase,
            error=self.error,
            interrupted=self.stop.done(),
            attempts=self.attempts,
            bitmaps=self._verdicts(),
            chunks=self.chunks,
            bytes_received=self.received,
            seconds=self.over - self.begun,
            started_at=self.started_at,
            guest_error=guest_error,
        )

    async def _accept(self, listener: Listener) -> Link | None:
        accepting = asyncio.create_task(listener.accept())
        await asyncio.wait(
            {accepting, self.stop}, return_when=asyncio.FIRST_COMPLETED
        )
        if accepting.done():
            return accepting.result()
        accepting.cancel()
        return None

    # -- one attempt -------------------------------------------------------

    async def _attempt(self, link: Link) -> None:
        self.error, self.chunks, self.received = None, 0, 0
        self.begun = time.monotonic()
        reading = asyncio.create_task(self._read(link))
        await asyncio.wait(
            {reading, self.stop}, return_when=asyncio.FIRST_COMPLETED
        )
        if not reading.done():
            reading.cancel()
        try:
            await reading
        except asyncio.CancelledError:
            self.error = TransportError("interrupted")
        except (TransportError, StreamError) as error:
            self.error = error
        if self.error is not None:
            await link.abort()
        elif self.refused:
            self.error = DroppedError(self.refused)
        event = self.destination.lost(self.host)
        if event is not None:
            self._logged(event)
        await self._work(None)
        await link.close()
        self.over = time.monotonic()

    async def _read(self, link: Link) -> None:
        """Until the core says that no more comes."""
        core = self.destination
        while not core.ended:
            data = await link.read()
            self.received += len(data)
            if not data:
                raise TransportError(
                    f"the source closed after {self.received} bytes"
                )
            if self.received == len(data):
                self._begin()
            self._receive(data)
            if core.error:
                raise StreamError(core.error)
            link.write(core.take_replies())
            await self._work(link)
            # the guest has its turn
            await asyncio.sleep(0)
        if not core.design.is_postcopy:
            await self._linger(link)

    async def _linger(self, link: Link) -> None:
        """Read the description of the VM, if it comes.

        To close before that is a reset, and takes back what we have said.
        """
        core = self.destination
        with contextlib.suppress(TimeoutError, TransportError):
            async with asyncio.timeout(LINGER):
                while not (core.described or core.error):
                    data = await link.read()
                    self.received += len(data)
                    if not data:
                        return
                    self._receive(data)

    def _begin(self) -> None:
        self.attempts += 1
        self.refused = ""
        if self.log is not None:
            nodes = {n.name: n.size for n in self.host.nodes.values()}
            self.log.header(
                "destination", self.destination.design, [], nodes=nodes
            )

    def _receive(self, data: bytes) -> None:
        try:
            events = self.destination.receive(data, self.host)
        except ProtocolError as error:
            raise StreamError(str(error)) from error
        for event in events:
            if event.action == "dirty_bitmap_load_bits":
                self.chunks += event.chunks
            if event.action == "dirty_bitmap_load_start":
                self._announce(event.bitmap)
            if event.action.endswith("_refused") and event.detail:
                self.refused = self.refused or event.detail
            self._logged(event)
        if self.progress is not None:
            self.progress(self.received)

    async def _work(self, link: Link | None) -> None:
        """What the core does on its own, as far as ``link`` allows."""
        core = self.destination
        while True:
            rows = [
                row
                for row in core.work(self.host)
                if link is not None or not row.needs
            ]
            if not rows:
                return
            if link is not None and rows[0].needs:
                await link.room()
            done = core.do(rows[0].event, self.host)
            self._logged(done.event)
            if link is not None:
                link.write(done.data)
            if self.guest is None and self.host.vm is RunState.RUNNING:
                self._vm_runs()

    # -- the guest ---------------------------------------------------------

    def _vm_runs(self) -> None:
        self.started_at = time.monotonic()
        if self.workload is not None:
            running = self.workload.run(self._wrote)
            self.guest = asyncio.create_task(running)

    async def _guest_ends(self) -> DirtyBitmapError | None:
        """Wait for it; what went wrong with it."""
        if self.guest is None:
            return None
        await asyncio.wait(
            {self.guest, self.stop}, return_when=asyncio.FIRST_COMPLETED
        )
        if not self.guest.done():
            self.guest.cancel()
        try:
            await self.guest
        except asyncio.CancelledError:
            return None
        except DirtyBitmapError as error:
            return error
        return None

    def _wrote(self, action: str, write: Write) -> None:
        if self.log is not None:
            for event in guest_events("destination", action, write, self.host):
                self.log.event(event)

    # -- what it came to ---------------------------------------------------

    def _verdicts(self) -> tuple[Verdict, ...]:
        loader = self.destination.loader
        found = []
        for names in loader.names:
            incoming = loader.bitmaps.get(names)
            whole = incoming is not None and incoming.complete
            local = (incoming.node, incoming.name) if incoming else names
            degraded = self.host.has_bitmap(*local) and (
                self.host.bitmap(*local).degraded
            )
            found.append(Verdict(*local, whole, degraded))
        return tuple(found)

    def _announce(self, label: str) -> None:
        if self.log is None:
            return
        for incoming in self.destination.loader.bitmaps.values():
            if incoming.label == label:
                fields = bitmap_fields(
                    label,
                    incoming.bitmap(self.host),
                    self.destination.chunk_bytes,
                )
                self.log.line({"event": "bitmap", **fields})

    def _logged(self, event: Event) -> None:
        if self.log is not None:
            self.log.event(event)
