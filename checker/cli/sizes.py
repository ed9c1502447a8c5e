# SPDX-License-Identifier: GPL-2.0-or-later
"""Sizes in bytes, as they are written on the command line."""

from __future__ import annotations

import re

from checker.input.errors import InputError

_UNITS = {"": 0, "K": 10, "M": 20, "G": 30, "T": 40, "P": 50, "E": 60}
#: what 64 bits with a sign hold
MOST = (1 << 63) - 1


def size_of(option: str, text: str, least: int = 0) -> int:
    """Bytes of '4096', '64K', '64KiB' or '1g'; units are of 1024.

    Raises InputError, which names the option, if it is none or is below
    ``least``.
    """
    match = re.fullmatch(
        r"([0-9]{1,19})([KMGTPE]?)(I?B)?", text.strip().upper()
    )
    if match is None or (match[3] == "IB" and not match[2]):
        raise InputError(
            f"{option} is '{text[:40]}', allowed are sizes such as 4096, "
            "64K, 500M or 4G"
        )
    size = int(match[1]) << _UNITS[match[2]]
    if size > MOST:
        raise InputError(f"{option} is '{text}', the most is 8E less a byte")
    if size < least:
        raise InputError(f"{option} is '{text}', the least is {shown(least)}")
    return size


def shown(size: int) -> str:
    """A size as it may be written: '1M', '4096'."""
    for unit, power in reversed(_UNITS.items()):
        if size and unit and size % (1 << power) == 0:
            return f"{size >> power}{unit}"
    return str(size)
