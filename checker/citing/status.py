# SPDX-License-Identifier: GPL-2.0-or-later
"""What QMP would show in a state: query-status, query-migrate, query-block.

The words are QMP's own: ``RunState`` of query-status, ``MigrationStatus`` of
query-migrate, the flags of ``BlockDirtyInfo`` in query-block.  Only what a
client can see is looked at, no ghost data.  Where versions of QEMU differ in a
word, each is given with its versions.  ``count`` is in granules (QMP's is in
bytes); as in QMP, it leaves the successor's bits out.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import evolve, frozen

from checker.citing.second import second
from checker.traces.trace import Trace
from model.design import RUN_FIRST
from model.language.machine import Machine, State
from model.options import Options
from model.vocabulary import (
    IN_PROGRESS,
    DestinationVm,
    Incoming,
    Link,
    Outgoing,
    SourceVm,
)

_NO_BITMAP = "no bitmap of that name"
#: before the first migration query-migrate returns no status
_NO_STATUS = "no status (no migration has begun)"
_LISTENS = "setup (8.2 on), or no status"
_EARLY = "device, or active (before 10.0)"
_EARLY_POSTCOPY = "device, or postcopy-active (before 10.0)"
_CANCELLED = "cancelled"
_CANCELLED_LATE = "cancelled (10.0 on refuses the cancel)"
_CANCEL = "migrate_cancel"


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
    of_second: bool = False

    def text(self, name: str) -> str:
        """A field as people read it."""
        field = self.machine.fields[self._at(name)]
        return str(field.type.show(self._code(name)))

    def yes(self, name: str) -> bool:
        """Whether a flag is set."""
        return bool(self._code(name))

    def count(self, name: str) -> int:
        """Size of a set of granules."""
        return self._code(name).bit_count()

    def exists(self, name: str) -> bool:
        """Whether the bitmap in hand has such a field."""
        wanted = second(name) if self.of_second else name
        return wanted in self.machine.position

    def is_disabled(self, options: Options) -> bool:
        """Whether the bitmap in hand is one that never records."""
        return self.of_second and options.bitmaps == "one-disabled"

    def _code(self, name: str) -> int:
        return self.state[self._at(name)]

    def _at(self, name: str) -> int:
        """Position of a field of the bitmap in hand, or of both."""
        if self.of_second and self.exists(name):
            name = second(name)
        return self.machine.position[name]


def _bitmap(recording: bool, busy: bool, count: int) -> str:
    return (
        f"recording {str(recording).lower()}, busy {str(busy).lower()}, "
        f"count {count}"
    )


def _source(seen: _Seen, trace: Trace) -> Status:
    vm = SourceVm(seen.text("source.vm"))
    if vm is SourceVm.GONE:
        return Status("source", (), "the process is gone")
    migration = Outgoing(seen.text("source.migration"))
    return Status(
        "source",
        (
            ("query-status", _run_state(vm, migration)),
            ("query-migrate", _outgoing(seen, trace, migration)),
            *_bitmaps(seen, trace.options, _kept),
        ),
    )


def _bitmaps(
    seen: _Seen, options: Options, show: Callable[[_Seen, Options], str]
) -> tuple[tuple[str, str], ...]:
    """Return what query-block shows of the bitmap, or of both."""
    first = show(seen, options)
    other = evolve(seen, of_second=True)
    if not other.exists("source.bits"):
        return (("query-block", first),)
    return (
        ("query-block", f"first: {first}"),
        ("", f"second: {show(other, options)}"),
    )


def _kept(seen: _Seen, options: Options) -> str:
    """Return what query-block shows of the source's bitmap."""
    if not seen.yes("source.has_bitmap"):
        return _NO_BITMAP
    busy = seen.yes("source.busy") or seen.yes("source.job")
    recording = not seen.is_disabled(options)
    return _bitmap(recording, busy, seen.count("source.bits"))


def _run_state(vm: SourceVm, migration: Outgoing) -> str:
    if vm is SourceVm.RUNNING:
        return "running"
    if migration is Outgoing.COMPLETED:
        return "postmigrate"
    return "finish-migrate"


def _outgoing(seen: _Seen, trace: Trace, state: Outgoing) -> str:
    postcopy = trace.options.design in RUN_FIRST
    if state is Outgoing.NONE:
        return _NO_STATUS
    if state is Outgoing.SETUP and seen.yes("source.job"):
        # management waits with the command until the backup job has ended
        return _ending(seen.machine, trace, postcopy) or _NO_STATUS
    if state in (Outgoing.FAILED, Outgoing.UNCERTAIN):
        return _ending(seen.machine, trace, postcopy) or "failed"
    if state is Outgoing.RUN_SENT and postcopy:
        return "postcopy-active"
    if state in (Outgoing.DEVICE, Outgoing.BITMAP_SENT, Outgoing.RUN_SENT):
        return _EARLY_POSTCOPY if postcopy else _EARLY
    if state is Outgoing.POSTCOPY_REQUESTED:
        return "active"
    return str(state.value)


def _ending(machine: Machine, trace: Trace, postcopy: bool) -> str:
    """Return the status that the source's latest attempt ended with, or ''.

    What management makes of it later (a fence, cont) changes no word of it.
    """
    states = [_Seen(machine, s).text("source.migration") for s in trace.states]
    steps = zip(states, states[1:], trace.moves, strict=False)
    for before, after, move in reversed(list(steps)):
        if Outgoing(before) not in IN_PROGRESS:
            continue
        if Outgoing(after) is Outgoing.COMPLETED:
            return "completed"
        if Outgoing(after) in IN_PROGRESS:
            continue
        late = postcopy and Outgoing(before) is Outgoing.RUN_SENT
        if move.action == _CANCEL:
            return _CANCELLED_LATE if late else _CANCELLED
        return "postcopy-paused or failed" if late else "failed"
    return ""


def _destination(seen: _Seen, options: Options) -> Status:
    vm = DestinationVm(seen.text("destination.vm"))
    if vm is DestinationVm.KILLED:
        return Status("destination", (), "the process is gone")
    if vm is DestinationVm.DIED:
        return Status("destination", (), "the process is gone (it has run)")
    failed = vm is DestinationVm.INMIGRATE and seen.yes(
        "destination.stream_ended"
    )
    if failed:
        state = "inmigrate, if exit-on-error is off (9.1 on); else it is gone"
    else:
        state = "running" if vm is DestinationVm.RUNNING else "inmigrate"
    return Status(
        "destination",
        (
            ("query-status", state),
            (
                "query-migrate",
                "failed" if failed else _receiving(seen, vm, options),
            ),
            *_bitmaps(seen, options, _loaded),
        ),
    )


def _receiving(seen: _Seen, vm: DestinationVm, options: Options) -> str:
    if vm is DestinationVm.INMIGRATE:
        waits = Link(seen.text("link")) is Link.DOWN
        return _LISTENS if waits else "active"
    if seen.yes("destination.stream_ended"):
        return "completed"
    return "postcopy-active" if options.design in RUN_FIRST else "active"


def _loaded(seen: _Seen, options: Options) -> str:
    bitmap = Incoming(seen.text("destination.bitmap"))
    if bitmap in (Incoming.ABSENT, Incoming.LOST, Incoming.REMOVED):
        return _NO_BITMAP
    loading = bitmap in (
        Incoming.LOADING,
        Incoming.SUCCESSOR,
        Incoming.MERGED,
    )
    idle = bitmap in (Incoming.LOADING, Incoming.COMPLETE)
    shown = _bitmap(
        recording=not idle and not seen.is_disabled(options),
        busy=loading and options.has("busy-until-complete"),
        count=seen.count("destination.bits"),
    )
    if not seen.exists("destination.degraded"):
        return shown
    mark = "true" if seen.yes("destination.degraded") else "false"
    return f"{shown}, degraded {mark} (no QEMU has this)"
