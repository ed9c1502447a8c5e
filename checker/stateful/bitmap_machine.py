# SPDX-License-Identifier: GPL-2.0-or-later
"""A guest, a backup client, management and failures, in any order.

Points at any implementation of ``adapter.Adapter``.  The rule is the one that
dirty bitmaps exist for: *the backup chain restores the disk*.  Beside it:
never do both sides run the guest, an attempt that fails before the hand-over
loses nothing, and whatever was begun ends.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable

from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule

from checker.stateful.adapter import (
    Adapter,
    Key,
    RefusedError,
    Side,
    Vm,
)
from checker.stateful.machine_state import (
    Excuse,
    MachineState,
    Where,
    nothing_is_excused,
)
from checker.stateful.promise import promise
from checker.stateful.step import step
from checker.stateful.strategies import (
    DESIGN,
    GRANULARITY,
    KEY,
    KNOWN,
    PICKS,
    SOME_PICKS,
    STEPS,
    WHERE,
)


def under_way(machine: MachineState) -> bool:
    """Whether a migration was begun and is not settled."""
    return not machine.settled


class BitmapMachine(MachineState):
    """The rules; what must be so whatever they do is ``MachineState``'s."""

    @initialize(
        design=DESIGN,
        bitmaps=st.dictionaries(KEY, GRANULARITY, min_size=1, max_size=3),
        writes=st.lists(WHERE, max_size=4),
    )
    def begin(
        self, design: str, bitmaps: dict[Key, int], writes: list[Where]
    ) -> None:
        self.note(
            "begin", {"design": design, "bitmaps": bitmaps, "writes": writes}
        )
        self.take("begin", lambda: self._begin(design, bitmaps, writes))

    def _begin(
        self, design: str, bitmaps: dict[Key, int], writes: list[Where]
    ) -> None:
        self.design = design
        self.adapter.reset(design)
        self.look()
        for key, seen in self.here.bitmaps.items():
            self.client.adopt(key, seen)
        if self.can.manages_bitmaps:
            for key, granularity in bitmaps.items():
                self.client.full(key, granularity)
        for where in writes:
            self.write(where)

    def teardown(self) -> None:
        try:
            if sys.exc_info()[0] is None and self.views:
                self.take("teardown", self.last_backups)
        finally:
            self.adapter.close()

    @invariant()
    def looks_right(self) -> None:
        if self.views:
            self.take("", self.look)

    # -- the guest ---------------------------------------------------------

    @precondition(MachineState.runs_somewhere)
    @rule(where=WHERE)
    @step
    def write(self, where: Where) -> None:
        node, offset, length = where
        data = self.data(length)
        if self.guest(lambda: self.adapter.write(node, offset, data)):
            self.client.wrote(*where)

    @precondition(MachineState.runs_somewhere)
    @rule(where=WHERE)
    @step
    def discard(self, where: Where) -> None:
        if self.guest(lambda: self.adapter.discard(*where)):
            self.client.wrote(*where)

    @precondition(MachineState.runs_somewhere)
    @rule(where=WHERE)
    @step
    def begin_write(self, where: Where) -> None:
        node, offset, length = where
        try:
            self.adapter.begin_write(node, offset, self.data(length))
        except RefusedError:
            return
        self.in_flight.append(where)

    @precondition(lambda self: self.in_flight)
    @rule()
    @step
    def finish_writes(self) -> None:
        self.finish_all()

    # -- the client --------------------------------------------------------

    @precondition(MachineState.has_chains)
    @rule(which=KNOWN)
    @step
    def backup(self, which: Key) -> None:
        """What the client does about this bitmap: by what a query shows."""
        self.finish_all()
        self.look()
        if self.runs is None:
            return
        chain, seen = self.client.chains[which], self.here.bitmaps
        if chain.lost:
            self.full(which, chain.granularity)
            self.tally("full backup after a loss")
        elif self.client.usable(which, seen):
            try:
                self.client.incremental(which)
            except RefusedError:
                if self.believe(which):
                    return
                raise
            self.tally(f"backup on the {self.runs.value}")
        elif seen[which].busy:
            self.must_refuse(
                which,
                lambda: self.adapter.incremental_backup(
                    which, self.client.chains[which].image
                ),
            )

    @precondition(MachineState.adds)
    @rule(key=KEY, granularity=GRANULARITY)
    @step
    def add_bitmap(self, key: Key, granularity: int) -> None:
        if key not in self.client.chains:
            self.finish_all()
            self.full(key, granularity)

    @precondition(MachineState.edits)
    @rule(which=KNOWN)
    @step
    def remove_bitmap(self, which: Key) -> None:
        if self.change(which, lambda: self.adapter.remove_bitmap(which)):
            del self.client.chains[which]
            if self.attempt is not None:
                self.attempt.announced.discard(which)
                self.attempt.arrived.discard(which)

    @precondition(MachineState.edits)
    @rule(which=KNOWN)
    @step
    def disable(self, which: Key) -> None:
        if self.change(which, lambda: self.adapter.disable(which)):
            self.client.chains[which].recording = False

    @precondition(MachineState.edits)
    @rule(which=KNOWN)
    @step
    def enable(self, which: Key) -> None:
        """It has not recorded meanwhile: a full backup is due."""
        self.finish_all()
        if self.change(which, lambda: self.adapter.enable(which)):
            chain = self.client.chains[which]
            if not chain.recording:
                self.client.full(which, chain.granularity)

    # -- migrations --------------------------------------------------------

    def begin_afresh(self, design: str) -> bool:
        """Begin, with a fresh destination if there is none that waits."""
        if self.views[Side.DESTINATION].vm is not Vm.WAITING:
            self.renew_all()
        return self.begin_attempt(design)

    @precondition(MachineState.may_begin)
    @rule(design=DESIGN)
    @step
    def begin_migration(self, design: str) -> None:
        self.begin_afresh(design)

    @precondition(MachineState.may_retry)
    @rule()
    @step
    def retry(self) -> None:
        """The same once more, after a failure."""
        assert self.attempt is not None
        self.begin_attempt(self.attempt.design)

    @precondition(MachineState.may_begin)
    @rule(design=DESIGN, where=WHERE, picks=PICKS, backup_after=STEPS)
    @step
    def migrate(
        self,
        design: str,
        where: Where,
        picks: list[int],
        backup_after: int,
    ) -> None:
        """Nothing fails; guest and client go on while it is moved."""
        if self.begin_afresh(design):
            self.advance_and_write(where, picks, backup_after)
            self.settle_all()

    @precondition(MachineState.may_begin)
    @rule(
        design=DESIGN,
        picks=SOME_PICKS,
        failure=st.sampled_from(["cut", "cut", "cancel", *Side]),
        after=SOME_PICKS,
        settle=st.booleans(),
    )
    @step
    def migrate_and_fail(
        self,
        design: str,
        picks: list[int],
        failure: str | Side,
        after: list[int],
        settle: bool,
    ) -> None:
        """Begin, get some way, fail, get some way or to the end."""
        if not self.begin_afresh(design):
            return
        self.adapter.advance(picks)
        self.look()
        if isinstance(failure, Side):
            self.kill(failure)
        elif failure == "cut":
            self.cut()
        else:
            self.cancel()
        self.adapter.advance(after)
        if settle:
            self.settle_all()

    @precondition(under_way)
    @rule(picks=PICKS)
    @step
    def advance(self, picks: list[int]) -> None:
        self.adapter.advance(picks)

    @precondition(under_way)
    @rule(where=WHERE, picks=PICKS, backup_after=STEPS)
    @step
    def advance_and_write(
        self, where: Where, picks: list[int], backup_after: int
    ) -> None:
        """The guest writes after every step, further and further on.

        Meanwhile the client takes a backup with every bitmap.
        """
        node, offset, length = where
        size = self.can.disks[node]
        for number, pick in enumerate(picks):
            self.adapter.advance([pick])
            self.look()
            if self.runs is not None:
                self.write((node, offset, min(length, size - offset)))
            if number == backup_after and self.runs is not None:
                for key in sorted(self.client.chains):
                    self.backup(key)
            offset = (offset + 40 * length) % size

    @precondition(under_way)
    @rule()
    @step
    def settle(self) -> None:
        self.settle_all()

    @precondition(under_way)
    @rule()
    @step
    def cancel(self) -> None:
        try:
            self.adapter.cancel()
        except RefusedError:
            return
        assert self.attempt is not None
        self.attempt.faulted = True  # RUN may have been sent
        self.tally("cancelled")

    @precondition(under_way)
    @rule()
    @step
    def resume(self) -> None:
        """Whether that may be, the implementation has to know."""
        try:
            self.adapter.resume()
        except RefusedError:
            return
        self.tally("resumed")

    @precondition(lambda self: self.settled and (self.attempt or self.killed))
    @rule()
    @step
    def renew(self) -> None:
        self.renew_all()

    # -- failures ----------------------------------------------------------

    @precondition(under_way)
    @rule()
    @step
    def cut(self) -> None:
        try:
            self.adapter.cut()
        except RefusedError:
            return
        assert self.attempt is not None
        self.attempt.faulted = True
        self.tally("cut")

    @precondition(under_way)
    @rule(side=st.sampled_from(Side))
    @step
    def kill(self, side: Side) -> None:
        try:
            self.adapter.kill(side)
        except RefusedError:
            return
        if self.runs is side:
            self.in_flight = []
        self.killed.add(side)
        assert self.attempt is not None
        self.attempt.faulted = True
        self.tally(f"{side.value} killed")

    # -- observers ---------------------------------------------------------

    @rule(side=st.sampled_from(Side))
    @step
    def observe(self, side: Side) -> None:
        """A query changes nothing."""
        first, second = self.adapter.query(side), self.adapter.query(side)
        same = not self.can.holds_still or first == second
        promise(same, "S2", f"two queries of the {side.value} differ")

    @rule()
    @step
    def compare_with_disk(self) -> None:
        """What an image lacks is what was written since, and is dirty."""
        if self.runs is not None and not self.in_flight:
            self.client.compare_dirty()


def machine_for(
    make: Callable[[], Adapter], excuse: Excuse = nothing_is_excused
) -> type[BitmapMachine]:
    """The machine that drives the adapters that ``make`` makes.

    ``excuse`` hears of every broken guarantee.
    """

    class Machine(BitmapMachine):
        pass

    Machine.make = staticmethod(make)
    Machine.excuse = staticmethod(excuse)
    Machine.seen, Machine.taken = Counter(), Counter()
    return Machine
