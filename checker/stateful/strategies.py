# SPDX-License-Identifier: GPL-2.0-or-later
"""What the machine chooses from, as far as the implementation has it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from checker.stateful.machine_state import MachineState, Where

NAMES = ("bitmap0", "bitmap1")
LONGEST_WRITE = 3000  # bytes
MOST_STEPS = 40  # of one call of advance
SOME_STEPS = 16
FEW_STEPS = 4


def _of_machine(
    choose: Callable[[MachineState], st.SearchStrategy[Any]],
) -> st.SearchStrategy[Any]:
    return st.runner().flatmap(choose)


def _where(machine: MachineState) -> st.SearchStrategy[Where]:
    disks = machine.can.disks

    def on(node: str) -> st.SearchStrategy[Where]:
        offsets = st.integers(0, disks[node] - 1)
        lengths = st.integers(1, LONGEST_WRITE)
        return st.tuples(st.just(node), offsets, lengths).map(
            lambda w: (w[0], w[1], min(w[2], disks[node] - w[1]))
        )

    return st.sampled_from(sorted(disks)).flatmap(on)


#: node, offset and length of a write
WHERE = _of_machine(_where)
#: a bitmap that the client has begun
KNOWN = _of_machine(lambda m: st.sampled_from(sorted(m.client.chains)))
#: any bitmap
KEY = _of_machine(
    lambda m: st.tuples(
        st.sampled_from(sorted(m.can.disks)), st.sampled_from(NAMES)
    )
)
DESIGN = _of_machine(lambda m: st.sampled_from(m.can.designs))
GRANULARITY = _of_machine(lambda m: st.sampled_from(m.can.granularities))
STEPS = st.integers(1, MOST_STEPS)


def _picks(
    steps: st.SearchStrategy[int],
) -> st.SearchStrategy[list[int]]:
    pattern = st.lists(st.integers(0, 5), min_size=1, max_size=5)
    return st.tuples(pattern, steps).map(
        lambda both: (both[0] * both[1])[: both[1]]
    )


#: for ``advance``: a pattern over and over, so that runs get far
PICKS = _picks(STEPS)
#: the same, but often only the first steps, where a cancel is possible
SOME_PICKS = _picks(st.integers(0, FEW_STEPS) | st.integers(0, SOME_STEPS))
