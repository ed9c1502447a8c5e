# SPDX-License-Identifier: GPL-2.0-or-later
"""A process with one side of the reference, told by JSON lines what to do.

``python -m tests.stateful.host_process``: one command a line on stdin, one
answer a line on stdout, ``{"ok": ...}`` or ``{"refused": "why"}``.  Data are
in files: the disks, and the image that a backup is taken into.  A migration
goes over a real socket by ``reference.transport``; its source sends nothing
without a permit, so that the process holds still between two commands.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from attrs import define, field

from reference.backup import full_backup, incremental_backup
from reference.disk import FileDisk
from reference.errors import BitmapError, DirtyBitmapError, ProtocolError
from reference.host import Host, RunState, Write
from reference.protocol.destination import Destination
from reference.protocol.passes import NO_LIMIT
from reference.protocol.source import Source
from reference.protocol.tables import Arrival, Design, Phase
from reference.transport import Rate, Workload, parse_address, send, serve

#: so many turns of the loop and whatever has arrived is worked off
TURNS = 25
LONGEST_LINE = 1 << 20


@define
class Gate:
    """A rate that lets the source send once for each permit."""

    permits: int = 0
    open: bool = False
    granted: asyncio.Event = field(factory=asyncio.Event)
    rate: Rate = field(init=False)

    def __attrs_post_init__(self) -> None:
        # no time passes, so a debt is only forgiven here
        self.rate = Rate(1.0, clock=lambda: 0.0, sleep=self._wait, saved=-1.0)

    def grant(self, permits: int) -> None:
        """Let the source send so many times; 0 means for ever."""
        self.permits += permits
        self.open = self.open or not permits
        self.granted.set()

    async def _wait(self, seconds: float) -> None:
        while not self.open and not self.permits:
            self.granted.clear()
            await self.granted.wait()
        self.permits = max(0, self.permits - 1)
        self.rate.saved = 0.0


@define
class Guest(Workload):
    """Writes when it is told to, and says so to the migration."""

    wrote: Callable[[str, Write], None] | None = None

    async def run(self, wrote: Callable[[str, Write], None]) -> None:
        self.wrote = wrote
        try:
            await asyncio.Event().wait()
        finally:
            self.wrote = None

    def did(self, action: str, write: Write) -> None:
        """A step of a write was done."""
        if self.wrote is not None:
            self.wrote(action, write)


class HostProcess:
    """The commands are the public methods."""

    host: Host
    guest: Guest
    source: Source
    destination: Destination

    def __init__(self) -> None:
        self.sending: asyncio.Task[Any] | None = None
        self.serving: asyncio.Task[Any] | None = None
        self.cancelled = asyncio.Event()
        self.served = asyncio.Event()

    async def reset(
        self, vm: str, chunk_bytes: int, disks: dict[str, list[Any]]
    ) -> None:
        await self._end()
        self.chunk_bytes = chunk_bytes
        self.host = Host(RunState(vm))
        self.guest = Guest(self.host, [])
        self.disks = {n: FileDisk(Path(p)) for n, (p, _) in disks.items()}
        for node, (_, size) in disks.items():
            self.host.add_node(node, size)
        self.source = Source(Design.LIVE, chunk_bytes)
        self.destination = Destination(Design.LIVE, chunk_bytes)

    async def _end(self) -> None:
        self.cancelled.set()
        self.served.set()
        for task in (self.sending, self.serving):
            if task is not None:
                await asyncio.gather(task, return_exceptions=True)
        self.sending = self.serving = None

    # -- the guest and the client ------------------------------------------

    def write(self, node: str, offset: int, data: str) -> None:
        self._finish(self._begin(node, offset, bytes.fromhex(data)))

    def discard(self, node: str, offset: int, length: int) -> None:
        self._finish(self._begin(node, offset, bytes(length)))

    def begin_write(self, node: str, offset: int, data: str) -> None:
        self._begin(node, offset, bytes.fromhex(data))

    def finish_writes(self) -> None:
        for write in list(self.host.in_flight):
            self._finish(write)

    def _begin(self, node: str, offset: int, data: bytes) -> Write:
        write = self.host.begin_write(self.disks[node], node, offset, data)
        self.guest.did("write_data", write)
        return write

    def _finish(self, write: Write) -> None:
        self.host.finish_write(write)
        self.guest.did("set_dirty", write)

    def full(self, key: list[str], granularity: int, image: str) -> None:
        node, name = key
        disk, target = self.disks[node], FileDisk(Path(image))
        if not self.host.has_bitmap(node, name):
            full_backup(self.host, node, name, granularity, disk, target)
            return
        if self.host.vm is not RunState.RUNNING or not self.host.drained:
            raise BitmapError("the VM does not run, or writes are in flight")
        self.host.bitmap(node, name).clear()
        target.write(0, disk.read(0, self.host.node(node).size))

    def incremental(self, key: list[str], image: str) -> None:
        node, name = key
        target = FileDisk(Path(image))
        incremental_backup(self.host, node, name, self.disks[node], target)

    def remove(self, key: list[str]) -> None:
        self.host.remove_bitmap(*key)

    def enable(self, key: list[str]) -> None:
        self.host.bitmap(*key).enable()

    def disable(self, key: list[str]) -> None:
        self.host.bitmap(*key).disable()

    def query(self) -> dict[str, Any]:
        return {"vm": self.host.vm.value, "nodes": self.host.query()}

    # -- migrations --------------------------------------------------------

    async def listen(self, design: str, path: str) -> None:
        await self._end()
        ready = asyncio.Event()
        self.served = asyncio.Event()
        self.destination = Destination(Design(design), self.chunk_bytes)
        self.serving = asyncio.create_task(
            serve(
                self.host,
                self.destination,
                parse_address(f"unix:{path}"),
                ready=lambda _: ready.set(),
                cancel=self.served,
            )
        )
        await ready.wait()

    async def send(self, design: str, path: str, afresh: bool) -> None:
        if afresh or self.source.design is not Design(design):
            self.source = Source(Design(design), self.chunk_bytes)
            if self.source.bulk:
                # its VM stops in the end, however much has changed
                self.source.downtime = NO_LIMIT
        self.gate = Gate()
        self.cancelled = asyncio.Event()
        self.sending = asyncio.create_task(
            send(
                self.host,
                self.source,
                parse_address(f"unix:{path}"),
                rate=self.gate.rate,
                workload=self.guest,
                cancel=self.cancelled,
            )
        )
        await asyncio.sleep(0)
        if self.sending.done():
            self.sending.result()

    async def still(self) -> dict[str, Any]:
        """Work off what has arrived; say how far everything is."""
        for _ in range(TURNS):
            await asyncio.sleep(0)
        if self.sending is not None and self.sending.done():
            self.sending.result()
        if self.serving is not None and self.serving.done():
            self.serving.result()
        fence = self.source.row("fence_destination", self.host)
        return {
            "sending": self.sending is not None and not self.sending.done(),
            "failed": self.source.phase is Phase.FAILED,
            "may_fence": fence is not None,
            "ran": self.destination.phase is Arrival.RUNNING,
        }

    def grant(self, permits: int) -> None:
        self.gate.grant(permits)

    def cancel(self) -> None:
        if self.source.row("migrate_cancel", self.host) is None:
            raise ProtocolError("it is too late to cancel")
        self.cancelled.set()

    def resume(self) -> None:
        self.source.do("resume_source", self.host)

    def fence(self) -> None:
        self.source.do("fence_destination", self.host)
        self.source.do("resume_source", self.host)

    def quit(self) -> None:
        self.source.do("quit_source", self.host)


async def _answer(process: HostProcess, line: bytes) -> dict[str, Any]:
    command = json.loads(line)
    operate = getattr(process, command.pop("do"))
    try:
        done = operate(**command)
        if asyncio.iscoroutine(done):
            done = await done
    except (BitmapError, ProtocolError) as error:
        return {"refused": str(error)}
    except DirtyBitmapError as error:
        return {"error": f"{type(error).__name__}: {error}"}
    return {"ok": done}


async def main() -> None:
    """Until stdin ends."""
    reader = asyncio.StreamReader(LONGEST_LINE)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    process = HostProcess()
    while line := await reader.readline():
        print(json.dumps(await _answer(process, line)), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
