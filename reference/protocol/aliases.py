# SPDX-License-Identifier: GPL-2.0-or-later
"""Which bitmaps travel, and under which names.

Without a mapping every bitmap of every node travels under its own names.
With one, exactly the mapped bitmaps do: the source sends the aliases, the
destination turns them back; an alias that it does not know is a refusal.
QEMU: the migration parameter block-bitmap-mapping.
"""

from __future__ import annotations

from attrs import frozen

from reference.host import Host

Pair = tuple[str, str]


@frozen
class Aliases:
    """``pairs``: ((node, bitmap), (node alias, bitmap alias)), or None."""

    pairs: tuple[tuple[Pair, Pair], ...] | None = None

    def outgoing(self, host: Host) -> list[tuple[Pair, Pair]]:
        """The bitmaps that the source sends, in order, with aliases."""
        there = [
            (node.name, name)
            for node in host.nodes.values()
            for name in node.bitmaps
        ]
        if self.pairs is None:
            return [(names, names) for names in there]
        return [pair for pair in self.pairs if pair[0] in there]

    def incoming(self, aliases: Pair) -> Pair | None:
        """What the destination calls it, None if it does not know."""
        if self.pairs is None:
            return aliases
        for names, known in self.pairs:
            if known == aliases:
                return names
        return None
