# SPDX-License-Identifier: GPL-2.0-or-later
"""What the model's actions and states are in a real QEMU.

An action is a command of QMP, a decision of the proxy, or a step that QEMU
takes on its own.  The rule for the last kind: QEMU cannot be held there, so it
may be ahead of the trace by such steps, as far as the model would let it.
Of a state only that is compared which a query can show at that moment; where
QEMU's words are coarser than the model's, several words are right.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Final

import attrs

from checker.stateful.adapter import Side
from checker.traces.trace import Trace
from model.design import POSTCOPY, TABLE
from model.designs import build
from model.language.machine import Machine, State
from model.vocabulary import (
    DestinationVm,
    Incoming,
    Link,
    Outgoing,
    SourceVm,
)


class Means(enum.Enum):
    """How an action of the model comes about."""

    QMP = "QMP"
    GUEST = "guest"
    WIRE = "wire"
    OWN = "QEMU"
    SIGNAL = "signal"


@attrs.frozen
class Mapped:
    """What an action is in a real QEMU."""

    means: Means
    text: str


def _mapped(means: Means, **texts: str) -> dict[str, Mapped]:
    return {action: Mapped(means, text) for action, text in texts.items()}


MAPPING: Final[Mapping[str, Mapped]] = {
    **_mapped(
        Means.GUEST,
        source_write_data="qemu-io write, data and bit",
        destination_write_data="qemu-io write, data and bit",
    ),
    **_mapped(
        Means.QMP,
        source_backup_begins="blockdev-backup, kept from its end",
        source_backup_succeeds="job-finalize",
        source_backup_fails="job-cancel",
        source_merge="block-dirty-bitmap-merge",
        source_clear="block-dirty-bitmap-clear",
        destination_backup="block-dirty-bitmap-clear",
        destination_remove="block-dirty-bitmap-remove",
        destination_full_backup="block-dirty-bitmap-add",
        migrate="migrate, once setup is due",
        migrate_again="new destination, then migrate",
        migrate_cancel="migrate_cancel",
        block_job_cancel="job-cancel",
        postcopy_start="migrate-start-postcopy",
        migration_completion="downtime-limit is raised",
        send_postcopy_run="migrate-continue",
        vm_start="cont on the destination",
        vm_start_first="cont on the destination",
        cont_without_fence="nothing; cont follows",
        resume_source="cont, unless it runs already",
        quit_source="quit",
        quit_source_early="quit",
    ),
    **_mapped(
        Means.WIRE,
        dirty_bitmap_load_start="START passes",
        dirty_bitmap_load_start_exists="block-dirty-bitmap-add, START passes",
        dirty_bitmap_load_start_refused="unknown alias, START passes",
        dirty_bitmap_load_bits="BITS pass",
        skip_bits="BITS pass",
        dirty_bitmap_load_complete="COMPLETE passes",
        dirty_bitmap_load_complete_reclaim="COMPLETE passes",
        skip_complete="COMPLETE passes",
        loadvm_run="RUN passes",
        close_return_path_on_source="SHUT passes",
        channel_cut="nothing new is sent on",
        connection_times_out="nothing; who notices is told",
        incoming_fails="its connection is closed",
        dirty_bitmap_mig_cancel_incoming="its connection is closed",
        migration_fails="its connection is closed",
    ),
    **_mapped(
        Means.SIGNAL,
        source_killed="SIGKILL",
        destination_killed="SIGKILL",
        fence_destination="SIGKILL",
    ),
    **_mapped(
        Means.OWN,
        source_set_dirty="done with the data",
        destination_set_dirty="done with the data",
        dirty_bitmap_save_setup="after migrate",
        dirty_bitmap_save_setup_busy="after migrate",
        migrate_start_postcopy="one with the stop",
        bdrv_drain_all="part of the stop",
        send_bitmap_bits="as fast as it can",
        send_bitmap_complete="as fast as it can",
        send_device_state="as fast as it can",
        dirty_bitmap_mig_before_vm_start="after RUN",
        recorders_after_vm_start="after RUN",
        reclaim_hand_back="one with COMPLETE",
        migrate_send_rp_shut="before the VM starts",
    ),
}
_MALFORMED: Final = "no QEMU sends what another one refuses there"
#: actions of these designs that cannot be made to happen, and why
CANNOT: Final[Mapping[str, str]] = {
    "forget_chunk": "no QEMU passes over a chunk",
    "dirty_bitmap_load_bits_refused": _MALFORMED,
    "dirty_bitmap_load_complete_refused": _MALFORMED,
    "dirty_bitmap_save_setup_inconsistent": (
        "a bitmap is inconsistent only in an image that was not closed"
    ),
    "dirty_bitmap_save_setup_leaves_out": (
        "QEMU leaves out no bitmap because it is busy"
    ),
    "mirror_resets_dirty": "QEMU 2.3 and later clear their own bits only",
}
#: steps that QEMU takes when it likes, or once it is let
AHEAD: Final = frozenset(
    name for name, mapped in MAPPING.items() if mapped.means is Means.OWN
) | {"migration_fails", "dirty_bitmap_mig_cancel_incoming", "resume_source"}

CHUNK_GRANULES: Final = 8192  # of QEMU's: 1 KiB of the bitmap
GRANULARITY: Final = 512
MOST_CHUNKS: Final = 12


class CannotMapError(Exception):
    """A trace that no QEMU can be made to run; ``str()`` is one line."""


def check_design(design: str) -> None:
    """Raise CannotMapError unless QEMU can run the design."""
    said = TABLE[design]
    if said.in_qemu:
        return
    able = " and ".join(name for name, one in TABLE.items() if one.in_qemu)
    why = f"QEMU has no {design} design"
    if not said.migrates:
        why = f"{design} migrates no bitmap"
    raise CannotMapError(f"{why}; {able} can be run")


def check_mappable(trace: Trace) -> None:
    """Raise CannotMapError if a step of the trace has no counterpart."""
    check_design(trace.options.design)
    if trace.options.bitmaps != "one":
        raise CannotMapError(
            f"bitmaps is '{trace.options.bitmaps}'; only one that is there "
            "from the beginning can be run"
        )
    if trace.options.bounds.chunks > MOST_CHUNKS:
        raise CannotMapError(
            f"{trace.options.bounds.chunks} chunks; at most {MOST_CHUNKS} "
            "can be run"
        )
    reader = Reader.of(build(trace.options), trace)
    for number, (before, move) in enumerate(
        zip(trace.states, trace.moves, strict=False), 1
    ):
        reason = CANNOT.get(move.action, "")
        if not reason and move.action not in MAPPING:
            reason = "nothing in QEMU stands for it"
        stopped = reader.text(before, "source.vm") == SourceVm.STOPPED.value
        if stopped and move.action == "source_write_data":
            reason = "no writer is there while the VM is stopped"
        if reason:
            raise CannotMapError(f"step {number}, {move.label}: {reason}")


@attrs.frozen
class Geometry:
    """The model's disk as one of QEMU's, a chunk of it as QEMU's chunk."""

    chunks: int
    granules: int

    @property
    def size(self) -> int:
        """Return the size of the disk, in bytes."""
        return self.chunks * CHUNK_GRANULES * GRANULARITY

    def offset(self, granule: int) -> int:
        """Return the offset in bytes of a granule of the model."""
        chunk, place = divmod(granule, self.granules)
        step = (CHUNK_GRANULES - 1) // max(1, self.granules - 1)
        return (chunk * CHUNK_GRANULES + place * step) * GRANULARITY


Words = Mapping[tuple[Side, str], frozenset[str]]
YES: Final = "yes"
NO: Final = "no"
LIVES: Final = "lives"
ENDED: Final = "ended by itself"
KILLED: Final = "was killed"

_STOPPED: Final = ("finish-migrate", "postmigrate", "paused")
_SOURCE_VM: Final[Mapping[SourceVm, tuple[str, ...]]] = {
    SourceVm.RUNNING: ("running",),
    SourceVm.PAUSED: _STOPPED,
    SourceVm.STOPPED: _STOPPED,
}
_OVER: Final = ("completed", "failed", "cancelled", "postcopy-paused")
_OUTGOING: Final[Mapping[Outgoing, tuple[str, ...]]] = {
    Outgoing.NONE: ("none",),
    # until it is due, the word is that of the attempt before
    Outgoing.SETUP: ("none", "setup", "active", *_OVER),
    Outgoing.ACTIVE: ("active", "pre-switchover"),
    Outgoing.POSTCOPY_REQUESTED: ("active", "pre-switchover"),
    Outgoing.DEVICE: ("pre-switchover", "device"),
    Outgoing.BITMAP_SENT: ("device",),
    Outgoing.RUN_SENT: ("device",),
    Outgoing.COMPLETED: ("completed",),
    Outgoing.FAILED: ("failed", "cancelled"),
    Outgoing.UNCERTAIN: ("failed", "postcopy-paused", "cancelled"),
}
#: QEMU ends busy with COMPLETE; the model's stop-copy with the migration
_HANDED_BACK: Final = (Outgoing.BITMAP_SENT, Outgoing.RUN_SENT)
_NEVER_LEARNS: Final = ("completed", "postcopy-active", "postcopy-paused")
_DESTINATION_VM: Final[Mapping[DestinationVm, tuple[str, ...]]] = {
    DestinationVm.INMIGRATE: ("inmigrate",),
    DestinationVm.RUN_RECEIVED: ("inmigrate", "paused", "prelaunch"),
    DestinationVm.PRELAUNCH: ("paused", "prelaunch"),
    DestinationVm.RUNNING: ("running",),
}
_DEAD: Final = (DestinationVm.KILLED, DestinationVm.DIED)
_LOADING: Final = (Incoming.LOADING, Incoming.SUCCESSOR, Incoming.MERGED)
_NONE: Final = (Incoming.ABSENT, Incoming.LOST, Incoming.REMOVED)


@attrs.frozen(eq=False)
class Reader:
    """The fields of the model's states, by name."""

    machine: Machine
    postcopy: bool
    without: frozenset[str] = frozenset()

    @classmethod
    def of(cls, machine: Machine, trace: Trace) -> Reader:
        """Return the reader for the states of this trace."""
        options = trace.options
        return cls(machine, options.design == POSTCOPY, options.without)

    def text(self, state: State, name: str) -> str:
        """Return an enumeration's word."""
        at = self.machine.position[name]
        return str(self.machine.fields[at].type.show(state[at]))

    def code(self, state: State, name: str) -> int:
        """Return a field's code; of a set: its members as bits."""
        return state[self.machine.position[name]]

    def expected(self, state: State) -> Words:
        """Return what QEMU may show in a state, as far as it can be seen."""
        return {**self._source(state), **self._destination(state)}

    def _source(self, state: State) -> Words:
        vm = SourceVm(self.text(state, "source.vm"))
        if vm is SourceVm.GONE:
            return _words(Side.SOURCE, process=(ENDED, KILLED))
        migration = Outgoing(self.text(state, "source.migration"))
        here = DestinationVm(self.text(state, "destination.vm"))
        statuses = _OUTGOING[migration]
        if migration is Outgoing.RUN_SENT and self.postcopy:
            statuses = ("postcopy-active",)
        fenced = here is DestinationVm.KILLED
        if "fence-before-resume" in self.without:
            fenced = True
        if migration is Outgoing.FAILED and fenced:
            statuses = (*statuses, *_NEVER_LEARNS)
        found = {
            "process": (LIVES,),
            "run state": _SOURCE_VM[vm],
            "migration": statuses,
            "bitmap": (_yes(self.code(state, "source.has_bitmap")),),
        }
        if self.code(state, "source.has_bitmap"):
            job = self.code(state, "source.job")
            found["busy"] = (_yes(job or self.code(state, "source.busy")),)
            if migration in _HANDED_BACK and not self.postcopy:
                found["busy"] = (YES, NO)
            found["recording"] = (YES,)
            found["content"] = (set_text(self.code(state, "source.bits")),)
        return _words(Side.SOURCE, **found)

    def _destination(self, state: State) -> Words:
        vm = DestinationVm(self.text(state, "destination.vm"))
        if vm in _DEAD:
            # a fence may come after its end
            return _words(Side.DESTINATION, process=(KILLED, ENDED))
        if vm is DestinationVm.INMIGRATE and self._attempt_over(state):
            # as built the process ends with a failed attempt, at once
            return _words(Side.DESTINATION, process=(LIVES, ENDED))
        bitmap = Incoming(self.text(state, "destination.bitmap"))
        found = {
            "process": (LIVES,),
            "run state": _DESTINATION_VM[vm],
            "migration": self._incoming(state, vm),
            "bitmap": (NO if bitmap in _NONE else YES,),
        }
        if bitmap not in _NONE:
            busy = bitmap in _LOADING
            # what a query shows; the model has it where a query is made
            shown = busy and "busy-until-complete" not in self.without
            found["busy"] = (_yes(shown),)
            if not busy:
                idle = bitmap is Incoming.COMPLETE
                found["recording"] = (NO if idle else YES,)
            found["content"] = (
                set_text(self.code(state, "destination.bits")),
            )
        return _words(Side.DESTINATION, **found)

    def _attempt_over(self, state: State) -> bool:
        gone = self.text(state, "source.vm") == SourceVm.GONE.value
        migration = Outgoing(self.text(state, "source.migration"))
        broken = Link(self.text(state, "link")) is not Link.UP
        return bool(self.code(state, "destination.stream_ended")) or (
            broken and (gone or migration is not Outgoing.NONE)
        )

    def _incoming(self, state: State, vm: DestinationVm) -> tuple[str, ...]:
        if vm is DestinationVm.INMIGRATE:
            # a broken stream shows before the process ends
            return ("none", "setup", "active", "failed")
        if self.code(state, "destination.stream_ended"):
            return ("completed",)
        return ("active", "postcopy-active")


def _yes(value: object) -> str:
    return YES if value else NO


def _words(side: Side, **found: tuple[str, ...]) -> Words:
    return {
        (side, name.replace("run_state", "run state")): frozenset(words)
        for name, words in found.items()
    }


def set_text(code: int) -> str:
    """Return a set of granules as people read it."""
    inside = [str(n) for n in range(code.bit_length()) if code >> n & 1]
    return "{" + ", ".join(inside) + "}"
