# SPDX-License-Identifier: GPL-2.0-or-later
"""The reference at one end of a migration, a real QEMU at the other.

The rule: what both ends have afterwards is compared with what the guest
wrote, and every dirty-bitmap chunk that QEMU sent with the one that the
reference would have sent, byte for byte.  Differences are lines of text; no
line is agreement.
"""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import Final

import attrs

from checker.qemu.harness import bitmaps, disk
from checker.qemu.harness.binary import Build
from checker.qemu.harness.bitmaps import ShownBitmap
from checker.qemu.harness.pair import alone, fresh_room
from checker.qemu.harness.process import Qemu, QemuError, QemuRefusedError
from checker.qemu.harness.progress import Limits, ended, statuses
from checker.qemu.harness.scenario import Mode
from checker.qemu.harness.settings import (
    SLOW,
    set_capabilities,
    set_parameters,
    switch_over,
)
from checker.qemu.interop.bitmap_shapes import Extent, Shape
from checker.qemu.interop.bitmap_shapes import shape as shape_named
from checker.qemu.interop.compare_ends import (
    compare_chunks,
    compare_hosts,
    compare_views,
)
from checker.qemu.interop.stream_bytes import (
    Recorder,
    chunk_bytes,
    deliver,
    stream_of,
)
from checker.stateful.adapter import Side
from reference.errors import DirtyBitmapError
from reference.host import Host, RunState
from reference.protocol.source import Source
from reference.protocol.tables import Arrival, Design, Phase
from reference.transport.address import Address
from reference.transport.destination_end import serve
from reference.transport.outcome import Received, Sent
from reference.transport.source_end import send

DESIGNS: Final = {
    Mode.PRECOPY: Design.STOP_COPY,
    Mode.POSTCOPY: Design.POSTCOPY,
}


@attrs.frozen
class Result:
    """What came of one migration.

    ``reference``: which end it is; ``design``: the one that it has.
    ``differences``: one line each.  ``chunks``: dirty-bitmap chunks that were
    compared byte for byte; ``again``: those that the reference has sent a
    second time.
    """

    shape: str
    mode: Mode
    return_path: bool
    reference: Side
    differences: tuple[str, ...]
    design: str = ""
    chunks: int = 0
    again: int = 0
    exit_code: int | None = None
    messages: str = ""

    @property
    def agrees(self) -> bool:
        """Return whether both ends say the same."""
        return not self.differences

    def __str__(self) -> str:
        path = "with" if self.return_path else "without"
        said = "; ".join(self.differences) or "agrees"
        return (
            f"{self.shape}, {self.mode.value} {path} return path, the "
            f"reference as the {self.reference.value}, {self.design}: {said}"
        )


async def configure(qemu: Qemu, shape: Shape, return_path: bool) -> None:
    """Set capabilities and parameters, on either side."""
    wanted = ["events", "dirty-bitmaps"]
    if return_path:
        wanted.append("return-path")
    await set_capabilities(qemu, *wanted)
    await set_parameters(qemu, SLOW, 0, shape.aliases)


# -- the reference sends -----------------------------------------------------


@attrs.frozen
class Sending:
    """How the reference sends in a mode."""

    mode: Mode
    return_path: bool

    @property
    def design(self) -> str:
        """Return the name of the design of its source."""
        return DESIGNS[self.mode].value

    async def send(
        self, host: Host, shape: Shape, place: Path
    ) -> tuple[list[str], int]:
        """Send everything.

        Return what went wrong, a line each, and how many chunks were sent a
        second time.
        """
        return await self._everything(host, shape, place), 0

    async def _everything(
        self, host: Host, shape: Shape, place: Path
    ) -> list[str]:
        design = DESIGNS[self.mode]
        aliases = shape.mapping()
        if self.return_path is (self.mode is Mode.PRECOPY):
            # as the reference does it itself
            source = Source(design, aliases=aliases)
            sent = await send(host, source, Address(path=str(place)))
            return said_by_source(sent)
        data = stream_of(host, design, aliases, self.return_path)
        reply = await deliver(place, data)
        shut = bytes.fromhex("0001 0004 00000000")
        if self.return_path and not reply.endswith(shut):
            return [f"no SHUT 0 on the return path, but {reply[:40].hex()}"]
        if not self.return_path and reply:
            return [f"a reply without a return path: {reply[:40].hex()}"]
        return []


def said_by_source(sent: Sent) -> list[str]:
    """Return what the reference says has gone wrong, a line or none."""
    if sent.phase is Phase.COMPLETED and sent.error is None:
        return []
    return [f"the reference says {sent.phase.value}: {sent.error}"]


async def send_to_qemu(
    shape: Shape,
    mode: Mode,
    return_path: bool,
    build: Build,
    truth: Host | None = None,
    limits: Limits | None = None,
    sending: Sending | None = None,
) -> Result:
    """Migrate from the reference to QEMU, and compare.

    ``truth``: what to compare with, if not with what was sent.  ``sending``:
    how the reference sends, if not as its design for the mode does.
    """
    limits = limits or Limits()
    sending = sending or Sending(mode, return_path)
    host = shape.truth()
    again = 0
    with fresh_room() as room:
        one = alone(Side.DESTINATION, build, room, shape.disks, limits)
        async with one as qemu:
            try:
                await configure(qemu, shape, return_path)
                place = room / "in"
                await qemu.call("migrate-incoming", {"uri": f"unix:{place}"})
                async with asyncio.timeout(limits.settle):
                    found, again = await sending.send(host, shape, place)
                await qemu.bell.until(
                    lambda: ended(qemu), limits.settle, limits.quiet
                )
                if statuses(qemu)[-1:] == ("completed",):
                    await qemu.bell.until(
                        lambda: qemu.saw("RESUME"), limits.settle
                    )
                    views = await _views(qemu)
                    found += compare_views(truth or host, views)
                else:
                    found.append(f"QEMU says {statuses(qemu)}")
            except (QemuError, DirtyBitmapError, TimeoutError) as error:
                found = [str(error) or "no end within the limit"]
            code = qemu.exit_code
        return Result(
            shape.name,
            mode,
            return_path,
            Side.SOURCE,
            tuple(found),
            design=sending.design,
            again=again,
            exit_code=code,
            messages=qemu.messages,
        )


async def _views(qemu: Qemu) -> tuple[ShownBitmap, ...]:
    """Return all bitmaps with their content, if that can be read."""
    found = []
    for view in await bitmaps.look(qemu):
        dirty = None
        if view.usable:
            with contextlib.suppress(QemuRefusedError):
                dirty = await bitmaps.content(qemu, *view.key)
        found.append(attrs.evolve(view, dirty=dirty))
    return tuple(found)


# -- QEMU sends --------------------------------------------------------------


async def receive_from_qemu(
    shape: Shape,
    mode: Mode,
    return_path: bool,
    build: Build,
    truth: Host | None = None,
    limits: Limits | None = None,
) -> Result:
    """Migrate from QEMU to the reference, and compare."""
    limits = limits or Limits()
    there = shape.host(RunState.INMIGRATE)
    core = Recorder(DESIGNS[mode], aliases=shape.mapping())
    found: list[str] = []
    chunks = 0
    with fresh_room() as room:
        place = room / "in"
        one = alone(Side.SOURCE, build, room, shape.disks, limits)
        async with one as qemu:
            stop = asyncio.Event()
            address = Address(path=str(place))
            serving = asyncio.create_task(
                serve(there, core, address, once=True, cancel=stop)
            )
            try:
                await configure(qemu, shape, return_path)
                await fill(qemu, shape)
                done = await migrate(qemu, shape, mode, place, limits)
                async with asyncio.timeout(limits.settle):
                    received = await asyncio.shield(serving)
                await qemu.bell.until(
                    lambda: ended(qemu), limits.settle, limits.quiet
                )
                expected = truth or shape.truth(done)
                found += _said(qemu, received)
                found += compare_hosts(expected, there)
                sent = chunk_bytes(bytes(core.seen))
                mapping = shape.mapping(newest_first=True)
                data = stream_of(expected, DESIGNS[mode], mapping, return_path)
                found += compare_chunks(chunk_bytes(data), sent)
                chunks = len(sent)
            except (QemuError, DirtyBitmapError, TimeoutError) as error:
                found.append(str(error) or "no end within the limit")
            finally:
                stop.set()
                await asyncio.gather(serving, return_exceptions=True)
            code = qemu.exit_code
        return Result(
            shape.name,
            mode,
            return_path,
            Side.DESTINATION,
            tuple(found),
            design=DESIGNS[mode].value,
            chunks=chunks,
            exit_code=code,
            messages=qemu.messages,
        )


def _said(qemu: Qemu, received: Received) -> list[str]:
    """Return what either end says has gone wrong."""
    found = []
    if statuses(qemu)[-1:] != ("completed",):
        found.append(f"QEMU says {statuses(qemu)}")
    if received.phase is not Arrival.RUNNING or received.error is not None:
        found.append(
            f"the reference says {received.phase.value}: {received.error}"
        )
    lost = [each.name for each in received.bitmaps if not each.arrived]
    return found + [f"{name}: lost" for name in lost]


async def fill(qemu: Qemu, shape: Shape) -> None:
    """Add the bitmaps, and let the guest write."""
    await bitmaps.add_recording(qemu, shape.bitmaps)
    for index, write in enumerate(shape.writes):
        if index == shape.half:
            await bitmaps.disable(qemu, shape.bitmaps)
        await disk.guest_write(qemu, write.node, write.offset, write.length)
    if len(shape.writes) <= shape.half:
        await bitmaps.disable(qemu, shape.bitmaps)


async def migrate(
    qemu: Qemu, shape: Shape, mode: Mode, place: Path, limits: Limits
) -> tuple[Extent, ...]:
    """Migrate; return what the guest wrote meanwhile."""
    await qemu.call("migrate", {"uri": f"unix:{place}"})
    await qemu.bell.until(
        lambda: "active" in statuses(qemu) or ended(qemu), limits.settle
    )
    done = []
    for write in shape.during:
        try:
            await disk.guest_write(
                qemu, write.node, write.offset, write.length
            )
        except QemuRefusedError:
            break  # it was faster, and the VM has stopped
        done.append(write)
    await switch_over(qemu, mode)
    return tuple(done)


def known_to_abort(
    shape: Shape, mode: Mode, reference: Side, build: Build
) -> bool:
    """Return whether QEMU aborts there, as between two real QEMUs.

    7.2 and 10.0 as the destination look up the node of a postcopy chunk
    outside their main thread, where they may not: "bdrv_lookup_bs: Assertion
    `qemu_in_main_thread()' failed".  5.2 and 11.1 do not abort.
    """
    return (
        mode is Mode.POSTCOPY
        and reference is Side.SOURCE
        and len(shape.nodes) > 1
        and (7, 0, 0) <= build.version < (10, 1, 0)
    )


def expected(result: Result, build: Build) -> bool:
    """Return whether both agree, or QEMU is known to abort there."""
    known = known_to_abort(
        shape_named(result.shape), result.mode, result.reference, build
    )
    return result.agrees or (known and result.exit_code == -6)
