# SPDX-License-Identifier: GPL-2.0-or-later
"""What a broken guarantee does to an incremental backup.

The sentence is made from the last state of the trace: it names the granules.
"""

from __future__ import annotations

from attrs import frozen

from checker.citing.second import is_of_second, one, second
from checker.engines.exploration import TYPE_INVARIANT
from checker.engines.verdict import DEADLOCK
from checker.traces.trace import Trace
from model.language.machine import Machine, State
from model.vocabulary import DestinationVm, Incoming, SourceVm

_SILENT = (
    "The next incremental backup skips {them} without any error. The backup "
    "chain is broken from then on, and nobody finds out before a restore "
    "brings back old data."
)
_MERGE = "source_merge"
_UNSEEN = (
    "The client cannot see that the bitmap is not whole: an incremental "
    "backup that uses it misses granules without any error."
)
_GENERAL = {
    "S1": (
        "A backup has missed a granule without any error. The chain is "
        "broken, and nobody finds out before a restore brings back old data."
    ),
    "S2": _UNSEEN,
    "S3": (
        "A migration failed because of its bitmap. Without the bitmap the VM "
        "would have moved; the bitmap was worth one full backup at most."
    ),
    "S5": (
        "The bitmap is lost, or cannot be used, although nothing made that "
        "necessary: the next backup has to be a full one. No data is wrong."
    ),
}
_NOWHERE = (
    "The guest runs nowhere, and nothing that can still happen changes that: "
    "no backup is taken, and what it has in memory is as good as lost."
)
_WAITS = (
    "A write of the guest is never acknowledged: no drain ends any more, and "
    "no backup begins that waits for one."
)
_SPECIAL = {
    "WritesEndOnSource": _WAITS,
    "WritesEndOnDestination": _WAITS,
    "RemovedOnlyIfNotBusy": (
        "The user has removed a bitmap that the migration still held: the "
        "next backup has to be a full one, as after any loss."
    ),
    "NothingLeftBehind": (
        "A part of the bitmap stands under its name in a process whose "
        "migration has failed. Whoever asks that process may take the part "
        "for the whole; a backup that goes by it misses granules without any "
        "error."
    ),
    "VmEndsOnlyIfKilled": (
        "The VM has ended although no process was killed, and what the guest "
        "had in memory is lost. The bitmap has ended with it: the next backup "
        "has to be a full one."
    ),
    "VmIsNotLeftStopped": _NOWHERE,
    "CompletedMeansMoved": (
        "Whoever believes the source that the VM has moved ends the only "
        "process that is sure to have it, and with it the only bitmap that "
        "is sure to be whole."
    ),
    "FailsOnlyForAReason": (
        "A migration failed although nothing had: the VM stays where it was, "
        "and backups with it. No data is wrong."
    ),
    "DowntimeKept": (
        "The guest stands still for longer than was allowed. Backups are as "
        "they were."
    ),
    DEADLOCK: _NOWHERE,
    TYPE_INVARIANT: (
        "Nothing can be said about backups: the model itself is at fault."
    ),
}
_BOOKS = (
    "For a backup nothing follows at once: something is left over that means "
    "nothing any more, and a later step may take it for something."
)
_OWN = (
    "This is no guarantee of the design but a property that the user asks. "
    "What it means for a backup is for the user to say."
)
_TWO_WRITERS = (
    "Both sides have run the guest on the same disk, so the disk itself is "
    "corrupt; where the storage has image locks, they are all that is left "
    "in the way. No backup helps, incremental or full."
)


def consequence(machine: Machine, trace: Trace) -> str:
    """One or two sentences about the incremental backup."""
    if trace.own is not None:
        return _OWN
    prop, last = trace.property_name, trace.states[-1]
    name = one(prop)
    this = _Bitmap(machine, last, is_of_second(prop))
    for side in ("source", "destination"):
        if name == f"NoLostDirtyBitOn{side.capitalize()}":
            return _missing(this, trace, side)
    if name == "DestinationIsExact":
        return _needless(this, "destination")
    if name == "FailedAttemptChangesNothing":
        return _needless(this, "source")
    if name == "LossIsVisible":
        return _hidden(this)
    if name in _SPECIAL:
        return _SPECIAL[name]
    guarantee = machine.property(prop).guarantee
    if guarantee == "L1":
        return _endless(machine, last)
    if guarantee == "S6":
        return _TWO_WRITERS
    return _GENERAL.get(guarantee, _BOOKS)


@frozen
class _Bitmap:
    """One of the bitmaps in a state, and what it is called."""

    machine: Machine
    state: State
    is_second: bool

    def members(self, field: str) -> int:
        """A set, as bits; ``field``: its name where there is one bitmap."""
        name = second(field) if self.is_second else field
        return _members(self.machine, self.state, name)

    def shown(self, field: str) -> str:
        """A field's value as people read it."""
        name = second(field) if self.is_second else field
        return _shown(self.machine, self.state, name)

    def on(self, side: str) -> str:
        """What it is called on a side."""
        return f"the {side}'s {'second ' if self.is_second else ''}bitmap"


def _members(machine: Machine, state: State, name: str) -> int:
    return state[machine.position[name]]


def _numbers(code: int) -> list[str]:
    return [str(i) for i in range(code.bit_length()) if code >> i & 1]


def _granules(numbers: list[str]) -> str:
    return f"granule{'' if len(numbers) == 1 else 's'} {', '.join(numbers)}"


def _missing(this: _Bitmap, trace: Trace, side: str) -> str:
    dirty = this.members("ghost_true_dirty")
    missing = _numbers(dirty & ~this.members(f"{side}.bits"))
    single = len(missing) == 1
    merged = any(move.action.startswith(_MERGE) for move in trace.moves)
    or_merged = ", or merged in by the user," if merged else ","
    them = "it" if single else "them"
    return (
        f"{_granules(missing).capitalize()} {'has' if single else 'have'} "
        f"been written since the last backup{or_merged} and {this.on(side)}, "
        f"which looks sound, has no bit for {them}. "
        + _SILENT.format(them=them)
    )


def _needless(this: _Bitmap, side: str) -> str:
    extra = this.members(f"{side}.bits") & ~this.members("ghost_true_dirty")
    return (
        f"The next incremental backup copies {_granules(_numbers(extra))} "
        "without need. That costs bandwidth; no data is wrong."
    )


def _hidden(this: _Bitmap) -> str:
    """A bitmap that is neither whole nor gone: used, or only in the way?"""
    if this.shown("destination.bitmap") == Incoming.PARTIAL.value:
        return _UNSEEN
    return (
        "The bitmap stays busy although nobody will complete it: no "
        "incremental backup can be taken, and the client is not told that a "
        "full one is due."
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
