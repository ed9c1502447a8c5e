# SPDX-License-Identifier: GPL-2.0-or-later
"""What a broken guarantee does to an incremental backup.

The sentence is made from the last state of the trace: it names the granules.
"""

from __future__ import annotations

from checker.engines.exploration import TYPE_INVARIANT
from checker.traces.trace import Trace
from checker.verdict import DEADLOCK
from model.language.machine import Machine, State
from model.vocabulary import DestinationVm, SourceVm

_SILENT = (
    "The next incremental backup skips {them} without any error. The backup "
    "chain is broken from then on, and nobody finds out before a restore "
    "brings back old data."
)
_GENERAL = {
    "S1": (
        "A backup has missed a granule without any error. The chain is "
        "broken, and nobody finds out before a restore brings back old data."
    ),
    "S2": (
        "The client cannot see that the bitmap is not whole: an incremental "
        "backup that uses it misses granules without any error."
    ),
    "S3": (
        "A migration failed because of its bitmap. Without the bitmap the VM "
        "would have moved; the bitmap was worth one full backup at most."
    ),
    "S5": (
        "The bitmap is lost, or cannot be used, although nothing made that "
        "necessary: the next backup has to be a full one. No data is wrong."
    ),
    "S6": (
        "Two guests write to the same disk, so the disk itself is corrupt. "
        "No backup helps, incremental or full."
    ),
    "P1": (
        "The next incremental backup copies more than it has to. No data is "
        "wrong."
    ),
}
_SPECIAL = {
    "NothingLeftBehind": (
        "A part of the bitmap stands under its name on the destination. The "
        "next attempt finds the name taken and fails, or a client takes the "
        "part for the whole and its backup misses granules."
    ),
    DEADLOCK: (
        "Nothing can happen any more: the guest runs nowhere, and there is "
        "neither a full nor an incremental backup to take."
    ),
    TYPE_INVARIANT: (
        "Nothing can be said about backups: the model itself is at fault."
    ),
}


def consequence(machine: Machine, trace: Trace) -> str:
    """One or two sentences about the incremental backup."""
    name, last = trace.property_name, trace.states[-1]
    for side in ("source", "destination"):
        if name == f"NoLostDirtyBitOn{side.capitalize()}":
            return _missing(machine, last, side)
    if name == "DestinationIsExact":
        return _needless(machine, last)
    if name in _SPECIAL:
        return _SPECIAL[name]
    if machine.property(name).guarantee == "L1":
        return _endless(machine, last)
    return _GENERAL.get(machine.property(name).guarantee, "")


def _members(machine: Machine, state: State, name: str) -> int:
    return state[machine.position[name]]


def _numbers(code: int) -> list[str]:
    return [str(i) for i in range(code.bit_length()) if code >> i & 1]


def _granules(numbers: list[str]) -> str:
    return f"granule{'' if len(numbers) == 1 else 's'} {', '.join(numbers)}"


def _missing(machine: Machine, state: State, side: str) -> str:
    dirty = _members(machine, state, "ghost_true_dirty")
    missing = _numbers(dirty & ~_members(machine, state, f"{side}.bits"))
    one = len(missing) == 1
    return (
        f"{_granules(missing).capitalize()} {'has' if one else 'have'} been "
        f"written since the last backup, and the {side}'s bitmap, which "
        f"looks sound, has no bit for {'it' if one else 'them'}. "
        + _SILENT.format(them="it" if one else "them")
    )


def _needless(machine: Machine, state: State) -> str:
    dirty = _members(machine, state, "ghost_true_dirty")
    extra = _members(machine, state, "destination.bits") & ~dirty
    return (
        f"The next incremental backup copies {_granules(_numbers(extra))} "
        "without need. That costs bandwidth; no data is wrong."
    )


def _endless(machine: Machine, state: State) -> str:
    source = _shown(machine, state, "source.vm")
    destination = _shown(machine, state, "destination.vm")
    if destination == DestinationVm.RUNNING.value:
        return (
            "The migration never ends: the guest runs on the destination, "
            "but no incremental backup can be taken there."
        )
    if source != SourceVm.RUNNING.value:
        return (
            "The migration never ends and the guest runs nowhere: there is "
            "no backup to take."
        )
    if _members(machine, state, "source.busy"):
        return (
            "The migration never ends and the source's bitmap stays busy: "
            "no incremental backup can be taken with it."
        )
    return (
        "The migration never ends, so the VM never moves. Incremental "
        "backups on the source stay possible and are right."
    )


def _shown(machine: Machine, state: State, name: str) -> str:
    kind = machine.fields[machine.position[name]].type
    return str(kind.show(_members(machine, state, name)))
