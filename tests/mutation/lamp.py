# SPDX-License-Identifier: GPL-2.0-or-later
"""A tiny machine to change: somebody asks for light and a lamp obeys."""

from __future__ import annotations

import enum

from model.language import Machine, MachineBuilder, Step, choose


class Light(enum.Enum):
    OFF = "off"
    WARM = "warm"
    ON = "on"


class Order(enum.Enum):
    DARK = "DARK"
    LIGHT = "LIGHT"
    STOP = "STOP"


def lamp(complete: bool = True) -> Machine:
    """The machine; not ``complete``: nobody says that the order is first.

    The lamp gets warm, then bright.  It may break before it is bright, and
    then it stays as it is.
    """
    build = MachineBuilder("lamp")
    light = build.enum("light", Light.OFF)
    asked, broken = build.flag("asked"), build.flag("broken")
    seen = build.flag("ghost_seen", ghost=True)
    wire = build.channel("wire", 2, {order: {} for order in Order})

    @build.action("user", fair=True)
    def ask() -> Step:
        """Ask once."""
        return Step(
            when=[~asked, wire.has_room()],
            then=[asked.becomes(True), *wire.put(Order.LIGHT)],
        )

    @build.action("lamp", fair=True)
    def obey() -> Step:
        """Take the order."""
        able = (light.is_(Light.OFF) & ~broken).named("the lamp can")
        return Step(
            when=[wire.head_is(Order.LIGHT), able],
            then=[*wire.take(), light.becomes(Light.WARM)],
        )

    @build.action("lamp", fair=True)
    def shine() -> Step:
        """Become bright."""
        return Step(
            when=[light.is_(Light.WARM), ~broken],
            then=[light.becomes(Light.ON), seen.becomes(True)],
        )

    @build.action("bad luck", fault=True)
    def break_down() -> Step:
        """Break, unless it is bright; what was warm gets cold."""
        cold = choose(light.is_not(Light.WARM), light, Light.OFF)
        return Step(
            when=[light.is_not(Light.ON)],
            then=[broken.becomes(True), light.becomes(cold)],
        )

    if complete:
        build.always(
            "OrderFirst", "S1", "", [asked], [light.is_(Light.WARM, Light.ON)]
        )
    build.eventually(
        "LightComes", "L1", "", [light.is_(Light.ON) | broken], [asked]
    )
    build.reachable("Bright", "", [light.is_(Light.ON)])
    build.may_end(light.is_(Light.ON) | broken)
    return build.machine()
