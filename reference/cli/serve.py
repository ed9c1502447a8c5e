# SPDX-License-Identifier: GPL-2.0-or-later
"""``serve``: the destination.

The rule: what has arrived whole becomes a file when the guest has ended; what
is lost is said to be lost, and what is not exact to be degraded.  A failed
attempt changes nothing, and the next one may come.
"""

from __future__ import annotations

import asyncio
import signal
import ssl
import sys
from pathlib import Path

from attrs import frozen

from reference.cli.arguments import Guest
from reference.cli.bitmap_files import check_directory, save_all
from reference.cli.exit_codes import ExitCode
from reference.cli.summary import Fields, ProgressLine, say, show
from reference.errors import DirtyBitmapError
from reference.host import Host
from reference.protocol.aliases import Aliases
from reference.protocol.destination import Destination
from reference.protocol.tables import Arrival, Design
from reference.transport.address import Address
from reference.transport.destination_end import serve
from reference.transport.log import Log
from reference.transport.outcome import Received, Verdict
from reference.transport.workload import Workload


@frozen(kw_only=True)
class Serving:
    """What the options say."""

    address: Address
    design: Design
    tls: ssl.SSLContext | None
    once: bool
    out: Path | None
    raw: bool
    log: Path | None
    progress: bool
    as_json: bool


def run(host: Host, aliases: Aliases, options: Serving, guest: Guest) -> int:
    """Serve until a VM has come; returns the exit code."""
    for local, _ in aliases.pairs or ():
        host.node(local[0])
    check_directory(options.out)
    workload = guest.workload(host)
    destination = Destination(options.design, aliases=aliases)
    log = None if options.log is None else Log.create(options.log)
    line = ProgressLine(options.progress or sys.stderr.isatty())
    try:
        received = asyncio.run(
            _serve(host, destination, options, workload, log, line)
        )
    finally:
        line.clear()
        if log is not None:
            log.close()
    if log is not None and log.failure:
        say(f"the log has ended early: {log.failure}")
    if received.phase is Arrival.RUNNING and received.error is not None:
        say(received.error)
    if received.guest_error is not None:
        say(received.guest_error)
    files = {}
    if options.out is not None:
        arrived = [
            (verdict.node, verdict.name)
            for verdict in received.bitmaps
            if verdict.arrived
        ]
        files = save_all(host, arrived, options.out, options.raw)
    show(_fields(received, options, workload, files), options.as_json)
    return exit_code(received)


async def _serve(
    host: Host,
    destination: Destination,
    options: Serving,
    workload: Workload | None,
    log: Log | None,
    line: ProgressLine,
) -> Received:
    cancel = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, cancel.set)

    def failed(error: DirtyBitmapError) -> None:
        line.clear()
        say(error)

    def ready(address: Address) -> None:
        say(f"listening on {address}")

    def progress(received: int) -> None:
        line.show(f"{received >> 20} MiB received")

    return await serve(
        host,
        destination,
        options.address,
        tls=options.tls,
        log=log,
        progress=progress if line.shown else None,
        workload=workload,
        once=options.once,
        cancel=cancel,
        ready=ready,
        failed=failed,
    )


def exit_code(received: Received) -> ExitCode:
    """Interrupted or not, a lost bitmap is the graver news; then one that is
    not exact.
    """
    if received.phase is Arrival.RUNNING:
        if not all(verdict.arrived for verdict in received.bitmaps):
            return ExitCode.LOST
        if any(verdict.degraded for verdict in received.bitmaps):
            return ExitCode.DEGRADED
    if received.interrupted:
        return ExitCode.INTERRUPTED
    if received.phase is Arrival.WAITING:
        return ExitCode.TRANSPORT
    return ExitCode.DONE


def _word(verdict: Verdict) -> str:
    """What became of a bitmap."""
    if not verdict.arrived:
        return "lost"
    return "kept, degraded" if verdict.degraded else "arrived"


def _fields(
    received: Received,
    options: Serving,
    workload: Workload | None,
    files: dict[tuple[str, str], Path],
) -> Fields:
    code = exit_code(received)
    outcome = "completed"
    if code == ExitCode.LOST:
        outcome = "the VM runs here, bitmaps are lost"
    elif code == ExitCode.DEGRADED:
        outcome = "the VM runs here, bitmaps are degraded"
    elif received.phase is Arrival.WAITING:
        outcome = "no VM came"
    bitmaps = []
    for verdict in received.bitmaps:
        pair = (verdict.node, verdict.name)
        shown = {
            "bitmap": "/".join(pair),
            "verdict": _word(verdict),
        }
        if pair in files:
            shown["file"] = str(files[pair])
        bitmaps.append(shown)
    return {
        "role": "destination",
        "design": options.design.value,
        "outcome": outcome,
        "phase": received.phase.value,
        "error": None if received.error is None else str(received.error),
        "bitmaps": bitmaps,
        "attempts": received.attempts,
        "chunks": received.chunks,
        "bytes": received.bytes_received,
        "seconds": received.seconds,
        "started_at": received.started_at,
        "writes": None if workload is None else workload.written,
    }
