# SPDX-License-Identifier: GPL-2.0-or-later
"""How an attempt ended, for either side.

The rule: it says what that side knows, and no more.  Times are in seconds.
"""

from __future__ import annotations

from attrs import frozen

from reference.errors import DirtyBitmapError
from reference.protocol.tables import Arrival, Phase


@frozen(kw_only=True)
class Sent:
    """How an attempt ended for the source.

    ``phase``: COMPLETED, FAILED (all is kept here) or IN_DOUBT; ``error``: why
    it is not completed, or why it was not acknowledged.  ``acknowledged``:
    completed, and the peer has closed in good order (in postcopy it has then
    read all that it wanted to; it does not say that it has taken it).  The
    time *stopped* goes from the VM's stop (``stopped_at``, ``time.monotonic``)
    to the hand-over (postcopy) or to the word that the destination runs.
    ``guest_error``: why the guest could not write on.
    """

    phase: Phase
    error: DirtyBitmapError | None = None
    acknowledged: bool = False
    interrupted: bool = False
    bitmaps: tuple[str, ...] = ()
    chunks: int = 0
    chunks_sent: int = 0
    bytes_sent: int = 0
    seconds: float = 0.0
    stopped_seconds: float = 0.0
    stopped_at: float = 0.0
    stopped_bytes: int = 0
    guest_error: DirtyBitmapError | None = None


@frozen
class Progress:
    """How far an attempt is; ``chunks`` of all bitmaps together."""

    phase: Phase
    chunks: int
    chunks_sent: int
    bytes_sent: int


@frozen
class Verdict:
    """Node and name as they are called here; if lost, by the source.

    ``degraded``: it is there, and is dirty also where no write has come.
    """

    node: str
    name: str
    arrived: bool
    degraded: bool = False


@frozen(kw_only=True)
class Received:
    """How serving ended.

    ``phase``: WAITING (no VM came) or RUNNING; ``error``: why the last attempt
    failed or its bitmaps were lost.  ``started_at``: the clock when the VM
    started, ``time.monotonic``.  ``guest_error``: why the guest could not
    write on.
    """

    phase: Arrival
    error: DirtyBitmapError | None = None
    interrupted: bool = False
    attempts: int = 0
    bitmaps: tuple[Verdict, ...] = ()
    chunks: int = 0
    bytes_received: int = 0
    seconds: float = 0.0
    started_at: float = 0.0
    guest_error: DirtyBitmapError | None = None
