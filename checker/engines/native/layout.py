# SPDX-License-Identifier: GPL-2.0-or-later
"""Where each field of a state lies in a row of 64-bit words.

A field of at most 64 bits lies in one word.  A wider field is cut into
pieces of 64 bits and a rest; every piece lies in one word.  Pieces are placed
widest first, each into the first word that has room, so that words are few
and the same machine always has the same layout.  Bits that no piece uses are
0, so that equal states are equal rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from model.language.expression import ones
from model.language.machine import Machine, State

WORD = 64
Rows = NDArray[np.uint64]


@frozen
class Piece:
    """Bits ``start`` and up of a field: ``width`` bits of one word.

    They lie in word ``word`` from bit ``shift`` on.
    """

    start: int
    width: int
    word: int
    shift: int


@frozen(eq=False)
class Layout:
    """How states of one machine are packed into rows of ``words`` words."""

    words: int
    pieces: Mapping[str, tuple[Piece, ...]]

    def pack(self, states: Iterable[State]) -> Rows:
        """Return a row for each state: ``words`` unsigned 64-bit words."""
        rows = [self._row(state) for state in states]
        return np.array(rows, dtype=np.uint64).reshape(-1, self.words)

    def _row(self, state: State) -> list[int]:
        row = [0] * self.words
        for code, pieces in zip(state, self.pieces.values(), strict=True):
            for piece in pieces:
                bits = code >> piece.start & ones(piece.width)
                row[piece.word] |= bits << piece.shift
        return row

    def unpack(self, row: Sequence[int] | Rows) -> State:
        """Return the state that one row stands for."""
        words = [int(word) for word in row]
        return tuple(
            sum(
                (words[p.word] >> p.shift & ones(p.width)) << p.start
                for p in pieces
            )
            for pieces in self.pieces.values()
        )


def layout_of(machine: Machine) -> Layout:
    """Return the layout of ``machine``'s states."""
    cuts = [
        (field.name, start, min(WORD, field.type.width - start))
        for field in machine.fields
        for start in range(0, field.type.width, WORD)
    ]
    used: list[int] = []
    placed: dict[str, list[Piece]] = {f.name: [] for f in machine.fields}
    for name, start, width in sorted(cuts, key=lambda cut: -cut[2]):
        word = next(
            (i for i, bits in enumerate(used) if bits + width <= WORD),
            len(used),
        )
        if word == len(used):
            used.append(0)
        placed[name].append(Piece(start, width, word, used[word]))
        used[word] += width
    return Layout(len(used), {n: tuple(p) for n, p in placed.items()})
