# SPDX-License-Identifier: GPL-2.0-or-later
"""What one case came to, as data that a record keeps."""

from __future__ import annotations

from typing import Annotated, Any

import attrs

from checker.input.strict import KEY, Reader, string, structured
from checker.qemu.campaign.case import Case
from checker.qemu.campaign.matrix import Spot
from checker.qemu.campaign.violation import Violation


def _two(words: Any) -> tuple[str, str]:
    first, second = words
    return string(first), string(second)


def _spot(text: Any) -> Spot:
    return Spot.parse(string(text))


@attrs.frozen
class Result:
    """What one case came to.

    ``outcome``: where the VM is in the end.  ``last``: the last status of
    the migration on each side.  ``sequel``: what came of the next one.
    ``spots``: the items, if there was no fault.  ``error``: why it could
    not be run at all.
    """

    case: Case = attrs.field(metadata={KEY: "scenario"})
    outcome: str = ""
    struck: bool = False
    violations: tuple[Violation, ...] = ()
    seconds: float = 0.0
    last: Annotated[tuple[str, str], Reader(_two)] = ("", "")
    recovery: str = ""
    sequel: str = ""
    spots: tuple[Annotated[Spot, Reader(_spot)], ...] = ()
    error: str = ""

    @property
    def missed(self) -> bool:
        """Return whether the fault did not happen, for want of its place."""
        return self.case.fault is not None and not self.struck

    @property
    def data(self) -> dict[str, Any]:
        """Return the result as plain data, the line of a record."""
        return {
            "id": self.case.id,
            "scenario": self.case.data,
            "outcome": self.outcome,
            "struck": self.struck,
            "violations": [attrs.asdict(each) for each in self.violations],
            "seconds": round(self.seconds, 3),
            "last": list(self.last),
            "recovery": self.recovery,
            "sequel": self.sequel,
            "spots": [str(spot) for spot in self.spots],
            "error": self.error,
        }

    @classmethod
    def of(cls, data: dict[str, Any]) -> Result:
        """Return the result with these data; BadFileError if none."""
        return structured(cls, data, more=True)
