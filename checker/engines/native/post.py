# SPDX-License-Identifier: GPL-2.0-or-later
"""Rows on their way from one part of a search to another.

Work goes in rounds.  In a round every part reads what was sent to it in the
round before, and writes to boxes that are read in the next one, so two
threads never meet at a box.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from checker.engines.native.layout import Rows
from checker.engines.native.part import Part, address, reserved


class Post:
    """One box for each pair of parts, twice; ``rows`` rows fit a box."""

    def __init__(self, parts: list[Part], rows: int, block: int) -> None:
        self._parts = parts
        n, words = len(parts), parts[0].words
        self._boxes: list[list[list[Rows]]] = [
            [[reserved(rows * words) for _ in parts] for _ in parts]
            for _ in range(2)
        ]
        self._counts = np.zeros((2, n, n), dtype=np.uint64)
        self._addresses = np.zeros((2, n, n), dtype=np.uint64)
        for turn, sender, receiver in np.ndindex(2, n, n):
            box = self._boxes[turn][sender][receiver]
            self._addresses[turn, sender, receiver] = address(box)
        for part in parts:
            part.control.outbox_room = rows - block
        self._turn = 0
        self.next_round()

    def next_round(self) -> None:
        """Let what was sent be read, and make room to send again."""
        self._turn = 1 - self._turn
        self._counts[self._turn] = 0
        for number, part in enumerate(self._parts):
            boxes = self._addresses[self._turn, number]
            counts = self._counts[self._turn, number]
            part.control.outboxes = address(boxes)
            part.control.outgoing = address(counts)

    def is_empty(self) -> bool:
        """Return whether nothing was sent in this round."""
        return not self._counts[self._turn].any()

    def received(self, receiver: int) -> Iterator[Rows]:
        """Yield the rows that ``receiver`` was sent in the round before."""
        before = 1 - self._turn
        for sender, boxes in enumerate(self._boxes[before]):
            count = int(self._counts[before, sender, receiver])
            if count:
                box = boxes[receiver]
                words = self._parts[receiver].words
                yield box[: count * words].reshape(-1, words)

    def memory(self) -> int:
        """Return the bytes of all boxes."""
        return sum(
            box.nbytes for turn in self._boxes for row in turn for box in row
        )
