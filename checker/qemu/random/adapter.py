# SPDX-License-Identifier: GPL-2.0-or-later
"""Real QEMU for the stateful machine: two processes joined by the proxy.

A step of ``advance`` tells the source to go on where it waits for
management, or lets one message pass.  A discard is a write of zeroes that
may unmap, since only that promises zeroes.  A destination takes one attempt;
as built its process ends when that fails.  The loop runs only inside of a
call.  Everything that is done is noted in words, for the report.

One disk, and no return path: of two nodes, and of a return path that ends
early, QEMU 7.2 has known deviations (``known.toml``).
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from checker.qemu.campaign.case import Case
from checker.qemu.harness import bitmaps
from checker.qemu.harness.binary import Build
from checker.qemu.harness.builds import Builds
from checker.qemu.harness.process import (
    GoneError,
    HungError,
    Qemu,
    QemuError,
)
from checker.qemu.harness.progress import statuses
from checker.qemu.random.attempt import Attempt
from checker.qemu.random.guest_pair import DISKS, GuestPair, died, hangs
from checker.stateful.adapter import (
    Adapter,
    Capabilities,
    Key,
    RefusedError,
    Side,
    SideView,
    Vm,
)

Result = TypeVar("Result")


class HaltError(KeyboardInterrupt):
    """The run ends here; ``str()`` says why.

    It is a Ctrl-C to Hypothesis, which takes any other error for a result of
    the run that differs from the one before.
    """


class QemuAdapter(Adapter):
    """Two processes of one build; ``done``: what was done since ``reset``."""

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
        self.pair = self.pair_of_sides()
        self.attempt: Attempt | None = None
        self.under_way = False
        self.done: list[str] = []
        self._halted = ""
        self._task: asyncio.Task[Any] | None = None

    def end(self) -> None:
        """End everything; the adapter cannot be used afterwards."""
        self.close()
        self.loop.close()
        shutil.rmtree(self.room)

    # -- doing something ---------------------------------------------------

    def halt(self, why: str) -> None:
        """Let every later call raise HaltError; for signal handlers."""
        self._halted = self._halted or why
        if self._task is not None:
            self.loop.call_soon_threadsafe(self._task.cancel)

    def _do(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Wait for the work, and return what it comes to."""
        if self._halted:
            work.close()
            raise HaltError(self._halted)
        task: asyncio.Task[Result] = self.loop.create_task(work)
        self._task = task
        try:
            return self.loop.run_until_complete(task)
        except asyncio.CancelledError:
            raise HaltError(self._halted) from None
        except (HungError, GoneError) as error:
            self._blame()
            raise RefusedError(str(error)) from error
        finally:
            self._task = None

    def _blame(self) -> None:
        """Raise the broken guarantee of a process that hangs or died."""
        for side, qemu in self.pair.sides.items():
            if qemu.hung:
                hangs(side, qemu)
            elif not qemu.alive:
                died(side, qemu)

    @contextmanager
    def _noted(self, text: str) -> Iterator[None]:
        """Note a step, unless it is refused."""
        self.done.append(text)
        try:
            yield
        except RefusedError:
            self.done.pop()
            raise

    # -- beginning and end -------------------------------------------------

    def reset(self, design: str) -> None:
        self.done = []
        self.pair = self.pair_of_sides()
        try:
            self._do(self.pair.begin())
        except RefusedError as error:
            raise HaltError(f"QEMU does not start: {error}") from None

    def pair_of_sides(self) -> GuestPair:
        """Return the pair of one run, not started yet."""
        return GuestPair(Builds(self.build, self.build), self.room)

    def attempt_at(self, design: str) -> Attempt:
        """Return a migration that has not begun."""
        return Attempt(self.pair, design)

    def close(self) -> None:
        async def work() -> None:
            await self._leave()
            await self.pair.end()

        self.loop.run_until_complete(work())
        for path in self.room.iterdir():
            path.unlink()

    async def _leave(self) -> None:
        """End the connections of the latest attempt."""
        if self.attempt is not None:
            await self.attempt.close()
        self.attempt, self.under_way = None, False

    # -- the guest ---------------------------------------------------------

    def write(self, node: str, offset: int, data: bytes) -> None:
        source = self.room / "data"
        source.write_bytes(data)
        size = len(data)
        with self._noted(f"the guest writes {size} bytes at {offset}"):
            command = f"write -s {source} {offset} {size}"
            self._do(self.pair.io(node, command))

    def discard(self, node: str, offset: int, length: int) -> None:
        with self._noted(f"the guest discards {length} bytes at {offset}"):
            self._do(self.pair.io(node, f"write -z -u {offset} {length}"))

    def begin_write(self, node: str, offset: int, data: bytes) -> None:
        raise RefusedError("a write cannot be held")

    def finish_writes(self) -> None:
        return

    # -- the client --------------------------------------------------------

    def full_backup(
        self, key: Key, granularity: int, image: bytearray
    ) -> None:
        words = f"full backup, {key[1]} of granularity {granularity} begins"
        with self._noted(words):
            self._do(self.pair.full_backup(key, granularity, image))

    def incremental_backup(self, key: Key, image: bytearray) -> None:
        with self._noted(f"incremental backup with {key[1]}"):
            self._do(self.pair.incremental_backup(key, image))

    def _change(self, verb: str, key: Key) -> None:
        async def work() -> None:
            await bitmaps.change(await self.pair.running(), verb, *key)

        with self._noted(f"{verb} {key[1]}"):
            self._do(work())

    def remove_bitmap(self, key: Key) -> None:
        self._change("remove", key)

    def enable(self, key: Key) -> None:
        self._change("enable", key)

    def disable(self, key: Key) -> None:
        self._change("disable", key)

    # -- management --------------------------------------------------------

    def _migrating(self) -> Attempt:
        """Return the attempt that is under way; refused without one."""
        if self.attempt is None or not self.under_way:
            raise RefusedError("no migration is under way")
        return self.attempt

    def begin_migration(self, design: str) -> None:
        with self._noted(f"migrate, {design}, up to where it waits"):
            self._do(self._begin(design))

    async def _begin(self, design: str) -> None:
        waits = await self.pair.vm(Side.DESTINATION) is Vm.WAITING
        gone = await self.pair.vm(Side.SOURCE) is Vm.GONE
        if self.under_way or gone or not waits:
            raise RefusedError("a destination takes one attempt")
        await self._leave()
        self.attempt = self.attempt_at(design)
        await self.attempt.begin()
        self.under_way = True

    def advance(self, picks: Sequence[int]) -> None:
        for pick in picks:
            if self.attempt is None or not self.under_way:
                return
            steps = self.attempt.steps()
            if not steps:
                return
            step = steps[pick % len(steps)]
            with self._noted(self.attempt.say(step)):
                self._do(self.attempt.step(step))

    def cancel(self) -> None:
        with self._noted("management: migrate_cancel"):
            self._do(self._migrating().cancel())

    def resume(self) -> None:
        raise RefusedError("only settled migrations are resumed")

    def settle(self) -> None:
        if self.attempt is not None and self.under_way:
            with self._noted("the migration goes on to its end"):
                self._do(self.attempt.settle())
            self.under_way = False

    def renew(self) -> None:
        with self._noted("a fresh destination waits"):
            self._do(self._renew())

    async def _renew(self) -> None:
        await self._leave()
        await self.pair.renew()

    # -- failures ----------------------------------------------------------

    def cut(self) -> None:
        attempt = self._migrating()
        if attempt.over:
            raise RefusedError("there is no connection")
        with self._noted("the connection is cut"):
            self._do(attempt.cut())

    def kill(self, side: Side) -> None:
        attempt = self._migrating()
        if not self.pair.sides[side].alive:
            raise RefusedError("there is no process")
        with self._noted(f"the {side.value} is killed"):
            self._do(attempt.kill(side))

    # -- what can be seen --------------------------------------------------

    def query(self, side: Side) -> SideView:
        return self._do(self._query(side))

    async def _query(self, side: Side) -> SideView:
        vm = await self.pair.vm(side)
        found = await self.pair.bitmaps(side) if vm is not Vm.GONE else ()
        return SideView(vm, {each.key: each for each in found})

    def read_disk(self, node: str) -> bytes:
        return self.pair.path(node).read_bytes()

    @property
    def case(self) -> Case | None:
        """Return the nearest scenario to the latest attempt; None before."""
        return None if self.attempt is None else self.attempt.case

    def describe(self) -> tuple[str, ...]:
        """Return both sides in words; may be called at any time."""

        async def work() -> tuple[str, ...]:
            sides = self.pair.sides.items()
            return tuple([await _described(s, q) for s, q in sides])

        return self._do(work())


async def _described(side: Side, qemu: Qemu) -> str:
    words = "".join(statuses(qemu)[-1:]) or "none"
    try:
        state = await qemu.status()
        found = await bitmaps.look(qemu)
    except QemuError:
        state, found = f"hangs in {qemu.hung}", ()
        if not qemu.hung:
            state = f"is dead, exit code {qemu.exit_code}"
    shown = [
        f"{each.name} {each.count} bytes dirty"
        + (", busy" if each.busy else "")
        + ("" if each.recording else ", not recording")
        for each in found
    ]
    listed = "; ".join(shown) or "no bitmaps"
    return f"{side.value}: VM {state}; migration {words}; {listed}"
