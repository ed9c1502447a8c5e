# SPDX-License-Identifier: GPL-2.0-or-later
"""What an implementation offers so that ``bitmap_machine`` can drive it.

Two sides, the disks that both reach, bitmaps, and one migration at a time
from the source to the destination.  The machine sees nothing but what is
here: what a query shows, what the disk holds, and refusals.

The rule: an operation happens as a whole, or raises ``RefusedError`` and has
changed nothing.  What an implementation can never do it refuses every time.
Of what only it can see, a process that dies or a wait that does not end, it
says with ``promise`` which guarantee is broken.  Any other exception is a bug.

The client that the machine plays keeps these duties, so an implementation may
rely on them:

* it goes by the bitmap's name, on the side where the guest runs;
* it takes an incremental backup only if a query shows the bitmap there, not
  busy, not inconsistent, and recording;
* it takes a full backup before it trusts a bitmap: for a new one, for one
  that it found absent (a declared loss), and for one that it enables again
  after it had disabled it, as a disabled bitmap has not recorded.
"""

from __future__ import annotations

import enum
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

from attrs import field, frozen

Key = tuple[str, str]  # node name, bitmap name
#: in which a break after the switchover costs precision, not the bitmap
KEEPS = "postcopy-ones"
DESIGNS = ("live", "postcopy", "stop-copy", KEEPS, "stop-copy-bulk")
FAILURES = ("cut", "cancelled", "source killed", "destination killed")
DROP = "drop"  # the bitmaps are not migrated


class RefusedError(Exception):
    """The operation is not possible now; nothing has changed."""


class Side(enum.Enum):
    """Where something is; the source has the guest at first."""

    SOURCE = "source"
    DESTINATION = "destination"

    @property
    def other(self) -> Side:
        """Return the other side."""
        return Side.DESTINATION if self is Side.SOURCE else Side.SOURCE

    def __repr__(self) -> str:
        return f"Side.{self.name}"


class Vm(enum.Enum):
    """What a side's VM does."""

    RUNNING = "running"
    WAITING = "waiting"  # for an incoming migration
    STOPPED = "stopped"
    GONE = "gone"  # no process


@frozen(kw_only=True)
class BitmapView:
    """What a query shows of one bitmap; ``count`` is in bytes.

    ``degraded``: it was kept at a break, and is dirty also where nothing had
    come; until a backup has used it.
    """

    granularity: int
    count: int
    recording: bool
    busy: bool
    inconsistent: bool = False
    degraded: bool = False


@frozen
class SideView:
    """What a query shows of one side."""

    vm: Vm
    bitmaps: Mapping[Key, BitmapView] = field(factory=dict)


@frozen(kw_only=True)
class Capabilities:
    """What the implementation has and can.

    ``disks``: sizes in bytes by node name.  ``granularities`` that a new
    bitmap may have.  ``manages_bitmaps``: bitmaps can be added, removed,
    enabled and disabled.  ``designs``: how it migrates; ``mixes_designs``:
    an attempt may use another design than the one before.  ``exact``: no bit
    is set that the guest's writes did not set.  ``holds_still``: between two
    calls nothing happens on its own.  ``edits_while_live``: while the live
    design migrates, bitmaps may be removed, enabled and disabled.
    ``failures`` that it can be made to have: "cut", "cancelled", "source
    killed", "destination killed"; what it lacks it refuses every time.
    """

    disks: Mapping[str, int]
    granularities: Sequence[int] = (512,)
    manages_bitmaps: bool = True
    designs: Sequence[str] = DESIGNS
    mixes_designs: bool = True
    exact: bool = True
    holds_still: bool = True
    edits_while_live: bool = True
    failures: Sequence[str] = FAILURES


class Adapter(ABC):
    """An implementation, to be driven."""

    capabilities: Capabilities

    @abstractmethod
    def reset(self, design: str) -> None:
        """Begin anew: a guest that runs on the source, a waiting destination.

        Bitmaps that are there from the beginning are empty, and the client
        has a full backup of the disks as they are.  ``design`` is the one
        for all attempts, unless the implementation mixes designs.
        """

    @abstractmethod
    def close(self) -> None:
        """End what ``reset`` began; may be called without it."""

    # -- the guest, wherever it runs ---------------------------------------

    @abstractmethod
    def write(self, node: str, offset: int, data: bytes) -> None:
        """A guest write from begin to end.  Refused if no guest runs."""

    @abstractmethod
    def discard(self, node: str, offset: int, length: int) -> None:
        """A guest discard; afterwards the disk reads as zeroes there."""

    @abstractmethod
    def begin_write(self, node: str, offset: int, data: bytes) -> None:
        """The data are on the disk, the write is not acknowledged.

        An implementation that cannot stop there refuses.
        """

    @abstractmethod
    def finish_writes(self) -> None:
        """All writes that were begun end and are acknowledged."""

    # -- the client, on the side where the guest runs ----------------------

    @abstractmethod
    def full_backup(
        self, key: Key, granularity: int, image: bytearray
    ) -> None:
        """Copy the whole disk into ``image`` and begin the bitmap anew.

        One transaction: the bitmap is added if there is none of that name
        and cleared if there is one.
        """

    @abstractmethod
    def incremental_backup(self, key: Key, image: bytearray) -> None:
        """Copy what is dirty into ``image`` and clear the bitmap."""

    @abstractmethod
    def remove_bitmap(self, key: Key) -> None:
        """Remove a bitmap that is not busy."""

    @abstractmethod
    def enable(self, key: Key) -> None:
        """Let a bitmap that is not busy record."""

    @abstractmethod
    def disable(self, key: Key) -> None:
        """Let a bitmap that is not busy record no longer."""

    # -- management --------------------------------------------------------

    @abstractmethod
    def begin_migration(self, design: str) -> None:
        """Ask for a migration, also again after one that has failed."""

    @abstractmethod
    def advance(self, picks: Sequence[int]) -> None:
        """Let the migration go on, one step for each of ``picks``.

        What a step is, is the implementation's; where it could take one of
        several, the number picks one (modulo how many there are), and where
        it has no choice the number means nothing.  Where nothing is left to
        do, nothing happens.
        """

    @abstractmethod
    def cancel(self) -> None:
        """Cancel the migration; refused where that cannot be any more."""

    @abstractmethod
    def resume(self) -> None:
        """Let the guest go on at the source, if it certainly may."""

    @abstractmethod
    def settle(self) -> None:
        """Let whatever was begun come to its end, failures included.

        Writes are finished, the migration completes or has failed.  Then
        management does its duty: it resumes a source whose migration has
        failed, ends a destination of which it is not known whether it was to
        run, ends a source whose guest has moved.
        """

    @abstractmethod
    def renew(self) -> None:
        """Prepare the next migration; called after ``settle`` only.

        Where the guest runs is the source from now on, and a fresh
        destination waits.  If no process is left that has the guest, it is
        started anew on the source from its disks: no bitmap is there.
        """

    # -- failures ----------------------------------------------------------

    @abstractmethod
    def cut(self) -> None:
        """The connection breaks; what is in flight may arrive, or not."""

    @abstractmethod
    def kill(self, side: Side) -> None:
        """The side's process dies at once."""

    # -- what can be seen --------------------------------------------------

    @abstractmethod
    def query(self, side: Side) -> SideView:
        """The side's VM and bitmaps; no bitmaps where no process is."""

    @abstractmethod
    def read_disk(self, node: str) -> bytes:
        """Return the whole disk as the host that runs the guest sees it."""
