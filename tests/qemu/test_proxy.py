# SPDX-License-Identifier: GPL-2.0-or-later
"""Does the proxy do exactly what it is told, at every place?

The streams are captures; the two ends are sockets, not QEMU.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from pathlib import Path

import pytest
from attrs import define, field

from checker.qemu.harness.faults import Fault, FaultKind
from checker.qemu.harness.places import UNCOUNTED, Passage, Place, Within
from checker.qemu.harness.proxy import Actor, Hold, Proxy, no_other
from tests.command import ROOT

CAPTURES = ROOT / "tests" / "captures"
STREAMS = sorted(CAPTURES.glob("*.fwd.bin"))
POSTCOPY = CAPTURES / "11-postcopy-full-7.2.fwd.bin"
SHORT = CAPTURES / "01-precopy-one-7.2.fwd.bin"
BACK = CAPTURES / "11-postcopy-full-7.2.rev.bin"
LIMIT = 60.0  # only against hanging
PLACES = [
    ("bits", Within.BEFORE),
    ("bits", Within.MIDDLE),
    ("bits", Within.AFTER),
]


@define
class Ends:
    """A source and a destination, and what each received."""

    proxy: Proxy
    received: bytearray = field(factory=bytearray)
    returned: bytearray = field(factory=bytearray)
    broken: bool = False

    async def run(
        self, stream: bytes, back: bytes = b"", piece: int = 1 << 16
    ) -> None:
        """Until both ends have seen the end."""
        served = asyncio.Event()

        async def destination(
            reader: asyncio.StreamReader, writer: asyncio.StreamWriter
        ) -> None:
            writer.write(back)
            with contextlib.suppress(OSError):
                while data := await reader.read(1 << 16):
                    self.received += data
                    self.proxy.bell.ring()
                if back:
                    writer.write_eof()
            writer.close()
            served.set()

        server = await asyncio.start_unix_server(
            destination, self.proxy.destination
        )
        async with asyncio.timeout(LIMIT), server, self.proxy:
            reader, writer = await asyncio.open_unix_connection(
                self.proxy.path
            )
            with contextlib.suppress(OSError):
                for at in range(0, len(stream), piece):
                    writer.write(stream[at : at + piece])
                    await writer.drain()
                    if piece < 100:
                        await asyncio.sleep(0)
                writer.write_eof()
            try:
                while data := await reader.read(1 << 16):
                    self.returned += data
            except OSError:
                self.broken = True
            await served.wait()
            writer.close()


def carry(
    room: Path,
    stream: bytes,
    fault: Fault | None = None,
    holds: tuple[Hold, ...] = (),
    back: bytes = b"",
    piece: int = 1 << 16,
    act: Actor = no_other,
) -> Ends:
    async def main() -> Ends:
        for name in ("wire", "in"):
            (room / name).unlink(missing_ok=True)
        proxy = Proxy(room / "wire", room / "in", fault, holds, act)
        ends = Ends(proxy)
        await ends.run(stream, back, piece)
        return ends

    return asyncio.run(main())


def forward(ends: Ends) -> list[Passage]:
    return [each for each in ends.proxy.passages if not each.returning]


@pytest.mark.parametrize("path", STREAMS, ids=lambda path: path.stem)
def test_without_a_fault_all_passes(path: Path, room: Path) -> None:
    stream = path.read_bytes()
    ends = carry(room, stream)
    assert ends.received == stream
    assert not ends.proxy.unreadable
    assert all(each.whole for each in ends.proxy.passages)
    edges = [(each.begin, each.end) for each in forward(ends)]
    assert edges[0][0] == 0 and edges[-1][1] == len(stream)
    assert all(one[1] == other[0] for one, other in itertools.pairwise(edges))


def test_fragments_decide_nothing(room: Path) -> None:
    stream = SHORT.read_bytes()
    whole = forward(carry(room, stream))
    bytewise = carry(room, stream, piece=1)
    assert bytewise.received == stream
    assert [(p.label, p.number, p.begin, p.end) for p in whole] == [
        (p.label, p.number, p.begin, p.end) for p in forward(bytewise)
    ]


@pytest.mark.parametrize("path", [SHORT, POSTCOPY], ids=lambda p: p.stem)
def test_a_cut_at_every_place(path: Path, room: Path) -> None:
    """The destination gets the bytes before the place and no more."""
    stream = path.read_bytes()
    items = [
        each
        for each in forward(carry(room, stream))
        if each.label not in UNCOUNTED
    ]
    assert len(items) > 20
    for each in items:
        for within in Within:
            place = Place(each.label, each.number, within)
            ends = carry(room, stream, Fault(FaultKind.CUT, place))
            upto = each.begin + place.cut_at(each.end - each.begin)
            assert ends.proxy.struck, place
            assert ends.received == stream[:upto], place
            *_, last = (p for p in forward(ends) if not p.lost)
            assert (last.label, last.number) == (each.label, each.number)
            assert last.sent == upto - each.begin


@pytest.mark.parametrize("byte", [0, 1, 12, 13, 148, 149])
def test_a_cut_at_a_byte_of_a_chunk(byte: int, room: Path) -> None:
    stream = SHORT.read_bytes()
    place = Place("bits", 0, byte)
    ends = carry(room, stream, Fault(FaultKind.CUT, place))
    assert ends.received == stream[: 2039 + byte]


@pytest.mark.parametrize(("item", "within"), PLACES)
def test_drop(item: str, within: Within, room: Path) -> None:
    stream = SHORT.read_bytes()
    place = Place(item, 0, within)
    ends = carry(room, stream, Fault(FaultKind.DROP, place))
    kept = 2039 + place.cut_at(149)
    assert ends.received == stream[:kept] + stream[2188:]


@pytest.mark.parametrize(("item", "within"), PLACES)
def test_half_close(item: str, within: Within, room: Path) -> None:
    """The source notices nothing, and the return path still works."""
    stream, back = SHORT.read_bytes(), BACK.read_bytes()
    place = Place(item, 0, within)
    ends = carry(room, stream, Fault(FaultKind.HALF_CLOSE, place), back=back)
    assert ends.received == stream[: 2039 + place.cut_at(149)]
    assert ends.returned == back and not ends.broken
    assert forward(ends)[-1].label == "vm-description"


def test_stall_and_release(room: Path) -> None:
    stream = SHORT.read_bytes()

    async def main() -> Ends:
        fault = Fault(FaultKind.STALL, Place("bits", 0, Within.MIDDLE))
        proxy = Proxy(room / "wire", room / "in", fault)
        ends = Ends(proxy)
        running = asyncio.create_task(ends.run(stream))
        before = 2039 + 149 // 2
        assert await proxy.bell.until(
            lambda: proxy.struck and len(ends.received) == before, LIMIT
        )
        assert not proxy.passed("bits")
        proxy.release()
        await running
        return ends

    ends = asyncio.run(main())
    assert ends.received == stream
    assert ends.proxy.passed("bits") and ends.proxy.passed("complete")


def test_hold(room: Path) -> None:
    """What is held passes when it may, and in order."""
    stream = POSTCOPY.read_bytes()
    states = []

    async def act(fault: Fault) -> None:
        states.append(fault)

    held = Hold(
        Place("package-end", 0, Within.AFTER), lambda: bool(len(states) >= 1)
    )
    fault = Fault(FaultKind.CANCEL, Place("package"))
    ends = carry(room, stream, fault, (held,), act=act)
    assert states == [fault]
    assert ends.received == stream


def test_the_return_path(room: Path) -> None:
    stream, back = POSTCOPY.read_bytes(), BACK.read_bytes()
    ends = carry(room, stream, back=back)
    assert ends.returned == back
    labels = [p.label for p in ends.proxy.passages if p.returning]
    assert labels[-1] == "shut"
    for within in Within:
        place = Place("shut", 0, within)
        ends = carry(room, stream, Fault(FaultKind.CUT, place), back=back)
        upto = len(back) - 8 + place.cut_at(8)
        assert back.startswith(ends.returned)
        assert len(ends.returned) in ({upto} if not ends.broken else range(99))


def test_what_is_no_stream_passes_too(room: Path) -> None:
    ends = carry(room, b"no stream at all" * 10)
    assert ends.received == b"no stream at all" * 10
    assert "magic" in ends.proxy.unreadable


def test_no_destination(room: Path) -> None:
    async def main() -> bytes:
        async with Proxy(room / "wire", room / "in") as proxy:
            reader, writer = await asyncio.open_unix_connection(proxy.path)
            async with asyncio.timeout(LIMIT):
                data = await reader.read()
            writer.close()
            return data

    assert asyncio.run(main()) == b""
