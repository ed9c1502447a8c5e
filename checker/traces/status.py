# SPDX-License-Identifier: GPL-2.0-or-later
"""What QMP would show in a state: query-status, query-migrate, query-block.

Only what a client can see; ghost data is never looked at.  Where versions of
QEMU differ in a word, both words are given.  ``count`` is in granules (QMP's
is in bytes); as in QMP, it leaves the successor's bits out.
"""

from __future__ import annotations

from attrs import frozen

from checker.traces.trace import Trace
from model.language.machine import Machine, State
from model.mechanisms import POSTCOPY
from model.options import Options
from model.vocabulary import (
    DestinationVm,
    Incoming,
    Link,
    Outgoing,
    SourceVm,
)

_NO_BITMAP = "no bitmap of that name"
_FAILING = {
    "migrate_cancel": "cancelled",
    "migration_fails": "failed",
    "migration_fails_after_run": "failed",
    "fence_destination": "failed",
}


@frozen
class Status:
    """One host: what each query shows, or only that its process is gone."""

    host: str
    queries: tuple[tuple[str, str], ...]
    gone: str = ""


def status_at_end(machine: Machine, trace: Trace) -> tuple[Status, Status]:
    """Source and destination after the last step of ``trace``."""
    seen = _Seen(machine, trace.states[-1])
    return _source(seen, trace), _destination(seen, trace.options)


@frozen(eq=False)
class _Seen:
    machine: Machine
    state: State

    def text(self, name: str) -> str:
        """A field as people read it."""
        field = self.machine.fields[self.machine.position[name]]
        return str(field.type.show(self._code(name)))

    def yes(self, name: str) -> bool:
        """Whether a flag is set."""
        return bool(self._code(name))

    def count(self, name: str) -> int:
        """Size of a set of granules."""
        return self._code(name).bit_count()

    def _code(self, name: str) -> int:
        return self.state[self.machine.position[name]]


def _bitmap(recording: bool, busy: bool, count: int) -> str:
    return (
        f"recording {str(recording).lower()}, busy {str(busy).lower()}, "
        f"count {count}"
    )


def _source(seen: _Seen, trace: Trace) -> Status:
    vm = SourceVm(seen.text("source.vm"))
    if vm is SourceVm.GONE:
        return Status("source", (), "the process is gone")
    running = vm is SourceVm.RUNNING
    bitmap = _NO_BITMAP
    if seen.yes("source.has_bitmap"):
        bitmap = _bitmap(
            True, seen.yes("source.busy"), seen.count("source.bits")
        )
    return Status(
        "source",
        (
            ("query-status", "running" if running else "not running"),
            ("query-migrate", _outgoing(seen, trace)),
            ("query-block", bitmap),
        ),
    )


def _outgoing(seen: _Seen, trace: Trace) -> str:
    state = Outgoing(seen.text("source.migration"))
    postcopy = trace.options.design == POSTCOPY
    if state is Outgoing.NONE:
        return "no migration"
    if state is Outgoing.FAILED:
        ends = [_FAILING.get(move.action, "") for move in trace.moves]
        return next(filter(None, reversed(ends)), "failed")
    if state is Outgoing.UNCERTAIN:
        return "postcopy-paused or failed" if postcopy else "failed"
    if state is Outgoing.RUN_SENT and postcopy:
        return "postcopy-active"
    stopped = (Outgoing.DEVICE, Outgoing.BITMAP_SENT, Outgoing.RUN_SENT)
    if state in stopped:
        return "device (active in older versions)"
    if state is Outgoing.POSTCOPY_REQUESTED:
        return "active"
    return str(state.value)


def _destination(seen: _Seen, options: Options) -> Status:
    vm = DestinationVm(seen.text("destination.vm"))
    if vm is DestinationVm.KILLED:
        return Status("destination", (), "the process is gone")
    if vm is DestinationVm.DIED:
        return Status("destination", (), "the process is gone (it has run)")
    running = vm is DestinationVm.RUNNING
    return Status(
        "destination",
        (
            ("query-status", "running" if running else "inmigrate"),
            ("query-migrate", _receiving(seen, vm)),
            ("query-block", _loaded(seen, options)),
        ),
    )


def _receiving(seen: _Seen, vm: DestinationVm) -> str:
    if vm is DestinationVm.INMIGRATE:
        waits = Link(seen.text("link")) is Link.DOWN
        return "waits for a connection" if waits else "active"
    if seen.yes("destination.stream_ended"):
        return "completed"
    return "postcopy-active"


def _loaded(seen: _Seen, options: Options) -> str:
    bitmap = Incoming(seen.text("destination.bitmap"))
    if bitmap in (Incoming.ABSENT, Incoming.LOST):
        return _NO_BITMAP
    loading = bitmap in (
        Incoming.LOADING,
        Incoming.SUCCESSOR,
        Incoming.MERGED,
    )
    idle = bitmap in (Incoming.LOADING, Incoming.COMPLETE)
    return _bitmap(
        recording=not idle,
        busy=loading and options.has("busy-until-complete"),
        count=seen.count("destination.bits"),
    )
