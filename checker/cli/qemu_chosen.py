# SPDX-License-Identifier: GPL-2.0-or-later
"""Which QEMU the commands ``dbmcheck qemu ...`` run, as it was given."""

from __future__ import annotations

import attrs

from checker.conformance.qemu.binary import (
    check_work_directory,
    find_build,
)
from checker.conformance.qemu.campaign import Pair


@attrs.frozen
class Chosen:
    """``qemus``: none means the installed one.

    ``destination``: another one for that side of all of them, or ''.
    """

    qemus: tuple[str, ...] = ()
    destination: str = ""

    def pairs(self) -> list[Pair]:
        """The builds of both sides; InputError if one cannot be run."""
        check_work_directory()
        builds = [find_build(given) for given in self.qemus or ("",)]
        if not self.destination:
            return [Pair(build, build) for build in builds]
        other = find_build(self.destination)
        return [Pair(build, other) for build in builds]
