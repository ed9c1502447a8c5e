# SPDX-License-Identifier: GPL-2.0-or-later
"""The reference, both ends in this process.

Nothing happens unless it is asked for: a step of ``advance`` is one event of
one role, or one message (or five bytes of it) that arrives.  Two disks, of
which one is no multiple of anything, and the smallest chunks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from checker.stateful.adapter import (
    Adapter,
    BitmapView,
    Capabilities,
    Key,
    RefusedError,
    Side,
    SideView,
    Vm,
)
from reference.backup import full_backup, incremental_backup
from reference.disk import MemoryDisk
from reference.errors import BitmapError, ProtocolError
from reference.host import Host, RunState
from reference.loopback import Connection, Loopback, Pipe
from reference.protocol.destination import Destination
from reference.protocol.source import Source
from reference.protocol.tables import (
    DESTINATION,
    Arrival,
    Design,
    Phase,
)

CHUNK_BYTES = 8  # the smallest: one word, 64 granules
CAPACITY = 3  # messages in flight
DISKS = {"drive0": 3 * 64 * 512 + 100, "drive1": 20 * 512}
#: more steps than any migration of so small a disk takes
ENDLESS = 10_000

VMS = {
    RunState.RUNNING: Vm.RUNNING,
    RunState.STOPPING: Vm.STOPPED,
    RunState.STOPPED: Vm.STOPPED,
    RunState.INMIGRATE: Vm.WAITING,
    RunState.PRELAUNCH: Vm.WAITING,
    RunState.GONE: Vm.GONE,
}
#: not the migration's own steps: other methods of the adapter ask for them
MANAGEMENT = {
    *("migrate", "migrate_again", "migrate_cancel"),
    *("resume_source", "fence_destination", "quit_source"),
    "close_return_path_on_source",
}


@contextmanager
def refusals() -> Iterator[None]:
    """The reference's refusals become the interface's."""
    try:
        yield
    except (BitmapError, ProtocolError) as error:
        raise RefusedError(str(error)) from error


def view(host: Host) -> SideView:
    """What a query shows of a host of the reference."""
    shown = {
        (node, bitmap["name"]): BitmapView(
            granularity=bitmap["granularity"],
            count=bitmap["count"],
            recording=bitmap["recording"],
            busy=bitmap["busy"],
            inconsistent=bitmap["inconsistent"],
        )
        for node, bitmaps in host.query().items()
        for bitmap in bitmaps
    }
    return SideView(VMS[host.vm], shown)


class MemoryAdapter(Adapter):
    """The reference's loopback."""

    capabilities = Capabilities(
        disks=DISKS,
        granularities=(512, 4096),
    )

    loop: Loopback
    disks: dict[str, MemoryDisk]

    def reset(self, design: str) -> None:
        self.disks = {n: MemoryDisk.create(s) for n, s in DISKS.items()}
        self.loop = Loopback.create(
            Design(design), DISKS, CHUNK_BYTES, CAPACITY
        )

    def close(self) -> None:
        return

    def _hosts(self) -> tuple[Host, Host]:
        return self.loop.source_host, self.loop.destination_host

    def _running(self) -> Host:
        for host in self._hosts():
            if host.vm is RunState.RUNNING:
                return host
        raise RefusedError("no guest runs")

    # -- the guest ---------------------------------------------------------

    def write(self, node: str, offset: int, data: bytes) -> None:
        host = self._running()
        with refusals():
            write = host.begin_write(self.disks[node], node, offset, data)
            host.finish_write(write)

    def discard(self, node: str, offset: int, length: int) -> None:
        host = self._running()
        with refusals():
            write = host.discard(self.disks[node], node, offset, length)
            host.finish_write(write)

    def begin_write(self, node: str, offset: int, data: bytes) -> None:
        with refusals():
            self._running().begin_write(self.disks[node], node, offset, data)

    def finish_writes(self) -> None:
        for host in self._hosts():
            for write in list(host.in_flight):
                host.finish_write(write)

    # -- the client --------------------------------------------------------

    def full_backup(
        self, key: Key, granularity: int, image: bytearray
    ) -> None:
        host, disk = self._running(), self.disks[key[0]]
        with refusals():
            if not host.has_bitmap(*key):
                target = MemoryDisk(image)
                full_backup(host, *key, granularity, disk, target)
                return
            if not host.drained:
                raise RefusedError("writes are in flight")
            host.bitmap(*key).clear()
            image[:] = disk.data

    def incremental_backup(self, key: Key, image: bytearray) -> None:
        disk, target = self.disks[key[0]], MemoryDisk(image)
        with refusals():
            incremental_backup(self._running(), *key, disk, target)

    def remove_bitmap(self, key: Key) -> None:
        with refusals():
            self._running().remove_bitmap(*key)

    def enable(self, key: Key) -> None:
        with refusals():
            self._running().bitmap(*key).enable()

    def disable(self, key: Key) -> None:
        with refusals():
            self._running().bitmap(*key).disable()

    # -- management --------------------------------------------------------

    def begin_migration(self, design: str) -> None:
        loop, wanted = self.loop, Design(design)
        idle = (
            loop.source.phase in (Phase.NONE, Phase.FAILED)
            and loop.destination.phase is Arrival.WAITING
            and loop.connection is Connection.DOWN
        )
        if not idle:
            raise RefusedError("a migration is under way")
        if loop.source.design is not wanted:
            loop.source = Source(wanted, CHUNK_BYTES)
            loop.destination = Destination(wanted, CHUNK_BYTES)
        again = loop.source.phase is Phase.FAILED
        with refusals():
            loop.source_does("migrate_again" if again else "migrate")

    def steps(self) -> list[Callable[[], object]]:
        """What the migration could do next."""
        loop = self.loop
        found: list[Callable[[], object]] = []
        for row in loop.source.rows:
            event = row.event
            if event in MANAGEMENT or not loop.source_can(event):
                continue
            if event == "dirty_phase":
                changed = loop.source.changed(loop.source_host)
                found += [
                    partial(loop.source_does, event, chunk, index)
                    for index, chunk in changed
                ]
            elif event == "send_changed_bits":
                found += [
                    partial(loop.source_does, event, chunk, index)
                    for index, sent in enumerate(loop.source.bitmaps)
                    for chunk in sent.changed
                ]
            else:
                found.append(partial(loop.source_does, event))
        arriving = loop.destination_host.vm is not RunState.GONE
        if arriving and not loop.forward.is_empty:
            found += [loop.deliver, partial(loop.deliver, 5)]
        rows = DESTINATION[loop.destination.design]
        for name in dict.fromkeys(row.event for row in rows):
            if name != "loadvm_run" and loop.destination_can(name):
                found.append(partial(loop.destination_does, name))
        back = loop.source_host.vm is not RunState.GONE
        if back and not loop.backward.is_empty:
            found.append(loop.shut_arrives)
        return found

    def advance(self, picks: Sequence[int]) -> None:
        for pick in picks:
            steps = self.steps()
            if not steps:
                return
            steps[pick % len(steps)]()

    def cancel(self) -> None:
        with refusals():
            self.loop.source_does("migrate_cancel")

    def resume(self) -> None:
        with refusals():
            self.loop.source_does("resume_source")

    def settle(self) -> None:
        loop = self.loop
        self.finish_writes()
        for _ in range(ENDLESS):
            steps = self.steps()
            if steps:
                steps[0]()
            elif loop.source_can("resume_source"):
                loop.source_does("resume_source")
            elif self._in_doubt():
                loop.fence()
            elif self._moved() and loop.source_can("quit_source"):
                loop.source_does("quit_source")
            else:
                return
        raise RuntimeError("the migration does not end")

    def _moved(self) -> bool:
        return self.loop.destination.phase is Arrival.RUNNING

    def _in_doubt(self) -> bool:
        """RUN was sent, the link is gone, no RESUME was ever seen."""
        loop = self.loop
        gone = loop.destination_host.vm is RunState.GONE
        waiting = loop.destination.phase is Arrival.WAITING
        return (
            (waiting or (gone and not self._moved()))
            and loop.connection is not Connection.UP
            and loop.source_can("fence_destination")
        )

    def renew(self) -> None:
        loop = self.loop
        source = Host(RunState.RUNNING)
        for host in self._hosts():
            if host.vm is RunState.RUNNING:
                source = host
        destination = Host(RunState.INMIGRATE)
        for host in (source, destination):
            for node, size in DISKS.items():
                if node not in host.nodes:
                    host.add_node(node, size)
        design = loop.source.design
        self.loop = Loopback(
            source,
            destination,
            Source(design, CHUNK_BYTES),
            Destination(design, CHUNK_BYTES),
            forward=Pipe(CAPACITY),
            backward=Pipe(1),
        )

    # -- failures ----------------------------------------------------------

    def cut(self) -> None:
        if self.loop.connection is not Connection.UP:
            raise RefusedError("there is no connection")
        self.loop.cut()

    def kill(self, side: Side) -> None:
        source, destination = self._hosts()
        host = source if side is Side.SOURCE else destination
        if host.vm is RunState.GONE:
            raise RefusedError("there is no process")
        if side is Side.SOURCE:
            self.loop.kill_source()
        else:
            self.loop.kill_destination()

    # -- what can be seen --------------------------------------------------

    def query(self, side: Side) -> SideView:
        source, destination = self._hosts()
        return view(source if side is Side.SOURCE else destination)

    def read_disk(self, node: str) -> bytes:
        return bytes(self.disks[node].data)
