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
    FAILED = "failed"  # or cancelled: before RUN was sent
    UNCERTAIN = "failed-after-run"  # the source cannot know who runs


class DestinationVm(enum.Enum):
    """The destination's VM (QEMU: RunState)."""

    INMIGRATE = "inmigrate"
    RUN_RECEIVED = "run-received"
    PRELAUNCH = "prelaunch"  # recorders are on, the VM does not run yet
    RUNNING = "running"
    KILLED = "killed"  # before it ever ran
    DIED = "died"  # after it ran


class Incoming(enum.Enum):
    """The destination's bitmap (QEMU: BdrvDirtyBitmap, DBMLoadState)."""

    ABSENT = "absent"
    LOADING = "loading"  # busy, nobody records
    SUCCESSOR = "successor-records"  # busy, the successor records
    MERGED = "merged"  # busy, successor merged but not handed back
    COMPLETE = "complete"  # whole, nobody records yet
    VALID = "valid"  # whole and recording
    PARTIAL = "partial"  # not busy although it is not whole
    LOST = "lost"  # declared lost: no bitmap of that name


class Link(enum.Enum):
    """The connection between the two hosts."""

    DOWN = "down"
    UP = "up"
    BROKEN = "broken"  # no further sends; the destination has not noticed


class Message(enum.Enum):
    """What travels from the source to the destination."""

    START = "START"
    BITS = "BITS"
    COMPLETE = "COMPLETE"
    RUN = "RUN"  # device state, then "run": the end of the guest's pause


class Reply(enum.Enum):
    """What travels back on the return path."""

    SHUT = "SHUT"  # the destination has loaded everything and runs


class Stage(enum.Enum):
    """Where the live design is with the chunk it works on."""

    IDLE = "idle"
    FIRST_HALF = "first-half"
    READY = "ready-to-send"
