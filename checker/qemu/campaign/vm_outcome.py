# SPDX-License-Identifier: GPL-2.0-or-later
"""S3: where does the VM end, and was it harmed?

The rule: a side that was killed is not blamed for being dead, and a
destination that never ran the guest may fail; anything else that dies, hangs
or leaves the VM nowhere harms it.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator

from checker.qemu.campaign.violation import Violation, place
from checker.qemu.harness import observation as seen
from checker.qemu.harness.observation import Moment, Observation
from checker.stateful.adapter import Side


def harm(
    observation: Observation, twin: Observation | None
) -> Iterator[Violation]:
    """Yield violations of S3.

    ``twin``: the same scenario without bitmaps, or None.
    """
    for moment in observation.moments:
        if moment.name == seen.RESTARTED:
            continue
        for side in Side:
            view = moment.of(side)
            if view.hung:
                yield Violation(
                    "S3",
                    place(side, moment),
                    f"the monitor does not answer {view.hung}",
                )
            elif not view.alive:
                yield from _death(observation, side, moment)
    end = observation.end
    for side, quits in zip(Side, observation.quits, strict=True):
        if not quits and not end.of(side).hung:
            yield Violation(
                "S3",
                f"{side.value}, quit",
                "the process does not end in good order when told to",
            )
    outcome = outcome_of(observation)
    if twin is not None:
        wanted = outcome_of(twin)
        if outcome != wanted:
            yield Violation(
                "S3",
                f"both, {end.name}",
                f"the VM ends {outcome}; without bitmaps it ends {wanted}",
            )
    elif outcome == "nowhere" and not _excused(observation):
        refusal = f": {observation.refused[-1]}" if observation.refused else ""
        yield Violation(
            "S3",
            f"both, {end.name}",
            f"the VM runs nowhere and cannot be resumed{refusal}",
        )
    again = observation.moment(seen.AGAIN)
    if again is not None and not any(again.of(side).runs for side in Side):
        yield Violation(
            "S3",
            f"both, {again.name}",
            "after the next migration the VM runs nowhere",
        )


def outcome_of(observation: Observation) -> str:
    """Return where the VM runs in the end, in words."""
    end = observation.end
    sides = [side.value for side in Side if end.of(side).runs]
    return "on the " + " and the ".join(sides) if sides else "nowhere"


def _excused(observation: Observation) -> bool:
    """Return whether the side that had the VM was killed."""
    fault = observation.scenario.fault
    if fault is None or not observation.struck:
        return False
    if fault.kind.kills is Side.SOURCE:
        return True
    return fault.kind.kills is Side.DESTINATION and bool(observation.ran[1])


def _death(
    observation: Observation, side: Side, moment: Moment
) -> Iterator[Violation]:
    """Yield the violation of a process that died and was not killed."""
    view = moment.of(side)
    code = view.exit_code
    if code is None or view.killed:
        return
    if code == -signal.SIGKILL:
        yield Violation(
            "S3",
            place(side, moment),
            "died of SIGKILL, and it was not us: somebody else, or the "
            "kernel for want of memory",
        )
    elif code < 0:
        name = signal.Signals(-code).name
        yield Violation("S3", place(side, moment), f"died of {name}")
    elif side is Side.SOURCE:
        yield Violation(
            "S3", place(side, moment), f"ended with exit code {code}"
        )
    elif observation.ran[1]:
        yield Violation(
            "S3",
            place(side, moment),
            f"ended with exit code {code} although the guest ran there",
        )
