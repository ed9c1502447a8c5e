# SPDX-License-Identifier: GPL-2.0-or-later
"""Bitmaps of a QEMU process: what management does, and what can be seen.

The rule: looking changes nothing that a migration could notice.  Hash, count
and flags are QEMU's own words and can be asked for at any time.  The content
is only read where the hash does not already say it: it goes over NBD, from a
copy, since an exported bitmap would be busy.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable
from typing import Any, Final

import attrs

from checker.qemu.harness.disk import run_tool
from checker.qemu.harness.process import Qemu
from checker.stateful.adapter import BitmapView
from reference.bitmap.dirty_bitmap import DirtyBitmap

_COPY: Final = "dbmcheck-copy"
_EXPORT: Final = "dbmcheck"

Ranges = tuple[tuple[int, int], ...]


@attrs.frozen
class Bitmap:
    """A bitmap as management wants it; ``disabled``: it does not record."""

    node: str = "drive0"
    name: str = "b0"
    granularity: int = 64 * 1024
    persistent: bool = False
    disabled: bool = False

    @property
    def key(self) -> tuple[str, str]:
        """Return the node and the name, by which it is known."""
        return self.node, self.name


@attrs.frozen(kw_only=True)
class ShownBitmap(BitmapView):
    """What QEMU shows of a bitmap, more than other implementations do.

    ``sha256``: of its content.  ``successor``: does a nameless child exist?
    ``dirty``: offset and length in bytes, None if the content was not read.
    """

    node: str
    name: str
    persistent: bool
    sha256: str
    successor: bool = False
    dirty: Ranges | None = None

    @property
    def key(self) -> tuple[str, str]:
        """Return the node and the name, by which it is known."""
        return self.node, self.name

    @property
    def usable(self) -> bool:
        """Return whether a backup client may read it."""
        return not (self.busy or self.inconsistent)


async def add(qemu: Qemu, bitmap: Bitmap) -> None:
    """Add a bitmap: block-dirty-bitmap-add."""
    await qemu.call(
        "block-dirty-bitmap-add",
        {
            "node": bitmap.node,
            "name": bitmap.name,
            "granularity": bitmap.granularity,
            "persistent": bitmap.persistent,
            "disabled": bitmap.disabled,
        },
    )


async def add_recording(qemu: Qemu, wanted: Iterable[Bitmap]) -> None:
    """Add bitmaps that record, also those that are to be disabled."""
    for bitmap in wanted:
        await add(qemu, attrs.evolve(bitmap, disabled=False))


async def disable(qemu: Qemu, wanted: Iterable[Bitmap]) -> None:
    """Disable those of the bitmaps that are to record no more."""
    for bitmap in wanted:
        if bitmap.disabled:
            await change(qemu, "disable", *bitmap.key)


async def change(qemu: Qemu, verb: str, node: str, name: str) -> None:
    """Remove, enable, disable or clear a bitmap, as ``verb`` says."""
    await qemu.call(f"block-dirty-bitmap-{verb}", {"node": node, "name": name})


async def merge(qemu: Qemu, node: str, target: str, *sources: str) -> None:
    """Merge bitmaps of a node: block-dirty-bitmap-merge."""
    await qemu.call(
        "block-dirty-bitmap-merge",
        {"node": node, "target": target, "bitmaps": list(sources)},
    )


async def look(qemu: Qemu) -> tuple[ShownBitmap, ...]:
    """Return all bitmaps of all nodes, ordered by node and name."""
    flat = {"flat": True} if qemu.build.version >= (5, 0, 0) else {}
    nodes = await qemu.call("query-named-block-nodes", flat)
    found = []
    for node in nodes:
        shown: list[dict[str, Any]] = node.get("dirty-bitmaps", [])
        named = [each for each in shown if "name" in each]
        for each in named:
            found.append(
                ShownBitmap(
                    node=node["node-name"],
                    name=each["name"],
                    granularity=each["granularity"],
                    count=each["count"],
                    recording=each["recording"],
                    busy=each["busy"],
                    persistent=each["persistent"],
                    inconsistent=each.get("inconsistent", False),
                    sha256=await _hash(qemu, node["node-name"], each["name"]),
                    successor=len(shown) > len(named),
                )
            )
    return tuple(sorted(found, key=lambda view: view.key))


async def _hash(qemu: Qemu, node: str, name: str) -> str:
    answer = await qemu.call(
        "x-debug-block-dirty-bitmap-sha256", {"node": node, "name": name}
    )
    return str(answer["sha256"])


async def content(qemu: Qemu, node: str, name: str) -> Ranges:
    """Return the dirty ranges in bytes of a bitmap that is usable.

    Raises QemuRefusedError if QEMU does not let us, for instance since the VM
    does not run here.
    """
    socket = qemu.room / f"{qemu.name}.nbd"
    granularity = next(
        each.granularity
        for each in await look(qemu)
        if each.key == (node, name)
    )
    copy = Bitmap(node, _COPY, granularity, disabled=True)
    address = {"type": "unix", "data": {"path": str(socket)}}
    async with contextlib.AsyncExitStack() as undo:
        await add(qemu, copy)
        undo.push_async_callback(change, qemu, "remove", node, _COPY)
        await merge(qemu, node, _COPY, name)
        await qemu.call("nbd-server-start", {"addr": address})
        # this also ends the export, which else would keep the copy busy
        undo.push_async_callback(qemu.call, "nbd-server-stop")
        await qemu.call(
            "block-export-add",
            {
                "type": "nbd",
                "id": _EXPORT,
                "node-name": node,
                "name": _EXPORT,
                "bitmaps": [_COPY],
            },
        )
        options = (
            f"driver=nbd,export={_EXPORT},server.type=unix,"
            f"server.path={socket},x-dirty-bitmap=qemu:dirty-bitmap:{_COPY}"
        )
        shown = await run_tool(
            qemu.build, "map", "--output=json", "--image-opts", options
        )
    return _ranges(json.loads(shown))


def _ranges(extents: list[dict[str, Any]]) -> Ranges:
    """Return the dirty extents (there: without data), merged."""
    found: list[tuple[int, int]] = []
    for extent in extents:
        if extent["data"]:
            continue
        begin, length = extent["start"], extent["length"]
        if found and sum(found[-1]) == begin:
            begin, before = found.pop()
            length += before
        found.append((begin, length))
    return tuple(found)


def same(view: ShownBitmap, truth: DirtyBitmap) -> bool:
    """Return whether QEMU and the reference have the same bits."""
    return view.sha256 == truth.bits.sha256()


def missing(dirty: Ranges, truth: DirtyBitmap) -> Ranges:
    """Return the ranges of the truth that are not wholly dirty."""
    return tuple(
        (offset, length)
        for offset, length in truth.dirty_ranges()
        if not any(
            begin <= offset and offset + length <= begin + size
            for begin, size in dirty
        )
    )
