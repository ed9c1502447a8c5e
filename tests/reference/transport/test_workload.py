# SPDX-License-Identifier: GPL-2.0-or-later
"""The guest: the same seed, the same writes; every write is finished."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from reference.disk import FileDisk, MemoryDisk
from reference.errors import FileError
from reference.host import Host, RunState, Write
from reference.protocol.tables import Design, Phase
from reference.transport import Workload
from reference.transport.workload import Place, guest_events
from tests.reference.transport.ends import Ends, guest, record_of, run, unix

SIZE = 100_000


def host_of(state: RunState = RunState.RUNNING) -> Host:
    host = Host(state)
    host.add_node("d", SIZE)
    host.add_bitmap("d", "b", 512)
    return host


def nobody(action: str, write: Write) -> None:
    return


def test_a_seed_decides_everything() -> None:
    records = []
    for seed in (1, 1, 2):
        host = host_of()
        workload = guest(host, 30, seed, 0)
        asyncio.run(workload.run(nobody))
        assert workload.finished and host.drained
        records.append(record_of(workload))
    assert records[0] == records[1] != records[2]


def test_sequential_writes_cover_the_disk_and_wrap() -> None:
    host = host_of()
    disk = MemoryDisk.create(SIZE)
    workload = Workload(host, [Place("d", disk)], None, 26, sequential=True)
    asyncio.run(workload.run(nobody))
    assert workload.cursor["d"] == 1
    assert host.bitmap("d", "b").bits.count() == 196
    assert all(disk.data)


def test_data_then_bit() -> None:
    host = host_of()
    seen = []

    def wrote(action: str, write: Write) -> None:
        set_there = host.bitmap("d", "b").bits.any()
        seen.append((action, len(host.in_flight), set_there))

    asyncio.run(Workload(host, [Place("d")], None, 1).run(wrote))
    assert seen == [("write_data", 1, False), ("set_dirty", 0, True)]


def test_a_cancelled_guest_finishes_its_write() -> None:
    async def work() -> None:
        for turns in range(1, 6):
            host = host_of()
            workload = guest(host, None, 1, 0)
            task = asyncio.create_task(workload.run(nobody))
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            assert host.drained
            record = record_of(workload)
            assert record and len(record) == workload.written
            assert all(
                host.bitmap("d", "b").bits.test(offset // 512)
                for _, offset, _ in record
            )

    run(work())


def test_a_guest_that_does_not_run_does_not_write() -> None:
    host = host_of(RunState.STOPPED)
    workload = guest(host, 5, 1, 0)
    asyncio.run(workload.run(nobody))
    assert workload.written == 0


def test_a_write_in_flight_delays_the_stop(tmp_path: Path) -> None:
    ends = Ends(Design.POSTCOPY)
    host = ends.source_host
    seen = []

    async def work() -> None:
        async with ends.listening(unix(tmp_path)) as address:
            slow = Slow(host, [Place("d")], None, 1)
            ends.source_guest = slow
            sending = asyncio.create_task(ends.send(address))
            while host.vm is not RunState.STOPPING:
                await asyncio.sleep(0)
            for _ in range(100):
                await asyncio.sleep(0)
                seen.append(host.vm)
            slow.go.set()
            sent = await sending
            await ends.received()
        assert sent.acknowledged

    run(work())
    assert set(seen) == {RunState.STOPPING}
    assert ends.destination_host.bitmap("d", "b").bits.test(0)


class Slow(Workload):
    """One write, whose bit is set when it is told to."""

    async def run(self, wrote: Callable[[str, Write], None]) -> None:
        self.go = asyncio.Event()
        write = self.host.begin_write(self.places[0].disk, "d", 0, b"x")
        await self.go.wait()
        self.host.finish_write(write)
        wrote("set_dirty", write)


def test_a_disk_that_fails_ends_the_guest_only(tmp_path: Path) -> None:
    gone = Place("d", FileDisk(tmp_path / "gone"))
    for design in Design:
        ends = Ends(design)
        ends.source_guest = Workload(ends.source_host, [gone])
        ends.destination_guest = Workload(ends.destination_host, [gone])

        async def work(ends: Ends = ends) -> None:
            async with ends.listening(unix(tmp_path)) as address:
                sent = await ends.send(address)
                received = await ends.received()
            assert sent.phase is Phase.COMPLETED
            assert isinstance(sent.guest_error, FileError)
            assert isinstance(received.guest_error, FileError)

        run(work())
        assert ends.missing(ends.destination_host) == []


def test_what_a_log_says_of_a_write() -> None:
    host = host_of()
    host.add_bitmap("d", "c", 65536)
    write = Write("d", 32767, 2)
    events = guest_events("source", "write_data", write, host)
    assert [e.as_dict() for e in events] == [
        {
            "actor": "guest",
            "action": "source_write_data",
            "bitmap": f"d/{name}",
            "offset": 32767,
            "length": 2,
        }
        for name in ("b", "c")
    ]
    host.node("d").bitmaps.clear()
    (event,) = guest_events("source", "x", write, host)
    assert event.bitmap == "d/"
