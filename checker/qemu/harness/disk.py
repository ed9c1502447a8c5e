# SPDX-License-Identifier: GPL-2.0-or-later
"""The disks of a scenario: images, and what the guest does with them.

The rule: an image is made once per size and copied, for that is ten times
faster than to make it.  The guest's writes go through ``qemu-io`` in the
human monitor, and only while the VM runs: on QEMU 10 and later a write to a
node that is not active aborts the process.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import subprocess
from pathlib import Path
from typing import Final

import attrs

from checker.qemu.harness.binary import Build
from checker.qemu.harness.process import Qemu, QemuError, QemuRefusedError
from checker.stateful.adapter import Side

SECTOR: Final = 512
#: bytes from which on a write is one of zeroes, which costs nothing
LARGE: Final = 1024 * 1024
RUNNING: Final = "running"


@attrs.frozen
class Disk:
    """A disk; ``size`` in bytes, a multiple of 512."""

    node: str = "drive0"
    size: int = 64 * 1024 * 1024

    def __attrs_post_init__(self) -> None:
        if self.size <= 0 or self.size % SECTOR:
            raise ValueError(f"a disk of {self.size} bytes: not in sectors")


@attrs.frozen
class Images:
    """Makes images in a directory, and keeps one of every size."""

    build: Build
    room: Path

    def path(self, disk: Disk, side: Side) -> Path:
        """Return where the side's image of a disk is."""
        return self.room / f"{side.value}-{disk.node}"

    def create(self, disk: Disk, side: Side) -> Path:
        """Make a fresh image for a side, and return its path."""
        template = self.room / f"template-{disk.size}"
        if not template.exists():
            subprocess.run(
                [
                    *self.build.image_tool,
                    *("create", "-q", "-f", "qcow2"),
                    *(str(template), str(disk.size)),
                ],
                check=True,
                stdin=subprocess.DEVNULL,
                capture_output=True,
            )
        path = self.path(disk, side)
        shutil.copyfile(template, path)
        return path


def blockdev(disk: Disk, image: Path) -> str:
    """Return the option that gives a process the disk.

    No flush, for no run outlives the host's cache.
    """
    cache = {"no-flush": True}
    file = {"driver": "file", "filename": str(image), "cache": cache}
    return json.dumps(
        {
            "driver": "qcow2",
            "node-name": disk.node,
            "discard": "unmap",
            "cache": cache,
            "file": file,
        }
    )


async def guest_write(
    qemu: Qemu, node: str, offset: int, length: int, discard: bool = False
) -> None:
    """Let the guest write ``length`` bytes, or discard them.

    Raises QemuRefusedError if the VM does not run, and QemuError if the write
    failed.
    """
    state = await qemu.status()
    if state != RUNNING:
        raise QemuRefusedError(f"{qemu.name}: the guest cannot write: {state}")
    word = "discard" if discard else "write"
    if length > LARGE and not discard:
        word = "write -z"
    before = qemu.out.stat().st_size
    said = await qemu.human(f'qemu-io {node} "{word} {offset} {length}"')
    with qemu.out.open("rb") as file:
        file.seek(before)
        said += file.read().decode(errors="replace")
    if "rror" in said or "ailed" in said:
        text = " ".join(said.split())
        raise QemuError(f"{qemu.name}: {word} {offset} {length}: {text}")


@attrs.frozen
class StoredBitmap:
    """A bitmap as an image has it; ``in_use``: its content is stale."""

    node: str
    name: str
    granularity: int
    in_use: bool
    enabled: bool


async def stored_bitmaps(
    build: Build, node: str, image: Path
) -> tuple[StoredBitmap, ...]:
    """Return the bitmaps in an image that no process has open."""
    shown = await run_tool(build, "info", "--output=json", str(image))
    data = json.loads(shown)["format-specific"]["data"]
    return tuple(
        StoredBitmap(
            node=node,
            name=each["name"],
            granularity=each["granularity"],
            in_use="in-use" in each["flags"],
            enabled="auto" in each["flags"],
        )
        for each in data.get("bitmaps", [])
    )


async def run_tool(build: Build, *arguments: str) -> str:
    """Return what qemu-img prints; QemuError if it fails."""
    process = await asyncio.create_subprocess_exec(
        *build.image_tool,
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        out, err = await process.communicate()
    except BaseException:
        # it may have come to its end by itself just now
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        raise
    if process.returncode:
        text = " ".join(err.decode(errors="replace").split())
        raise QemuError(f"qemu-img {arguments[0]}: {text}")
    return out.decode()
