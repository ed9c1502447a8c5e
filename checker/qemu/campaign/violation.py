# SPDX-License-Identifier: GPL-2.0-or-later
"""The guarantees by name, and a violation of one.

Names and words are the model's.
"""

from __future__ import annotations

from typing import Final

import attrs

from checker.qemu.harness.observation import Moment
from checker.stateful.adapter import Side
from model.guarantees import GUARANTEES as TABLE

GUARANTEES: Final = {
    name: guarantee.short for name, guarantee in TABLE.items()
}


@attrs.frozen
class Violation:
    """``guarantee`` does not hold; ``where``: a side and a moment."""

    guarantee: str
    where: str
    text: str

    def __str__(self) -> str:
        return f"{self.guarantee} ({self.where}): {self.text}"


def place(side: Side, moment: Moment) -> str:
    """Return the words for a side at a moment."""
    return f"{side.value}, {moment.name}"
