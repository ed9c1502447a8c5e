# SPDX-License-Identifier: GPL-2.0-or-later
"""A machine to measure engines with: two hosts and a guest that writes.

It has the shape of the real models (sets of granules, cursor, channels, a
protocol of a few phases) and a size that two numbers decide, and it means
nothing.  The measurements stay comparable when the real models change.
"""

from __future__ import annotations

import enum

from model.language import (
    NO,
    Chunk,
    ChunkSet,
    Concrete,
    ContentsType,
    Disk,
    Granule,
    GranuleSet,
    Machine,
    MachineBuilder,
    NameType,
    Step,
    choose,
)
from model.language import expression as ex


def _with_granule(members: GranuleSet, granule: Granule) -> GranuleSet:
    one = members.type.disk.domain.granule_member(granule)
    more = ex.disjunction(members.expression, one)
    return GranuleSet(members.type, more, f"{members} and {granule}")


def _with_chunk(members: ChunkSet, chunk: Chunk) -> ChunkSet:
    one = members.type.disk.domain.chunk_member(chunk)
    more = ex.disjunction(members.expression, one)
    return ChunkSet(members.type, more, f"{members} and {chunk}")


class Phase(enum.Enum):
    """How far the source is."""

    SETUP = "setup"
    BULK = "bulk"
    STOPPED = "stopped"
    DONE = "done"
    FAILED = "failed"


class Message(enum.Enum):
    """What the source sends."""

    START = "START"
    BITS = "BITS"
    COMPLETE = "COMPLETE"


class Answer(enum.Enum):
    """What the destination sends."""

    GOT = "GOT"
    ERROR = "ERROR"


def two_hosts(
    chunks: int, per_chunk: int, capacity: int = 2, failures: int = 1
) -> Machine:
    """A transfer of ``chunks`` chunks of ``per_chunk`` granules."""
    build = MachineBuilder("two hosts")
    domain = Concrete(chunks, per_chunk)
    disk = Disk("disk", domain)
    phase = build.enum("src.phase", Phase.SETUP)
    source = build.granules("src.bitmap", disk)
    sent = build.chunk_set("src.sent", disk)
    cursor = build.cursor("src.cursor", disk)
    target = build.granules("dst.bitmap", disk)
    ready = build.flag("dst.ready")
    whole = build.flag("dst.whole")
    running = build.flag("vm.running", True)
    failed = build.counter("failures", failures)
    written = build.granules("ghost_written", disk, ghost=True)
    stream = build.channel(
        "stream",
        capacity,
        {
            Message.START: {},
            Message.BITS: {
                "chunk": NameType(disk),
                "contents": ContentsType(disk),
            },
            Message.COMPLETE: {},
        },
    )
    back = build.channel(
        "back",
        capacity,
        {Answer.GOT: {"chunk": NameType(disk)}, Answer.ERROR: {}},
    )
    build.start()
    nothing = source - source

    @build.action("guest", over=domain.granules)
    def write(granule: Granule) -> Step:
        return Step(
            when=[running, ~source.contains(granule)],
            then=[
                source.becomes(_with_granule(source, granule)),
                written.becomes(_with_granule(written, granule)),
            ],
        )

    @build.action("guest", over=domain.chunks)
    def discard(chunk: Chunk) -> Step:
        empty = source.contents(chunk).only_if(NO)
        return Step(
            when=[running, ~phase.is_(Phase.STOPPED, Phase.DONE)],
            then=[
                source.becomes(source.with_contents(chunk, empty)),
                written.becomes(written.with_contents(chunk, empty)),
            ],
        )

    @build.action("source", fair=True)
    def begin() -> Step:
        return Step(
            when=[phase.is_(Phase.SETUP), stream.has_room()],
            then=[phase.becomes(Phase.BULK), stream.put(Message.START)],
        )

    @build.action("source", over=domain.chunks, fair=True)
    def send(chunk: Chunk) -> Step:
        here = source.contents(chunk)
        return Step(
            when=[
                phase.is_(Phase.BULK, Phase.STOPPED),
                cursor.at(chunk),
                stream.has_room(),
            ],
            then=[
                stream.put(Message.BITS, chunk=chunk, contents=here),
                source.becomes(source.with_contents(chunk, here.only_if(NO))),
                cursor.becomes(cursor.past(chunk)),
            ],
        )

    @build.action("source", over=domain.chunks)
    def rewind(chunk: Chunk) -> Step:
        return Step(
            when=[
                phase.is_(Phase.BULK),
                cursor.at_end(),
                ~sent.contains(chunk),
            ],
            then=[cursor.becomes(cursor.past(chunk))],
        )

    @build.action("management")
    def stop() -> Step:
        return Step(
            when=[phase.is_(Phase.BULK), running],
            then=[phase.becomes(Phase.STOPPED), running.becomes(False)],
        )

    @build.action("source", fair=True)
    def complete() -> Step:
        return Step(
            when=[
                phase.is_(Phase.STOPPED),
                cursor.at_end(),
                stream.has_room(),
            ],
            then=[
                phase.becomes(Phase.DONE),
                stream.put(Message.COMPLETE),
                cursor.becomes(0),
                sent.becomes(frozenset()),
            ],
        )

    @build.action("destination", fair=True)
    def load_start() -> Step:
        return Step(
            when=[stream.head_is(Message.START)],
            then=[stream.take(), ready.becomes(True)],
        )

    @build.action("destination", over=domain.chunks, fair=True)
    def load_bits(chunk: Chunk) -> Step:
        merged = target.contents(chunk) | stream.head_contents()
        return Step(
            when=[
                stream.head_is(Message.BITS),
                stream.head_chunk().is_(chunk),
                back.has_room(),
                ready,
            ],
            then=[
                stream.take(),
                target.becomes(target.with_contents(chunk, merged)),
                back.put(Answer.GOT, chunk=chunk),
            ],
        )

    @build.action("source", over=domain.chunks, fair=True)
    def note(chunk: Chunk) -> Step:
        return Step(
            when=[back.head_is(Answer.GOT), back.head_chunk().is_(chunk)],
            then=[
                back.take(),
                sent.becomes(
                    choose(
                        phase.is_(Phase.BULK),
                        _with_chunk(sent, chunk),
                        sent - sent,
                    )
                ),
            ],
        )

    @build.action("destination", fair=True)
    def load_complete() -> Step:
        return Step(
            when=[stream.head_is(Message.COMPLETE)],
            then=[stream.take(), whole.becomes(True)],
        )

    @build.action("network", fault=True)
    def lose() -> Step:
        return Step(
            when=[failed < failures, phase.is_not(Phase.DONE)],
            then=[
                stream.lose_all(),
                back.lose_all(),
                phase.becomes(Phase.SETUP),
                cursor.becomes(0),
                sent.becomes(frozenset()),
                ready.becomes(False),
                running.becomes(True),
                target.becomes(nothing),
                failed.becomes((failed + 1).capped(failures)),
            ],
        )

    build.may_end(whole)
    build.always(
        "NoLostBit",
        "safety",
        "When the transfer is whole, every written granule is known.",
        when=[whole],
        then=[written <= target | source],
    )
    build.reachable("Finishes", "The transfer can end.", then=[whole])
    return build.machine()
