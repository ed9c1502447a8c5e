# SPDX-License-Identifier: GPL-2.0-or-later
"""Parameters of tests that ask each of them much the same."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pytest
from _pytest.mark import ParameterSet

from model.design import DESIGNS, LIVE, POSTCOPY_ONES

#: the two that differ most
OFTEN = (LIVE, POSTCOPY_ONES)


def each_design(
    often: Sequence[str] = OFTEN, designs: Sequence[str] = DESIGNS
) -> list[str | ParameterSet]:
    """``often`` by default, the others with ``pytest -m full``."""
    return [
        d if d in often else pytest.param(d, marks=pytest.mark.full)
        for d in designs
    ]


def one_in(
    many: int, names: Iterable[str], always: str = ""
) -> list[str | ParameterSet]:
    """One of so ``many`` names by default, and ``always``.

    All of them with ``pytest -m full``.
    """
    return [
        name
        if number % many == 0 or name == always
        else pytest.param(name, marks=pytest.mark.full)
        for number, name in enumerate(names)
    ]
