# SPDX-License-Identifier: GPL-2.0-or-later
"""Which QEMUs the commands ``dbmcheck qemu ...`` run, and what all came to."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from checker.input.errors import InputError
from checker.input.exit_codes import ExitCode
from checker.qemu.harness.binary import (
    check_work_directory,
    find_build,
)
from checker.qemu.harness.builds import Builds


@attrs.frozen
class Chosen:
    """``qemus``: none means the installed one.

    ``destination``: another one for that side of all of them, or ''.
    """

    qemus: tuple[str, ...] = ()
    destination: str = ""

    def pairs(self) -> list[Builds]:
        """The builds of both sides; InputError if one cannot be run."""
        check_work_directory()
        for given in (*self.qemus, self.destination or "-"):
            if not given.strip():
                raise InputError("--qemu '': names no program")
        builds = [find_build(given) for given in self.qemus or ("",)]
        if not self.destination:
            return [Builds(build, build) for build in builds]
        other = find_build(self.destination)
        return [Builds(build, other) for build in builds]


def worst(codes: Sequence[ExitCode]) -> ExitCode:
    """Of several builds; what is new outweighs what was left undone."""
    for code in (ExitCode.DIFFERS, ExitCode.INCONCLUSIVE, ExitCode.UNREACHED):
        if code in codes:
            return code
    return ExitCode.AS_EXPECTED
