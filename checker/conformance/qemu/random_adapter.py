# SPDX-License-Identifier: GPL-2.0-or-later
"""Real QEMU, each side a process, joined by the proxy.

Backups are QEMU's own jobs, onto files.  A step of ``advance`` tells the
source to go on where it waits for management, or lets one message pass.  A
discard is a write of zeroes that may unmap, since only that promises zeroes.
A destination takes one attempt; as built its process ends when that fails.
The loop runs only inside of a call, so between two calls the proxy is still.

One disk, and no return path: of two nodes, and of a return path that ends
early, QEMU 7.2 has known deviations (``known.toml``).
"""

from __future__ import annotations

import asyncio
import json
import shutil
import tempfile
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeVar

from checker.conformance.qemu import bitmaps
from checker.conformance.qemu.bell import Bell
from checker.conformance.qemu.binary import Build
from checker.conformance.qemu.places import Place
from checker.conformance.qemu.process import Qemu, QemuError, RefusedError
from checker.conformance.qemu.progress import ended
from checker.conformance.qemu.proxy import Hold, Proxy
from checker.conformance.stateful import adapter
from checker.conformance.stateful.adapter import (
    Adapter,
    BitmapView,
    Capabilities,
    Key,
    Side,
    SideView,
    Vm,
)

DISKS = {"drive0": 40 * 1024}
LIMIT = 30.0  # seconds for anything
CALM = 0.05  # seconds in which nothing more comes
MOST_BITMAPS = 4
_WAITS = "pre-switchover"
_NEVER = 2_000_000
Result = TypeVar("Result")


@contextmanager
def refusals() -> Iterator[None]:
    """QEMU's refusals become the interface's."""
    try:
        yield
    except RefusedError as error:
        raise adapter.RefusedError(str(error)) from error


def places() -> list[Place]:
    """What is held, each until a step of ``advance``."""
    numbers = range(MOST_BITMAPS)
    held = [Place("dirty-bitmap.start"), Place("package"), Place("eof")]
    held += [Place("dirty-bitmap.part"), Place("dirty-bitmap.end")]
    return held + [Place(n, i) for n in ("bits", "complete") for i in numbers]


class QemuAdapter(Adapter):
    """Two processes of one build."""

    capabilities = Capabilities(
        disks=DISKS,
        granularities=(512, 4096),
        designs=("postcopy", "stop-copy"),
        holds_still=False,
    )

    def __init__(self, build: Build) -> None:
        self.build = build
        self.loop = asyncio.new_event_loop()
        self.room = Path(tempfile.mkdtemp(prefix="dbmq-"))
        self.sides: dict[Side, Qemu] = {}
        self.count = 0
        self.proxy: Proxy | None = None
        self.stack = AsyncExitStack()

    def end(self) -> None:
        """The adapter is of no use afterwards."""
        self.close()
        self.loop.close()
        shutil.rmtree(self.room)

    def _do(self, work: Coroutine[Any, Any, Result]) -> Result:
        with refusals():
            return self.loop.run_until_complete(work)

    # -- processes ---------------------------------------------------------

    def _path(self, node: str) -> Path:
        return self.room / node

    def reset(self, design: str) -> None:
        self.bell = Bell()
        for node, size in DISKS.items():
            self._path(node).write_bytes(bytes(size))
        self._do(self._fresh(Side.SOURCE))
        self._do(self._join_afresh())

    async def _fresh(self, side: Side) -> None:
        self.count += 1
        disks = [
            json.dumps(
                {
                    "driver": "raw",
                    "node-name": node,
                    "file": {
                        "driver": "file",
                        "filename": str(self._path(node)),
                    },
                }
            )
            for node in DISKS
        ]
        qemu = Qemu(
            f"{side.value}{self.count}",
            *(self.build, self.room, disks),
            incoming=side is Side.DESTINATION,
            bell=self.bell,
            limit=LIMIT,
        )
        self.sides[side] = qemu
        await qemu.start()

    async def _join_afresh(self) -> None:
        await self._fresh(Side.DESTINATION)
        self.used = self.told = False
        self.design = ""

    def close(self) -> None:
        async def work() -> None:
            for qemu in self.sides.values():
                await qemu.end()
            await self.stack.aclose()

        self._do(work())
        self.sides, self.proxy = {}, None

    async def _until(self, check: Callable[[], bool]) -> bool:
        return await self.bell.until(check, LIMIT)

    async def _vm(self, side: Side) -> Vm:
        qemu = self.sides[side]
        try:
            status = await qemu.status()
        except QemuError:
            assert not qemu.hung, f"{side.value} hangs in {qemu.hung}"
            return Vm.GONE
        names = {"running": Vm.RUNNING, "inmigrate": Vm.WAITING}
        return names.get(status, Vm.STOPPED)

    async def _running(self) -> Qemu:
        for side, qemu in self.sides.items():
            if await self._vm(side) is Vm.RUNNING:
                return qemu
        raise adapter.RefusedError("no guest runs")

    # -- the guest ---------------------------------------------------------

    async def _io(self, node: str, command: str) -> None:
        qemu = await self._running()
        before = qemu.out.stat().st_size
        said = await qemu.human(f'qemu-io {node} "{command}"')
        said += qemu.out.read_bytes()[before:].decode()
        assert "rror" not in said and "ailed" not in said, said

    def write(self, node: str, offset: int, data: bytes) -> None:
        source = self.room / "data"
        source.write_bytes(data)
        self._do(self._io(node, f"write -s {source} {offset} {len(data)}"))

    def discard(self, node: str, offset: int, length: int) -> None:
        self._do(self._io(node, f"write -z -u {offset} {length}"))

    def begin_write(self, node: str, offset: int, data: bytes) -> None:
        raise adapter.RefusedError("a write cannot be held")

    def finish_writes(self) -> None:
        return

    # -- the client --------------------------------------------------------

    async def _backup(
        self, key: Key, image: bytearray, first: str, **more: object
    ) -> None:
        """QEMU's job, in a transaction with ``first`` if there is one."""
        qemu, (node, name) = await self._running(), key
        path = self.room / "image"
        path.write_bytes(image)
        self.count += 1
        job = f"backup{self.count}"
        file = {"driver": "file", "filename": str(path)}
        await qemu.call(
            "blockdev-add",
            {"driver": "raw", "node-name": job, "file": file},
        )
        backup = {"device": node, "target": job, "job-id": job, **more}
        actions = [{"type": "blockdev-backup", "data": backup}]
        if first:
            data: dict[str, object] = {"node": node, "name": name}
            if first.endswith("add"):
                data["granularity"] = self.granularity
            actions.insert(0, {"type": first, "data": data})
        done = False
        try:
            await qemu.call("transaction", {"actions": actions})
            done = await self._until(
                lambda: qemu.saw("BLOCK_JOB_COMPLETED", device=job)
            )
        finally:
            if qemu.alive:
                await qemu.call("blockdev-del", {"node-name": job})
        assert done, f"{job} does not end"
        image[:] = path.read_bytes()

    def full_backup(
        self, key: Key, granularity: int, image: bytearray
    ) -> None:
        self.granularity = granularity
        self._do(self._full(key, image))

    async def _full(self, key: Key, image: bytearray) -> None:
        found = await bitmaps.look(await self._running())
        there = any(each.key == key for each in found)
        word = "clear" if there else "add"
        first = f"block-dirty-bitmap-{word}"
        await self._backup(key, image, first, sync="full")

    def incremental_backup(self, key: Key, image: bytearray) -> None:
        more = {"sync": "incremental", "bitmap": key[1]}
        self._do(self._backup(key, image, "", **more))

    async def _change(self, verb: str, key: Key) -> None:
        await bitmaps.change(await self._running(), verb, *key)

    def remove_bitmap(self, key: Key) -> None:
        self._do(self._change("remove", key))

    def enable(self, key: Key) -> None:
        self._do(self._change("enable", key))

    def disable(self, key: Key) -> None:
        self._do(self._change("disable", key))

    # -- management --------------------------------------------------------

    def begin_migration(self, design: str) -> None:
        self._do(self._begin(design))

    async def _begin(self, design: str) -> None:
        source = self.sides[Side.SOURCE]
        waits = await self._vm(Side.DESTINATION) is Vm.WAITING
        if self.used or not waits or await self._vm(Side.SOURCE) is Vm.GONE:
            raise adapter.RefusedError("a destination takes one attempt")
        self.used, self.told, self.design = True, False, design
        self.came: list[Place] = []
        self.passing: set[Place] = set()
        for qemu in self.sides.values():
            on = {"events", "dirty-bitmaps"}
            on |= set() if qemu.incoming else {"pause-before-switchover"}
            if qemu is source:
                on.add("pause-before-switchover")
            await qemu.call(
                "migrate-set-capabilities",
                {
                    "capabilities": [
                        {"capability": name, "state": name in on}
                        for name in (*on, "return-path")
                    ]
                },
            )
        await source.call(
            "migrate-set-parameters",
            {"downtime-limit": 0, "max-bandwidth": 20_000},
        )
        self.count += 1
        wire, inside = (
            self.room / f"w{self.count}",
            self.room / f"i{self.count}",
        )
        await self.sides[Side.DESTINATION].call(
            "migrate-incoming", {"uri": f"unix:{inside}"}
        )
        holds = tuple(Hold(p, lambda p=p: self._pass(p)) for p in places())
        self.proxy = Proxy(wire, inside, holds=holds, bell=self.bell)
        await self.stack.enter_async_context(self.proxy)
        source.events.clear()
        await source.call("migrate", {"uri": f"unix:{wire}"})
        await self._until(
            lambda: source.saw("MIGRATION", status="active") or ended(source)
        )
        # without bitmaps nothing is held yet
        await self.bell.until(lambda: bool(self.came), CALM)

    def _pass(self, place: Place) -> bool:
        if place not in self.came:
            self.came.append(place)
            self.bell.ring()
        return place in self.passing

    @property
    def _held(self) -> list[Place]:
        return [each for each in self.came if each not in self.passing]

    @property
    def _over(self) -> bool:
        return self.proxy is None or self.proxy.over

    async def _status(self) -> str:
        source = self.sides[Side.SOURCE]
        if not source.alive:
            return ""
        return str((await source.call("query-migrate")).get("status", ""))

    async def _steps(self) -> list[str]:
        """What ``advance`` could do now."""
        found = ["pass"] if self._held and not self._over else []
        status = await self._status() if self.used else ""
        if status == _WAITS:
            found.append("continue")
        elif status == "active" and not self.told and not self._over:
            found.append("switch over")
        return found

    def advance(self, picks: Sequence[int]) -> None:
        for pick in picks:
            steps = self._do(self._steps())
            if not steps:
                return
            self._do(self._step(steps[pick % len(steps)]))

    async def _step(self, step: str) -> None:
        source = self.sides[Side.SOURCE]
        before = len(self.came)
        if step == "pass":
            self.passing.update(self._held)
            self.bell.ring()
        elif step == "continue":
            await source.call("migrate-continue", {"state": _WAITS})
        else:
            self.told = True
            if self.design == "postcopy":
                await source.call("migrate-start-postcopy")
            else:
                await source.call(
                    "migrate-set-parameters", {"downtime-limit": _NEVER}
                )
            await self._until(lambda: source.saw("STOP") or ended(source))
        await self.bell.until(
            lambda: len(self.came) > before or self._over, CALM
        )

    def cancel(self) -> None:
        self._do(self._cancel())

    async def _cancel(self) -> None:
        source = self.sides[Side.SOURCE]
        status = await self._status()
        if status not in ("setup", "active", _WAITS) or self._over:
            raise adapter.RefusedError(f"nothing to cancel: {status}")
        await source.call("migrate_cancel")
        await self._until(lambda: ended(source))

    def resume(self) -> None:
        raise adapter.RefusedError("only settled migrations are resumed")

    def settle(self) -> None:
        if self.used:
            self._do(self._settle())

    async def _settle(self) -> None:
        source = self.sides[Side.SOURCE]
        destination = self.sides[Side.DESTINATION]
        while not (ended(source) and ended(destination)):
            steps = await self._steps()
            if steps:
                await self._step(steps[-1])
                continue
            calm = await self.bell.until(
                lambda: bool(self._held) or self._done, LIMIT
            )
            assert calm, "the migration does not end"
            if self._done:
                break
        if destination.saw("RESUME"):
            if source.alive:
                await source.quit()
        else:
            await self._go_on(source, destination)
        self.used = False

    @property
    def _done(self) -> bool:
        return all(ended(qemu) for qemu in self.sides.values())

    async def _go_on(self, source: Qemu, destination: Qemu) -> None:
        """The destination did not take the VM: fence it, go on here."""
        destination.kill()
        await self._until(lambda: not destination.alive)
        if not source.alive or await source.status() == "running":
            return
        await self._until(
            lambda: source.saw("RESUME") or ended(source) or not source.alive
        )
        if source.alive and await source.status() != "running":
            await source.call("cont")

    def renew(self) -> None:
        self._do(self._renew())

    async def _renew(self) -> None:
        source = self.sides[Side.SOURCE]
        destination = self.sides[Side.DESTINATION]
        if await self._vm(Side.DESTINATION) is Vm.RUNNING:
            await source.end()
            self.sides[Side.SOURCE] = destination
        else:
            await destination.end()
            if await self._vm(Side.SOURCE) is not Vm.RUNNING:
                await source.end()
                await self._fresh(Side.SOURCE)
        await self._join_afresh()

    # -- failures ----------------------------------------------------------

    def cut(self) -> None:
        if self.proxy is None or self._over:
            raise adapter.RefusedError("there is no connection")
        self.proxy.cut()
        self._do(self._notice())

    async def _notice(self) -> None:
        await self.bell.until(lambda: self._done, CALM)

    def kill(self, side: Side) -> None:
        qemu = self.sides[side]
        if not qemu.alive:
            raise adapter.RefusedError("there is no process")
        qemu.kill()
        if side is Side.DESTINATION and self.proxy is not None:
            self.proxy.cut()
        self._do(self._until(lambda: not qemu.alive))

    # -- what can be seen --------------------------------------------------

    def query(self, side: Side) -> SideView:
        return self._do(self._query(side))

    async def _query(self, side: Side) -> SideView:
        vm = await self._vm(side)
        try:
            found = await bitmaps.look(self.sides[side])
        except QemuError:
            return SideView(Vm.GONE)
        return SideView(
            vm,
            {
                each.key: BitmapView(
                    granularity=each.granularity,
                    count=each.count,
                    recording=each.recording,
                    busy=each.busy,
                    inconsistent=each.inconsistent,
                )
                for each in found
            },
        )

    def read_disk(self, node: str) -> bytes:
        return self._path(node).read_bytes()
