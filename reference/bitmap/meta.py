# SPDX-License-Identifier: GPL-2.0-or-later
"""The meta bitmap: which chunks of a bitmap have changed?

A live migration of the bitmap sends a chunk again when its meta bit is set.
The rule: a chunk's bit is set whenever a bit of that chunk changes, by
whatever path.  Writes, clears and incoming chunks set it for a change only
(``note`` compares the words before with the words after); a merge and a
backup that ends set it for every chunk of what comes and of what goes
(``touch``), without a look at each bit.  The one that QEMU had until 4.2 did
not see that part of a word was cleared, and a merge, a reset and an incoming
chunk went past it.

QEMU's counterpart was ``hbitmap_create_meta``.
"""

from __future__ import annotations

from typing import Self

import numpy as np
from attrs import define

from reference.bitmap.bits import Bits
from reference.bitmap.words import WORD_BITS, Words
from reference.errors import BitmapError


@define
class MetaBitmap:
    """One bit for each chunk of ``chunk_granules`` granules of a bitmap."""

    chunk_granules: int
    bits: Bits

    @classmethod
    def create(cls, granules: int, chunk_granules: int) -> Self:
        """Nothing has changed yet in a bitmap of ``granules`` granules.

        Raises ``BitmapError`` unless ``chunk_granules`` is a positive
        multiple of 64: chunks are made of whole words.
        """
        if chunk_granules <= 0 or chunk_granules % WORD_BITS:
            raise BitmapError(
                f"chunks of {chunk_granules} granules; a positive multiple "
                f"of {WORD_BITS} is needed"
            )
        return cls(chunk_granules, Bits.create(-(-granules // chunk_granules)))

    @property
    def chunks(self) -> int:
        """How many chunks the bitmap has."""
        return self.bits.granules

    def note(self, first_word: int, before: Words, after: Words) -> None:
        """The words from ``first_word`` on were ``before``, are ``after``."""
        changed = before != after
        per_chunk = self.chunk_granules // WORD_BITS
        chunk = first_word // per_chunk
        last = (first_word + changed.size - 1) // per_chunk
        if chunk >= last:
            if changed.any():
                self.bits.set(chunk, 1)
            return
        starts = np.arange(chunk, last + 1) * per_chunk - first_word
        starts[0] = 0
        dirty = np.flatnonzero(np.logical_or.reduceat(changed, starts))
        self.bits.set_each(dirty + chunk)

    def touch(self, words: Words) -> None:
        """Every chunk in which a bit of ``words`` is set may have changed."""
        self.note(0, np.zeros_like(words), words)

    def take(self, chunk: int, count: int = 1) -> None:
        """Clear the bits of chunks: do so *before* they are read.

        Raises ``BitmapError`` if there are no such chunks.
        """
        self.bits.clear(chunk, count)

    def next_chunk(self, start: int = 0) -> int | None:
        """The first changed chunk at or after ``start``, if there is one."""
        run = self.bits.next_run(start)
        return None if run is None else run[0]

    def dirty_chunks(self) -> list[int]:
        """The chunks that have changed since their bit was taken."""
        runs = self.bits.runs().tolist()
        return [
            at for first, count in runs for at in range(first, first + count)
        ]

    def count(self) -> int:
        """How many chunks have changed since their bit was taken."""
        return self.bits.count()
