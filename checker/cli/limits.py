# SPDX-License-Identifier: GPL-2.0-or-later
"""Limits of a search, as they are written on the command line."""

from __future__ import annotations

from checker.cli.sizes import size_of
from checker.engines.exploration import Limits

_LEAST = 1 << 20


def memory_bytes(text: str) -> int:
    """Bytes of '500M' or '4G'; 0 for ''.  Raises InputError."""
    return size_of("--memory", text, _LEAST) if text else 0


def limits(
    memory: str,
    max_states: int,
    threads: int,
    first: bool = False,
    depth: int | None = None,
) -> Limits:
    """The limits that the options ask for."""
    return Limits(
        memory=memory_bytes(memory),
        max_states=max_states,
        threads=threads,
        first_violation=first,
        depth=depth,
    )
