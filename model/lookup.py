# SPDX-License-Identifier: GPL-2.0-or-later
"""Mechanisms by design and by name.

No text of a model: the checker calls it, and what it runs is not what is
checked.
"""

from __future__ import annotations

from collections.abc import Iterable

from model.language import ModelError
from model.mechanism import Mechanism
from model.mechanisms import (
    MECHANISMS,
)


def mechanisms_of(design: str) -> tuple[Mechanism, ...]:
    """The mechanisms that ``design`` has, in the table's order."""
    return tuple(m for m in MECHANISMS if design in m.designs)


def check_names(design: str, names: Iterable[str]) -> None:
    """Raise ModelError if ``design`` has no mechanism of one of the names."""
    known = [m.name for m in mechanisms_of(design)]
    for name in names:
        if name not in known:
            raise ModelError(
                f"without: {design} has no mechanism '{name}'; it has "
                f"{', '.join(known)}"
            )
