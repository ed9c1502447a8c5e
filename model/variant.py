# SPDX-License-Identifier: GPL-2.0-or-later
"""All that a model text is told: a design, what it lacks, what it chooses.

There is no number in it.  Where a text needs one it is given a token, and the
number is put in later, so a variant has one term for every size.
"""

from __future__ import annotations

from typing import Any

from attrs import field, frozen

from model.language import ModelError, Schematic
from model.language.tokens import Limit, budget_limit

Words = tuple[tuple[str, str], ...]


@frozen(kw_only=True)
class Variant:
    """``without``: mechanisms that the design lacks.

    ``words``: what else it chooses, name and word.
    """

    design: str
    without: frozenset[str] = frozenset()
    words: Words = ()
    domain: Any = field(factory=Schematic, eq=False)

    @property
    def name(self) -> str:
        """The design, and what it lacks."""
        if not self.without:
            return self.design
        return f"{self.design} without {', '.join(sorted(self.without))}"

    def has(self, mechanism: str) -> bool:
        """Whether the mechanism is in place."""
        return mechanism not in self.without

    def policy(self, name: str) -> str:
        """The word that was chosen for ``name``."""
        for known, word in self.words:
            if known == name:
                return word
        allowed = ", ".join(known for known, _ in self.words) or "none"
        raise ModelError(f"policy is '{name}', allowed are {allowed}")

    def limit(self, name: str) -> Limit:
        """The token of a number that the options give later."""
        return Limit(name)

    def budget(self, name: str) -> Limit:
        """The token of how often something may happen."""
        return budget_limit(name)
