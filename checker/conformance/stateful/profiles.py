# SPDX-License-Identifier: GPL-2.0-or-later
"""How long the machine looks, and what it must have reached by then.

The rule: what runs by default is the same every time; what is slow is
random, so that every run looks somewhere else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from hypothesis import settings

STEPS = 50
#: of any implementation, in a few runs
REACHED = (
    *("live completed", "postcopy completed", "stop-copy completed"),
    *("cut", "backup on the source"),
)
#: where there is time for it: a few runs may miss one of these
REACHED_LATER = (
    *("source killed", "destination killed", "renewed"),
    *("cancelled", "backup on the destination"),
    *("declared lost", "full backup after a loss", "refused as busy"),
    *("live again", "postcopy again", "stop-copy again"),
)


def quick(examples: int, steps: int = STEPS) -> settings:
    """The same runs every time."""
    return settings(
        max_examples=examples,
        stateful_step_count=steps,
        derandomize=True,
        deadline=None,
        database=None,
    )


def slow(examples: int, steps: int = STEPS) -> settings:
    """Other runs every time."""
    return settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        database=None,
    )


def missing(
    seen: Counter[str], later: Sequence[str] = REACHED_LATER, least: int = 1
) -> list[str]:
    """What was not reached ``least`` times; no run is to be empty."""
    return [name for name in (*REACHED, *later) if seen[name] < least]
