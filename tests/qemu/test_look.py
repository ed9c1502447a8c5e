# SPDX-License-Identifier: GPL-2.0-or-later
"""Looks at sides that are dead, or that do not answer."""

from __future__ import annotations

import asyncio
import math
from pathlib import Path

import attrs

from checker.qemu.harness.binary import Build
from checker.qemu.harness.builds import Builds
from checker.qemu.harness.pair import Pair
from checker.qemu.harness.process import (
    Event,
    HungError,
    Qemu,
)
from checker.qemu.harness.progress import ran
from checker.qemu.harness.sampling import Looks
from checker.qemu.harness.scenario import Scenario
from checker.stateful.adapter import Side

NONE = Build(("none",), (7, 2, 0))


@attrs.define(eq=False)
class Waiting(Qemu):
    """Answers as long as nobody holds the wire."""

    held: bool = False
    lives: bool = False

    @property
    def alive(self) -> bool:
        return self.lives

    async def status(self) -> str:
        if self.held:
            self.hung = "query-status"
            raise HungError("held")
        return "running"


def both(source: Qemu, destination: Qemu) -> Pair:
    sides = {Side.SOURCE: source, Side.DESTINATION: destination}
    return Pair(Builds(NONE, NONE), Path("none"), sides=sides)


def test_who_holds_the_wire_lets_go_before_the_source_is_asked() -> None:
    source = Waiting("source", NONE, Path("none"), held=True)
    destination = Waiting("destination", NONE, Path("none"))
    looks = Looks(Scenario(), both(source, destination))

    def let_go() -> None:
        # too late for the destination, in time for the source
        source.held, destination.held = False, True

    moment = asyncio.run(looks.take("arrived", between=let_go))
    assert (moment.source.vm, moment.source.hung) == ("running", "")
    assert (moment.destination.vm, moment.destination.hung) == ("running", "")


def test_a_side_that_does_not_answer_is_seen_as_that() -> None:
    source = Waiting("source", NONE, Path("none"), held=True)
    destination = Waiting("destination", NONE, Path("none"))
    looks = Looks(Scenario(), both(source, destination))
    moment = asyncio.run(looks.take("settled"))
    assert moment.source.hung == "query-status"
    assert not moment.source.runs and not moment.source.alive


def test_a_destination_that_dies_meanwhile_is_dead_at_that_moment() -> None:
    """Else a source that goes on when it is dead would run beside it."""
    source = Waiting("source", NONE, Path("none"), lives=True)
    destination = Waiting("destination", NONE, Path("none"), lives=True)
    looks = Looks(Scenario(), both(source, destination))

    def let_go() -> None:
        destination.lives = False

    moment = asyncio.run(looks.take("arrived", between=let_go))
    assert moment.source.runs and not moment.destination.runs
    assert not moment.destination.alive


def test_the_dead_ran_until_they_were_last_heard() -> None:
    qemu = Waiting("destination", NONE, Path("none"), lives=True)
    assert ran(qemu) == ()
    qemu.events += [Event("RESUME", {}, 3.0), Event("MIGRATION", {}, 4.0)]
    assert ran(qemu) == ((3.0, math.inf),)
    qemu.lives = False
    assert ran(qemu) == ((3.0, 4.0),)
    qemu.events[1:] = [Event("STOP", {}, 3.5)]
    assert ran(qemu) == ((3.0, 3.5),)
