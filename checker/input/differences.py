# SPDX-License-Identifier: GPL-2.0-or-later
"""In which options two configurations differ, by the name of each key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from checker.input.configuration import options_table
from model.options import Options

Differences = dict[str, tuple[Any, Any]]


def differences(one: Options, other: Options) -> Differences:
    """The keys that differ, as 'bounds.chunks', with both values."""
    mine, theirs = _flat(options_table(one)), _flat(options_table(other))
    return {
        key: (mine[key], theirs[key])
        for key in mine
        if mine[key] != theirs[key]
    }


def _flat(table: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in table.items():
        if isinstance(value, Mapping):
            found |= {f"{key}.{k}": v for k, v in value.items()}
        else:
            found[key] = value
    return found
