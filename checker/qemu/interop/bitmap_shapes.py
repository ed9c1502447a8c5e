# SPDX-License-Identifier: GPL-2.0-or-later
"""Bitmaps of every shape that two programs should agree about.

The rule: a shape says disks, bitmaps and what the guest writes, nothing of
who is the source.  Its truth is what the reference's bitmaps record of the
same writes.  A bitmap that is disabled has seen the first half only.
"""

from __future__ import annotations

import random
from typing import Final

import attrs

from checker.qemu.harness.bitmaps import Bitmap
from checker.qemu.harness.disk import Disk
from checker.qemu.harness.scenario import KIB, MIB, Alias
from reference.host import Host, RunState
from reference.protocol.aliases import Aliases

#: of a disk that is a multiple of nothing but 512 bytes
ODD: Final = 3_000_320


@attrs.frozen
class Extent:
    """A write of the guest, in bytes."""

    offset: int
    length: int
    node: str = "drive0"


@attrs.frozen
class Shape:
    """Disks, bitmaps, and what is written before and while they migrate."""

    name: str
    bitmaps: tuple[Bitmap, ...] = (Bitmap(),)
    writes: tuple[Extent, ...] = ()
    during: tuple[Extent, ...] = ()
    disks: tuple[Disk, ...] = (Disk(),)
    aliases: tuple[Alias, ...] = ()

    def __str__(self) -> str:
        return self.name

    @property
    def half(self) -> int:
        """Return how many writes come before some bitmaps are disabled."""
        return (len(self.writes) + 1) // 2

    @property
    def nodes(self) -> set[str]:
        """Return the nodes that have bitmaps."""
        return {bitmap.node for bitmap in self.bitmaps}

    def host(self, state: RunState) -> Host:
        """Return the reference's side, with the disks and no bitmap."""
        host = Host(state)
        for disk in self.disks:
            host.add_node(disk.node, disk.size)
        return host

    def truth(self, during: tuple[Extent, ...] = ()) -> Host:
        """Return the reference's side after the guest's writes.

        ``during``: which of those were done, too.
        """
        host = self.host(RunState.RUNNING)
        for each in self.bitmaps:
            host.add_bitmap(
                *(each.node, each.name, each.granularity, True),
                each.persistent,
            )
        for index, write in enumerate([*self.writes, *during]):
            if index == self.half:
                self._disable(host)
            for bitmap in host.node(write.node).bitmaps.values():
                bitmap.record(write.offset, write.length)
        self._disable(host)
        return host

    def _disable(self, host: Host) -> None:
        for each in self.bitmaps:
            if each.disabled:
                host.bitmap(*each.key).recording = False

    def mapping(self, newest_first: bool = False) -> Aliases:
        """Return the aliases as the reference wants them.

        ``newest_first``: and all bitmaps of a node in QEMU's order.
        """
        known = {
            (each.node, name): (each.alias, alias)
            for each in self.aliases
            for name, alias in each.bitmaps
        }
        if not (known or newest_first):
            return Aliases()
        order = [disk.node for disk in self.disks]
        keys = [bitmap.key for bitmap in self.bitmaps]
        if newest_first:
            keys.reverse()
        keys.sort(key=lambda key: order.index(key[0]))
        return Aliases(tuple((key, known.get(key, key)) for key in keys))


def every_second(granularity: int, count: int) -> tuple[Extent, ...]:
    """Return writes to every second granule of so many."""
    return tuple(
        Extent(index * granularity, granularity)
        for index in range(0, count, 2)
    )


def scattered(
    seed: int, count: int, size: int, most: int, node: str = "drive0"
) -> tuple[Extent, ...]:
    """Return so many writes of at most so many bytes, anywhere."""
    chance = random.Random(seed)
    found = []
    for _ in range(count):
        length = 512 * chance.randint(1, most // 512)
        offset = 512 * chance.randrange((size - length) // 512 + 1)
        found.append(Extent(offset, length, node))
    return tuple(found)


_FEW: Final = (
    Extent(0, 64 * KIB),
    Extent(5 * MIB, 128 * KIB),
    Extent(20 * MIB + 512, 512),
    Extent(64 * MIB - 512, 512),
)
_DURING: Final = (Extent(30 * MIB, 4 * KIB), Extent(40 * MIB, 70 * KIB))
_SMALL: Final = (Disk(size=ODD),)

SHAPES: Final = (
    Shape("one", writes=_FEW, during=_DURING),
    Shape("empty"),
    Shape("full", writes=(Extent(0, 64 * MIB),)),
    Shape("one granule", writes=(Extent(7 * MIB, 512),), during=_DURING[:1]),
    Shape(
        "last granule of an odd disk",
        writes=(Extent(ODD - 512, 512),),
        disks=_SMALL,
    ),
    Shape(
        "last granule of an odd disk, 512",
        bitmaps=(Bitmap(granularity=512),),
        writes=(Extent(ODD - 512, 512),),
        disks=_SMALL,
    ),
    Shape(
        "full odd disk, 512",
        bitmaps=(Bitmap(granularity=512),),
        writes=(Extent(0, ODD),),
        disks=_SMALL,
    ),
    Shape("every second", writes=every_second(64 * KIB, 256)),
    Shape(
        "dense random, 16 chunks",
        bitmaps=(Bitmap(granularity=512),),
        writes=scattered(1, 100, 64 * MIB, 900 * KIB),
        during=_DURING,
    ),
    Shape(
        "16 chunks, all change",
        bitmaps=(Bitmap(granularity=512),),
        writes=scattered(4, 60, 64 * MIB, 300 * KIB),
        during=tuple(
            Extent(k * 4 * MIB + k * 512, 3 * 512) for k in range(16)
        ),
    ),
    Shape(
        "sparse, chunks of zeroes",
        bitmaps=(Bitmap(granularity=512),),
        writes=(Extent(33 * MIB, 512), Extent(34 * MIB, 512)),
    ),
    Shape(
        "several bitmaps",
        bitmaps=(
            Bitmap(name="fine", granularity=512),
            Bitmap(name="frozen", disabled=True),
            Bitmap(name="kept", granularity=4 * KIB, persistent=True),
            Bitmap(name="coarse", granularity=1 * MIB),
        ),
        writes=(*_FEW, *scattered(2, 20, 64 * MIB, 300 * KIB)),
        during=_DURING,
    ),
    Shape(
        "disabled",
        bitmaps=(Bitmap(disabled=True),),
        writes=_FEW,
        during=_DURING,
    ),
    Shape(
        "persistent",
        bitmaps=(Bitmap(persistent=True),),
        writes=_FEW,
        during=_DURING,
    ),
    Shape(
        "disabled and persistent",
        bitmaps=(Bitmap(disabled=True, persistent=True),),
        writes=_FEW,
    ),
    *(
        Shape(
            f"granularity {granularity}",
            bitmaps=(Bitmap(granularity=granularity),),
            writes=scattered(granularity, 12, 64 * MIB, 200 * KIB),
            during=_DURING[:1],
        )
        for granularity in (512, 1 * KIB, 4 * KIB, 32 * KIB, 1 * MIB)
    ),
    *(
        Shape(
            f"granularity {granularity >> 20} MiB, odd",
            bitmaps=(Bitmap(granularity=granularity),),
            disks=(Disk(size=size * MIB + 512),),
            writes=(Extent(3 * MIB, 512), Extent(size * MIB, 512)),
        )
        for granularity, size in (
            (16 * MIB, 4 * 1024),
            (256 * MIB, 40 * 1024),
            (2048 * MIB, 300 * 1024),
        )
    ),
    *(
        Shape(
            f"{size} bytes",
            bitmaps=(Bitmap(granularity=512), Bitmap(name="b1")),
            writes=scattered(size, 6, size, min(size, 8 * KIB)),
            disks=(Disk(size=size),),
        )
        for size in (512, 32 * KIB + 512, 4 * MIB, 4 * MIB + 512, 5_242_368)
    ),
    Shape(
        "aliases",
        bitmaps=(Bitmap(), Bitmap(name="b1", granularity=4 * KIB)),
        writes=_FEW,
        during=_DURING,
        aliases=(Alias("drive0", "disk", (("b0", "x"), ("b1", "b0"))),),
    ),
    Shape(
        "names of 255 bytes",
        bitmaps=(Bitmap(name="n" * 255),),
        writes=_FEW,
    ),
    Shape(
        "several nodes",
        bitmaps=(
            Bitmap(granularity=4 * KIB),
            Bitmap("drive1", "b0", granularity=512),
            Bitmap("drive1", "b1", disabled=True),
        ),
        writes=(*_FEW, *scattered(3, 20, ODD, 20 * KIB, "drive1")),
        during=_DURING,
        disks=(Disk(), Disk("drive1", ODD)),
    ),
)

#: those that a quick run takes
QUICK: Final = (
    "one",
    "full odd disk, 512",
    "several bitmaps",
    "aliases",
    "granularity 256 MiB, odd",
)


def shape(name: str) -> Shape:
    """Return the shape of that name."""
    return next(each for each in SHAPES if each.name == name)
