# SPDX-License-Identifier: GPL-2.0-or-later
"""The one error that a badly written model raises.

A model is checked while it is built: every message names the action and the
field it is about, so that the author finds the line.
"""

from __future__ import annotations

import enum


class ModelError(Exception):
    """A model text that makes no sense.

    Raised while a machine is built, never while it runs.  ``str()`` is one
    line: what is wrong, where, what is allowed.
    """

    def within(self, place: str) -> ModelError:
        """Return the same complaint with ``place`` (an action) in front."""
        return ModelError(f"{place}: {self}")


def described(thing: object) -> str:
    """``thing`` as the text would name it: no Python object is shown."""
    if isinstance(thing, enum.Enum):
        return f"{type(thing).__name__}.{thing.name}"
    if thing is None or isinstance(thing, (bool, int, str)):
        return f"{thing!r}"
    text = getattr(thing, "text", None)
    if isinstance(text, str):
        what = "update" if hasattr(thing, "part_of") else "value"
        return f"the {what} '{thing if what == 'update' else text}'"
    if isinstance(thing, (list, tuple, set, frozenset)):
        return f"a {type(thing).__name__} of {len(thing)}"
    kind = thing if isinstance(thing, type) else type(thing)
    return f"a Python {kind.__name__}"
