# SPDX-License-Identifier: GPL-2.0-or-later
"""How long the machine looks, and what it must have reached by then.

The rule: what runs by default is the same every time; what is slow is
random, so that every run looks somewhere else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from hypothesis import settings

from checker.stateful.adapter import (
    DESIGNS,
    DROP,
    FAILURES,
    KEEPS,
    Capabilities,
)

STEPS = 50
_KEPT = "kept degraded"
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
    *("postcopy-ones completed", "stop-copy-bulk completed"),
    *("postcopy-ones again", "stop-copy-bulk again", _KEPT),
)

_LOSSES = ("declared lost", "full backup after a loss")


def quick(examples: int, steps: int = STEPS) -> settings:
    """The same runs every time."""
    return settings(
        max_examples=examples,
        stateful_step_count=steps,
        derandomize=True,
        deadline=None,
        database=None,
        # the first one is enough: another is often the same, cut otherwise
        report_multiple_bugs=False,
    )


def slow(examples: int, steps: int = STEPS) -> settings:
    """Other runs every time."""
    return settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        database=None,
        # the first one is enough: another is often the same, cut otherwise
        report_multiple_bugs=False,
    )


def missing(
    seen: Counter[str],
    later: Sequence[str] = REACHED_LATER,
    least: int = 1,
    can: Capabilities | None = None,
) -> list[str]:
    """What was not reached ``least`` times; no run is to be empty.

    ``can``: what the implementation can do; it is asked for nothing else.
    """
    asked = [*REACHED, *later]
    if can is not None:
        asked = [name for name in asked if possible(name, can)]
    return [name for name in asked if seen[name] < least]


def possible(name: str, can: Capabilities) -> bool:
    """Whether an implementation that can do this can reach ``name``."""
    for design in DESIGNS:
        if name in (f"{design} completed", f"{design} again"):
            return design in can.designs
    if name in FAILURES:
        return name in can.failures
    fails = any(name != "cancelled" for name in can.failures)
    if name == _KEPT:
        return KEEPS in can.designs and fails
    if name in _LOSSES:
        # a bitmap is declared lost where a failure meets postcopy
        return DROP in can.designs or ("postcopy" in can.designs and fails)
    return True
