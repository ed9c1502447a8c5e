# SPDX-License-Identifier: GPL-2.0-or-later
"""The QEMU that these tests run, and what is known of it.

``DBMCHECK_QEMU=WORDS`` names another one than the installed one, as ``--qemu``
does.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from functools import cache
from typing import Protocol, TypeVar

from checker.qemu.harness.binary import PROGRAM, Build, find_build


class Entry(Protocol):
    """An entry of a table of what is known of which QEMU."""

    def covers(self, build: Build) -> bool: ...


Known = TypeVar("Known", bound=Entry)


@cache
def build_under_test() -> Build | None:
    """The QEMU that is run; None if there is none on this machine."""
    given = os.environ.get("DBMCHECK_QEMU", "")
    if given:
        return find_build(given)
    installed = all(shutil.which(name) for name in (PROGRAM, "qemu-img"))
    return find_build() if installed else None


def known_of_it(entries: Iterable[Known]) -> list[Known]:
    """What is known of that QEMU, and can be seen again; without one, all."""
    build = build_under_test()
    return [each for each in entries if build is None or each.covers(build)]
