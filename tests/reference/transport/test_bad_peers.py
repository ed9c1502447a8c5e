# SPDX-License-Identifier: GPL-2.0-or-later
"""A peer that says the wrong thing, nothing, or another design."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import struct
import subprocess
from pathlib import Path

import pytest

from reference.backup import begin_incremental, job_fails
from reference.disk import NoDisk
from reference.errors import (
    BitmapError,
    BusyError,
    StreamError,
    TransportError,
)
from reference.host import RunState
from reference.protocol.aliases import Aliases
from reference.protocol.source import Source
from reference.protocol.tables import Arrival, Design, Phase
from reference.transport import Address, send
from reference.transport.address import connect
from tests.reference.transport.ends import (
    CHUNK,
    GRANULARITY,
    SIZE,
    TCP,
    TURNS,
    Ends,
    patient,
    run,
    unix,
)

DESIGNS = pytest.mark.parametrize("design", Design, ids=lambda d: d.value)
MAGIC = struct.pack(">II", 0x5145564D, 3)


# -- at the destination ------------------------------------------------------


@DESIGNS
@pytest.mark.parametrize(
    "stream",
    [
        b"garbage that is no stream",
        struct.pack(">II", 0x5145564D, 4),
        MAGIC + b"\x07\x00\x00\x00\x04none\x00",
        MAGIC + b"\x07\xff\xff\xff\xff",
        MAGIC[:5],
    ],
    ids=["garbage", "version", "early-end", "absurd-length", "cut"],
)
def test_bad_streams_then_a_good_one(
    design: Design, stream: bytes, tmp_path: Path
) -> None:
    ends = Ends(design)

    async def work() -> None:
        async with ends.listening(unix(tmp_path)) as address:
            link = await connect(address, None)
            link.write(stream)
            with contextlib.suppress(TransportError):
                await link.finish()
                await link.read()
            await link.close()
            sent = await ends.send(address)
            await ends.received()
        assert sent.phase is Phase.COMPLETED

    if stream.endswith(b"none\x00") and not design.is_postcopy:
        return  # that is a whole stream, of no bitmap
    run(work())
    assert len(ends.errors) == 1
    assert isinstance(ends.errors[0], StreamError | TransportError)
    assert ends.missing(ends.destination_host) == []


def test_nothing_sent_is_no_attempt(tmp_path: Path) -> None:
    ends = Ends(Design.LIVE)

    async def work() -> None:
        async with ends.listening(unix(tmp_path), once=True) as address:
            for _ in range(3):
                link = await connect(address, None)
                await link.close()
            await ends.send(address)
            received = await ends.received()
        assert received.attempts == 1

    run(work())
    assert ends.errors == []


def understands(source: Design, destination: Design) -> bool:
    """Whether the two differ in nothing that is on the wire."""
    if source.is_postcopy or destination.is_postcopy:
        return source.is_postcopy and destination.is_postcopy
    # live's last section has no bits
    return destination is not Design.LIVE


#: a live destination notices a pass only if a chunk has to come twice
UNDECIDED = (Design.STOP_COPY_BULK, Design.LIVE)
PAIRS = [
    (a, b)
    for a in Design
    for b in Design
    if a is not b and (a, b) != UNDECIDED
]


@pytest.mark.parametrize(
    ("source", "destination"),
    [pair for pair in PAIRS if understands(*pair)],
    ids=lambda d: d.value,
)
def test_two_designs_that_send_the_same(
    source: Design, destination: Design, tmp_path: Path
) -> None:
    ends = Ends(destination)
    ends.source = Source(source, CHUNK)

    async def work() -> None:
        async with ends.listening(unix(tmp_path), once=True) as address:
            sent = await ends.send(address, rate=patient())
            received = await ends.received()
        assert sent.acknowledged
        assert received.error is None

    run(work())
    assert ends.missing(ends.destination_host) == []
    assert ends.too_many(ends.destination_host) == 0


@pytest.mark.parametrize(
    ("source", "destination"),
    [pair for pair in PAIRS if not understands(*pair)],
    ids=lambda d: d.value,
)
def test_two_designs(
    source: Design, destination: Design, tmp_path: Path
) -> None:
    ends = Ends(destination)
    ends.source = Source(source, CHUNK)
    # what QEMU sends in precopy is postcopy's up to the hand-over
    precopy = (Design.STOP_COPY, Design.STOP_COPY_BULK)
    late = source.is_postcopy and destination in precopy
    failed = Phase.IN_DOUBT if late else Phase.FAILED

    async def work() -> None:
        async with ends.listening(unix(tmp_path), once=True) as address:
            sent = await ends.send(address, rate=patient())
            received = await ends.received()
        assert sent.phase is failed
        assert received.phase is Arrival.WAITING
        text = "the source uses stop-copy"
        if source.is_postcopy:
            text = "the source uses postcopy"
        elif destination.is_postcopy:
            text = "the source uses live or stop-copy"
        assert str(received.error) == (
            f"{text}, this destination waits for {destination.value}"
        )

    run(work())
    stopped = RunState.STOPPED if late else RunState.RUNNING
    assert ends.source_host.vm is stopped
    assert ends.missing(ends.source_host) == []
    assert not ends.destination_host.has_bitmap("d", "b")


@pytest.mark.parametrize("what", ["node", "size", "name", "alias"])
@DESIGNS
def test_refused(design: Design, what: str, tmp_path: Path) -> None:
    ends = Ends(design)
    host = ends.destination_host
    if what == "node":
        host.nodes = {}
        host.add_node("other", SIZE)
    elif what == "size":
        host.node("d").size = 1000
    elif what == "name":
        host.add_bitmap("d", "b", 512)
    else:
        pairs = ((("d", "b"), ("x", "y")),)
        ends.destination.aliases = Aliases(pairs)
        ends.destination.loader.aliases = Aliases(pairs)

    async def work() -> None:
        async with ends.listening(unix(tmp_path), once=True) as address:
            sent = await ends.send(address, rate=patient())
            received = await ends.received()
        assert received.error is not None
        if design is Design.LIVE or what == "name":
            assert sent.phase is Phase.FAILED
            assert received.phase is Arrival.WAITING
            assert ends.missing(ends.source_host) == []
            assert ends.source_host.vm is RunState.RUNNING
        else:
            # the VM matters more than its bitmaps
            assert sent.phase is Phase.COMPLETED
            assert received.phase is Arrival.RUNNING
            assert [v.arrived for v in received.bitmaps] == [False]

    run(work())
    if what == "name":
        assert host.bitmap("d", "b").bits.count() == 0
    else:
        assert all(not node.bitmaps for node in host.nodes.values())


@DESIGNS
def test_a_second_source_waits(design: Design, tmp_path: Path) -> None:
    ends, other = Ends(design), Ends(design)

    async def work() -> None:
        async with ends.listening(unix(tmp_path)) as address:
            cancel = asyncio.Event()
            first = asyncio.create_task(
                other.send(address, cancel=cancel, rate=patient())
            )
            while not other.source.bitmaps:
                await asyncio.sleep(0)
            second = asyncio.create_task(ends.send(address))
            for _ in range(100):
                await asyncio.sleep(0)
            if not first.done():
                cancel.set()
            outcomes = [(await first).phase]
            if outcomes[0] is Phase.COMPLETED:
                ends.stop.set()
            outcomes.append((await second).phase)
            await ends.received()
        assert outcomes.count(Phase.COMPLETED) <= 1

    run(work())


# -- at the source -----------------------------------------------------------


@pytest.mark.parametrize(
    ("reply", "says"),
    [
        (b"\x00\x01\x00\x04\x00\x00\x00\x05", "SHUT 5"),
        (b"\x00\x01\x00\x02\x00\x00", "return path"),
        (b"", "closed"),
    ],
    ids=["failure", "corrupt", "silence"],
)
@DESIGNS
def test_bad_words_on_the_return_path(
    design: Design, reply: bytes, says: str, tmp_path: Path
) -> None:
    ends = Ends(design)
    never = asyncio.Event()

    async def joined(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await reader.read(8)
        writer.write(reply)
        if reply:
            await writer.drain()
            await reader.read()
        writer.close()

    async def work() -> None:
        server = await asyncio.start_unix_server(joined, str(tmp_path / "s"))
        sent = await ends.send(unix(tmp_path), switchover=never)
        server.close()
        assert sent.phase is Phase.FAILED
        assert says in str(sent.error)

    run(work())
    assert ends.source_host.vm is RunState.RUNNING
    assert ends.settled(ends.source_host)


def test_a_busy_bitmap_is_not_migrated(tmp_path: Path) -> None:
    ends = Ends(Design.LIVE)
    ends.source_host.bitmap("d", "b").busy = True
    with pytest.raises(BusyError):
        run(ends.send(unix(tmp_path)))
    assert ends.source.phase is Phase.NONE


@pytest.mark.parametrize("early", [True, False])
def test_a_job_is_waited_for(early: bool, tmp_path: Path) -> None:
    """It may hold the bitmap before setup, or before live's stop."""
    ends = Ends(Design.LIVE)
    host, image = ends.source_host, NoDisk()
    written = (60 * GRANULARITY, 100)

    async def work() -> None:
        switchover = asyncio.Event()
        async with ends.listening(unix(tmp_path), once=True) as address:
            if early:
                job, _ = begin_incremental(host, "d", "b", image, image)
            sending = asyncio.create_task(
                ends.send(address, rate=patient(), switchover=switchover)
            )
            if not early:
                while not ends.source.bitmaps:
                    await asyncio.sleep(0)
                job, _ = begin_incremental(host, "d", "b", image, image)
            switchover.set()
            ends.dirty("d", *written)
            for _ in range(20 * TURNS):
                await asyncio.sleep(0)
            assert host.vm is RunState.RUNNING
            assert bool(ends.source.bitmaps) != early
            job_fails(host, job)
            sent = await sending
            await ends.received()
        assert sent.acknowledged

    run(work())
    assert ends.destination_host.bitmap("d", "b").bits.test(60)
    assert ends.missing(ends.destination_host) == []


def test_what_somebody_else_takes_ends_the_attempt(tmp_path: Path) -> None:
    ends = Ends(Design.LIVE)

    async def work() -> None:
        async with ends.listening(unix(tmp_path), once=True) as address:
            never = asyncio.Event()
            sending = asyncio.create_task(
                ends.send(address, rate=patient(), switchover=never)
            )
            while not ends.source.bitmaps:
                await asyncio.sleep(0)
            ends.source_host.bitmap("d", "b").busy = True
            sent = await sending
            await ends.received()
        assert sent.phase is Phase.FAILED
        assert isinstance(sent.error, BitmapError)

    run(work())


# -- cancel, and the end of a destination ------------------------------------


@DESIGNS
@pytest.mark.parametrize("steps", range(0, 14))
def test_cancel_anywhere(design: Design, steps: int, tmp_path: Path) -> None:
    ends = Ends(design)
    cancel = asyncio.Event()
    taken = []

    def step(progress: object) -> None:
        taken.append(progress)
        if len(taken) > steps:
            cancel.set()

    async def work() -> None:
        async with ends.listening(unix(tmp_path), once=True) as address:
            sent = await ends.send(
                address, rate=patient(), cancel=cancel, progress=step
            )
            if sent.bytes_sent == 0:
                ends.stop.set()
            received = await ends.received()
        runs = ends.destination_host.vm is RunState.RUNNING
        if sent.phase is Phase.FAILED:
            assert not runs
            assert ends.source_host.vm is RunState.RUNNING
            assert ends.missing(ends.source_host) == []
        elif sent.phase is Phase.COMPLETED and received.error is None:
            assert runs
        assert ends.settled(ends.source_host)
        assert ends.settled(ends.destination_host)

    run(work())


@DESIGNS
def test_a_destination_that_is_stopped(design: Design, tmp_path: Path) -> None:
    ends = Ends(design)

    async def work() -> None:
        async with ends.listening(unix(tmp_path)) as address:
            sending = asyncio.create_task(
                ends.send(address, switchover=asyncio.Event())
            )
            while not ends.destination.loader.bitmaps:
                await asyncio.sleep(0)
            ends.stop.set()
            received = await ends.received()
            sent = await sending
        assert received.interrupted
        assert received.phase is Arrival.WAITING
        assert sent.phase is Phase.FAILED

    run(work())
    assert not ends.destination_host.has_bitmap("d", "b")
    assert ends.missing(ends.source_host) == []


# -- TLS ---------------------------------------------------------------------


def certificate(place: Path) -> tuple[Path, Path]:
    key, cert = place / "key.pem", place / "cert.pem"
    names = "subjectAltName=DNS:localhost,IP:127.0.0.1"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-nodes", "-batch"),
            *("-pkeyopt", "ec_paramgen_curve:prime256v1", "-days", "2"),
            *("-keyout", str(key), "-out", str(cert)),
            *("-subj", "/CN=localhost", "-addext", names),
        ],
        capture_output=True,
        check=True,
    )
    return key, cert


def contexts(place: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    key, cert = certificate(place)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(cert, key)
    client = ssl.create_default_context(cafile=str(cert))
    return server, client


@DESIGNS
def test_tls(design: Design, tmp_path: Path) -> None:
    server, client = contexts(tmp_path)
    for place in (unix(tmp_path), TCP):
        ends = Ends(design)

        async def work(ends: Ends = ends, place: Address = place) -> None:
            async with ends.listening(place, tls=server) as address:
                sent = await ends.send(address, tls=client)
                await ends.received()
            assert sent.phase is Phase.COMPLETED

        run(work())
        assert ends.missing(ends.destination_host) == []


def test_tls_that_fails(tmp_path: Path) -> None:
    server, _ = contexts(tmp_path)
    ends = Ends(Design.LIVE)
    strangers = ssl.create_default_context()

    async def work() -> None:
        async with ends.listening(TCP, tls=server) as address:
            untrusted = await ends.send(address, tls=strangers)
            assert ends.missing(ends.source_host) == []
            plain = await ends.send(address, rate=patient())
        assert untrusted.phase is Phase.FAILED
        assert plain.phase is not Phase.COMPLETED
        assert "TLS" in str(untrusted.error)

    run(work())


def test_the_source_is_a_stranger_to_no_bitmap(tmp_path: Path) -> None:
    ends = Ends(Design.POSTCOPY)
    ends.source_host.node("d").bitmaps.clear()

    async def work() -> None:
        async with ends.listening(unix(tmp_path)) as address:
            sent = await send(ends.source_host, ends.source, address)
            received = await ends.received()
        assert sent.acknowledged and received.bitmaps == ()

    run(work())
