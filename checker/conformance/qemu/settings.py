# SPDX-License-Identifier: GPL-2.0-or-later
"""What a process is told before it migrates.

The rule: both sides get the same capabilities and names, and every
destination of a scenario gets what the first one got.
"""

from __future__ import annotations

from typing import Final

from checker.conformance.qemu.process import Qemu
from checker.conformance.qemu.scenario import Mode, Scenario, When

#: milliseconds of downtime: the most
LONG: Final = 2_000_000


def waits(scenario: Scenario) -> bool:
    """Does the source wait with the switchover until it is told?"""
    return scenario.mode is Mode.POSTCOPY or bool(scenario.at(When.DURING))


async def configure(scenario: Scenario, qemu: Qemu) -> None:
    """Capabilities, bandwidth, downtime and names."""
    wanted = ["events"]
    if scenario.carried:
        wanted.append("dirty-bitmaps")
    if scenario.return_path:
        wanted.append("return-path")
    await qemu.call(
        "migrate-set-capabilities",
        {
            "capabilities": [
                {"capability": name, "state": True} for name in wanted
            ]
        },
    )
    parameters: dict[str, object] = {
        "max-bandwidth": scenario.bandwidth,
        "downtime-limit": 0 if waits(scenario) else LONG,
    }
    if scenario.aliases:
        parameters["block-bitmap-mapping"] = [
            {
                "node-name": each.node,
                "alias": each.alias,
                "bitmaps": [
                    {"name": name, "alias": alias}
                    for name, alias in each.bitmaps
                ],
            }
            for each in scenario.aliases
        ]
    await qemu.call("migrate-set-parameters", parameters)
