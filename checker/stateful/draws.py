# SPDX-License-Identifier: GPL-2.0-or-later
"""A seed that means the same wherever dbmcheck is installed.

The rule: what is drawn depends on the seed and on nothing else.  Hypothesis
now and then draws a number that it has found in the source of whatever
modules are loaded and not installed, so that an editable installation draws
other numbers than a wheel, and a test other ones than the command.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from hypothesis.internal.conjecture.providers import (
    AVAILABLE_PROVIDERS,
    HypothesisProvider,
)

_NAME = "hypothesis"


class SeedOnly(HypothesisProvider):
    """Hypothesis's own draws, without what it reads in sources."""

    def _maybe_draw_constant(self, *_: Any, **__: Any) -> None:
        return None


@contextmanager
def seed_only() -> Iterator[None]:
    """Draws that depend on the seed only."""
    before = AVAILABLE_PROVIDERS[_NAME]
    AVAILABLE_PROVIDERS[_NAME] = f"{__name__}.{SeedOnly.__name__}"
    try:
        yield
    finally:
        AVAILABLE_PROVIDERS[_NAME] = before
