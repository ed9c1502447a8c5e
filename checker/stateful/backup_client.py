# SPDX-License-Identifier: GPL-2.0-or-later
"""The backup client, who goes by bitmap names, and what must be so for it.

For every bitmap it has begun it keeps a backup image: real bytes.  The rule:
after every backup the image equals the disk.  Beside that it knows which
granules the guest has written since, so that a missing bit shows at once and
not only at the next backup.
"""

from __future__ import annotations

from collections.abc import Mapping

from attrs import define, field

from checker.stateful.adapter import (
    Adapter,
    BitmapView,
    Key,
    SideView,
)
from checker.stateful.promise import promise

View = Mapping[Key, BitmapView]


def label(key: Key) -> str:
    """What a message calls the bitmap."""
    return "/".join(key)


@define
class Chain:
    """A backup chain: a full backup and the incremental ones.

    ``dirty``: granules written since the last backup.  ``recording``: as the
    client has left it.  ``lost``: the bitmap was found absent; a full backup
    is due.  ``degraded``: a query has shown it so since the last backup.
    """

    granularity: int
    image: bytearray
    recording: bool = True
    lost: bool = False
    degraded: bool = False
    dirty: set[int] = field(factory=set)


@define
class BackupClient:
    """The chains by node and bitmap name."""

    adapter: Adapter
    chains: dict[Key, Chain] = field(factory=dict)

    def adopt(self, key: Key, seen: BitmapView) -> None:
        """The bitmap was there from the beginning, in step with the disk."""
        image = bytearray(self.adapter.read_disk(key[0]))
        self.chains[key] = Chain(seen.granularity, image)

    def usable(self, key: Key, seen: View) -> bool:
        """Whether a query shows that an incremental backup can be taken."""
        if key not in seen:
            return False
        bitmap = seen[key]
        idle = not bitmap.busy and not bitmap.inconsistent
        return idle and bitmap.recording

    # -- backups -----------------------------------------------------------

    def full(self, key: Key, granularity: int) -> None:
        """A full backup, with which the bitmap begins anew."""
        image = bytearray(self.adapter.capabilities.disks[key[0]])
        self.adapter.full_backup(key, granularity, image)
        self.chains[key] = Chain(granularity, image)
        self.compare(key)

    def incremental(self, key: Key) -> None:
        """An incremental backup onto the chain's image."""
        chain = self.chains[key]
        self.adapter.incremental_backup(key, chain.image)
        chain.dirty.clear()
        chain.degraded = False
        self.compare(key)

    def compare(self, key: Key) -> None:
        """The image of a backup taken right now equals the disk."""
        disk, image = self.adapter.read_disk(key[0]), self.chains[key].image
        if disk == image:
            return
        pairs = enumerate(zip(disk, image, strict=True))
        wrong = next(at for at, (one, other) in pairs if one != other)
        promise(
            False,
            "S1",
            f"the backup with {label(key)} differs from the disk at byte "
            f"{wrong}",
        )

    def compare_dirty(self) -> None:
        """Where an image differs from the disk, the guest has written."""
        for key, chain in self.chains.items():
            if chain.lost or not chain.recording:
                continue
            disk, size = self.adapter.read_disk(key[0]), chain.granularity
            for start in range(0, len(disk), size):
                end = start + size
                same = disk[start:end] == chain.image[start:end]
                promise(
                    same or start // size in chain.dirty,
                    "S1",
                    f"{label(key)}: byte {start} changed without a write",
                )

    # -- what the guest does -----------------------------------------------

    def wrote(self, node: str, offset: int, length: int) -> None:
        """The guest was told that its write is done."""
        for (where, _), chain in self.chains.items():
            if where == node and chain.recording:
                first = offset // chain.granularity
                last = (offset + length - 1) // chain.granularity
                chain.dirty.update(range(first, last + 1))

    # -- what a query shows ------------------------------------------------

    def look(
        self,
        side: SideView,
        may_be_lost: frozenset[Key],
        may_degrade: bool = False,
        loss_breaks: str = "S5",
    ) -> int:
        """Hold what the running side shows against what must be so.

        ``may_degrade``: a migration has failed that keeps a bitmap of which
        not all has come.  ``loss_breaks``: the guarantee that any other loss
        would break.  Returns how many bitmaps are newly found lost.
        """
        lost = 0
        for key, chain in self.chains.items():
            seen = side.bitmaps.get(key)
            if seen is None:
                allowed = chain.lost or key in may_be_lost
                text = f"bitmap {label(key)} is lost"
                promise(allowed, loss_breaks, text)
                lost += not chain.lost
                chain.lost = True
            else:
                promise(
                    not chain.lost,
                    "S2",
                    f"bitmap {label(key)} was lost and is back",
                )
                self._note_degraded(key, chain, seen, may_degrade)
                self._hold(key, chain, seen)
        return lost

    def _note_degraded(
        self, key: Key, chain: Chain, seen: BitmapView, allowed: bool
    ) -> None:
        """From now on it may have bits that nobody has set.

        Also where it goes next: the wire does not carry the word.
        """
        if seen.busy or not seen.degraded or chain.degraded:
            return
        promise(
            allowed,
            "P1",
            f"bitmap {label(key)} is degraded, and nothing has failed",
        )
        chain.degraded = True

    def _hold(self, key: Key, chain: Chain, seen: BitmapView) -> None:
        name = label(key)
        promise(
            seen.granularity == chain.granularity,
            "M1",
            f"bitmap {name} has granularity {seen.granularity}, it had "
            f"{chain.granularity}",
        )
        if seen.busy:
            return
        promise(
            seen.recording == chain.recording,
            "M1",
            f"bitmap {name}: recording is {seen.recording}, it was "
            f"{chain.recording}",
        )
        least = len(chain.dirty) * chain.granularity
        promise(
            seen.count >= least,
            "S1",
            f"bitmap {name} shows {seen.count} bytes dirty, {least} were "
            "written",
        )
        promise(
            seen.count == least
            or chain.degraded
            or not self.adapter.capabilities.exact,
            "P1",
            f"bitmap {name} shows {seen.count} bytes dirty, only {least} "
            "were written",
        )
