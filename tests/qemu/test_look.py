# SPDX-License-Identifier: GPL-2.0-or-later
"""Looks at sides that are dead, or that do not answer."""

from __future__ import annotations

import asyncio
from pathlib import Path

import attrs

from checker.conformance.qemu.binary import Build
from checker.conformance.qemu.look import Looks
from checker.conformance.qemu.process import HungError, Qemu
from checker.conformance.qemu.scenario import Scenario

NONE = Build(("none",), (7, 2, 0))


@attrs.define(eq=False)
class Waiting(Qemu):
    """Answers as long as nobody holds the wire."""

    held: bool = False

    async def status(self) -> str:
        if self.held:
            self.hung = "query-status"
            raise HungError("held")
        return "running"


def test_who_holds_the_wire_lets_go_before_the_source_is_asked() -> None:
    source = Waiting("source", NONE, Path("none"), held=True)
    destination = Waiting("destination", NONE, Path("none"))
    looks = Looks(Scenario(), source, destination)

    def let_go() -> None:
        # too late for the destination, in time for the source
        source.held, destination.held = False, True

    moment = asyncio.run(looks.take("arrived", between=let_go))
    assert (moment.source.vm, moment.source.hung) == ("running", "")
    assert (moment.destination.vm, moment.destination.hung) == ("running", "")


def test_a_side_that_does_not_answer_is_seen_as_that() -> None:
    source = Waiting("source", NONE, Path("none"), held=True)
    destination = Waiting("destination", NONE, Path("none"))
    looks = Looks(Scenario(), source, destination)
    moment = asyncio.run(looks.take("settled"))
    assert moment.source.hung == "query-status"
    assert not moment.source.runs and not moment.source.alive
