# SPDX-License-Identifier: GPL-2.0-or-later
"""Names of the second bitmap, where there are two.

The model's field is ``source.second.bits`` beside ``source.bits``, its ghost
``ghost_second_missed`` beside ``ghost_missed``, and its property has
``OfSecond`` at its end.
"""

from __future__ import annotations

_FIELD, _GHOST, _PROPERTY = ".second.", "ghost_second_", "OfSecond"


def is_of_second(name: str) -> bool:
    """Whether a field or a property is of the second bitmap."""
    return (
        _FIELD in name or name.startswith(_GHOST) or name.endswith(_PROPERTY)
    )


def one(name: str) -> str:
    """What the field or property is called where there is one bitmap."""
    name = name.replace(_FIELD, ".").replace(_GHOST, "ghost_")
    return name.removesuffix(_PROPERTY)


def second(field: str) -> str:
    """The second bitmap's field beside this one."""
    if field.startswith("ghost_"):
        return field.replace("ghost_", _GHOST, 1)
    return field.replace(".", _FIELD, 1)
