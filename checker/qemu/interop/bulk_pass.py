# SPDX-License-Identifier: GPL-2.0-or-later
"""A source that makes a pass before the stop, a real QEMU as destination.

The rule: the guest writes after the first chunk was sent and after the last,
so that chunks have to come twice; QEMU's bitmaps are compared with all that
the guest wrote.  In precopy the source is stop-copy's with a pass; in
postcopy management starts postcopy when the pass is over.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import attrs

from checker.qemu.harness.binary import Build
from checker.qemu.harness.progress import Limits
from checker.qemu.harness.scenario import Mode
from checker.qemu.interop.bitmap_shapes import Extent, Shape
from checker.qemu.interop.interop import (
    Result,
    Sending,
    said_by_source,
    send_to_qemu,
)
from reference.disk import NoDisk
from reference.host import Host, RunState
from reference.protocol.source import Source
from reference.protocol.tables import Design
from reference.transport.address import Address
from reference.transport.outcome import Progress
from reference.transport.source_end import send

#: chunks: whatever has changed may be pending at the stop
_ANY = 1 << 40


@attrs.frozen
class Pass(Sending):
    """Sends with a pass; ``during``: what the guest writes meanwhile."""

    during: tuple[Extent, ...] = ()

    @property
    def design(self) -> str:
        """Return the name of the design, or what is told of the source."""
        if self.mode is Mode.POSTCOPY:
            return "postcopy with a pass"
        return Design.STOP_COPY_BULK.value

    async def send(
        self, host: Host, shape: Shape, place: Path
    ) -> tuple[list[str], int]:
        """As any source; the guest writes in between."""
        left = list(self.during)
        over = asyncio.Event()

        def progress(done: Progress) -> None:
            pass_over = done.chunks_sent == done.chunks
            if host.vm is not RunState.RUNNING or not done.chunks_sent:
                return
            for write in left if pass_over else left[:1]:
                _write(host, write)
            del left[: len(left) if pass_over else 1]
            if pass_over:
                over.set()

        source = Source(
            Design.POSTCOPY
            if self.mode is Mode.POSTCOPY
            else Design.STOP_COPY_BULK,
            downtime=_ANY,
            bulk=True,
            aliases=shape.mapping(),
        )
        sent = await send(
            host,
            source,
            Address(path=str(place)),
            progress=progress,
            switchover=over,
        )
        found = said_by_source(sent)
        found += [f"not written: {write}" for write in left]
        return found, sent.chunks_sent - sent.chunks


def _write(host: Host, write: Extent) -> None:
    data = bytes(write.length)
    begun = host.begin_write(NoDisk(), write.node, write.offset, data)
    host.finish_write(begun)


async def pass_to_qemu(
    shape: Shape,
    mode: Mode,
    build: Build,
    truth: Host | None = None,
    limits: Limits | None = None,
) -> Result:
    """Migrate to QEMU with a pass, and compare with what the guest wrote.

    ``truth``: what to compare with instead.
    """
    # as the reference does it by itself
    return_path = mode is Mode.PRECOPY
    sending = Pass(mode, return_path, during=shape.during)
    wrote = shape.truth(shape.during)
    return await send_to_qemu(
        *(shape, mode, return_path, build),
        truth=truth or wrote,
        limits=limits,
        sending=sending,
    )
