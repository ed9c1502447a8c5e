# SPDX-License-Identifier: GPL-2.0-or-later
"""Drives a loopback to its end, one step at a time, in a fixed order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import define

from reference.bitmap import DirtyBitmap
from reference.host import Host, RunState
from reference.loopback import Connection, Loopback
from reference.protocol.tables import Arrival, Design, Phase

DESIGNS = list(Design)
CHUNK_BYTES = 8
#: disks of three chunks, of two, and of one granule and a bit
NODES = {"drive0": 130 * 512 + 100, "drive1": 70 * 1024, "tiny": 700}
#: the first granule, one that begins a chunk, the last
EDGES = ((0, 3), (64 * 512, 70), (66000, 9))
#: node, name, granularity, recording, persistent, ranges that are dirty
BITMAPS = (
    (
        "drive0",
        "daily",
        512,
        True,
        False,
        ((0, 3), (64 * 512, 70), (66000, 9)),
    ),
    ("drive0", "weekly", 1024, False, True, ((5000, 20000),)),
    ("drive1", "daily", 1024, True, True, ()),
    ("tiny", "one", 512, True, False, ((0, 700),)),
)
Names = tuple[str, str]
Contents = dict[Names, tuple[Any, ...]]


def loopback(
    design: Design,
    burst: int = 1,
    bitmaps: tuple[Any, ...] = BITMAPS,
    bulk: bool = False,
) -> Loopback:
    """Both ends, with four bitmaps on three nodes at the source."""
    made = Loopback.create(design, NODES, CHUNK_BYTES, bulk=bulk)
    made.source.burst = burst
    add(made.source_host, bitmaps)
    return made


def add(host: Host, bitmaps: tuple[Any, ...] = BITMAPS) -> None:
    for node, name, granularity, recording, persistent, dirty in bitmaps:
        bitmap = host.add_bitmap(
            node, name, granularity, recording, persistent
        )
        for offset, length in dirty:
            first = offset // granularity
            last = (offset + length - 1) // granularity
            bitmap.mark(first, last - first + 1)


def every(host: Host) -> dict[Names, DirtyBitmap]:
    """The bitmaps of a host by node and name."""
    return {
        (node.name, name): bitmap
        for node in host.nodes.values()
        for name, bitmap in node.bitmaps.items()
    }


def content(host: Host) -> Contents:
    """What must be the same after a migration, by node and name."""
    return {
        names: (
            bitmap.granularity,
            bitmap.bits.sha256(),
            bitmap.records,
            bitmap.persistent,
        )
        for names, bitmap in every(host).items()
    }


def granules(bitmap: DirtyBitmap) -> set[int]:
    """The granules that are set."""
    return {
        granule
        for first, count in bitmap.bits.runs().tolist()
        for granule in range(first, first + count)
    }


def degraded(host: Host, source: Host) -> set[Names]:
    """The bitmaps of ``host`` that say so; each holds what it had there."""
    there, found = every(source), every(host)
    says = {names for names, bitmap in found.items() if bitmap.degraded}
    for names in says:
        assert granules(found[names]) >= granules(there[names])
    return says


def as_before(host: Host, before: Mapping[Names, object]) -> None:
    """Nobody holds a bitmap any more, and none has changed."""
    assert content(host) == before
    assert [(n, w) for n, w in holds(host).items() if any(w)] == []


def holds(host: Host) -> Contents:
    """Whatever a migration leaves on a bitmap while it is under way."""
    return {
        names: (b.busy, b.skip_store, b.meta, b.successor, b.inconsistent)
        for names, b in every(host).items()
    }


@define
class Drive:
    """A loopback and who decides what it does next.

    ``most``: how many bytes arrive at once; ``left``: how many arrive before
    the connection is cut, None for all; ``wait``: how many steps there are
    until then, if there are so many.
    """

    loopback: Loopback
    most: int | None = None
    left: int | None = None
    wait: int = 0
    arrived: int = 0

    def run(self) -> Loopback:
        """Step until nothing is to be done any more."""
        while self.step():
            pass
        return self.loopback

    def until(self, phase: Phase) -> Loopback:
        """Step until the source is in a phase."""
        while self.loopback.source.phase is not phase:
            assert self.step(), phase
        return self.loopback

    def step(self) -> bool:
        """One step of whoever comes first; False if there is none."""
        if self.left == 0:
            self.wait -= 1
            if self.wait < 0 or not self._others():
                self.left = None
                if self.loopback.connection is not Connection.UP:
                    return self._others()
                cut(self.loopback)
            return True
        return self._deliver() or self._others()

    def _others(self) -> bool:
        return (
            self._destination()
            or self._reply()
            or self._source()
            or self._management()
        )

    def _deliver(self) -> bool:
        both = self.loopback
        gone = both.destination_host.vm is RunState.GONE
        if both.forward.is_empty or gone:
            return False
        pipe = both.forward
        size = len(pipe.messages[0]) - pipe.delivered
        for limit in (self.most, self.left):
            size = size if limit is None else min(size, limit)
        both.deliver(size)
        self.arrived += size
        if self.left is not None:
            self.left -= size
        return True

    def _destination(self) -> bool:
        both = self.loopback
        events = [
            row.event for row in both.destination.work(both.destination_host)
        ]
        events += ["incoming_fails", "dirty_bitmap_mig_cancel_incoming"]
        for event in events:
            if both.destination_can(event):
                both.destination_does(event)
                return True
        return False

    def _reply(self) -> bool:
        both = self.loopback
        alive = both.source_host.vm is not RunState.GONE
        if both.backward.is_empty or not alive:
            return False
        both.shut_arrives()
        return True

    def _source(self) -> bool:
        both = self.loopback
        source, host = both.source, both.source_host
        events = [row.event for row in source.work(host)]
        events += ["migration_fails"]
        for event in events:
            if both.source_can(event):
                index, chunk = 0, -1
                if event == "dirty_phase":
                    index, chunk = source.changed(host)[0]
                if event == "send_changed_bits":
                    index, chunk = source.to_send_again() or (0, -1)
                both.source_does(event, chunk, index)
                return True
        return False

    def _management(self) -> bool:
        for event in ("migrate", "migrate_start_postcopy"):
            if self.loopback.source_can(event):
                self.loopback.source_does(event)
                return True
        return False


def cut(both: Loopback) -> None:
    """The connection breaks, and nothing in flight arrives any more."""
    both.cut()
    both.forward.lose()
    both.backward.lose()


def bytes_of(design: Design, burst: int = 1) -> int:
    """How many bytes a migration sends when nothing fails."""
    drive = Drive(loopback(design, burst))
    drive.run()
    return drive.arrived


def again(both: Loopback) -> None:
    """After a failure before the hand-over: resume, then a new attempt."""
    if both.source_host.vm is not RunState.RUNNING:
        both.source_does("resume_source")
    assert both.source_host.vm is RunState.RUNNING
    assert both.destination.phase is Arrival.WAITING
    gone = both.destination_host.vm is RunState.GONE
    assert gone or both.destination.has_failed
    assert both.connection is Connection.DOWN
    both.source_does("migrate_again")
    Drive(both).run()
