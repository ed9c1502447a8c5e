# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs a scenario on two QEMU processes with the proxy in between.

The rule: the next step waits for what the last one leads to, seen as an
event, an item on the wire or the death of a process, never for time to
pass.  A time limit only says when to give up; what is given up is recorded.
At the end management does what it would do: if the destination did not take
the VM, it is fenced, and the source goes on.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import attrs

from checker.qemu.campaign.aftermath import Aftermath, told
from checker.qemu.harness import bitmaps, disk
from checker.qemu.harness import observation as seen
from checker.qemu.harness.binary import Build
from checker.qemu.harness.faults import Fault, FaultKind
from checker.qemu.harness.observation import Observation
from checker.qemu.harness.places import Place, Within
from checker.qemu.harness.process import (
    Qemu,
    QemuError,
)
from checker.qemu.harness.progress import (
    Limits,
    asleep,
    ended,
    ran,
    statuses,
)
from checker.qemu.harness.proxy import Hold, Proxy
from checker.qemu.harness.sampling import Looks
from checker.qemu.harness.scenario import Mode, Scenario, Storage, Then, When
from checker.qemu.harness.settings import LONG, configure, waits
from checker.qemu.harness.wakeup import Bell
from checker.stateful.adapter import Side

_ARRIVAL: Final = Place("package-end", 0, Within.AFTER)
_SETUP: Final = "dirty-bitmap.footer"


def run_scenario(
    scenario: Scenario,
    source: Build,
    destination: Build | None = None,
    work: Path | None = None,
    limits: Limits | None = None,
) -> Observation:
    """Run it from begin to end; for callers without a loop."""
    return asyncio.run(run(scenario, source, destination, work, limits))


async def run(
    scenario: Scenario,
    source: Build,
    destination: Build | None = None,
    work: Path | None = None,
    limits: Limits | None = None,
) -> Observation:
    """Run a scenario; ``destination``: another build for that side.

    ``work``: where files may be put for the time.  Raises QemuError if QEMU
    does not even start, or does not do what has nothing to do with
    migration.
    """
    with tempfile.TemporaryDirectory(prefix="dbmq-", dir=work) as room:
        running = _Run(
            scenario,
            (source, destination or source),
            Path(room),
            limits or Limits(),
        )
        return await running.run()


@attrs.define(eq=False)
class _Run:
    """One run."""

    scenario: Scenario
    builds: tuple[Build, Build]
    room: Path
    limits: Limits
    bell: Bell = attrs.field(factory=Bell)
    source: Qemu = attrs.field(init=False)
    destination: Qemu = attrs.field(init=False)
    proxy: Proxy = attrs.field(init=False)
    looks: Looks = attrs.field(init=False)
    arrived: bool = False
    settled: bool = False
    refused: list[str] = attrs.field(factory=list)
    begun: float = 0.0
    took: float = 0.0
    cancelling: asyncio.Task[bool] | None = None
    #: what each side said when it was given up
    given_up: tuple[tuple[str, ...], tuple[str, ...]] | None = None

    async def run(self) -> Observation:
        """From the images to the observation."""
        self._prepare()
        async with contextlib.AsyncExitStack() as stack:
            for qemu in (self.source, self.destination):
                stack.push_async_callback(qemu.end)
            started = await asyncio.gather(
                self.source.start(),
                self.destination.start(),
                return_exceptions=True,
            )
            for error in started:
                if error is not None:
                    raise error
            await stack.enter_async_context(self.proxy)
            await self._before()
            await self._migrate()
            if self.cancelling is not None:
                await self.cancelling
            after = Aftermath(
                self.scenario,
                self.builds,
                self.room,
                self.limits,
                self.bell,
                self.looks,
                self.refused,
                stack,
            )
            await after.run(self.settled)
            when = ran(self.source, True), ran(self.destination)
            said = self.given_up or (
                statuses(self.source),
                statuses(self.destination),
            )
            if self.scenario.then is Then.AGAIN:
                await after.migrate_again()
            messages = self.source.messages, self.destination.messages
            await after.close()
        return Observation(
            scenario=self.scenario,
            versions=(self.builds[0].label, self.builds[1].label),
            moments=tuple(self.looks.moments),
            done=tuple(self.looks.done),
            passages=tuple(self.proxy.passages),
            statuses=said,
            ran=when,
            ran_again=after.ran_again,
            struck=self.proxy.struck,
            settled=self.settled,
            settled_again=after.settled_again,
            seconds=self.took,
            recovery=after.recovery,
            sequel=after.sequel,
            quits=after.quits,
            refused=tuple(self.refused),
            stored=after.stored,
            unreadable=self.proxy.unreadable,
            messages=messages,
        )

    # -- before ------------------------------------------------------------

    def _prepare(self) -> None:
        make = disk.Images(self.builds[0], self.room)
        shared = self.scenario.storage is Storage.SHARED
        ours, theirs = [], []
        for each in self.scenario.disks:
            image = make.create(each, Side.SOURCE.value)
            ours.append(disk.blockdev(each, image))
            if not shared:
                image = make.create(each, Side.DESTINATION.value)
            theirs.append(disk.blockdev(each, image))
        self.source = Qemu(
            *(Side.SOURCE.value, self.builds[0], self.room, ours),
            options=self.builds[0].options_towards(self.builds[1]),
            bell=self.bell,
            limit=self.limits.answer,
        )
        self.destination = Qemu(
            *(Side.DESTINATION.value, self.builds[1], self.room, theirs),
            incoming=True,
            # it may migrate back
            options=self.builds[1].options_towards(self.builds[0]),
            bell=self.bell,
            limit=self.limits.answer,
        )
        holds: tuple[Hold, ...] = ()
        if self.scenario.hold_arrival and self._postcopy:
            holds = (Hold(_ARRIVAL, lambda: self.arrived),)
        self.proxy = Proxy(
            self.room / "wire",
            self.room / "in",
            self.scenario.fault,
            holds,
            self._act,
            self.bell,
        )
        self.looks = Looks(self.scenario, self.source, self.destination)

    @property
    def _postcopy(self) -> bool:
        return self.scenario.mode is Mode.POSTCOPY

    async def _before(self) -> None:
        """Bitmaps, the guest's first writes, and how to migrate."""
        for bitmap in self.scenario.bitmaps:
            enabled = attrs.evolve(bitmap, disabled=False)
            await bitmaps.add(self.source, enabled)
        await self.looks.write(self.source, When.BEFORE)
        for bitmap in self.scenario.bitmaps:
            if bitmap.disabled:
                await bitmaps.change(self.source, "disable", *bitmap.key)
        await asyncio.gather(
            configure(self.scenario, self.source),
            configure(self.scenario, self.destination),
        )
        await self.looks.take(seen.BEFORE)
        await self.destination.call(
            "migrate-incoming", {"uri": f"unix:{self.room / 'in'}"}
        )

    # -- the migration -----------------------------------------------------

    async def _migrate(self) -> None:
        self.begun = time.monotonic()
        if not await self._try("migrate", {"uri": f"unix:{self.proxy.path}"}):
            return
        if self._postcopy and not self.scenario.at(When.DURING):
            await self._switch_over()
        elif waits(self.scenario):
            await self._until(
                lambda: self._announced or self.proxy.struck or self._ended
            )
            if not self._ended and not self.proxy.over:
                # dead, or too fast for us: then it is not in ``done``
                with contextlib.suppress(QemuError):
                    await self.looks.write(self.source, When.DURING)
                await self._switch_over()
        if self._postcopy:
            await self._until(
                lambda: (
                    self.destination.saw("RESUME")
                    or self._ended
                    or self._stalled
                )
            )
            if self.destination.saw("RESUME") and not self._stalled:
                await self._arrive()
            self._let_go()
        await self._until(lambda: self._ended or self._stalled)
        if self._stalled and not self._ended:
            await self._unstall()
        if asleep(self.source):
            await self.looks.state(self.source)
            await self._until(lambda: self._ended)
        self.settled = self._ended
        self.took = time.monotonic() - self.begun
        if not self.settled:
            self.given_up = statuses(self.source), statuses(self.destination)
            self.arrived = True
            if not self.proxy.over:
                self.proxy.cut()
                await self._until(lambda: self._ended)

    async def _arrive(self) -> None:
        with contextlib.suppress(QemuError):
            await self.looks.write(self.destination, When.ARRIVED)
        await self.looks.take(seen.ARRIVED, between=self._let_go)

    def _let_go(self) -> None:
        """The bitmaps' content may come."""
        self.arrived = True
        self.bell.ring()

    async def _switch_over(self) -> None:
        if self._postcopy:
            await self._try("migrate-start-postcopy")
        else:
            await self._try("migrate-set-parameters", {"downtime-limit": LONG})

    async def _unstall(self) -> None:
        """Look at what a silent wire does, then end it as a network does."""
        await self.bell.until(lambda: self._ended, self.limits.stall)
        await self.looks.take(seen.STALLED)
        self.proxy.cut()
        await self._until(lambda: self._ended)
        for qemu in (self.source, self.destination):
            # it may have waited for the wire only
            qemu.hung = ""

    async def _try(
        self, command: str, arguments: dict[str, object] | None = None
    ) -> bool:
        return await told(self.source, self.refused, command, arguments)

    async def _act(self, fault: Fault) -> None:
        """The faults that are none of the wire's."""
        match fault.kind:
            case FaultKind.KILL_SOURCE:
                await self._kill(self.source)
            case FaultKind.KILL_DESTINATION:
                await self._kill(self.destination)
            case FaultKind.CANCEL:
                # the wire does not wait for a monitor that waits for it
                self.cancelling = asyncio.create_task(
                    self._try("migrate_cancel")
                )
                await asyncio.wait(
                    {self.cancelling}, timeout=self.limits.stall
                )

    async def _kill(self, qemu: Qemu) -> None:
        qemu.kill()
        # a kernel that is busy takes its time, in which nothing happens
        await self.bell.until(lambda: not qemu.alive, self.limits.settle)

    async def _until(self, check: Callable[[], bool]) -> bool:
        limits = self.limits
        return await self.bell.until(check, limits.settle, limits.quiet)

    @property
    def _announced(self) -> bool:
        """Are all bitmaps announced, or is there none to wait for?"""
        if self.scenario.carried:
            return self.proxy.passed(_SETUP)
        return self.proxy.passed("ram.footer")

    @property
    def _stalled(self) -> bool:
        fault = self.scenario.fault
        stalls = fault is not None and fault.kind is FaultKind.STALL
        return stalls and self.proxy.struck and not self.proxy.released

    @property
    def _ended(self) -> bool:
        """Is the migration over on both sides?"""
        return ended(self.source) and ended(self.destination)
