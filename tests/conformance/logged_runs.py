# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs of the reference's loopback, as the logs that it would write.

A schedule is a seed: whoever can take a step is chosen at random.  The guest
writes now and then; failures come where they are asked for.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random

from attrs import define, field

from reference.events import Event
from reference.host import Host, RunState
from reference.loopback import Connection, Loopback
from reference.protocol.tables import Arrival, Design

CHUNK_BYTES, WORD, GRANULARITY, CHUNKS = 8, 64, 512, 3
SIZE = ((CHUNKS - 1) * WORD + 2) * GRANULARITY
LABEL = "drive0/b0"
HEADER = {
    "event": "header",
    "version": 1,
    "downtime": 1,
    "bitmaps": [
        {
            "bitmap": LABEL,
            "disk_size": SIZE,
            "granularity": GRANULARITY,
            "granules": SIZE // GRANULARITY,
            "chunk_granules": WORD,
            "chunks": CHUNKS,
        }
    ],
}


class Nowhere:
    """A disk whose data nobody looks at."""

    def read(self, offset: int, length: int) -> bytes:
        return bytes(length)

    def write(self, offset: int, data: bytes) -> None:
        return


@define
class Run:
    """A loopback, and what each side has logged; ``order``: all in one."""

    loopback: Loopback
    random: Random
    order: list[tuple[str, Event]] = field(factory=list)

    def log(self, side: str, *events: Event | None) -> None:
        self.order += [(side, e) for e in events if e is not None]

    def lines(self, role: str) -> list[dict]:
        """A log of that role, as plain data."""
        design = self.loopback.source.design.value
        chosen = [e for side, e in self.order if role in ("both", side)]
        head = {**HEADER, "role": role, "design": design}
        head["downtime"] = min(self.loopback.source.downtime, CHUNKS)
        return [head, *(event.as_dict() for event in chosen)]


def as_bytes(lines: list[dict]) -> bytes:
    """The content of a log file."""
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


def cut(run: Run) -> None:
    """The connection breaks, and both ends get to see it."""
    run.loopback.cut()


def silence(run: Run) -> None:
    """The connection breaks, and neither end is told."""
    run.loopback.cut(silent=True)


def cancel(run: Run) -> None:
    """Management cancels, if it is not too late."""
    if run.loopback.source_can("migrate_cancel"):
        run.log("source", run.loopback.source_does("migrate_cancel"))


def start(design: Design, seed: int) -> Run:
    # of what was frozen all may have changed at the stop
    downtime = CHUNKS if design is Design.STOP_COPY_BULK else None
    loopback = Loopback.create(
        design, {"drive0": SIZE}, CHUNK_BYTES, 4, downtime
    )
    loopback.source_host.add_bitmap("drive0", "b0", GRANULARITY)
    return Run(loopback, Random(seed))


def run(
    design: Design,
    seed: int,
    after: int | None = None,
    fails: Callable[[Run], None] = cut,
) -> Run:
    """A whole migration; ``after`` so many steps it fails, and is retried."""
    made = start(design, seed)
    made.log("source", made.loopback.source_does("migrate"))
    for step in range(2000):
        if step == after:
            fails(made)
        if not advance(made):
            if made.loopback.connection is not Connection.SILENT:
                break
            made.loopback.time_out()
    return made


def advance(run: Run) -> bool:
    """One step of whoever can; False if nobody can."""
    choices = [*_source(run), *_destination(run), *_guests(run)]
    protocol = [c for c in choices if c[0] != "guest"]
    if not protocol:
        return False
    _, side, action = run.random.choice(choices)
    run.log(side, *action())
    return True


def _source(run: Run):
    loop = run.loopback
    core, host = loop.source, loop.source_host
    for row in core.work(host):
        if not loop.source_can(row.event):
            continue
        if row.event == "dirty_phase":
            for index, chunk in core.changed(host):
                yield (
                    "source",
                    "source",
                    lambda i=index, c=chunk: [
                        loop.source_does("dirty_phase", c, i)
                    ],
                )
            continue
        if row.event == "send_changed_bits":
            for index, sent in enumerate(core.bitmaps):
                for chunk in sent.changed:
                    yield (
                        "source",
                        "source",
                        lambda i=index, c=chunk: [
                            loop.source_does("send_changed_bits", c, i)
                        ],
                    )
            continue
        yield "source", "source", lambda e=row.event: [loop.source_does(e)]
    if loop.source_can("migrate_start_postcopy"):
        yield (
            "source",
            "source",
            lambda: [loop.source_does("migrate_start_postcopy")],
        )
    for event in ("migration_fails", "resume_source", "migrate_again"):
        if loop.source_can(event):
            yield "source", "source", lambda e=event: [loop.source_does(e)]
    if not loop.backward.is_empty:
        yield "source", "source", loop.shut_arrives


def _destination(run: Run):
    loop = run.loopback
    if not loop.forward.is_empty:
        yield "destination", "destination", loop.deliver
    for event in (
        "dirty_bitmap_mig_before_vm_start",
        "vm_start",
        "migrate_send_rp_shut",
        "incoming_fails",
        "dirty_bitmap_mig_cancel_incoming",
    ):
        if loop.destination_can(event):
            yield (
                "destination",
                "destination",
                lambda e=event: [loop.destination_does(e)],
            )


def _guests(run: Run):
    loop = run.loopback
    moved = loop.destination.phase is Arrival.RUNNING
    for side, host in (
        ("source", loop.source_host),
        ("destination", loop.destination_host),
    ):
        if host.in_flight:
            yield (
                "finish",
                side,
                lambda s=side, h=host: _finish(s, h),
            )
        elif host.vm is RunState.RUNNING and not (moved and side == "source"):
            yield (
                "guest",
                side,
                lambda s=side, h=host: _begin(run, s, h),
            )


def _begin(run: Run, side: str, host: Host) -> list[Event]:
    chunk, inside = run.random.randrange(CHUNKS), run.random.randrange(2)
    offset = (chunk * WORD + inside) * GRANULARITY
    host.begin_write(Nowhere(), "drive0", offset, b"x")
    return [_write(f"{side}_write_data", offset)]


def _finish(side: str, host: Host) -> list[Event]:
    (write,) = host.in_flight
    host.finish_write(write)
    return [_write(f"{side}_set_dirty", write.offset)]


def _write(action: str, offset: int) -> Event:
    return Event(actor="guest", action=action, offset=offset, length=1)
