# SPDX-License-Identifier: GPL-2.0-or-later
"""In how many states of a search something is true."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from checker.engines.evaluate import Evaluator
from checker.engines.exploration import Search
from checker.engines.interpreter import InterpretedSearch
from checker.engines.native.columns import columns
from checker.engines.native.found import ExplicitSearch
from model.language.expression import Expression

#: so many that all that lies between fits the memory
_STATES_AT_ONCE = 1 << 11


def count_true(search: Search, asked: Sequence[Expression]) -> list[int]:
    """Numbers of states, one for each truth value that is ``asked``.

    Raises TypeError if the search has no states to look at.
    """
    if isinstance(search, InterpretedSearch):
        return _interpreted(search, asked)
    if isinstance(search, ExplicitSearch):
        return _explicit(search, asked)
    raise TypeError("this search keeps no states")


def _interpreted(
    search: InterpretedSearch, asked: Sequence[Expression]
) -> list[int]:
    counts = [0] * len(asked)
    for level in search.levels:
        for state in level:
            here = Evaluator(search.machine, state)
            for number, expression in enumerate(asked):
                counts[number] += here.holds(expression)
    return counts


def _explicit(
    search: ExplicitSearch, asked: Sequence[Expression]
) -> list[int]:
    counts = np.zeros(len(asked), dtype=np.int64)
    for rows in search.blocks(_STATES_AT_ONCE):
        found = columns(search.layout, rows, asked)
        counts += [int(np.count_nonzero(one)) for one in found]
    return [int(count) for count in counts]
