# SPDX-License-Identifier: GPL-2.0-or-later
"""What was seen in one run of a scenario.

The rule: an observation is plain data and holds all that the guarantees are
judged by, so that it can be judged again without QEMU.  Times are seconds.
"""

from __future__ import annotations

from typing import Final

import attrs

from checker.qemu.harness.bitmaps import ShownBitmap
from checker.qemu.harness.disk import StoredBitmap
from checker.qemu.harness.places import Passage
from checker.qemu.harness.scenario import GuestWrite, Scenario, Storage, When
from checker.stateful.adapter import Side
from reference.bitmap.dirty_bitmap import DirtyBitmap

RUNNING: Final = "running"
BEFORE: Final = "before"
ARRIVED: Final = "arrived"
STALLED: Final = "stalled"
SETTLED: Final = "settled"
END: Final = "end"
#: after the next migration, before and after management and the guest
RESETTLED: Final = "resettled"
AGAIN: Final = "again"
RESTARTED: Final = "restarted"


@attrs.frozen
class ProcessView:
    """One side's process at one moment.

    ``vm`` and ``migration`` are QEMU's words, '' if it could not be asked.
    ``hung``: the command that was not answered.
    """

    alive: bool
    vm: str = ""
    migration: str = ""
    error: str = ""
    hung: str = ""
    exit_code: int | None = None
    #: was it the scenario that killed it?
    killed: bool = False
    bitmaps: tuple[ShownBitmap, ...] = ()

    @property
    def runs(self) -> bool:
        """Return whether the guest runs here."""
        return self.alive and self.vm == RUNNING

    def bitmap(self, node: str, name: str) -> ShownBitmap | None:
        """Return what is shown of a bitmap; None without such a bitmap."""
        for each in self.bitmaps:
            if each.key == (node, name):
                return each
        return None


@attrs.frozen
class Moment:
    """Both sides at a moment; ``done``: so many writes were done by then."""

    name: str
    seconds: float
    source: ProcessView
    destination: ProcessView
    done: int

    def of(self, side: Side) -> ProcessView:
        """Return the view of a side."""
        return self.source if side is Side.SOURCE else self.destination


@attrs.frozen
class Done:
    """A write that the guest did, and where."""

    side: Side
    write: GuestWrite


@attrs.frozen
class Stored:
    """The bitmaps that a side's images hold after the end."""

    side: Side
    bitmaps: tuple[StoredBitmap, ...]


#: from when to when the guest ran on each side; the end may be inf
Ran = tuple[tuple[tuple[float, float], ...], tuple[tuple[float, float], ...]]


@attrs.frozen(kw_only=True)
class Observation:
    """Everything about one run."""

    scenario: Scenario
    versions: tuple[str, str]
    moments: tuple[Moment, ...]
    done: tuple[Done, ...]
    passages: tuple[Passage, ...]
    #: the statuses of the migration on each side, in their order
    statuses: tuple[tuple[str, ...], tuple[str, ...]]
    #: by one clock; ``ran_again``: of the two of the next migration
    ran: Ran
    #: did the fault happen?
    struck: bool
    #: did the migration come to an end by itself?  seconds it took
    settled: bool
    seconds: float
    #: the same of the next migration, if there was one
    settled_again: bool = True
    ran_again: Ran = ((), ())
    #: what management did to get the VM back, and what QEMU refused
    recovery: str = ""
    #: the next migration, if there was one
    sequel: str = ""
    #: did each side end in good order when it was told to in the end?
    quits: tuple[bool, bool] = (True, True)
    refused: tuple[str, ...] = ()
    stored: tuple[Stored, ...] = ()
    #: why the stream could not be read; '' if it could
    unreadable: str = ""
    messages: tuple[str, str] = ("", "")

    def moment(self, name: str) -> Moment | None:
        """Return the moment of that name, None if it did not come."""
        for each in self.moments:
            if each.name == name:
                return each
        return None

    @property
    def end(self) -> Moment:
        """Return the last look at both sides before they were told to quit."""
        found = self.moment(END)
        assert found is not None
        return found

    @property
    def last(self) -> Moment:
        """Return the last look at both sides while there are two."""
        return self.moment(AGAIN) or self.end

    def truth(
        self, side: Side, node: str, name: str, moment: Moment
    ) -> DirtyBitmap:
        """Return what must be dirty on a side at a moment.

        The source need not know what the guest wrote on the destination,
        unless it wrote to the same image, or the VM has come back from there.
        """
        wanted = next(
            each for each in self.scenario.bitmaps if each.key == (node, name)
        )
        bitmap = DirtyBitmap.create(
            name, self.scenario.size_of(node), wanted.granularity
        )
        both = self.scenario.storage is Storage.SHARED
        if moment.name in (RESETTLED, AGAIN, RESTARTED):
            both = both or not self.end.source.runs
        for each in self.done[: moment.done]:
            mine = side is Side.DESTINATION or each.side is Side.SOURCE
            recorded = each.write.when is When.BEFORE or not wanted.disabled
            if each.write.node == node and (mine or both) and recorded:
                bitmap.record(each.write.offset, each.write.length)
        return bitmap

    @property
    def overlap(self) -> float:
        """Return for how many seconds the guest ran on both sides."""
        return sum(
            max(0.0, min(one[1], other[1]) - max(one[0], other[0]))
            for ours, theirs in (self.ran, self.ran_again)
            for one in ours
            for other in theirs
        )
