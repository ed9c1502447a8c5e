# SPDX-License-Identifier: GPL-2.0-or-later
"""Whole migrations over real sockets: each design, idle and writing guests."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from reference.host import RunState
from reference.protocol.tables import Arrival, Design, Phase
from reference.transport import Address, Rate, parse_address
from tests.reference.transport.ends import (
    SIZE,
    TCP,
    Ends,
    guest,
    run,
    unix,
)

DESIGNS = pytest.mark.parametrize("design", Design, ids=lambda d: d.value)


def address_of(kind: str, place: Path) -> Address:
    return unix(place) if kind == "unix" else TCP


def check_done(ends: Ends) -> None:
    assert ends.source.phase is Phase.COMPLETED
    assert ends.source_host.vm is RunState.STOPPED
    assert ends.destination_host.vm is RunState.RUNNING
    assert ends.missing(ends.destination_host) == []
    assert ends.too_many(ends.destination_host) == 0
    assert ends.settled(ends.source_host)
    assert ends.settled(ends.destination_host)
    for node in ends.destination_host.nodes.values():
        assert node.bitmaps["b"].recording


@DESIGNS
@pytest.mark.parametrize("kind", ["unix", "tcp"])
def test_idle_guest(design: Design, kind: str, tmp_path: Path) -> None:
    ends = Ends(design)

    async def work() -> None:
        async with ends.listening(address_of(kind, tmp_path)) as address:
            sent = await ends.send(address)
            received = await ends.received()
        assert sent.phase is Phase.COMPLETED and sent.acknowledged
        assert sent.error is None and received.error is None
        assert sent.bytes_sent == received.bytes_received
        assert sent.chunks == sent.chunks_sent == received.chunks == 4
        assert sent.bitmaps == ("d/b",)
        assert [v.arrived for v in received.bitmaps] == [True]

    run(work())
    check_done(ends)


@DESIGNS
@pytest.mark.parametrize("kind", ["unix", "tcp"])
@pytest.mark.parametrize("seed", range(4))
def test_writing_guest(
    design: Design, kind: str, seed: int, tmp_path: Path
) -> None:
    ends = Ends(design)
    writer = guest(ends.source_host, None, seed, 3000)
    ends.source_guest = writer
    ends.destination_guest = guest(ends.destination_host, 40, seed + 100, 0)
    switchover = asyncio.Event()

    async def work() -> None:
        async with ends.listening(address_of(kind, tmp_path)) as address:
            sending = asyncio.create_task(
                ends.send(address, switchover=switchover)
            )
            while writer.written < 10 * (seed + 1):
                await asyncio.sleep(0)
            if design is Design.STOP_COPY_BULK:
                # what its pass has left only grows: the limit is raised
                ends.source.downtime = 4
            switchover.set()
            sent = await sending
            await ends.received()
        assert sent.acknowledged

    run(work())
    check_done(ends)
    assert writer.written >= 10 * (seed + 1)
    assert ends.destination_guest.finished


@DESIGNS
@pytest.mark.parametrize("burst", [1, 2, 256])
def test_several_nodes_and_bursts(
    design: Design, burst: int, tmp_path: Path
) -> None:
    ends = Ends(design, {"a": SIZE, "b": 512, "c": 10 * SIZE, "empty": 100})
    ends.source.burst = burst
    ends.source_guest = guest(ends.source_host, 50, 1, 0)
    if design is Design.STOP_COPY_BULK:
        ends.source.downtime = 30

    async def work() -> None:
        async with ends.listening(unix(tmp_path)) as address:
            sent = await ends.send(address)
            received = await ends.received()
        assert sent.chunks == 4 + 1 + 31 + 1
        assert len(received.bitmaps) == 4

    run(work())
    check_done(ends)


def test_the_switchover_waits(tmp_path: Path) -> None:
    ends = Ends(Design.LIVE)
    switchover = asyncio.Event()

    async def work() -> None:
        async with ends.listening(unix(tmp_path)) as address:
            sending = asyncio.create_task(
                ends.send(address, switchover=switchover)
            )
            while ends.source.bitmaps == [] or ends.source.changed(
                ends.source_host
            ):
                await asyncio.sleep(0)
            for _ in range(200):
                await asyncio.sleep(0)
            assert ends.source_host.vm is RunState.RUNNING
            switchover.set()
            sent = await sending
            await ends.received()
        assert sent.acknowledged

    run(work())
    check_done(ends)


def test_live_sends_again_what_changes(tmp_path: Path) -> None:
    ends = Ends(Design.LIVE)
    writer = guest(ends.source_host, None, 3, 2000)
    ends.source_guest = writer
    switchover = asyncio.Event()

    async def work() -> None:
        async with ends.listening(unix(tmp_path)) as address:
            sending = asyncio.create_task(
                ends.send(address, switchover=switchover)
            )
            while writer.written < 60:
                await asyncio.sleep(0)
            switchover.set()
            sent = await sending
            await ends.received()
        assert sent.chunks_sent > sent.chunks

    run(work())
    check_done(ends)


def test_only_postcopy_sends_bits_after_the_hand_over(tmp_path: Path) -> None:
    stopped = {}
    for design in Design:
        ends = Ends(design, {"d": 100 * SIZE})

        async def work(ends: Ends = ends) -> None:
            async with ends.listening(unix(tmp_path)) as address:
                sent = await ends.send(address)
                await ends.received()
            stopped[ends.design] = (sent.stopped_bytes, sent.bytes_sent)

        run(work())
        check_done(ends)
    for design in Design:
        if design.is_postcopy:
            assert stopped[design][0] < 30
        if design.has_passes:
            assert stopped[design][0] < 130
    few, total = stopped[Design.STOP_COPY]
    assert total - few < 100


@DESIGNS
def test_a_failed_attempt_and_a_retry_in_the_same_processes(
    design: Design, tmp_path: Path
) -> None:
    ends = Ends(design)
    ends.source_guest = guest(ends.source_host, None, 5, 3000)

    async def work() -> None:
        nowhere = parse_address(f"unix:{tmp_path}/nowhere")
        for _ in range(2):
            sent = await ends.send(nowhere)
            assert sent.phase is Phase.FAILED
            assert ends.source_host.vm is RunState.RUNNING
        cancel = asyncio.Event()
        async with ends.listening(unix(tmp_path)) as address:
            slow = Rate(1, sleep=lambda _: asyncio.sleep(0))
            sending = asyncio.create_task(
                ends.send(address, cancel=cancel, rate=slow)
            )
            while not ends.source.bitmaps:
                await asyncio.sleep(0)
            cancel.set()
            sent = await sending
            assert sent.phase is Phase.FAILED and sent.interrupted
            assert ends.settled(ends.source_host)
            assert ends.missing(ends.source_host) == []
            sent = await ends.send(address)
            await ends.received()
        assert sent.acknowledged

    run(work())
    check_done(ends)
    assert ends.destination.phase is Arrival.RUNNING
