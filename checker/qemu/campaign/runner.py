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
import time
from pathlib import Path
from typing import Final

import attrs

from checker.qemu.campaign.aftermath import Aftermath, accepted
from checker.qemu.harness import bitmaps
from checker.qemu.harness import observation as seen
from checker.qemu.harness.builds import Builds
from checker.qemu.harness.faults import Fault, FaultKind
from checker.qemu.harness.observation import Observation
from checker.qemu.harness.pair import Pair, fresh_room
from checker.qemu.harness.places import Place, Within
from checker.qemu.harness.process import QemuError
from checker.qemu.harness.progress import Limits, asleep, ran, statuses
from checker.qemu.harness.proxy import Hold
from checker.qemu.harness.sampling import Looks
from checker.qemu.harness.scenario import Mode, Scenario, Storage, Then, When
from checker.qemu.harness.settings import configure, switch_over, waits
from checker.stateful.adapter import Side

_ARRIVAL: Final = Place("package-end", 0, Within.AFTER)
_SETUP: Final = "dirty-bitmap.footer"


def run_scenario(
    scenario: Scenario,
    builds: Builds,
    work: Path | None = None,
    limits: Limits | None = None,
) -> Observation:
    """Run a scenario, and return what was seen; without a loop."""
    return asyncio.run(run(scenario, builds, work, limits))


async def run(
    scenario: Scenario,
    builds: Builds,
    work: Path | None = None,
    limits: Limits | None = None,
) -> Observation:
    """Run a scenario and return what was seen.

    ``work``: where files may be put for the time.  Raises QemuError if QEMU
    does not start, or refuses something before the migration.
    """
    with fresh_room(work) as room:
        async with Pair(builds, room, limits or Limits()) as pair:
            return await _Run(scenario, pair).run()


@attrs.define(eq=False)
class _Run:
    """One run."""

    scenario: Scenario
    pair: Pair
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
        """Run the scenario from its images to the observation."""
        pair = self.pair
        await self._before()
        await self._migrate()
        if self.cancelling is not None:
            await self.cancelling
        source, destination = pair.source, pair.destination
        proxy = pair.proxy
        after = Aftermath(self.scenario, pair, self.looks, self.refused)
        await after.run(self.settled)
        when = ran(source, True), ran(destination)
        said = self.given_up or self._said
        if self.scenario.then is Then.AGAIN:
            await after.migrate_again()
        messages = source.messages, destination.messages
        await after.close()
        return Observation(
            scenario=self.scenario,
            versions=(pair.builds.source.label, pair.builds.destination.label),
            moments=tuple(self.looks.moments),
            done=tuple(self.looks.done),
            passages=tuple(proxy.passages),
            statuses=said,
            ran=when,
            ran_again=after.ran_again,
            struck=proxy.struck,
            settled=self.settled,
            settled_again=after.settled_again,
            seconds=self.took,
            recovery=after.recovery,
            sequel=after.sequel,
            quits=after.quits,
            refused=tuple(self.refused),
            stored=after.stored,
            unreadable=proxy.unreadable,
            messages=messages,
        )

    @property
    def _said(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        return statuses(self.pair.source), statuses(self.pair.destination)

    # -- before ------------------------------------------------------------

    @property
    def _postcopy(self) -> bool:
        return self.scenario.mode is Mode.POSTCOPY

    async def _before(self) -> None:
        """Make images, processes, bitmaps, the first writes and settings."""
        pair, scenario = self.pair, self.scenario
        if scenario.storage is Storage.SHARED:
            pair.create_images(scenario.disks, *Side)
        else:
            for side in Side:
                pair.create_images(scenario.disks, side)
        await pair.start_both()
        self.looks = Looks(scenario, pair)
        await bitmaps.add_recording(pair.source, scenario.bitmaps)
        await self.looks.write(Side.SOURCE, When.BEFORE)
        await bitmaps.disable(pair.source, scenario.bitmaps)
        await asyncio.gather(
            configure(scenario, pair.source),
            configure(scenario, pair.destination),
        )
        await self.looks.take(seen.BEFORE)
        holds: tuple[Hold, ...] = ()
        if scenario.hold_arrival and self._postcopy:
            holds = (Hold(_ARRIVAL, lambda: self.arrived),)
        await pair.connect(fault=scenario.fault, holds=holds, act=self._act)

    # -- the migration -----------------------------------------------------

    async def _migrate(self) -> None:
        pair = self.pair
        self.begun = time.monotonic()
        if not await accepted(pair.migrate(), self.refused):
            return
        if self._postcopy and not self.scenario.at(When.DURING):
            await self._switch_over()
        elif waits(self.scenario):
            await pair.until(
                lambda: self._announced or pair.proxy.struck or pair.ended
            )
            if not pair.ended and not pair.proxy.over:
                # dead, or too fast for us: then it is not in ``done``
                with contextlib.suppress(QemuError):
                    await self.looks.write(Side.SOURCE, When.DURING)
                await self._switch_over()
        if self._postcopy:
            await pair.until(
                lambda: (
                    pair.destination.saw("RESUME")
                    or pair.ended
                    or self._stalled
                )
            )
            if pair.destination.saw("RESUME") and not self._stalled:
                await self._arrive()
            self._let_go()
        await pair.until(lambda: pair.ended or self._stalled)
        if self._stalled and not pair.ended:
            await self._unstall()
        if asleep(pair.source):
            with contextlib.suppress(QemuError):
                await pair.source.status()
            await pair.until(lambda: pair.ended)
        self.settled = pair.ended
        self.took = time.monotonic() - self.begun
        if not self.settled:
            self.given_up = self._said
            self.arrived = True
            if not pair.proxy.over:
                pair.proxy.cut()
                await pair.until(lambda: pair.ended)

    async def _arrive(self) -> None:
        with contextlib.suppress(QemuError):
            await self.looks.write(Side.DESTINATION, When.ARRIVED)
        await self.looks.take(seen.ARRIVED, between=self._let_go)

    def _let_go(self) -> None:
        """Let the bitmaps' content pass."""
        self.arrived = True
        self.pair.bell.ring()

    async def _switch_over(self) -> None:
        told = switch_over(self.pair.source, self.scenario.mode)
        await accepted(told, self.refused)

    async def _unstall(self) -> None:
        """Look at what a silent wire does, then end it as a network does."""
        pair = self.pair
        await pair.bell.until(lambda: pair.ended, pair.limits.stall)
        await self.looks.take(seen.STALLED)
        pair.proxy.cut()
        await pair.until(lambda: pair.ended)
        for qemu in pair.sides.values():
            # it may have waited for the wire only
            qemu.hung = ""

    async def _act(self, fault: Fault) -> None:
        """Do what no connection does: kill a side, or cancel."""
        if fault.kind.kills is not None:
            await self.pair.kill(fault.kind.kills)
        elif fault.kind is FaultKind.CANCEL:
            # the wire does not wait for a monitor that waits for it
            told = self.pair.source.call("migrate_cancel")
            self.cancelling = asyncio.create_task(accepted(told, self.refused))
            await asyncio.wait(
                {self.cancelling}, timeout=self.pair.limits.stall
            )

    @property
    def _announced(self) -> bool:
        """Return whether all bitmaps are announced, if there are any."""
        if self.scenario.carried:
            return self.pair.proxy.passed(_SETUP)
        return self.pair.proxy.passed("ram.footer")

    @property
    def _stalled(self) -> bool:
        fault = self.scenario.fault
        stalls = fault is not None and fault.kind is FaultKind.STALL
        proxy = self.pair.proxy
        return stalls and proxy.struck and not proxy.released
