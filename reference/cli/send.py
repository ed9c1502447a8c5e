# SPDX-License-Identifier: GPL-2.0-or-later
"""``send``: the source, from bitmap files.

The rule: the files are only read.  Where the bitmaps are after an attempt
is what the exit code says.
"""

from __future__ import annotations

import asyncio
import signal
import ssl
import sys
from pathlib import Path

from attrs import frozen

from reference.cli.arguments import ASSUMED_RATE, CHUNK_ON_WIRE, Guest
from reference.cli.bitmap_files import check_directory, save_all
from reference.cli.exit_codes import ExitCode
from reference.cli.summary import Fields, ProgressLine, say, show
from reference.errors import BitmapError
from reference.host import Host
from reference.protocol.aliases import Aliases
from reference.protocol.source import Source
from reference.protocol.tables import Design, Phase
from reference.transport.address import Address
from reference.transport.log import Log
from reference.transport.outcome import Progress, Sent
from reference.transport.rate import Rate
from reference.transport.source_end import send
from reference.transport.workload import Workload

BURST = 256  # chunks, at most
STEP = 0.05  # seconds: what a step may send at a limited rate

OUTCOMES = {
    Phase.COMPLETED: "completed",
    Phase.FAILED: "failed, VM and bitmaps are kept here",
    Phase.IN_DOUBT: "in doubt, the destination may run",
}
VERDICTS = {Phase.FAILED: "kept", Phase.IN_DOUBT: "in doubt"}


@frozen(kw_only=True)
class Sending:
    """What the options say; ``rate`` in bytes a second, 0 for no limit."""

    address: Address
    design: Design
    rate: float
    tls: ssl.SSLContext | None
    downtime: int
    switchover_after: float
    log: Path | None
    save: Path | None
    raw: bool
    progress: bool
    as_json: bool


def downtime_chunks(rate: float, milliseconds: int) -> int:
    """How many chunks of 1 KiB the link carries in that time."""
    carried = int(rate or ASSUMED_RATE) * milliseconds // 1000
    return carried // CHUNK_ON_WIRE


def burst(rate: float) -> int:
    """How many chunks a step takes, so that a rate is kept evenly."""
    if not rate:
        return BURST
    return max(1, min(BURST, int(rate * STEP / CHUNK_ON_WIRE)))


def run(host: Host, aliases: Aliases, options: Sending, guest: Guest) -> int:
    """One attempt; returns the exit code."""
    for local, _ in aliases.pairs or ():
        host.bitmap(*local)
    check_directory(options.save)
    workload = guest.workload(host)
    source = Source(
        options.design,
        downtime=options.downtime,
        # a log tells every step, and the model takes them one by one
        burst=burst(options.rate) if options.log is None else 1,
        aliases=aliases,
    )
    reason = source.never_stops(host)
    if reason:
        raise BitmapError(f"{reason}: the VM would never stop")
    log = None if options.log is None else Log.create(options.log)
    line = ProgressLine(options.progress or sys.stderr.isatty())
    try:
        sent = asyncio.run(_send(host, source, options, workload, log, line))
    finally:
        line.clear()
        if log is not None:
            log.close()
    if log is not None and log.failure:
        say(f"the log has ended early: {log.failure}")
    fields = _fields(sent, options, workload)
    _report(sent, workload, options)
    if sent.phase is Phase.FAILED and options.save is not None:
        names = [
            (node.name, name)
            for node in host.nodes.values()
            for name in node.bitmaps
        ]
        files = save_all(host, names, options.save, options.raw)
        for pair, path in files.items():
            for shown in fields["bitmaps"]:
                if shown["bitmap"] == "/".join(pair):
                    shown["file"] = str(path)
    show(fields, options.as_json)
    return exit_code(sent, options.design)


async def _send(
    host: Host,
    source: Source,
    options: Sending,
    workload: Workload | None,
    log: Log | None,
    line: ProgressLine,
) -> Sent:
    cancel, switchover = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, cancel.set)
    if options.switchover_after:
        loop.call_later(options.switchover_after, switchover.set)
    else:
        switchover.set()

    def progress(done: Progress) -> None:
        line.show(
            f"{done.phase.value}: {done.chunks_sent} of {done.chunks} "
            f"chunks, {done.bytes_sent >> 20} MiB"
        )

    return await send(
        host,
        source,
        options.address,
        rate=Rate(options.rate) if options.rate else None,
        tls=options.tls,
        log=log,
        progress=progress if line.shown else None,
        workload=workload,
        cancel=cancel,
        switchover=switchover,
    )


def exit_code(sent: Sent, design: Design) -> ExitCode:
    """Who has the bitmaps.

    In postcopy no reply says that they have arrived: an unexpected end of the
    connection leaves doubt about them.
    """
    if sent.phase is Phase.COMPLETED:
        sure = sent.acknowledged or not design.is_postcopy
        return ExitCode.DONE if sure else ExitCode.IN_DOUBT
    if sent.phase is Phase.IN_DOUBT:
        return ExitCode.IN_DOUBT
    if sent.interrupted:
        return ExitCode.INTERRUPTED
    return ExitCode.TRANSPORT


def _report(sent: Sent, workload: Workload | None, options: Sending) -> None:
    """What went wrong, one line each."""
    if sent.error is not None:
        say(sent.error)
    if sent.guest_error is not None:
        say(sent.guest_error)
    if (
        sent.phase is Phase.FAILED
        and workload is not None
        and workload.written
        and options.save is None
    ):
        say("what the guest has written is in no file (see --save)")


def _fields(sent: Sent, options: Sending, workload: Workload | None) -> Fields:
    code = exit_code(sent, options.design)
    verdict = VERDICTS.get(sent.phase, "sent")
    if sent.phase is Phase.COMPLETED and options.design.is_postcopy:
        # as QEMU's source without a return path: no reply has told it
        verdict = "sent, the destination knows whether it arrived"
    outcome = OUTCOMES[sent.phase]
    if sent.phase is Phase.COMPLETED and code == ExitCode.IN_DOUBT:
        verdict, outcome = "in doubt", "completed, bitmaps in doubt"
    return {
        "role": "source",
        "design": options.design.value,
        "address": str(options.address),
        "outcome": outcome,
        "phase": sent.phase.value,
        "error": None if sent.error is None else str(sent.error),
        "bitmaps": [
            {"bitmap": label, "verdict": verdict} for label in sent.bitmaps
        ],
        "chunks": sent.chunks,
        "chunks_sent": sent.chunks_sent,
        "bytes": sent.bytes_sent,
        "seconds": sent.seconds,
        "stopped_seconds": sent.stopped_seconds,
        "stopped_bytes": sent.stopped_bytes,
        "writes": None if workload is None else workload.written,
    }
