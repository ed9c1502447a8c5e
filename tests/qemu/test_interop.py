# SPDX-License-Identifier: GPL-2.0-or-later
"""Do the reference and a real QEMU understand each other, to the byte?"""

from __future__ import annotations

import asyncio
import copy
from pathlib import Path
from typing import Any

import attrs
import pytest

from checker.qemu.harness.binary import Build
from checker.qemu.harness.bitmaps import ShownBitmap
from checker.qemu.harness.progress import Limits
from checker.qemu.harness.scenario import Mode
from checker.qemu.interop.bitmap_shapes import QUICK, SHAPES, Shape, shape
from checker.qemu.interop.compare_ends import (
    compare_chunks,
    compare_hosts,
    compare_views,
)
from checker.qemu.interop.interop import (
    Result,
    known_to_abort,
    receive_from_qemu,
    send_to_qemu,
)
from checker.qemu.interop.known_streams import known_as
from checker.qemu.interop.malformed import (
    Kind,
    Outcome,
    feed_all,
    malformed,
    shorten,
)
from checker.qemu.interop.mutations import (
    Malformed,
    base,
    by_chance,
    corpus,
    cuts,
    joined,
    parts_of,
)
from checker.qemu.interop.stream_bytes import (
    chunk_bytes,
    encoded_again,
    items_of,
    stream_of,
)
from checker.stateful.adapter import Side
from reference.host import Host, RunState
from reference.protocol.aliases import Aliases
from reference.protocol.destination import Destination
from reference.protocol.tables import Design
from reference.transport.address import Address
from reference.transport.destination_end import serve
from reference.wire.return_path import Shut, encode_return
from reference.wire.stream import Item, SectionStart, VmDescription

PATIENT = Limits(answer=60, settle=120, quiet=60)
ONE = shape("one")


async def migrate(
    each: Shape,
    mode: Mode,
    return_path: bool,
    side: Side,
    build: Build,
    truth: Host | None = None,
) -> Result:
    """One migration; ``side`` is the reference's."""
    work = send_to_qemu if side is Side.SOURCE else receive_from_qemu
    return await work(each, mode, return_path, build, truth, PATIENT)


@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize("return_path", [False, True])
@pytest.mark.parametrize("mode", Mode)
def test_shapes(
    build: Build, mode: Mode, return_path: bool, side: Side
) -> None:
    async def main() -> list[Result]:
        return [
            await migrate(shape(name), mode, return_path, side, build)
            for name in QUICK
        ]

    for found in asyncio.run(main()):
        assert found.differences == (), found
        assert found.exit_code is None  # it lived until we ended it
        assert (found.chunks > 0) == (side is Side.DESTINATION)


@pytest.mark.slow
@pytest.mark.parametrize("return_path", [False, True])
@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("each", SHAPES, ids=str)
def test_all_shapes(
    build: Build, each: Shape, mode: Mode, return_path: bool
) -> None:
    for side in Side:
        found = asyncio.run(migrate(each, mode, return_path, side, build))
        if known_to_abort(each, mode, side, build):
            assert found.exit_code == -6
            assert "qemu_in_main_thread" in found.messages
            continue
        assert found.differences == (), found


def test_two_nodes_in_postcopy(build: Build) -> None:
    """QEMU 7.2 and 10.0 as the destination abort; the reference does not."""
    nodes = shape("several nodes")
    for side in Side:
        found = asyncio.run(migrate(nodes, Mode.POSTCOPY, False, side, build))
        if known_to_abort(nodes, Mode.POSTCOPY, side, build):
            assert found.exit_code == -6 and not found.agrees
        else:
            assert found.differences == ()


# -- would a difference be seen? ---------------------------------------------


def flipped(each: Shape) -> Host:
    """The truth with one bit of its last granule changed."""
    truth = each.truth(each.during)
    bitmap = truth.bitmap(*each.bitmaps[0].key)
    last = bitmap.granules - 1
    if bitmap.bits.test(last):
        bitmap.bits.clear(last, 1)
    else:
        bitmap.bits.set(last, 1)
    return truth


@pytest.mark.parametrize("side", Side)
def test_one_flipped_bit_is_a_difference(build: Build, side: Side) -> None:
    odd = shape("full odd disk, 512")
    wrong = flipped(odd)
    found = asyncio.run(migrate(odd, Mode.PRECOPY, True, side, build, wrong))
    text = "\n".join(found.differences)
    assert "sha256" in text and "content" in text
    if side is Side.SOURCE:
        assert "count" in text
    else:
        assert "chunk " in text


def view_of(host: Host) -> ShownBitmap:
    """What QEMU would show of the only bitmap."""
    bitmap = host.bitmap("drive0", "b0")
    return ShownBitmap(
        node="drive0",
        name="b0",
        granularity=bitmap.granularity,
        count=bitmap.bits.count() * bitmap.granularity,
        recording=True,
        busy=False,
        persistent=False,
        inconsistent=False,
        sha256=bitmap.bits.sha256(),
        dirty=tuple(bitmap.dirty_ranges()),
    )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"granularity": 512}, "granularity"),
        ({"count": 0}, "count"),
        ({"recording": False}, "recording"),
        ({"busy": True}, "busy"),
        ({"persistent": True}, "persistent"),
        ({"inconsistent": True}, "inconsistent"),
        ({"sha256": ""}, "sha256"),
        ({"dirty": None}, "content"),
        ({"dirty": ()}, "content"),
        ({"name": "b1"}, "not there"),
    ],
)
def test_every_field_is_compared(change: dict[str, Any], said: str) -> None:
    truth = ONE.truth()
    view = view_of(truth)
    assert compare_views(truth, (view,)) == ()
    found = compare_views(truth, (attrs.evolve(view, **change),))
    assert any(said in line for line in found)


def test_hosts_and_chunks_are_compared() -> None:
    truth = ONE.truth()
    other = copy.deepcopy(truth)
    assert compare_hosts(truth, other) == ()
    assert compare_hosts(truth, flipped(ONE))
    other.bitmap("drive0", "b0").recording = False
    assert compare_hosts(truth, other)
    other.add_bitmap("drive0", "more")
    assert any("not expected" in x for x in compare_hosts(truth, other))
    other.node("drive0").bitmaps.clear()
    assert any("not there" in x for x in compare_hosts(truth, other))
    data = stream_of(truth, Design.STOP_COPY, Aliases(), True)
    chunks = chunk_bytes(data)
    assert len(chunks) == 3 and compare_chunks(chunks, chunks) == ()
    assert compare_chunks(chunks, chunks[:2])
    changed = [chunks[0], chunks[1][:-1] + b"\1", chunks[2]]
    assert "chunk 1" in compare_chunks(chunks, changed)[0]
    assert encoded_again(data) == data


# -- what QEMU needs of the reference ----------------------------------------


def reference_items(design: Design) -> list[Item]:
    data = stream_of(ONE.truth(), design, Aliases(), False)
    return items_of(data)


def test_the_source_sends_what_a_destination_needs() -> None:
    """No section 0, and in precopy a description after the end."""
    for design in Design:
        items = reference_items(design)
        starts = [x for x in items if isinstance(x, SectionStart)]
        assert [start.id for start in starts] == [1]
        described = isinstance(items[-1], VmDescription)
        assert described == (design is not Design.POSTCOPY)


@pytest.mark.parametrize("return_path", [False, True])
def test_the_destination_says_shut_in_postcopy(return_path: bool) -> None:
    data = stream_of(ONE.truth(), Design.POSTCOPY, Aliases(), return_path)
    core = Destination(Design.POSTCOPY)
    core.receive(data, ONE.host(RunState.INMIGRATE))
    assert core.ended and not core.error
    wanted = encode_return(Shut(0)) if return_path else b""
    assert core.take_replies() == wanted


def test_a_late_description_is_no_reset(room: Path) -> None:
    """What is unread when a socket is closed takes back what was said."""
    data = stream_of(ONE.truth(), Design.STOP_COPY, Aliases(), True)
    late = items_of(data)[-1].offset

    async def main() -> bytes:
        place = room / "in"
        ready = asyncio.Event()
        serving = asyncio.create_task(
            serve(
                ONE.host(RunState.INMIGRATE),
                Destination(Design.STOP_COPY),
                Address(path=str(place)),
                ready=lambda _: ready.set(),
            )
        )
        async with asyncio.timeout(60):
            await ready.wait()
            reader, writer = await asyncio.open_unix_connection(str(place))
            writer.write(data[:late])
            shut = await reader.readexactly(8)
            writer.write(data[late:])
            rest = await reader.read()
            writer.close()
            assert (await serving).error is None
        return shut + rest

    assert asyncio.run(main()) == encode_return(Shut(0))


# -- malformed streams -------------------------------------------------------


def named(mode: Mode, name: str) -> Malformed:
    return next(each for each in corpus(mode) if each.name == name)


def fed(build: Build, *streams: Malformed) -> list[Outcome]:
    return asyncio.run(feed_all(streams, build, limit=60))


def test_the_corpus_is_the_same_every_time() -> None:
    for mode in Mode:
        streams = list(corpus(mode))
        assert streams == list(corpus(mode))
        names = [each.name for each in streams]
        assert len(names) == len(set(names)) > 500
        good = joined(base(mode))
        same = [each for each in streams if each.data == good]
        assert len(same) < len(streams) / 50
        assert by_chance(mode, 7) == by_chance(mode, 7)
        assert by_chance(mode, 7) != by_chance(mode, 8)
        assert joined(parts_of(good)) == good


def test_what_a_destination_does(build: Build) -> None:
    good, gap, cut, lost, crash = fed(
        build,
        Malformed("good", Mode.PRECOPY, joined(base(Mode.PRECOPY))),
        named(Mode.PRECOPY, "without bits 10"),
        named(Mode.PRECOPY, "ends within bits 8"),
        named(Mode.POSTCOPY, "ends within bits 20"),
        named(Mode.PRECOPY, "start 3: granularity 513"),
    )
    assert good.kind is Kind.ACCEPTED and good.exit_code == 0
    assert gap.kind is Kind.CHANGED and gap.exit_code == 0
    assert cut.kind is Kind.REFUSED and cut.exit_code == 1
    assert "load of migration failed" in cut.message
    # where the cut comes before the VM has started, all of it is refused
    assert lost.kind in (Kind.DROPPED, Kind.REFUSED)
    # so do 5.2, 7.2, 10.0 and 11.1
    assert crash.kind is Kind.CRASHED and crash.exit_code == -6


def test_a_cut_that_kills_a_running_vm(build: Build) -> None:
    """After RUN, three of the four bytes that count sectors: QEMU aborts.

    So do 5.2, 7.2, 10.0 and 11.1.  The VM runs there and nowhere else.
    """
    parts = base(Mode.POSTCOPY)
    last = max(at for at, part in enumerate(parts) if part.label == "bits")
    size = len(joined(parts[:last])) + parts[last].body + 8 + 3
    streams = list(cuts(Mode.POSTCOPY))
    before, there = fed(build, streams[size - 2], streams[size - 1])
    # where the cut comes before the VM has started, all of it is refused
    assert before.kind in (Kind.DROPPED, Kind.REFUSED)
    assert there.kind is Kind.CRASHED and there.exit_code == -6
    assert "serialization_chunk" in there.signature


def test_a_crash_is_made_short(build: Build) -> None:
    (crash,) = fed(build, named(Mode.PRECOPY, "start 3: granularity 513"))
    assert crash.kind is Kind.CRASHED
    short = asyncio.run(shorten(crash, build, limit=60))
    assert short.signature == crash.signature
    assert len(short.stream.data) < len(crash.stream.data) / 3


def test_seeds_by_chance(build: Build) -> None:
    results = malformed(build, range(3), streams=(), limit=60)
    assert len(results.outcomes) == 2 * 3
    assert sum(results.counts().values()) == 2 * 3
    assert Kind.HUNG not in {one.kind for one in results.outcomes}


@pytest.mark.slow
def test_the_whole_corpus(build: Build) -> None:
    """Every crash is one of those that are known."""
    results = malformed(build, range(100))
    assert results.complete
    bad = [one for one in results.outcomes if one.bad]
    assert not [one for one in bad if known_as(one, build) is None]
    if build.version < (8, 0, 0):
        assert bad
