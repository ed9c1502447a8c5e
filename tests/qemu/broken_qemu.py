# SPDX-License-Identifier: GPL-2.0-or-later
"""Real QEMU, each time with one thing wrong in what surrounds it.

What the search is for: each must be found, by its guarantee and no other.
"""

from __future__ import annotations

from collections.abc import Mapping

from attrs import evolve

from checker.qemu.harness import bitmaps
from checker.qemu.harness.bitmaps import Bitmap
from checker.qemu.harness.builds import Builds
from checker.qemu.random.adapter import QemuAdapter
from checker.qemu.random.guest_pair import GuestPair
from checker.stateful.adapter import Side, SideView, Vm


class Forgetful(QemuAdapter):
    """What the guest discards is written where QEMU does not see it."""

    def discard(self, node: str, offset: int, length: int) -> None:
        with self._noted(f"the guest discards {length} bytes at {offset}"):
            path = self.pair.path(node)
            data = bytearray(path.read_bytes())
            data[offset : offset + length] = bytes(length)
            path.write_bytes(data)


class _Leaving(GuestPair):
    async def renew_side(self, side: Side) -> None:
        await super().renew_side(side)
        if side is Side.DESTINATION:
            await bitmaps.add(self.sides[side], Bitmap("drive0", "old"))


class Leaving(QemuAdapter):
    """A destination that waits has a bitmap of an attempt before it."""

    def pair_of_sides(self) -> GuestPair:
        return _Leaving(Builds(self.build, self.build), self.room)


class Doubling(QemuAdapter):
    """The source runs again once the destination does."""

    def query(self, side: Side) -> SideView:
        seen = super().query(side)
        if side is Side.DESTINATION:
            return seen
        moved = super().query(Side.DESTINATION).vm is Vm.RUNNING
        return evolve(seen, vm=Vm.RUNNING) if moved else seen


BROKEN: Mapping[str, type[QemuAdapter]] = {
    "S1": Forgetful,
    "S2": Leaving,
    "S6": Doubling,
}
