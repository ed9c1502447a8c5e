# SPDX-License-Identifier: GPL-2.0-or-later
"""What tells a state that cannot be reached from all that can.

For each field and code, the reached states in which the field holds the code
are one long integer, a bit for each state.  So whether some reached state
looks like a given one in a few fields is a few ands.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import combinations

import numpy as np

from checker.engines.native.found import ExplicitSearch
from checker.proof.certificate.clause import Clause, clause_of, codes_in_use
from model.language.machine import State

_EXACT = 3
_STARTS = 200
_Excluded = dict[int, frozenset[int]]
"""By place of the field: its codes in the states that a clause excludes."""


class Separation:
    """Clauses that hold of every state of ``search``."""

    def __init__(self, search: ExplicitSearch) -> None:
        self._machine = search.machine
        in_use = codes_in_use(search.machine)
        self._in_use = [in_use[f.name] for f in search.machine.fields]
        self._all = (1 << len(search)) - 1
        self._where = [
            dict(zip(codes, masks, strict=True))
            for codes, masks in zip(
                self._in_use, _masks(search, self._in_use), strict=True
            )
        ]

    def clause_against(self, state: State) -> Clause | None:
        """Return a clause that excludes ``state`` and no state of the search.

        It has as few literals as were found to be enough, and each allows as
        few codes as the search does; of those, the one that excludes most.
        None if ``state`` is one of the search.
        """
        best: _Excluded | None = None
        for fields in self._telling(state):
            excluded = self._widened(state, fields)
            if best is None or self._rank(excluded) < self._rank(best):
                best = excluded
        if best is None:
            return None
        allowed = {
            self._machine.fields[place].name: [
                code for code in self._in_use[place] if code not in codes
            ]
            for place, codes in best.items()
        }
        return clause_of(self._machine, allowed)

    def _rank(self, excluded: _Excluded) -> tuple[int, float]:
        share = 1.0
        for place, codes in excluded.items():
            share *= len(codes) / len(self._in_use[place])
        return len(excluded), -share

    def _telling(self, state: State) -> list[tuple[int, ...]]:
        """Return the least sets of fields that tell it from reached states."""
        alike = [self._where[i].get(code, 0) for i, code in enumerate(state)]
        places = range(len(state))
        for size in range(1, _EXACT + 1):
            found = list(_disjoint(alike, size))
            if found:
                return found
        pairs = sorted(
            combinations(places, 2),
            key=lambda pair: (alike[pair[0]] & alike[pair[1]]).bit_count(),
        )
        grown = {_grown(alike, pair) for pair in pairs[:_STARTS]} - {None}
        ordered = sorted(fields for fields in grown if fields is not None)
        least = min(map(len, ordered), default=0)
        return [fields for fields in ordered if len(fields) == least]

    def _widened(self, state: State, fields: Iterable[int]) -> _Excluded:
        """Return as many codes as possible in the states that are excluded."""
        excluded = {place: frozenset([state[place]]) for place in fields}
        few_first = sorted(
            excluded, key=lambda place: (len(self._in_use[place]), place)
        )
        for place in few_first:
            rest = self._all
            for other, codes in excluded.items():
                if other != place:
                    rest &= self._holding(other, codes)
            excluded[place] = frozenset(
                code
                for code in self._in_use[place]
                if not self._where[place][code] & rest
            )
        return {
            place: codes
            for place, codes in excluded.items()
            if len(codes) < len(self._in_use[place])
        }

    def _holding(self, place: int, codes: Iterable[int]) -> int:
        found = 0
        for code in codes:
            found |= self._where[place][code]
        return found


def _masks(
    search: ExplicitSearch, in_use: list[tuple[int, ...]]
) -> Iterator[list[int]]:
    """Yield, for each field, the states that hold each of its codes."""
    levels = range(search.coverage.levels)
    for field, codes in zip(search.machine.fields, in_use, strict=True):
        values = np.concatenate(
            [search.column(field.expression, level) for level in levels]
        )
        yield [_as_integer(values == code) for code in codes]


def _as_integer(chosen: np.ndarray) -> int:
    packed = np.packbits(chosen, bitorder="little")
    return int.from_bytes(packed.tobytes(), "little")


def _disjoint(alike: list[int], size: int) -> Iterator[tuple[int, ...]]:
    """Yield sets of ``size`` fields that no reached state has in common."""
    places = range(len(alike))
    if size == 1:
        yield from ((i,) for i in places if not alike[i])
        return
    for first in combinations(places, size - 1):
        common = alike[first[0]]
        for place in first[1:]:
            common &= alike[place]
        for last in range(first[-1] + 1, len(alike)):
            if not common & alike[last]:
                yield (*first, last)


def _grown(alike: list[int], start: tuple[int, ...]) -> tuple[int, ...] | None:
    """Return ``start`` and more fields, until no reached state looks alike."""
    chosen = list(start)
    rest = alike[start[0]] & alike[start[1]]
    while rest:
        shared = [(rest & one).bit_count() for one in alike]
        best = min(range(len(alike)), key=lambda i: (shared[i], i))
        if shared[best] == rest.bit_count():
            return None
        chosen.append(best)
        rest &= alike[best]
    return tuple(sorted(chosen))
