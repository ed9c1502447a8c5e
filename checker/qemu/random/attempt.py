# SPDX-License-Identifier: GPL-2.0-or-later
"""One migration, driven step by step, with nothing left to chance.

The rule: after every step both sides are waited for until neither goes on
by itself, so that what can be done next, and what a query shows of the VM,
does not depend on the clock.  Three things make the stream stand still: a
place that the proxy holds, ``pause-before-switchover``, and a source that
iterates until it is told to switch over.
"""

from __future__ import annotations

from functools import partial
from typing import Final

import attrs

from checker.qemu.campaign.case import Case
from checker.qemu.harness import bitmaps
from checker.qemu.harness.faults import Fault, FaultKind
from checker.qemu.harness.places import Place
from checker.qemu.harness.process import Qemu, QemuRefusedError
from checker.qemu.harness.progress import ended, statuses
from checker.qemu.harness.proxy import Hold, Proxy
from checker.qemu.harness.scenario import Mode, Storage
from checker.qemu.harness.settings import (
    SLOW,
    set_capabilities,
    set_parameters,
    switch_over,
)
from checker.qemu.random.guest_pair import DISKS, GuestPair
from checker.stateful.adapter import RefusedError, Side
from checker.stateful.promise import promise
from checker.stateful.strategies import NAMES

_WAITS: Final = "pre-switchover"
_CAPABILITIES: Final = ("events", "dirty-bitmaps")
_PAUSES: Final = "pause-before-switchover"
_PAUSED: Final = "postcopy-paused"
_START: Final = Place("dirty-bitmap.start")
_PACKAGE: Final = Place("package")
_NUMBERS: Final = range(len(NAMES) * len(DISKS))
#: what is held, each until a step lets it pass
PLACES: Final = (
    *(_START, _PACKAGE, Place("eof")),
    *(Place("dirty-bitmap.part"), Place("dirty-bitmap.end")),
    *(Place(name, n) for name in ("bits", "complete") for n in _NUMBERS),
)
PASS, SWITCH, CONTINUE = "pass", "switch over", "continue"


@attrs.define(eq=False)
class Attempt:
    """A migration of the design, from the pair's source to the other side.

    ``fault``: what was done to it, at the place that was held then.
    """

    pair: GuestPair
    design: str
    bitmaps: int = 0
    fault: Fault | None = None
    #: was the source told to switch over, and to go on then?
    told: bool = False
    continued: bool = False
    #: is the connection cut?
    severed: bool = False
    came: list[Place] = attrs.field(factory=list)
    passed: set[Place] = attrs.field(factory=set)
    _proxy: Proxy | None = None

    @property
    def source(self) -> Qemu:
        """Return the process that had the guest."""
        return self.pair.source

    @property
    def destination(self) -> Qemu:
        """Return the process that the guest is to move to."""
        return self.pair.destination

    @property
    def case(self) -> Case:
        """Return the nearest scenario, to find known deviations."""
        return Case(
            mode=self._mode,
            storage=Storage.SHARED,
            bitmaps=self.bitmaps,
            fault=self.fault,
        )

    @property
    def _mode(self) -> Mode:
        postcopy = self.design == "postcopy"
        return Mode.POSTCOPY if postcopy else Mode.PRECOPY

    # -- beginning and end -------------------------------------------------

    async def begin(self) -> None:
        """Migrate, up to where nothing goes on by itself."""
        source, destination = self.source, self.destination
        self.bitmaps = len(await bitmaps.look(source))
        await set_capabilities(source, *_CAPABILITIES, _PAUSES)
        await set_capabilities(destination, *_CAPABILITIES)
        await set_parameters(source, SLOW, 0)
        self.pair.count += 1
        holds = tuple(Hold(p, partial(self._pass, p)) for p in PLACES)
        mark = str(self.pair.count)
        self._proxy = await self.pair.connect(mark, holds=holds)
        source.events.clear()
        await self.pair.migrate()
        await self._rest()
        announced = _START in self.came or not self.bitmaps or self.over
        promise(announced, "S5", "the source has bitmaps and announces none")

    async def close(self) -> None:
        """End the connections; the processes stay."""
        await self.pair.disconnect()

    # -- where it is -------------------------------------------------------

    def _pass(self, place: Place) -> bool:
        if place not in self.came:
            self.came.append(place)
            self.pair.bell.ring()
        return place in self.passed

    @property
    def held(self) -> list[Place]:
        """Return the places that wait to pass."""
        return [each for each in self.came if each not in self.passed]

    @property
    def over(self) -> bool:
        """Return whether the connection has ended."""
        return self.severed or (self._proxy is not None and self._proxy.over)

    @property
    def _last(self) -> str:
        return "".join(statuses(self.source)[-1:])

    @property
    def _waits(self) -> bool:
        """Return whether the source waits for ``migrate-continue``."""
        return self._last == _WAITS and not self.continued

    @property
    def _iterates(self) -> bool:
        """Return whether the source iterates until it is told to end.

        Without bitmaps nothing is pending, and it does not wait.
        """
        begun = self._last == "active" and not self.told
        return self.source.alive and begun and bool(self.bitmaps)

    @property
    def _source_rests(self) -> bool:
        stuck = self._last == _PAUSED
        return ended(self.source) or self._waits or stuck

    @property
    def _destination_rests(self) -> bool:
        takes_over = _PACKAGE in self.passed
        runs = self.destination.saw("RESUME")
        return not takes_over or runs or ended(self.destination)

    def _rests(self) -> bool:
        """Return whether nothing goes on by itself."""
        if self.over:
            return self._source_rests and ended(self.destination)
        if self.held:
            rests = self._source_rests or self._iterates
            return rests and self._destination_rests
        if not self.source.alive:
            return False
        return self._waits or (self._iterates and _START in self.passed)

    async def _rest(self) -> None:
        """Wait until nothing goes on by itself."""
        rests = await self.pair.until(self._rests)
        promise(rests, "L1", self._endless)
        # one that waits for management may do so in any state
        await self.pair.steady(ended)

    @property
    def _endless(self) -> str:
        said = [
            "".join(statuses(qemu)[-1:]) or "nothing"
            for qemu in (self.source, self.destination)
        ]
        return (
            f"the migration does not end; the source says {said[0]}, the "
            f"destination {said[1]}"
        )

    # -- steps -------------------------------------------------------------

    def steps(self) -> list[str]:
        """Return the steps that could be taken now."""
        found = [PASS] if self.held and not self.over else []
        if self.source.alive and self._waits:
            found.append(CONTINUE)
        elif self._iterates and not self.over:
            found.append(SWITCH)
        return found

    def say(self, step: str) -> str:
        """Return the step in a reader's words."""
        if step == PASS:
            names = ", ".join(f"{p.item}:{p.number}" for p in self.held)
            return f"{names} of the stream passes"
        if step == CONTINUE:
            return "management: migrate-continue"
        if self.design == "postcopy":
            return "management: migrate-start-postcopy"
        return "management: downtime-limit is raised, the source may end"

    async def step(self, step: str) -> None:
        """Take a step, up to where nothing goes on by itself."""
        source = self.source
        if step == PASS:
            self.passed.update(self.held)
            self.pair.bell.ring()
        elif step == CONTINUE:
            self.continued = True
            await source.call("migrate-continue", {"state": _WAITS})
        else:
            self.told = True
            await switch_over(source, self._mode)
        await self._rest()

    def _strike(self, kind: FaultKind) -> None:
        """Note a fault before the held item, or after the last one."""
        place = (*self.held, *reversed(self.came), Place("header"))[0]
        self.fault = Fault(kind, place)

    async def cut(self) -> None:
        """Close both connections; held items are lost."""
        self._strike(FaultKind.CUT)
        self._sever()
        await self._rest()

    def _sever(self) -> None:
        if self._proxy is not None:
            self._proxy.cut()
        self.severed = True
        self.passed.update(PLACES)
        self.pair.bell.ring()

    async def kill(self, side: Side) -> None:
        """Kill a side; items that the source sent may still arrive."""
        self._strike(FaultKind.that_kills(side))
        await self.pair.kill(side)
        if side is Side.DESTINATION and not self.over:
            self._sever()
        await self._rest()

    async def cancel(self) -> None:
        """Cancel; refused once the source goes on by itself."""
        if not self.source.alive or not (self._waits or self._iterates):
            raise RefusedError("nothing to cancel")
        if self.over:
            raise RefusedError("there is no connection")
        self._strike(FaultKind.CANCEL)
        await self.source.call("migrate_cancel")
        await self.pair.until(lambda: ended(self.source))
        await self._rest()

    async def settle(self) -> None:
        """Go on to the end; then do what management does."""
        while steps := self.steps():
            await self.step(steps[-1])
        over = self.pair.ended or self._last == _PAUSED
        promise(over, "L1", self._endless)
        if self.destination.saw("RESUME"):
            await self._let_go()
        else:
            await self._go_on()
        promise(self._last != _PAUSED, "L1", self._endless)

    async def _let_go(self) -> None:
        """End the source, since the guest has moved."""
        if not self.source.alive:
            return
        runs = await self.source.status() == "running"
        promise(not runs, "S6", "both sides run the guest")
        await self.retire()

    async def retire(self) -> None:
        """Tell the source to quit."""
        gone = await self.source.quit()
        promise(gone, "S3", "the source does not end when told to quit")

    async def _go_on(self) -> None:
        """Fence a destination that did not take the VM; go on here."""
        source = self.source
        await self.pair.kill(Side.DESTINATION)
        if not source.alive or await source.status() == "running":
            return
        try:
            await source.call("cont")
        except QemuRefusedError as error:
            text = f"the VM runs nowhere and cannot be resumed: {error}"
            promise(False, "S3", text)
