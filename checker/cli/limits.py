# SPDX-License-Identifier: GPL-2.0-or-later
"""Limits of a search, as they are written on the command line."""

from __future__ import annotations

import re

from checker.engines.exploration import Limits
from checker.errors import InputError

_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
_LEAST = 1 << 20


def memory_bytes(text: str) -> int:
    """Bytes of '500M' or '4G'; 0 for ''.  Raises InputError."""
    if not text:
        return 0
    match = re.fullmatch(r"(\d{1,9})([KMGT]?)i?B?", text.strip().upper())
    if match is None:
        raise InputError(
            f"--memory is '{text}', allowed are sizes such as 500M or 4G"
        )
    size = int(match[1]) * _UNITS[match[2]]
    if size < _LEAST:
        raise InputError(f"--memory is '{text}', the least is 1M")
    return size


def limits(
    memory: str, max_states: int, threads: int, first: bool = False
) -> Limits:
    """The limits that the options ask for."""
    return Limits(
        memory=memory_bytes(memory),
        max_states=max_states,
        threads=threads,
        first_violation=first,
    )
