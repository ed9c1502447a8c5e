# SPDX-License-Identifier: GPL-2.0-or-later
"""All that a model text is told: a design, what it lacks, what it chooses.

There is no number in it.  Where a text needs one it is given a token, and the
number is put in later, so a variant has one term for every size.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import field, frozen

from model.language import Schematic
from model.language.tokens import Limit, budget_limit
from model.mechanism import Mechanism
from model.mechanisms import (
    CONSISTENT_AT_SETUP,
    NAME_IS_FREE,
)
from model.mechanisms_loading import (
    CHUNKS_AFTER_START,
    ERROR_DROPS_BITMAP,
    ERROR_FAILS_MIGRATION,
)

__all__ = ["AT_DESTINATION", "AT_SOURCE", "FAILURES", "Variant"]

#: the kinds of failure
FAILURES = (
    "cut",
    "source_killed",
    "destination_killed",
    "refuse",
    "cancel",
    "retry",
    "backup_fails",
)
#: failures by which an attempt may fail, as each host sees it
AT_SOURCE = "cut|destination_killed|cancel"
AT_DESTINATION = "cut|source_killed|cancel"


@frozen(kw_only=True)
class Variant:
    """``without``: mechanisms that the design lacks.

    ``busy_bitmap``, ``bitmaps``, ``source``, ``connections``: see
    ``Options``.
    """

    design: str
    without: frozenset[str] = frozenset()
    busy_bitmap: str = "wait"
    bitmaps: str = "one"
    source: str = "own"
    connections: str = "one"
    domain: Any = field(factory=Schematic, eq=False)

    @classmethod
    def told(cls, table: Mapping[str, Any]) -> Variant:
        """The variant that ``table`` told of."""
        return cls(**{**table, "without": frozenset(table["without"])})

    def table(self) -> dict[str, Any]:
        """The variant as plain data."""
        return {
            "design": self.design,
            "without": sorted(self.without),
            "busy_bitmap": self.busy_bitmap,
            "bitmaps": self.bitmaps,
            "source": self.source,
            "connections": self.connections,
        }

    @property
    def name(self) -> str:
        """The design, and what it lacks."""
        if not self.without:
            return self.design
        return f"{self.design} without {', '.join(sorted(self.without))}"

    def has(self, mechanism: Mechanism) -> bool:
        """Whether the mechanism was not taken out."""
        return mechanism.name not in self.without

    @property
    def error_fails(self) -> bool:
        """Whether a wrong message about a bitmap fails the attempt."""
        by_design = self.design in ERROR_FAILS_MIGRATION.designs
        return (by_design and self.has(ERROR_FAILS_MIGRATION)) or not self.has(
            ERROR_DROPS_BITMAP
        )

    @property
    def refusal_fails(self) -> bool:
        """Whether a bitmap that the destination refuses fails the attempt."""
        return self.error_fails or not self.has(NAME_IS_FREE)

    @property
    def overtaking_errs(self) -> bool:
        """Whether a chunk that has overtaken START is an error."""
        apart = self.connections == "several"
        return apart and not self.has(CHUNKS_AFTER_START)

    @property
    def setup_fails(self) -> bool:
        """Whether a refused bitmap may fail the attempt at its setup."""
        return not self.has(CONSISTENT_AT_SETUP)

    def attempt_fails(
        self, by: str, refused: bool = False, at_setup: bool = False
    ) -> tuple[str, ...]:
        """What the model's ``needs`` says of what follows a failed attempt.

        ``by``: the failures that do it; ``refused``, ``at_setup``: whether a
        bitmap error does, where it fails the attempt at the destination, or
        at the source's setup, which a busy bitmap does with no failure; a
        chunk that has overtaken START does the first with none.
        """
        if at_setup and self.busy_bitmap == "fail":
            return ()
        if refused and self.error_fails and self.overtaking_errs:
            return ()
        fails = (refused and self.refusal_fails) or (
            at_setup and self.setup_fails
        )
        return (f"{by}|refuse" if fails else by,)

    def limit(self, name: str) -> Limit:
        """The token of a number that the options give later."""
        return Limit(name)

    def throttle(self) -> Limit:
        """The token of how many chunks are sent for each write."""
        return Limit("throttle")

    def budget(self, name: str) -> Limit:
        """The token of how often something may happen."""
        return budget_limit(name)
