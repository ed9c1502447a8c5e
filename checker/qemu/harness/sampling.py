# SPDX-License-Identifier: GPL-2.0-or-later
"""Looks at both sides of a scenario, and does the guest's writes.

The rule: the writes decide what must be dirty, so both are done here.  A side
that is dead or does not answer is seen as that, which is not an error.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable

import attrs

from checker.qemu.harness import bitmaps, disk
from checker.qemu.harness.bitmaps import ShownBitmap
from checker.qemu.harness.observation import (
    Done,
    Moment,
    ProcessView,
)
from checker.qemu.harness.pair import Pair
from checker.qemu.harness.process import Qemu, QemuError, QemuRefusedError
from checker.qemu.harness.scenario import Scenario, When
from checker.stateful.adapter import Side


@attrs.define(eq=False)
class Looks:
    """What was seen of a pair so far, and what the guest wrote."""

    scenario: Scenario
    pair: Pair
    moments: list[Moment] = attrs.field(factory=list)
    done: list[Done] = attrs.field(factory=list)
    begun: float = attrs.field(factory=time.monotonic)

    async def write(self, side: Side, when: When) -> None:
        """Do the guest's writes of that time, on that side.

        Raises QemuRefusedError if the VM does not run there.
        """
        qemu = self.pair.sides[side]
        for each in self.scenario.at(when):
            await disk.guest_write(
                qemu, each.node, each.offset, each.length, each.discard
            )
            self.done.append(Done(side, each))

    async def take(
        self,
        name: str,
        contents: bool = False,
        between: Callable[[], None] = lambda: None,
    ) -> Moment:
        """Look at both sides; with ``contents`` read the bitmaps, too.

        The destination comes first, then ``between`` is called, in which a
        runner that holds the wire lets go: a source that waits for the wire
        may not answer.  A destination that dies meanwhile is dead at that
        moment: a source that goes on then is not beside it.
        """
        source, destination = self.pair.source, self.pair.destination
        theirs = await self._side(destination, contents)
        between()
        ours = await self._side(source, contents)
        if theirs.alive and not destination.alive:
            theirs = await self._side(destination, contents)
        now = time.monotonic() - self.begun
        moment = Moment(name, now, ours, theirs, len(self.done))
        self.moments.append(moment)
        return moment

    async def take_one(self, name: str, side: Side) -> Moment:
        """Look at one side, with contents; the other one has ended."""
        view = await self._side(self.pair.sides[side], contents=True)
        now = time.monotonic() - self.begun
        over = ProcessView(alive=False)
        both = (view, over) if side is Side.SOURCE else (over, view)
        moment = Moment(name, now, *both, done=len(self.done))
        self.moments.append(moment)
        return moment

    async def _side(self, qemu: Qemu, contents: bool) -> ProcessView:
        vm, migration, error = "", "", ""
        found: tuple[ShownBitmap, ...] = ()
        try:
            vm = await qemu.status()
            info = await qemu.call("query-migrate")
            migration = info.get("status", "none")
            error = info.get("error-desc", "")
            found = await bitmaps.look(qemu)
            if contents and vm == disk.RUNNING:
                found = tuple([await self._read(qemu, each) for each in found])
        except QemuError:
            pass
        return ProcessView(
            alive=qemu.alive,
            vm=vm,
            migration=migration,
            error=error,
            hung=qemu.hung,
            exit_code=qemu.exit_code,
            killed=qemu.killed,
            bitmaps=found,
        )

    async def _read(self, qemu: Qemu, view: ShownBitmap) -> ShownBitmap:
        """Return the view with its content, if that may be read."""
        if not view.usable or not view.count:
            return view if view.count else attrs.evolve(view, dirty=())
        with contextlib.suppress(QemuRefusedError):
            dirty = await bitmaps.content(qemu, *view.key)
            return attrs.evolve(view, dirty=dirty)
        return view
