# SPDX-License-Identifier: GPL-2.0-or-later
"""Does a process end whatever happens, and is a silent one noticed?"""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from checker.qemu.harness import bitmaps, disk
from checker.qemu.harness.binary import Build
from checker.qemu.harness.bitmaps import Bitmap
from checker.qemu.harness.disk import Disk, Images
from checker.qemu.harness.process import (
    GoneError,
    HungError,
    Qemu,
    QemuError,
    QemuRefusedError,
)
from checker.stateful.adapter import Side
from reference.bitmap.dirty_bitmap import DirtyBitmap
from tests.command import ROOT, processes_of, run_process

KIB = 1024
ODD = Disk("odd", 3_000_320)  # no multiple of a granule


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def one(
    build: Build, room: Path, act: Callable[[Qemu], Awaitable[None]]
) -> None:
    """Do something with a process; it is gone afterwards."""

    async def main() -> None:
        images = Images(build, room)
        blockdevs = [
            disk.blockdev(each, images.create(each, Side.SOURCE))
            for each in (Disk(), ODD)
        ]
        async with Qemu("one", build, room, blockdevs) as qemu:
            pid = qemu.pid
            try:
                await act(qemu)
            finally:
                await qemu.end()
                assert gone(pid)

    asyncio.run(main())


def test_calls_and_events(build: Build, room: Path) -> None:
    async def act(qemu: Qemu) -> None:
        assert await qemu.status() == "running"
        with pytest.raises(QemuRefusedError, match="nowhere"):
            await bitmaps.add(qemu, Bitmap("nowhere"))
        await qemu.call("stop")
        assert await qemu.bell.until(lambda: qemu.saw("STOP"), 60)
        with pytest.raises(QemuRefusedError, match="cannot write: paused"):
            await disk.guest_write(qemu, "drive0", 0, KIB)
        assert await qemu.quit() and qemu.exit_code == 0
        with pytest.raises(GoneError):
            await qemu.status()

    one(build, room, act)


def test_bitmaps_are_those_of_the_reference(build: Build, room: Path) -> None:
    """By hash, count, flags and content, on a disk of an odd size."""

    async def act(qemu: Qemu) -> None:
        wanted = Bitmap("odd", "b", 4 * KIB)
        truth = DirtyBitmap.create("b", ODD.size, 4 * KIB)
        await bitmaps.add(qemu, wanted)
        for offset, length in ((512, 9000), (ODD.size - 512, 512)):
            await disk.guest_write(qemu, "odd", offset, length // 512 * 512)
            truth.record(offset, length // 512 * 512)
        await disk.guest_write(qemu, "odd", 64 * KIB, 8 * KIB, discard=True)
        truth.record(64 * KIB, 8 * KIB)
        (view,) = await bitmaps.look(qemu)
        assert bitmaps.same(view, truth)
        assert view.count == truth.dirty_bytes() and view.recording
        dirty = await bitmaps.content(qemu, "odd", "b")
        assert list(dirty) == truth.dirty_ranges()
        # to look has changed nothing, and can be done again
        assert await bitmaps.look(qemu) == (view,)
        assert await bitmaps.content(qemu, "odd", "b") == dirty
        truth.record(1024 * KIB, 512)
        assert bitmaps.missing(dirty, truth) == ((1024 * KIB, 4 * KIB),)

    one(build, room, act)


def test_merge_disable_remove(build: Build, room: Path) -> None:
    async def act(qemu: Qemu) -> None:
        for name in ("a", "b"):
            await bitmaps.add(qemu, Bitmap(name=name))
        await bitmaps.change(qemu, "disable", "drive0", "b")
        await disk.guest_write(qemu, "drive0", 0, KIB)
        one, other = await bitmaps.look(qemu)
        assert (one.count, other.count) == (64 * KIB, 0)
        assert (one.recording, other.recording) == (True, False)
        await bitmaps.merge(qemu, "drive0", "b", "a")
        await bitmaps.change(qemu, "remove", "drive0", "a")
        (view,) = await bitmaps.look(qemu)
        assert view.count == 64 * KIB and view.name == "b"

    one(build, room, act)


def test_silent_monitor(build: Build, room: Path) -> None:
    async def act(qemu: Qemu) -> None:
        os.kill(qemu.pid, signal.SIGSTOP)
        qemu.limit = 0.2
        with pytest.raises(HungError, match="no answer to query-status"):
            await qemu.status()
        with pytest.raises(HungError, match="hung in query-status"):
            await qemu.call("quit")

    one(build, room, act)


def test_killed(build: Build, room: Path) -> None:
    async def act(qemu: Qemu) -> None:
        qemu.kill()
        with pytest.raises(GoneError):
            await qemu.status()
        assert qemu.exit_code == -signal.SIGKILL

    one(build, room, act)


def test_what_does_not_start(build: Build, room: Path) -> None:
    async def main() -> None:
        async with Qemu("bad", build, room, options=["-no-such-option"]):
            pass

    with pytest.raises(GoneError, match="no-such-option"):
        asyncio.run(main())


def test_an_exception_ends_the_process(build: Build, room: Path) -> None:
    pids = []

    async def main() -> None:
        async with Qemu("one", build, room) as qemu:
            pids.append(qemu.pid)
            raise QemuError("enough")

    with pytest.raises(QemuError, match="enough"):
        asyncio.run(main())
    assert gone(pids[0])


FOREVER = """
import asyncio, sys, tempfile
from pathlib import Path
from checker.qemu.harness.binary import find_build
from checker.qemu.harness.process import Qemu

async def main():
    with tempfile.TemporaryDirectory(dir=sys.argv[1]) as room:
        async with Qemu("one", find_build(sys.argv[2]), Path(room)) as qemu:
            print(qemu.pid, flush=True)
            await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_it_does_not_outlive_us(
    build: Build, room: Path, number: signal.Signals
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", FOREVER, str(room), build.given],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as child:
        assert child.stdout is not None
        pidfd = os.pidfd_open(int(child.stdout.readline()))
        child.send_signal(number)
        child.wait(60)
    try:
        ready = waits(pidfd)
    finally:
        os.close(pidfd)
    assert ready
    if number == signal.SIGINT:
        assert not list(room.iterdir())


def waits(pidfd: int) -> bool:
    """Does the process end?"""
    import select

    return bool(select.select([pidfd], [], [], 60)[0])


DYING = """#!/bin/sh
case "$*" in *--version*) exec {qemu} --version;; esac
exec timeout --foreground -s KILL {seconds} {qemu} "$@"
"""


@pytest.mark.parametrize(
    "arguments",
    [
        ["interop", "--quick"],
        ["scenario"],
        ["scenario", "--trace", "postcopy-small"],
        ["faults", "--quick", "--mode", "precopy", "--no-return-path"],
    ],
    ids=" ".join,
)
@pytest.mark.parametrize(
    "seconds", ["0.001", pytest.param("0.2", marks=pytest.mark.full)]
)
def test_one_that_dies_is_no_bug_of_ours(
    build: Build,
    room: Path,
    tmp_path: Path,
    seconds: str,
    arguments: list[str],
) -> None:
    dying = tmp_path / "qemu"
    text = DYING.format(qemu=shlex.join(build.program), seconds=seconds)
    dying.write_text(text)
    dying.chmod(0o755)
    done = run_process(
        ["qemu", *arguments, "--qemu", str(dying)],
        environment={**os.environ, "TMPDIR": str(room)},
    )
    # a quick one may be over before it dies
    assert done.code in (0, 14, 20), done.err
    assert "bug" not in done.err and "Traceback" not in done.err
    if seconds == "0.001":
        assert done.code == 20
    # QEMU is a child of what was started, and is gone as well
    assert not processes_of(room)
