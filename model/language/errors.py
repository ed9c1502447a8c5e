# SPDX-License-Identifier: GPL-2.0-or-later
"""The one error that a badly written model raises.

A model is checked while it is built: every message names the action and the
field it is about, so that the author finds the line.
"""

from __future__ import annotations


class ModelError(Exception):
    """A model text that makes no sense.

    Raised while a machine is built, never while it runs.  ``str()`` is one
    line: what is wrong, where, what is allowed.
    """

    def within(self, place: str) -> ModelError:
        """Return the same complaint with ``place`` (an action) in front."""
        return ModelError(f"{place}: {self}")
