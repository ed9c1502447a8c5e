# SPDX-License-Identifier: GPL-2.0-or-later
"""Addresses, and everything that keeps two ends from meeting: one line."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest

from reference.errors import TransportError
from reference.protocol.tables import Design, Phase
from reference.transport import Address, parse_address
from reference.transport.address import connect, listen
from tests.reference.transport.ends import TCP, Ends, run, unix


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("unix:/a/b", Address(path="/a/b")),
        ("unix:s", Address(path="s")),
        ("tcp:localhost:1", Address(host="localhost", port=1)),
        ("tcp:[::1]:65535", Address(host="::1", port=65535)),
        ("tcp:0.0.0.0:0", Address(host="0.0.0.0", port=0)),
    ],
)
def test_good(text: str, address: Address) -> None:
    assert parse_address(text) == address
    assert str(address) == text


@pytest.mark.parametrize(
    "text",
    [
        *("", "unix", "unix:", "tcp", "tcp:", "tcp:host", "tcp::1", "tcp:h:"),
        *(
            "tcp:h:x",
            "tcp:h:-1",
            "tcp:h:65536",
            "tcp:h:999999",
            "tcp:h:\u0661",
        ),
        *("udp:h:1", "/a/b", "unix:" + "x" * 108, "unix:a\nb", "exec:cat"),
        *("tcp:[]:1", "unix:\0", "unix:\udcff"),
    ],
)
def test_bad(text: str) -> None:
    with pytest.raises(TransportError) as error:
        parse_address(text)
    assert str(error.value).isprintable()
    assert len(str(error.value)) < 120


def test_nobody_listens(tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        for address in (
            unix(tmp_path),
            Address(host="127.0.0.1", port=port),
            Address(path="/dev/null/x"),
        ):
            ends = Ends(Design.POSTCOPY)
            sent = run(ends.send(address))
            assert sent.phase is Phase.FAILED
            assert isinstance(sent.error, TransportError)
            assert str(sent.error).startswith(f"{address}: ")
            assert ends.settled(ends.source_host)


def test_in_use(tmp_path: Path) -> None:
    async def work() -> None:
        for address in (unix(tmp_path), TCP):
            listener = await listen(address, None)
            with pytest.raises(TransportError, match="in use"):
                await listen(listener.address, None)
            # who was there first still is
            link = await connect(listener.address, None)
            await link.close()
            await listener.close()

    run(work())


def test_the_socket_of_a_dead_process_is_replaced(tmp_path: Path) -> None:
    address = unix(tmp_path)
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(address.path)

    async def work() -> None:
        listener = await listen(address, None)
        await listener.close()

    assert Path(address.path).exists()
    run(work())
    assert not Path(address.path).exists()


def test_another_file_is_not_replaced(tmp_path: Path) -> None:
    address = unix(tmp_path)
    Path(address.path).write_text("mine")
    with pytest.raises(TransportError, match="File exists"):
        run(listen(address, None))
    assert Path(address.path).read_text() == "mine"


def test_who_listens_removes_its_own_socket_only(tmp_path: Path) -> None:
    address = unix(tmp_path)

    async def work() -> None:
        first = await listen(address, None)
        Path(address.path).unlink()
        second = await listen(address, None)
        await first.close()
        assert Path(address.path).exists()
        await second.close()
        assert not Path(address.path).exists()

    run(work())


def test_no_place_for_a_socket(tmp_path: Path) -> None:
    with pytest.raises(TransportError, match="No such file"):
        run(listen(Address(path=str(tmp_path / "no" / "s")), None))


def test_who_waits_is_turned_away_at_the_end(tmp_path: Path) -> None:
    async def work() -> None:
        listener = await listen(unix(tmp_path), None)
        link = await connect(listener.address, None)
        while listener.waiting.empty():
            await asyncio.sleep(0)
        await listener.close()
        assert await link.read() == b""
        await link.close()

    run(work())
