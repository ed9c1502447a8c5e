# SPDX-License-Identifier: GPL-2.0-or-later
"""The words of the model: what each host, the bitmap and the link can be.

The values are what a trace prints.  They are QEMU's words where QEMU has one.
"""

from __future__ import annotations

import enum


class SourceVm(enum.Enum):
    """The source's VM (QEMU: RunState)."""

    RUNNING = "running"
    PAUSED = "paused"  # no new writes, but those in flight go on
    STOPPED = "stopped"
    GONE = "gone"  # the process was killed or has quit


class Outgoing(enum.Enum):
    """The source's migration (QEMU: MigrationStatus, MigrationState)."""

    NONE = "none"
    SETUP = "setup"
    ACTIVE = "active"
    POSTCOPY_REQUESTED = "postcopy-requested"
    DEVICE = "device"  # VM stopped, RUN not sent
    BITMAP_SENT = "bitmap-sent"  # COMPLETE is sent, RUN is not
    RUN_SENT = "run-sent"  # from here on only the destination may run
    COMPLETED = "completed"
    FAILED = "failed"  # or cancelled, and the VM is the source's
    UNCERTAIN = "failed-after-run"  # the source cannot know who runs


#: before the right to run is handed over
BEFORE_RUN = (
    Outgoing.SETUP,
    Outgoing.ACTIVE,
    Outgoing.POSTCOPY_REQUESTED,
    Outgoing.DEVICE,
    Outgoing.BITMAP_SENT,
)
IN_PROGRESS = (*BEFORE_RUN, Outgoing.RUN_SENT)


class DestinationVm(enum.Enum):
    """The destination's VM (QEMU: RunState)."""

    INMIGRATE = "inmigrate"
    RUN_RECEIVED = "run-received"
    PRELAUNCH = "prelaunch"  # recorders are on, the VM does not run yet
    RUNNING = "running"
    KILLED = "killed"  # the process ended before its VM ever ran
    DIED = "died"  # the process ended after its VM had run


class Incoming(enum.Enum):
    """The destination's bitmap (QEMU: BdrvDirtyBitmap, DBMLoadState)."""

    ABSENT = "absent"
    LOADING = "loading"  # busy, nothing records
    SUCCESSOR = "successor-records"  # busy, the successor records
    MERGED = "merged"  # busy, successor merged but not handed back
    COMPLETE = "complete"  # whole, nothing records yet
    VALID = "valid"  # whole and recording
    PARTIAL = "partial"  # not busy although it is not whole
    LOST = "lost"  # declared lost: no bitmap of that name
    REMOVED = "removed"  # by the user, after it had arrived


class Link(enum.Enum):
    """The connection between the two hosts.

    Of a break each end learns in its own time: until then it reads what has
    arrived.  A message that is sent after the break is one that was sent
    before it and is lost, so there are no sends over a broken link.
    """

    DOWN = "down"  # neither end uses it
    UP = "up"
    BROKEN = "broken"  # over: an end that still uses it will notice
    SILENT = "silent"  # nothing moves, and neither end is told


class Break(enum.Enum):
    """How a connection breaks."""

    CLOSE = "close"  # an end or an error that both ends get to see
    SILENCE = "silence"  # nothing comes any more, until a time-out


class Message(enum.Enum):
    """What travels from the source to the destination."""

    START = "START"
    BITS = "BITS"
    COMPLETE = "COMPLETE"
    RUN = "RUN"  # device state, then "run": the end of the guest's pause


class Name(enum.Enum):
    """Which of two bitmaps a message, or an end of the stream, speaks of."""

    NONE = "-"  # of a message: the one of the message before
    FIRST = "first"
    SECOND = "second"


class Reply(enum.Enum):
    """What travels back on the return path."""

    SHUT = "SHUT"  # the destination has loaded everything and runs


class Stage(enum.Enum):
    """Where the live design is with the chunk it works on."""

    IDLE = "idle"
    FIRST_HALF = "first-half"
    READY = "ready-to-send"
