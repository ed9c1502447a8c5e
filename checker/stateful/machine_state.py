# SPDX-License-Identifier: GPL-2.0-or-later
"""What the machine knows, and what must be so whatever it has done.

Every step ends with ``look``: both sides are queried, never do both run the
guest, and what the running side shows of the bitmaps is held against what the
client has done and the guest has written.  ``settle_all`` lets everything
come to its end and holds against it that whatever was begun has ended.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import ClassVar

from attrs import define, field
from hypothesis.stateful import RuleBasedStateMachine

from checker.stateful.adapter import (
    DROP,
    KEEPS,
    Adapter,
    Capabilities,
    Key,
    RefusedError,
    Side,
    SideView,
    Vm,
)
from checker.stateful.backup_client import BackupClient, label
from checker.stateful.promise import (
    BrokenGuaranteeError,
    promise,
)

Where = tuple[str, int, int]  # node, offset, length


@define
class Attempt:
    """What the machine knows of the latest migration.

    ``announced``: bitmaps that were there when it began.  ``arrived``: those
    that can no longer be lost.  ``faulted``: something was cut, killed or
    cancelled.
    """

    design: str
    announced: set[Key]
    arrived: set[Key] = field(factory=set)
    faulted: bool = False


#: is it to be passed over, and the run ended without a failure?
Excuse = Callable[[BrokenGuaranteeError], bool]


def nothing_is_excused(error: BrokenGuaranteeError) -> bool:
    """Every broken guarantee fails the run."""
    return False


@define
class FirstFailure:
    """Shows the first failure of a machine's runs, and no other."""

    show: Callable[[str], None]
    met: bool = False

    def meet(self, error: BrokenGuaranteeError, steps: list[str]) -> None:
        """A run has failed with ``error`` after these steps."""
        if self.met:
            return
        self.met = True
        lines = ["state = Machine()", *steps, "state.teardown()"]
        self.show(
            f"{error}\nfirst seen in this run, which is now made shorter:\n"
            + "".join(f"    {line}\n" for line in lines)
        )


class MachineState(RuleBasedStateMachine):
    """Drives what ``make`` makes.

    ``seen`` counts what was reached, ``taken`` the steps by their names.
    ``first`` hears of failures, if anybody wants to see the first one.
    """

    make: ClassVar[Callable[[], Adapter]]
    excuse: ClassVar[Excuse]
    seen: ClassVar[Counter[str]]
    taken: ClassVar[Counter[str]]
    first: ClassVar[FirstFailure | None] = None

    def __init__(self) -> None:
        super().__init__()
        self.adapter = type(self).make()
        self.client = BackupClient(self.adapter)
        self.design = ""
        self.views: dict[Side, SideView] = {}
        self.attempt: Attempt | None = None
        self.settled = True
        self.moved = False  # the guest has run at the destination
        self.killed: set[Side] = set()
        self.in_flight: list[Where] = []
        self.writes = 0
        self.within = ""  # the step that is being taken
        self.over = False  # a broken guarantee was excused
        self.steps: list[str] = []  # of this run, as Python

    def take(self, name: str, work: Callable[[], None]) -> None:
        """A step; what it breaks it breaks as the outermost one."""
        if self.within:
            work()
            return
        if self.over:
            return
        self.within = name or "look"
        try:
            work()
            self.taken[name] += bool(name)
        except RefusedError as error:
            self._broke(
                BrokenGuaranteeError(
                    f"S3: refused, and no query shows why: {error}"
                ),
                error,
            )
        except BrokenGuaranteeError as error:
            self._broke(error, error.__cause__)
        finally:
            self.within = ""

    def _broke(
        self, error: BrokenGuaranteeError, cause: BaseException | None
    ) -> None:
        if not type(self).excuse(error):
            if self.first is not None:
                self.first.meet(error, self.steps)
            raise error from cause
        self.over = True

    def note(self, name: str, arguments: Mapping[str, object]) -> None:
        """A step is taken from outside, with these arguments."""
        if not self.within and not self.over:
            given = ", ".join(f"{k}={v!r}" for k, v in arguments.items())
            self.steps.append(f"state.{name}({given})")

    def tally(self, what: str) -> None:
        """This was reached."""
        self.seen[what] += 1

    # -- what is so now ----------------------------------------------------

    @property
    def can(self) -> Capabilities:
        """What the implementation can."""
        return self.adapter.capabilities

    @property
    def runs(self) -> Side | None:
        """Where the guest runs, by the latest query."""
        for side, seen in self.views.items():
            if seen.vm is Vm.RUNNING:
                return side
        return None

    @property
    def here(self) -> SideView:
        """The side that runs the guest."""
        assert self.runs is not None
        return self.views[self.runs]

    def runs_somewhere(self) -> bool:
        return self.runs is not None

    def has_chains(self) -> bool:
        return self.runs is not None and bool(self.client.chains)

    def adds(self) -> bool:
        return self.runs is not None and self.can.manages_bitmaps

    def edits(self) -> bool:
        """Whether there are bitmaps that the user may change."""
        live = self.attempt is not None and self.attempt.design == "live"
        return (
            self.has_chains()
            and self.can.manages_bitmaps
            and (self.can.edits_while_live or not live or self.settled)
        )

    def may_begin(self) -> bool:
        return self.runs is not None and self.settled

    def may_retry(self) -> bool:
        return self.may_begin() and self.attempt is not None and not self.moved

    # -- after every step --------------------------------------------------

    def look(self) -> None:
        """Ask both sides, and hold what they show against what must be."""
        self.views = {side: self.adapter.query(side) for side in Side}
        running = [s for s in Side if self.views[s].vm is Vm.RUNNING]
        promise(len(running) < 2, "S6", "both sides run the guest")
        if not running:
            return
        if running == [Side.DESTINATION]:
            self.moved = True
        else:
            promise(
                not self.moved,
                "S6",
                "the source runs a guest that has run at the destination",
            )
        degraded = self._degraded()
        breaks = self._breaks_and_is_kept()
        lost = self.client.look(
            self.here,
            self._may_be_lost(),
            may_degrade=breaks,
            loss_breaks="D1" if breaks else "S5",
        )
        self.seen["declared lost"] += lost
        self.seen["kept degraded"] += self._degraded() - degraded
        if self.moved and self.attempt is not None:
            bitmaps = self.here.bitmaps.items()
            self.attempt.arrived |= {k for k, b in bitmaps if not b.busy}

    def _degraded(self) -> int:
        """How many bitmaps the client knows to be degraded."""
        return sum(c.degraded for c in self.client.chains.values())

    def _breaks_and_is_kept(self) -> bool:
        """Whether a break may have cost precision, and no bitmap."""
        attempt = self.attempt
        if self.runs is Side.SOURCE or attempt is None:
            return False
        return attempt.design == KEEPS and attempt.faulted

    def _may_be_lost(self) -> frozenset[Key]:
        """Bitmaps of which a query may show no more.

        At the source none ever; at the destination those that were begun
        while the migration was under way, with postcopy, after a failure,
        all that have not arrived, and all of them where they are dropped.
        """
        attempt = self.attempt
        if self.runs is Side.SOURCE or attempt is None:
            return frozenset()
        certain = set(attempt.arrived)
        declares = attempt.design == "postcopy" and attempt.faulted
        if not declares and attempt.design != DROP:
            certain |= attempt.announced
        return frozenset(self.client.chains) - certain

    # -- the guest ---------------------------------------------------------

    def guest(self, operate: Callable[[], None]) -> bool:
        """Let the guest write; it can wherever it runs."""
        try:
            operate()
        except RefusedError:
            self.look()
            if self.runs is not None and not self.in_flight:
                raise
            return False
        return True

    def data(self, length: int) -> bytes:
        """Data that no write before had."""
        self.writes += 1
        return (self.writes.to_bytes(2, "big") * length)[:length]

    def finish_all(self) -> None:
        """No write is in flight any more."""
        self.adapter.finish_writes()
        self.acknowledged()

    def acknowledged(self) -> None:
        """The guest was told that its writes are done."""
        for where in self.in_flight:
            self.client.wrote(*where)
        self.in_flight = []

    # -- the client --------------------------------------------------------

    def full(self, key: Key, granularity: int) -> None:
        """A full backup; the bitmap begins anew."""
        self.client.full(key, granularity)
        if self.attempt is not None:
            self.attempt.announced.discard(key)
            if self.runs is Side.DESTINATION:
                self.attempt.arrived.add(key)

    def believe(self, key: Key) -> bool:
        """Whether a query explains that an operation was refused."""
        self.look()
        return self.runs is None or self.here.bitmaps[key].busy

    def must_refuse(self, key: Key, operate: Callable[[], None]) -> None:
        """A busy bitmap is held by somebody else."""
        try:
            operate()
        except RefusedError:
            self.tally("refused as busy")
            return
        promise(
            not self.can.holds_still,
            "S3",
            f"bitmap {label(key)} is busy and was changed by its user",
        )

    def change(self, key: Key, operate: Callable[[], None]) -> bool:
        """Let the user change a bitmap; whether that was done."""
        self.look()
        if self.runs is None or self.client.chains[key].lost:
            return False
        if self.here.bitmaps[key].busy:
            self.must_refuse(key, operate)
            return False
        try:
            operate()
        except RefusedError:
            if self.believe(key):
                return False
            raise
        return True

    # -- migrations --------------------------------------------------------

    def begin_attempt(self, design: str) -> bool:
        """Ask for a migration; whether it was begun."""
        if not self.can.mixes_designs:
            design = self.design
        try:
            self.adapter.begin_migration(design)
        except RefusedError:
            waiting = self.views[Side.DESTINATION].vm is Vm.WAITING
            promise(
                not (self.settled and waiting),
                "L1",
                "everything has ended, and no migration can begin",
            )
            return False
        self.tally(f"{design} again" if self.attempt else design)
        chains = self.client.chains.items()
        announced = {key for key, chain in chains if not chain.lost}
        self.attempt = Attempt(design, announced)
        self.settled = False
        return True

    def settle_all(self) -> None:
        """Whatever was begun comes to its end."""
        first = not self.settled
        self.adapter.settle()
        self.acknowledged()
        self.settled = True
        self.look()
        dead = Side.SOURCE in self.killed or (
            self.moved and Side.DESTINATION in self.killed
        )
        promise(
            self.runs is not None or dead,
            "L1",
            "everything has ended, no VM was lost, and no guest runs",
        )
        waiting = self.views[Side.DESTINATION]
        promise(
            waiting.vm is not Vm.WAITING or not waiting.bitmaps,
            "S2",
            "the waiting destination has bitmaps",
        )
        if self.runs is None:
            return
        for key, seen in self.here.bitmaps.items():
            promise(not seen.busy, "L1", f"bitmap {label(key)} stays busy")
        if first and self.attempt and self.runs is Side.DESTINATION:
            self.tally(f"{self.attempt.design} completed")

    def renew_all(self) -> None:
        """A fresh destination, and a guest that runs."""
        nobody = self.runs is None
        self.finish_all()
        try:
            self.adapter.renew()
        except RefusedError:
            return
        if nobody:
            for chain in self.client.chains.values():
                chain.lost = True
        self.attempt, self.moved, self.killed = None, False, set()
        self.tally("renewed")
        self.look()

    def last_backups(self) -> None:
        """With every bitmap the backup that the client would take."""
        self.settle_all()
        self.tally("ended")
        if self.runs is None:
            return
        for key, chain in list(self.client.chains.items()):
            if chain.lost:
                self.client.full(key, chain.granularity)
                self.tally("full backup after a loss")
            elif self.client.usable(key, self.here.bitmaps):
                self.client.incremental(key)
                self.tally(f"backup on the {self.runs.value}")
            else:
                promise(
                    not chain.recording,
                    "L1",
                    f"bitmap {label(key)} stays unusable",
                )
