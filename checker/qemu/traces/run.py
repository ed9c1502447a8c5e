# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs a trace of the model on two QEMU processes, and compares each step.

The rule: nothing but the trace makes anything happen.  The proxy holds every
message until the trace lets it arrive, the source waits before the
switchover until the trace goes on, a backup job waits before its end, and the
destination's VM starts when it is told to.  A connection that breaks is one
on which nothing new arrives; each side's end of it is closed when the trace
lets that side notice.  After a step both sides are looked at until they show
what the model predicts, or until patience ends: then they differ.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import attrs

from checker.qemu.harness import bitmaps, disk
from checker.qemu.harness.builds import Builds
from checker.qemu.harness.disk import Disk
from checker.qemu.harness.pair import Pair, fresh_room
from checker.qemu.harness.process import Qemu, QemuError
from checker.qemu.harness.progress import Limits
from checker.qemu.harness.scenario import Mode
from checker.qemu.harness.settings import (
    SLOW,
    set_capabilities,
    set_parameters,
    switch_over,
)
from checker.qemu.traces.belief import Belief, roomy, start_of
from checker.qemu.traces.client import (
    ON_DESTINATION,
    ON_SOURCE,
    WANTED,
    SourceClient,
    on_destination,
)
from checker.qemu.traces.difference import (
    Compared,
    Outcome,
    Row,
    Shown,
    fits,
    known_sets,
    rows_of,
    shown_by,
    wrong,
)
from checker.qemu.traces.holds import START, Holds
from checker.qemu.traces.map import (
    Geometry,
    Reader,
    check_mappable,
)
from checker.stateful.adapter import Side
from checker.traces.trace import Move, Trace
from model.design import POSTCOPY
from model.designs import build as build_model

PATIENCE: Final = 3.0  # seconds for QEMU to show what is predicted
_LOOK_EVERY: Final = 0.004
_OTHER_ALIAS: Final[dict[str, object]] = {
    "node-name": WANTED.node,
    "alias": "other",
    "bitmaps": [],
}
_NEED_MIGRATION: Final = frozenset(
    {
        *("dirty_bitmap_save_setup", "dirty_bitmap_save_setup_busy"),
        *("migrate_cancel", "migration_fails"),
        *("channel_cut", "source_killed", "destination_killed"),
    }
)


def run_trace(
    trace: Trace,
    builds: Builds,
    work: Path | None = None,
    patience: float = PATIENCE,
) -> Outcome:
    """Run a trace; CannotMapError, or QemuError if QEMU does not start."""
    check_mappable(trace)
    return asyncio.run(_run(trace, builds, work, patience))


async def _run(
    trace: Trace, builds: Builds, work: Path | None, patience: float
) -> Outcome:
    limits = Limits(settle=patience, quiet=patience)
    with fresh_room(work) as room:
        async with Pair(builds, room, limits) as pair:
            steps = await _TraceRun(trace, pair, patience).run()
    labels = builds.source.label, builds.destination.label
    return Outcome(trace, labels, tuple(steps))


@attrs.define(eq=False)
class _TraceRun:
    """One run."""

    trace: Trace
    pair: Pair
    patience: float
    attempt: int = 0
    #: has the trace asked for a migration, and QEMU not been told?
    due: bool = False
    client: SourceClient = attrs.field(init=False)
    holds: Holds = attrs.field(init=False)
    geometry: Geometry = attrs.field(init=False)
    reader: Reader = attrs.field(init=False)
    belief: Belief = attrs.field(init=False)
    hashes: Mapping[str, str] = attrs.field(factory=dict)

    @property
    def _postcopy(self) -> bool:
        return self.trace.options.design == POSTCOPY

    @property
    def _replies(self) -> bool:
        """Return whether the destination says SHUT."""
        without = self.trace.options.without
        return not self._postcopy and "completed-after-shut" not in without

    async def run(self) -> list[Compared]:
        """Return all steps, or those up to the first difference."""
        await self._prepare()
        found = [await self._compare(0, "initial state", "")]
        for number, move in enumerate(self.trace.moves, 1):
            if not found[-1].agrees:
                break
            said = await self._do(move)
            self.belief.take(move)
            found.append(await self._compare(number, move.label, said))
        return found

    # -- before ------------------------------------------------------------

    async def _prepare(self) -> None:
        bounds = self.trace.options.bounds
        self.geometry = Geometry(bounds.chunks, bounds.granules)
        machine = roomy(self.trace)
        small = build_model(self.trace.options)
        self.reader = Reader.of(machine, self.trace)
        self.belief = Belief(machine, start_of(machine, self.trace, small))
        granules = bounds.chunks * bounds.granules
        self.hashes = known_sets(self.geometry, granules)
        pair = self.pair
        pair.create_images([Disk(size=self.geometry.size)], *Side)
        source = await pair.start(Side.SOURCE)
        await self._configure(source)
        await bitmaps.add(source, WANTED)
        self.client = SourceClient(
            source, self.geometry, pair.bell, self.patience
        )
        await self._wait_for_attempt()

    async def _configure(self, qemu: Qemu) -> None:
        """Switch on what the trace needs of this side."""
        wanted = ["events", "dirty-bitmaps"]
        if self._replies:
            wanted.append("return-path")
        if not qemu.incoming:
            wanted.append("pause-before-switchover")
        await set_capabilities(qemu, *wanted)

    async def _wait_for_attempt(self) -> None:
        """Start a fresh destination, and a proxy that holds everything."""
        self.attempt += 1
        pair, mark = self.pair, str(self.attempt)
        self.holds = Holds(self._postcopy, self.geometry.chunks, pair.bell)
        destination = await pair.start(
            Side.DESTINATION, f"destination{mark}", options=("-S",)
        )
        await self._configure(destination)
        await pair.connect(mark, holds=self.holds.of_proxy())

    # -- one step ----------------------------------------------------------

    async def _do(self, move: Move) -> str:
        """Make a step happen; return what QEMU refused, or ''."""
        try:
            if self.due and move.action in _NEED_MIGRATION:
                await self._migrate()
            await self._act(move.action, dict(move.arguments))
        except QemuError as error:
            return str(error)
        return ""

    async def _act(self, action: str, arguments: dict[str, str]) -> None:
        pair, destination = self.pair, self.pair.destination
        match action:
            case "vm_start" | "vm_start_first":
                await destination.call("cont")
            case "resume_source":
                if await pair.source.status() != disk.RUNNING:
                    await pair.source.call("cont")
            case "source_killed" | "quit_source" | "quit_source_early":
                await self._end_source(action)
            case "destination_killed" | "fence_destination":
                await pair.kill(Side.DESTINATION)
            case "incoming_fails" | "dirty_bitmap_mig_cancel_incoming":
                pair.proxy.cut_destination()
            case _ if action in ON_SOURCE:
                await self.client.act(action, arguments)
            case _ if action in ON_DESTINATION:
                await on_destination(
                    destination, self.geometry, action, arguments
                )
            case _:
                await self._migration(action, arguments)

    async def _migration(self, action: str, arguments: dict[str, str]) -> None:
        """Tell the source something, or let something pass."""
        match action:
            case "migrate_again":
                self.pair.destination.kill()
                await self._wait_for_attempt()
                self.due = True
            case "migrate":
                # setup follows at once, so not before the trace needs it
                self.due = True
            case "migrate_cancel":
                await self.pair.source.call("migrate_cancel")
            case "postcopy_start":
                await switch_over(self.pair.source, Mode.POSTCOPY)
            case "migration_completion":
                await switch_over(self.pair.source, Mode.PRECOPY)
            case "send_postcopy_run":
                await self._continue()
            case "migration_fails":
                self.pair.proxy.cut_source()
                await self._continue()
            case "send_bitmap_bits":
                if not self._postcopy and arguments["chunk"] == "0":
                    await self._continue()
            case _:
                await self._prepare_start(action)
                self.holds.arrive(action, arguments)

    async def _prepare_start(self, action: str) -> None:
        """Prepare a destination that may not take what START announces."""
        match action:
            case "dirty_bitmap_load_start_exists":
                await bitmaps.add(self.pair.destination, WANTED)
            case "dirty_bitmap_load_start_refused":
                await self.pair.destination.call(
                    "migrate-set-parameters",
                    {"block-bitmap-mapping": [_OTHER_ALIAS]},
                )

    async def _migrate(self) -> None:
        self.due = False
        pair = self.pair
        await set_parameters(pair.source, SLOW, 0)
        await pair.migrate()
        # a busy bitmap, for one, ends it before
        await pair.until(lambda: START in self.holds.came or pair.proxy.over)

    async def _continue(self) -> None:
        """Let a source that waits before the switchover go on."""
        state = "pre-switchover"
        source = self.pair.source
        info = await source.call("query-migrate")
        if info.get("status") == state:
            await source.call("migrate-continue", {"state": state})

    async def _end_source(self, action: str) -> None:
        if action != "source_killed":
            await self.pair.source.quit()
        await self.pair.kill(Side.SOURCE)

    # -- comparing ---------------------------------------------------------

    async def _compare(self, number: int, label: str, said: str) -> Compared:
        """Look until QEMU shows what is predicted, or patience ends."""
        wanted = [self.reader.expected(s) for s in self.belief.states]
        loop = asyncio.get_running_loop()
        end = loop.time() + self.patience
        shown = await self._look()
        while not any(fits(words, shown) for words in wanted):
            if loop.time() > end or said:
                break
            await self.pair.bell.until(lambda: False, _LOOK_EVERY)
            shown = await self._look()
        main = self.reader.expected(self.belief.main)
        near = min([main, *wanted], key=lambda words: wrong(words, shown))
        rows = rows_of(near, shown)
        if said:
            rows += (Row("both", "command", "is possible", said, False),)
        self.belief.keep(
            lambda state: fits(self.reader.expected(state), shown)
        )
        return Compared(number, label, rows)

    async def _look(self) -> Shown:
        shown: Shown = {}
        for side in Side:
            qemu = self.pair.sides[side]
            shown |= await shown_by(side, qemu, WANTED, self.hashes)
        return shown
