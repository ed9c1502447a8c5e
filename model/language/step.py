# SPDX-License-Identifier: GPL-2.0-or-later
"""What one action does."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

from model.language.values import Flag, Update


@frozen(eq=False)
class Step:
    """What an action does: a guard and an effect."""

    when: Sequence[Flag]
    then: Sequence[Update | tuple[Update, ...]]
