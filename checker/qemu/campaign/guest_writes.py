# SPDX-License-Identifier: GPL-2.0-or-later
"""What the guest of a case writes, and when."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import attrs

from checker.qemu.harness.disk import SECTOR
from checker.qemu.harness.scenario import MIB, WRITES, GuestWrite, When

SIZE: Final = 64 * MIB  # bytes of a disk for which the usual writes are made


def writes_on(node: str, size: int, full: bool) -> Iterator[GuestWrite]:
    """Yield the guest's writes to a disk of ``size`` bytes.

    The usual ones, on a smaller disk closer together; ``full``: to every
    byte.
    """
    if full:
        # in two halves but for the last sector, which comes at the end
        half = size // 2 // SECTOR * SECTOR
        yield GuestWrite(When.BEFORE, 0, half, node)
        rest = size - half - SECTOR
        yield GuestWrite(When.BEFORE, half, rest, node)
        yield GuestWrite(When.AFTER, size - SECTOR, SECTOR, node)
        return
    for each in WRITES:
        if size >= SIZE:
            yield attrs.evolve(each, node=node)
            continue
        yield attrs.evolve(
            each,
            node=node,
            offset=each.offset * size // SIZE // SECTOR * SECTOR,
            length=SECTOR,
        )
