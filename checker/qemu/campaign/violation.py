# SPDX-License-Identifier: GPL-2.0-or-later
"""The guarantees by name, and a violation of one.

The names are the model's.
"""

from __future__ import annotations

from typing import Final

import attrs

from checker.qemu.harness.observation import Moment
from checker.stateful.adapter import Side

GUARANTEES: Final = {
    "S1": "no missing bit",
    "S2": "a loss is seen",
    "S3": "the VM is not harmed",
    "S4": "one valid copy",
    "S5": "no needless loss",
    "S6": "one side runs",
    "M1": "metadata survive",
    "P1": "no bit too many",
    "L1": "it ends",
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
