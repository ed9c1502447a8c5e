# SPDX-License-Identifier: GPL-2.0-or-later
"""A guarantee that was not kept, as what drives an implementation says it.

The rule: the text begins with the guarantee's id, and the rest of it is one
line that a reader understands without the program that led there.
"""

from __future__ import annotations


class BrokenGuaranteeError(AssertionError):
    """The implementation broke a guarantee; the text begins with its id."""

    @property
    def guarantee(self) -> str:
        """Its id."""
        return str(self).partition(": ")[0]

    @property
    def what(self) -> str:
        """What was seen."""
        return str(self).partition(": ")[2]


def promise(kept: bool, guarantee: str, text: str) -> None:
    """Raise BrokenGuaranteeError unless the guarantee was kept."""
    if not kept:
        raise BrokenGuaranteeError(f"{guarantee}: {text}")
