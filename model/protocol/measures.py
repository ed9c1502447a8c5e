# SPDX-License-Identifier: GPL-2.0-or-later
"""Numbers by which it is shown that every attempt ends.

Each is how much there is of something that the protocol works off.  Which of
them an attempt needs, and in which order, is found and checked by the proof;
nothing here decides what a design does.
"""

from __future__ import annotations

from model.language import size_of
from model.protocol.world import World


def add_measures(world: World) -> None:
    """What every design works off, then what this one does besides."""
    build = world.build
    build.rank("messages", size_of(world.stream))
    for node in world.nodes:
        for side, host in (
            ("source", node.source),
            ("destination", node.destination),
        ):
            name = node.name(f"writes in flight on the {side}")
            build.rank(name, size_of(host.in_flight))
    for bitmap in world.bitmaps:
        ahead = bitmap.source.cursor.ahead()
        build.rank(bitmap.name("chunks ahead"), size_of(ahead))
        again = bitmap.source.changed
        if not again.absent:
            build.rank(bitmap.name("changed chunks"), size_of(again))
        bitmap.add_own_measures()
