# SPDX-License-Identifier: GPL-2.0-or-later
"""What of the stream waits at the proxy until the trace lets it arrive.

One object for each attempt.  Whatever lies between two such places passes
with the place before it.
"""

from __future__ import annotations

from typing import Final

import attrs

from checker.qemu.harness.places import Place
from checker.qemu.harness.proxy import Hold
from checker.qemu.harness.wakeup import Bell

#: before the section, for its begin fixes the aliases
START: Final = Place("dirty-bitmap.start")
COMPLETE: Final = Place("complete")
SHUT: Final = Place("shut")


@attrs.define(eq=False)
class Holds:
    """The places of a stream with so many chunks, and which may pass."""

    postcopy: bool
    chunks: int
    bell: Bell
    passing: set[Place] = attrs.field(factory=set)
    came: set[Place] = attrs.field(factory=set)

    def of_proxy(self) -> tuple[Hold, ...]:
        """Return what the proxy has to hold."""
        bits = [self._bits(number) for number in range(self.chunks)]
        places = (START, self._run, *bits, COMPLETE, SHUT)
        return tuple(self._hold(place) for place in places)

    def arrive(self, action: str, arguments: dict[str, str]) -> None:
        """Let the message pass that the trace's action receives, if any."""
        match action:
            case "dirty_bitmap_load_bits":
                self._pass(self._bits(int(arguments["chunk"])))
            case "skip_bits":
                bits = [self._bits(number) for number in range(self.chunks)]
                self._pass(next(p for p in bits if p not in self.passing))
            case "loadvm_run":
                self._pass(self._run)
            case "close_return_path_on_source":
                self._pass(SHUT)
            case _ if "load_complete" in action or action == "skip_complete":
                self._pass(COMPLETE)
            case _ if "load_start" in action:
                self._pass(START)

    @property
    def _run(self) -> Place:
        return Place("package" if self.postcopy else "eof")

    def _bits(self, chunk: int) -> Place:
        """Return where a chunk is held.

        The loader of QEMU keeps its lock while it waits inside a section,
        and postcopy's VM start needs that lock: so before the section.
        """
        if self.postcopy and not chunk:
            return Place("dirty-bitmap.part")
        return Place("bits", chunk)

    def _hold(self, place: Place) -> Hold:
        return Hold(place, lambda: self._may_pass(place))

    def _may_pass(self, place: Place) -> bool:
        """Return whether a place may pass; asked again at every ring."""
        if place not in self.came:
            self.came.add(place)
            self.bell.ring()
        return place in self.passing

    def _pass(self, place: Place) -> None:
        self.passing.add(place)
        self.bell.ring()
