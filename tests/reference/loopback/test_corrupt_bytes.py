# SPDX-License-Identifier: GPL-2.0-or-later
"""A stream with changed bytes: nothing raises, nothing partial is usable."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference.host import Host, RunState
from reference.protocol.destination import Destination
from reference.protocol.tables import Design
from tests.reference.loopback.drive import (
    CHUNK_BYTES,
    DESIGNS,
    NODES,
    Drive,
    every,
    loopback,
)


def recorded(design: Design) -> bytes:
    both = loopback(design)
    Drive(both, left=0, wait=10_000)
    drive, stream = Drive(both), b""
    while True:
        pipe = both.forward
        if pipe.messages and not pipe.delivered:
            stream += pipe.messages[0]
        if not drive.step():
            return stream


STREAMS = {design: recorded(design) for design in DESIGNS}


def fresh(design: Design) -> tuple[Destination, Host]:
    host = Host(RunState.INMIGRATE)
    for name, size in NODES.items():
        host.add_node(name, size)
    return Destination(design, CHUNK_BYTES), host


def receive(design: Design, data: bytes, fragments: int) -> Destination:
    """All bytes, then whatever the destination does, then the end."""
    core, host = fresh(design)
    size = max(1, len(data) // fragments)
    for at in range(0, len(data), size):
        if core.error or core.ended:
            break
        core.receive(data[at : at + size], host)
        assert len(core.reader.kept) < 2048
        nothing_unfinished_is_usable(core, host)
        for row in core.work(host):
            core.do(row.event, host)
    core.lost(host)
    while rows := [r for r in core.work(host) if not core.shut_sent]:
        core.do(rows[0].event, host)
    for bitmap in every(host).values():
        assert not bitmap.busy
        assert bitmap.successor is None
    whole = {(b.node, b.name) for b in core.loader.bitmaps.values()}
    assert every(host).keys() == whole
    assert all(b.complete for b in core.loader.bitmaps.values())
    return core


def nothing_unfinished_is_usable(core: Destination, host: Host) -> None:
    for incoming in core.loader.bitmaps.values():
        bitmap = incoming.bitmap(host)
        assert bitmap.busy == (not incoming.complete)
    announced = {(b.node, b.name) for b in core.loader.bitmaps.values()}
    assert announced == every(host).keys()


@pytest.mark.parametrize("design", DESIGNS)
def test_the_recorded_stream_is_good(design: Design) -> None:
    core = receive(design, STREAMS[design], 7)
    assert core.error == ""
    assert len(core.loader.bitmaps) == 4
    assert len(STREAMS[design]) > 400


@pytest.mark.parametrize("design", DESIGNS)
def test_every_byte_changed(design: Design) -> None:
    chance = random.Random(design.value)
    stream = STREAMS[design]
    for at in range(len(stream)):
        changed = bytearray(stream)
        changed[at] ^= chance.choice([1, 2, 4, 8, 16, 32, 64, 128, 255])
        receive(design, bytes(changed), chance.choice([1, 5]))


places = st.lists(
    st.tuples(
        st.integers(0, 1 << 16),
        st.sampled_from(["put", "insert", "delete", "repeat", "cut"]),
        st.binary(min_size=1, max_size=12),
    ),
    min_size=1,
    max_size=4,
)


@given(st.sampled_from(DESIGNS), places, st.sampled_from([1, 3, 40]))
@settings(max_examples=600)
def test_any_changes(
    design: Design, edits: list[tuple[int, str, bytes]], fragments: int
) -> None:
    data = STREAMS[design]
    for place, kind, raw in edits:
        at = place % (len(data) + 1)
        match kind:
            case "put":
                data = data[:at] + raw + data[at + len(raw) :]
            case "insert":
                data = data[:at] + raw + data[at:]
            case "delete":
                data = data[:at] + data[at + raw[0] :]
            case "repeat":
                data = data[: at + raw[0]] + data[at:]
            case "cut":
                data = data[:at]
    receive(design, data, fragments)


@given(st.sampled_from(DESIGNS), st.binary(max_size=200))
@settings(max_examples=200)
def test_any_bytes_after_the_announcement(design: Design, tail: bytes) -> None:
    receive(design, STREAMS[design][:150] + tail, 3)


@pytest.mark.parametrize("design", DESIGNS)
def test_the_other_designs_streams(design: Design) -> None:
    for stream in STREAMS.values():
        receive(design, stream, 4)
