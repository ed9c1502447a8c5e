# SPDX-License-Identifier: GPL-2.0-or-later
"""Which QEMU runs on which side."""

from __future__ import annotations

import attrs

from checker.qemu.harness.binary import Build
from checker.stateful.adapter import Side


@attrs.frozen
class Builds:
    """The builds of the two sides."""

    source: Build
    destination: Build

    def of(self, side: Side) -> Build:
        """Return the side's build."""
        return self.source if side is Side.SOURCE else self.destination

    @property
    def label(self) -> str:
        """Return the versions, for people."""
        ours, theirs = self.source.label, self.destination.label
        return ours if ours == theirs else f"{ours} to {theirs}"

    @property
    def options(self) -> tuple[str, ...]:
        """Return the options that make a command run the same builds."""
        words: tuple[str, ...] = ()
        if self.source.given:
            words += ("--qemu", self.source.given)
        if self.destination.given not in ("", self.source.given):
            words += ("--destination", self.destination.given)
        return words
