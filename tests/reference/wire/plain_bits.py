# SPDX-License-Identifier: GPL-2.0-or-later
"""The content of a bitmap with as little around it as the encoder needs."""

from __future__ import annotations

import attrs
import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]


@attrs.frozen
class PlainBits:
    """Whole little-endian words of so many granules."""

    granules: int
    data: Bytes

    @classmethod
    def of(cls, granules: int, dirty: list[int]) -> PlainBits:
        bits = np.zeros(-(-granules // 64) * 64, np.uint8)
        bits[dirty] = 1
        return cls(granules, np.packbits(bits, bitorder="little"))

    def block(self, first: int, count: int) -> Bytes:
        assert first % 64 == 0
        return self.data[first // 8 : -(-(first + count) // 64) * 8]

    def serialize(self, first: int, count: int) -> bytes:
        return self.block(first, count).tobytes()
