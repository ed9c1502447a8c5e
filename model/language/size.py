# SPDX-License-Identifier: GPL-2.0-or-later
"""How much there is of something, as a sum that a model text may name.

    build.rank("pending", size_of(world.pending))
    build.rank("in flight", size_of(here.in_flight) + 2 * size_of(stream))

A size is a weighted sum: the members of a set, the messages of a channel, a
tally's number, 1 for a flag that is set.  No action may read one, so a size
changes nothing of what a model does; a proof may ask which steps lower it.
"""

from __future__ import annotations

from attrs import frozen

from model.language.channel import Channel
from model.language.errors import ModelError, described
from model.language.expression import Expression
from model.language.schematic_channel import SchematicChannel
from model.language.sets import ChunkSet, GranuleSet
from model.language.tally import SchematicTally, Tally
from model.language.values import Flag

Sizeable = GranuleSet | ChunkSet | Channel | Tally | Flag


@frozen
class Size:
    """The sum of ``weight`` times how much there is, over ``parts``.

    The width of a part's expression says what is counted of it.
    """

    parts: tuple[tuple[int, Expression], ...]

    def __add__(self, other: Size) -> Size:
        """Return the sum of the two.  ModelError if one is no size."""
        if not isinstance(other, Size):
            raise ModelError(f"{described(other)} is not a size")
        return Size((*self.parts, *other.parts))

    def __rmul__(self, weight: int) -> Size:
        """Return so many times this.  ModelError unless 1 or more."""
        whole = isinstance(weight, int) and not isinstance(weight, bool)
        if not whole or weight < 1:
            raise ModelError(f"a size is taken {described(weight)} times")
        return Size(tuple((weight * w, one) for w, one in self.parts))


def size_of(thing: Sizeable) -> Size:
    """Return how much there is of ``thing``.

    Of a channel or a tally only the one term of a text knows it: elsewhere
    such a size has no parts.  Raises ModelError if ``thing`` is not a set, a
    channel, a tally or a flag of a model text.
    """
    if isinstance(thing, GranuleSet | ChunkSet | Flag):
        return Size(((1, thing.expression),))
    if isinstance(thing, SchematicChannel | SchematicTally):
        return Size(((1, thing.now),))
    if isinstance(thing, Channel | Tally):
        return Size(())
    raise ModelError(f"{described(thing)} has no size")
