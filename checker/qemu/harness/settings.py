# SPDX-License-Identifier: GPL-2.0-or-later
"""What a process is told before it migrates.

The rule: both sides get the same capabilities and names, and every
destination of a scenario gets what the first one got.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from checker.qemu.harness.process import Qemu
from checker.qemu.harness.scenario import Alias, Mode, Scenario, When

#: milliseconds of downtime: the most
LONG: Final = 2_000_000
SLOW: Final = 20_000  # bytes a second while the source waits


def waits(scenario: Scenario) -> bool:
    """Return whether the source waits with the switchover."""
    return scenario.mode is Mode.POSTCOPY or bool(scenario.at(When.DURING))


async def configure(scenario: Scenario, qemu: Qemu) -> None:
    """Set capabilities and parameters as the scenario asks."""
    wanted = ["events"]
    if scenario.carried:
        wanted.append("dirty-bitmaps")
    if scenario.return_path:
        wanted.append("return-path")
    await set_capabilities(qemu, *wanted)
    downtime = 0 if waits(scenario) else LONG
    await set_parameters(qemu, scenario.bandwidth, downtime, scenario.aliases)


async def switch_over(qemu: Qemu, mode: Mode) -> None:
    """Let a source that waits stop its VM and send the rest."""
    if mode is Mode.POSTCOPY:
        await qemu.call("migrate-start-postcopy")
    else:
        await qemu.call("migrate-set-parameters", {"downtime-limit": LONG})


async def set_capabilities(qemu: Qemu, *names: str) -> None:
    """Switch these capabilities on."""
    states = [{"capability": name, "state": True} for name in names]
    await qemu.call("migrate-set-capabilities", {"capabilities": states})


async def set_parameters(
    qemu: Qemu, bandwidth: int, downtime: int, aliases: Sequence[Alias] = ()
) -> None:
    """Set bytes a second before the switchover, milliseconds, names."""
    parameters: dict[str, object] = {
        "max-bandwidth": bandwidth,
        "downtime-limit": downtime,
    }
    if aliases:
        parameters["block-bitmap-mapping"] = [
            {
                "node-name": each.node,
                "alias": each.alias,
                "bitmaps": [
                    {"name": name, "alias": alias}
                    for name, alias in each.bitmaps
                ],
            }
            for each in aliases
        ]
    await qemu.call("migrate-set-parameters", parameters)
