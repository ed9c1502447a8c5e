# SPDX-License-Identifier: GPL-2.0-or-later
"""The reference, each side a process, joined by real sockets.

The sides run ``host_process`` with the reference's transport; between them is
a ``relay``.  A step of ``advance`` is a permit for the source to send once, or
some of what it has sent reaches the destination.  A kill is SIGKILL.  Both
processes reach the same disks, which are files.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from checker.stateful.adapter import (
    Adapter,
    BitmapView,
    Capabilities,
    Key,
    RefusedError,
    Side,
    SideView,
    Vm,
)
from reference.host import RunState
from tests.command import ROOT
from tests.stateful.adapter_memory import CHUNK_BYTES, DISKS, VMS
from tests.stateful.relay import Relay

WHOLE = 1 << 20  # all that is held
ENDLESS = 1000


class Child:
    """One process, and the socket on which it listens."""

    def __init__(self, socket: Path) -> None:
        self.socket = socket
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.stateful.host_process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def do(self, command: str, **arguments: Any) -> Any:
        """Have it done; RefusedError if it is refused."""
        stdin, stdout = self.process.stdin, self.process.stdout
        assert stdin is not None and stdout is not None
        stdin.write(json.dumps({"do": command, **arguments}) + "\n")
        stdin.flush()
        answer = json.loads(stdout.readline())
        if "refused" in answer:
            raise RefusedError(answer["refused"])
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer["ok"]

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()


class ProcessAdapter(Adapter):
    """Processes are kept from one run to the next, unless they die."""

    capabilities = Capabilities(
        disks=DISKS,
        granularities=(512, 4096),
    )

    def __init__(self) -> None:
        self.room = tempfile.TemporaryDirectory(prefix="dbm")
        self.place = Path(self.room.name)
        self.relay = Relay.create(self.place / "relay")
        self.spare: list[Child] = []
        self.sides: dict[Side, Child | None] = {}
        self.count = 0

    def end(self) -> None:
        """End all processes; the adapter is of no use afterwards."""
        self.close()
        for child in self.spare:
            child.kill()
        self.relay.close()
        self.room.cleanup()

    # -- processes ---------------------------------------------------------

    def _path(self, node: str) -> Path:
        return self.place / node

    def _fresh(self, vm: RunState) -> Child:
        if self.spare:
            child = self.spare.pop()
        else:
            self.count += 1
            child = Child(self.place / f"host{self.count}")
        disks = {n: [str(self._path(n)), size] for n, size in DISKS.items()}
        child.do("reset", vm=vm.value, chunk_bytes=CHUNK_BYTES, disks=disks)
        return child

    def _drop(self, side: Side) -> None:
        child = self.sides.get(side)
        if child is not None and child.alive:
            self.spare.append(child)
        self.sides[side] = None

    def reset(self, design: str) -> None:
        for node, size in DISKS.items():
            self._path(node).write_bytes(bytes(size))
        self.sides[Side.SOURCE] = self._fresh(RunState.RUNNING)
        self._join_afresh()

    def _join_afresh(self) -> None:
        self.sides[Side.DESTINATION] = self._fresh(RunState.INMIGRATE)
        self.listens = ""
        self.afresh = True
        self.ran = False

    def close(self) -> None:
        self.relay.cut()
        for side in Side:
            self._drop(side)

    def _still(self) -> dict[Side, dict[str, Any]]:
        """Wait until nobody goes on; how far both sides are."""
        found: dict[Side, dict[str, Any]] = {}
        for side in (Side.SOURCE, Side.DESTINATION, Side.SOURCE):
            child = self.sides[side]
            if child is not None:
                found[side] = child.do("still")
            self.relay.collect()
        if found.get(Side.DESTINATION, {}).get("ran"):
            self.ran = True
        return found

    def _react(self) -> None:
        """Whoever waits for what was done goes on."""
        if not self.relay.idle:
            self._still()

    def _running(self) -> Child:
        for side, child in self.sides.items():
            if child and self.query(side).vm is Vm.RUNNING:
                return child
        raise RefusedError("no guest runs")

    # -- the guest ---------------------------------------------------------

    def write(self, node: str, offset: int, data: bytes) -> None:
        self._running().do("write", node=node, offset=offset, data=data.hex())
        self._react()

    def discard(self, node: str, offset: int, length: int) -> None:
        self._running().do("discard", node=node, offset=offset, length=length)
        self._react()

    def begin_write(self, node: str, offset: int, data: bytes) -> None:
        self._running().do(
            "begin_write", node=node, offset=offset, data=data.hex()
        )
        self._react()

    def finish_writes(self) -> None:
        for child in self.sides.values():
            if child is not None:
                child.do("finish_writes")
        self._react()

    # -- the client --------------------------------------------------------

    def _backup(
        self, command: str, key: Key, image: bytearray, **more: Any
    ) -> None:
        path = self.place / "image"
        path.write_bytes(image)
        child = self._running()
        child.do(command, key=list(key), image=str(path), **more)
        image[:] = path.read_bytes()
        self._react()

    def full_backup(
        self, key: Key, granularity: int, image: bytearray
    ) -> None:
        self._backup("full", key, image, granularity=granularity)

    def incremental_backup(self, key: Key, image: bytearray) -> None:
        self._backup("incremental", key, image)

    def remove_bitmap(self, key: Key) -> None:
        self._running().do("remove", key=list(key))

    def enable(self, key: Key) -> None:
        self._running().do("enable", key=list(key))

    def disable(self, key: Key) -> None:
        self._running().do("disable", key=list(key))

    # -- management --------------------------------------------------------

    def begin_migration(self, design: str) -> None:
        source = self.sides[Side.SOURCE]
        destination = self.sides[Side.DESTINATION]
        far = self._still()
        if source is None or destination is None or not self.relay.idle:
            raise RefusedError("there is no source, or no destination")
        if far[Side.SOURCE]["sending"] or self.ran:
            raise RefusedError("a migration is under way")
        if self.listens != design:
            path = str(destination.socket)
            destination.do("listen", design=design, path=path)
            self.listens = design
        relay = str(self.place / "relay")
        source.do("send", design=design, path=relay, afresh=self.afresh)
        self.afresh = False
        self.relay.join(destination.socket)
        self._still()

    def advance(self, picks: Sequence[int]) -> None:
        for pick in picks:
            source = self.sides[Side.SOURCE]
            if pick % 2 == 0 and source is not None and self.relay.up:
                source.do("grant", permits=1)
            else:
                self.relay.let_through(WHOLE if pick < 4 else 20)
            self._still()

    def cancel(self) -> None:
        source = self.sides[Side.SOURCE]
        if source is None or not self.relay.up:
            raise RefusedError("no migration is under way")
        source.do("cancel")
        self._still()

    def resume(self) -> None:
        source = self.sides[Side.SOURCE]
        if source is None:
            raise RefusedError("there is no source")
        source.do("resume")
        self._still()

    def settle(self) -> None:
        self.finish_writes()
        for _ in range(ENDLESS):
            far = self._still()
            sending = far.get(Side.SOURCE, {}).get("sending", False)
            if self.relay.idle and not sending:
                break
            source = self.sides[Side.SOURCE]
            if source is not None and sending:
                source.do("grant", permits=0)
            self.relay.let_through(WHOLE)
        else:
            raise RuntimeError("the migration does not end")
        self._duty(self.sides[Side.SOURCE], far)

    def _duty(
        self, source: Child | None, far: dict[Side, dict[str, Any]]
    ) -> None:
        """What is left for management to do."""
        if source is None:
            return
        if far[Side.SOURCE]["may_fence"]:
            if self.ran:
                source.do("quit")
                return
            if self.sides[Side.DESTINATION] is not None:
                self.kill(Side.DESTINATION)
            source.do("fence")

    def renew(self) -> None:
        views = {side: self.query(side) for side in Side}
        if views[Side.DESTINATION].vm is Vm.RUNNING:
            moved = self.sides[Side.DESTINATION]
            self._drop(Side.SOURCE)
            self.sides[Side.SOURCE] = moved
        else:
            self._drop(Side.DESTINATION)
            if views[Side.SOURCE].vm is not Vm.RUNNING:
                self._drop(Side.SOURCE)
                self.sides[Side.SOURCE] = self._fresh(RunState.RUNNING)
        self._join_afresh()

    # -- failures ----------------------------------------------------------

    def cut(self) -> None:
        if not self.relay.up:
            raise RefusedError("there is no connection")
        self.relay.cut()
        self._still()

    def kill(self, side: Side) -> None:
        child = self.sides[side]
        if child is None:
            raise RefusedError("there is no process")
        child.kill()
        self.sides[side] = None
        self._still()

    # -- what can be seen --------------------------------------------------

    def query(self, side: Side) -> SideView:
        child = self.sides[side]
        if child is None:
            return SideView(Vm.GONE)
        seen = child.do("query")
        bitmaps = {
            (node, bitmap["name"]): BitmapView(
                granularity=bitmap["granularity"],
                count=bitmap["count"],
                recording=bitmap["recording"],
                busy=bitmap["busy"],
                inconsistent=bitmap["inconsistent"],
                degraded=bitmap["degraded"],
            )
            for node, bitmaps in seen["nodes"].items()
            for bitmap in bitmaps
        }
        return SideView(VMS[RunState(seen["vm"])], bitmaps)

    def read_disk(self, node: str) -> bytes:
        return self._path(node).read_bytes()
