# SPDX-License-Identifier: GPL-2.0-or-later
"""The state machines of both roles, as tables.

A row says: in this phase, when this event comes, go to that phase.  What the
event does is the method of the same name in ``source`` or ``destination``;
an event without a row is refused.  Events are named by QEMU's functions.

``needs`` says what the transport must offer before the event may happen:

    room   it takes bytes (and the connection is up)
    link   the connection is up
    lost   the connection is over, and this end gets to know it
    -      nothing
"""

from __future__ import annotations

import enum
from collections.abc import Mapping

from attrs import frozen


class Design(enum.Enum):
    """How bitmaps are migrated."""

    LIVE = "live"
    POSTCOPY = "postcopy"
    STOP_COPY = "stop-copy"
    #: postcopy, whose destination begins with every bit set
    POSTCOPY_ONES = "postcopy-ones"
    #: stop-copy, whose source sends once while the guest runs
    STOP_COPY_BULK = "stop-copy-bulk"

    @property
    def is_postcopy(self) -> bool:
        """Whether the VM runs at the destination before the bitmaps come."""
        return self in (Design.POSTCOPY, Design.POSTCOPY_ONES)

    @property
    def has_passes(self) -> bool:
        """Whether chunks are sent while the guest runs at the source."""
        return self in (Design.LIVE, Design.STOP_COPY_BULK)


class BusyBitmap(enum.Enum):
    """What setup does with a bitmap that a backup job holds."""

    WAIT = "wait"  # for the job's end
    FAIL = "fail"  # the migration
    ABORT = "abort"  # the job, by management


class Phase(enum.Enum):
    """Where the source is (QEMU: MigrationStatus and MigrationState)."""

    NONE = "none"
    SETUP = "setup"
    ACTIVE = "active"
    SWITCHOVER = "switchover"  # postcopy: asked for, the VM still runs
    DEVICE = "device"  # the VM has stopped
    BITMAPS_SENT = "bitmaps-sent"  # COMPLETE is sent, the right to run not
    HANDED_OVER = "handed-over"  # the destination may run from here on
    COMPLETED = "completed"
    FAILED = "failed"  # the source has, and keeps, VM and bitmaps
    IN_DOUBT = "in-doubt"  # who runs, only management can find out
    GONE = "gone"


class Arrival(enum.Enum):
    """Where the destination is."""

    WAITING = "waiting"  # QEMU: inmigrate
    TAKEN_OVER = "taken-over"  # the right to run has arrived
    PRELAUNCH = "prelaunch"  # bitmaps are ready for the guest's writes
    RUNNING = "running"


@frozen
class Row:
    """One line of a table; ``phases`` it applies to, ``then`` where to.

    ``then`` is None where the phase stays.
    """

    phases: tuple[Phase, ...]
    event: str
    then: Phase | None
    needs: str = ""

    @property
    def own(self) -> bool:
        """Whether it is a step of the source's own work."""
        outside = self.event in FROM_OUTSIDE or self.needs == "lost"
        return not outside and self.event != "dirty_bitmap_save_fails"


@frozen
class ArrivalRow:
    """One line of the destination's table."""

    phases: tuple[Arrival, ...]
    event: str
    then: Arrival | None
    needs: str = ""


P = Phase
_BEFORE_HAND_OVER = (P.SETUP, P.ACTIVE, P.SWITCHOVER, P.DEVICE, P.BITMAPS_SENT)
#: the source works on it, and may fail
IN_PROGRESS = (*_BEFORE_HAND_OVER, P.HANDED_OVER)

_START = (
    Row((P.NONE,), "migrate", P.SETUP),
    Row((P.FAILED,), "migrate_again", P.SETUP),
    Row((P.SETUP,), "dirty_bitmap_save_setup", P.ACTIVE, "room"),
    Row((P.SETUP,), "dirty_bitmap_save_setup_busy", P.FAILED, "link"),
    Row((P.SETUP,), "block_job_cancel", None),
)

# a bitmap that the source may no longer use ends the attempt
_TROUBLE = Row(
    (P.SETUP, P.ACTIVE, P.DEVICE), "dirty_bitmap_save_fails", P.FAILED
)

# after RUN only management can find out who runs
_FAILURES = (
    _TROUBLE,
    Row(_BEFORE_HAND_OVER, "migration_fails", P.FAILED, "lost"),
    Row((P.HANDED_OVER,), "migration_fails", P.IN_DOUBT, "lost"),
    Row(_BEFORE_HAND_OVER, "migrate_cancel", P.FAILED),
    Row((P.HANDED_OVER,), "migrate_cancel", P.IN_DOUBT),
    Row((P.FAILED,), "resume_source", None),
    Row((P.IN_DOUBT, P.COMPLETED), "fence_destination", P.FAILED),
    Row((P.IN_DOUBT, P.COMPLETED), "quit_source", P.GONE),
)

# stop-copy and live: the right to run is the end of the stream, and the
# destination says on the return path that it runs
_LAST_WORD = (
    Row((P.BITMAPS_SENT,), "send_device_state", P.HANDED_OVER, "room"),
    Row((P.HANDED_OVER,), "close_return_path_on_source", P.COMPLETED),
)

_POSTCOPY = (
    *_START,
    Row((P.ACTIVE,), "migrate_start_postcopy", P.SWITCHOVER),
    Row((P.SWITCHOVER,), "postcopy_start", None, "link"),
    Row((P.SWITCHOVER,), "bdrv_drain_all", P.DEVICE),
    Row((P.DEVICE,), "send_postcopy_run", P.HANDED_OVER, "room"),
    Row((P.HANDED_OVER,), "send_bitmap_bits", None, "room"),
    Row((P.HANDED_OVER,), "send_bitmap_complete", P.COMPLETED, "room"),
    *_FAILURES,
)

SOURCE: Mapping[Design, tuple[Row, ...]] = {
    Design.LIVE: (
        *_START,
        Row((P.ACTIVE, P.DEVICE), "bulk_phase", None, "link"),
        Row((P.ACTIVE, P.DEVICE), "dirty_phase", None, "link"),
        Row((P.ACTIVE, P.DEVICE), "serialize_chunk", None),
        Row((P.ACTIVE, P.DEVICE), "send_bitmap_bits", None, "room"),
        Row((P.ACTIVE,), "migration_completion", None, "link"),
        Row((P.ACTIVE,), "bdrv_drain_all", P.DEVICE),
        Row((P.DEVICE,), "send_bitmap_complete", P.BITMAPS_SENT, "room"),
        *_LAST_WORD,
        *_FAILURES,
    ),
    Design.POSTCOPY: _POSTCOPY,
    Design.STOP_COPY: (
        *_START,
        Row((P.ACTIVE,), "migration_completion", None, "link"),
        Row((P.ACTIVE,), "bdrv_drain_all", P.DEVICE),
        Row((P.DEVICE,), "send_bitmap_bits", None, "room"),
        Row((P.DEVICE,), "send_bitmap_complete", P.BITMAPS_SENT, "room"),
        *_LAST_WORD,
        *_FAILURES,
    ),
    Design.POSTCOPY_ONES: _POSTCOPY,
    Design.STOP_COPY_BULK: (
        *_START,
        Row((P.ACTIVE, P.DEVICE), "send_bitmap_bits", None, "room"),
        Row((P.ACTIVE,), "migration_completion", None, "link"),
        Row((P.ACTIVE,), "bdrv_drain_all", P.DEVICE),
        Row((P.DEVICE,), "reclaim_at_stop", None),
        Row((P.DEVICE,), "send_changed_bits", None, "room"),
        Row((P.DEVICE,), "send_bitmap_complete", P.BITMAPS_SENT, "room"),
        *_LAST_WORD,
        *_FAILURES,
    ),
}

#: a source that makes a pass and that management switches to postcopy
BULK_POSTCOPY: tuple[Row, ...] = (
    *_START,
    Row((P.ACTIVE,), "migrate_start_postcopy", P.SWITCHOVER),
    Row((P.SWITCHOVER,), "postcopy_start", None, "link"),
    Row((P.SWITCHOVER,), "bdrv_drain_all", P.DEVICE),
    Row((P.DEVICE,), "reclaim_at_stop", None),
    Row((P.DEVICE,), "send_postcopy_run", P.HANDED_OVER, "room"),
    Row((P.ACTIVE, P.HANDED_OVER), "send_bitmap_bits", None, "room"),
    Row((P.HANDED_OVER,), "send_changed_bits", None, "room"),
    Row((P.HANDED_OVER,), "send_bitmap_complete", P.COMPLETED, "room"),
    *_FAILURES,
)

# Events that wait for somebody else than the source's own work.
FROM_OUTSIDE = frozenset(
    {
        "migrate",
        "migrate_again",
        "migrate_cancel",
        "migrate_start_postcopy",
        "block_job_cancel",
        "resume_source",
        "fence_destination",
        "quit_source",
        "close_return_path_on_source",
    }
)

A = Arrival
_TAKE_OVER = (
    ArrivalRow((A.WAITING,), "loadvm_run", A.TAKEN_OVER),
    ArrivalRow(
        (A.TAKEN_OVER,), "dirty_bitmap_mig_before_vm_start", A.PRELAUNCH
    ),
    ArrivalRow((A.PRELAUNCH,), "vm_start", A.RUNNING),
    ArrivalRow((A.WAITING,), "incoming_fails", None, "lost"),
)

_RUN_LAST = (
    *_TAKE_OVER,
    ArrivalRow((A.RUNNING,), "migrate_send_rp_shut", None, "room"),
)
_RUN_FIRST = (
    *_TAKE_OVER,
    ArrivalRow(
        (A.TAKEN_OVER, A.PRELAUNCH, A.RUNNING),
        "dirty_bitmap_mig_cancel_incoming",
        None,
        "lost",
    ),
)

DESTINATION: Mapping[Design, tuple[ArrivalRow, ...]] = {
    Design.LIVE: _RUN_LAST,
    Design.POSTCOPY: _RUN_FIRST,
    Design.STOP_COPY: _RUN_LAST,
    Design.POSTCOPY_ONES: _RUN_FIRST,
    Design.STOP_COPY_BULK: _RUN_LAST,
}
