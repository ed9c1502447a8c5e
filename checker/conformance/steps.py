# SPDX-License-Identifier: GPL-2.0-or-later
"""Every action of the model as a call on the real code.

Actions and the reference's events have the same names, so most entries only
say which side it is.  ``Ask`` asks the reference whether it would take the
step now, ``Do`` lets it.  Of what only the model limits (budgets) the
reference knows nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from attrs import frozen

from checker.conformance.rig import (
    BITMAP,
    GRANULARITY,
    NODE,
    Image,
    Rig,
)
from checker.conformance.snapshot import freeze, thaw
from model.language.machine import Instance, Machine
from reference.backup import (
    check_full,
    check_incremental,
    full_backup,
    incremental_backup,
)
from reference.errors import BitmapError, DirtyBitmapError
from reference.events import Event
from reference.host import Host, RunState
from reference.loopback import Connection
from reference.protocol.tables import DESTINATION, SOURCE, Arrival

REFUSED = "dirty_bitmap_load_start_refused"
SOURCE_EVENTS = (
    "migrate",
    "migrate_again",
    "migrate_cancel",
    "migrate_start_postcopy",
    "resume_source",
    "dirty_bitmap_save_setup",
    "bulk_phase",
    "dirty_phase",
    "serialize_chunk",
    "send_bitmap_bits",
    "migration_completion",
    "postcopy_start",
    "bdrv_drain_all",
    "send_postcopy_run",
    "send_bitmap_complete",
    "send_device_state",
    "migration_fails",
    "migration_fails_after_run",
)
DESTINATION_EVENTS = (
    "dirty_bitmap_mig_before_vm_start",
    "vm_start",
    "migrate_send_rp_shut",
    "incoming_fails",
    "dirty_bitmap_mig_cancel_incoming",
)
MESSAGES = (
    "dirty_bitmap_load_start",
    REFUSED,
    "dirty_bitmap_load_bits",
    "dirty_bitmap_load_complete",
    "dirty_bitmap_load_complete_reclaim",
    "skip_bits",
    "skip_complete",
    "loadvm_run",
)


class RefusedStepError(Exception):
    """The reference did not do what the model does."""


@frozen
class Step:
    """Whether the reference would, and how it does.

    Both take the number of the action's chunk or granule, -1 if none.
    """

    ask: Callable[[Rig, int], bool]
    do: Callable[[Rig, int], object]


def argument(instance: Instance) -> int:
    """The number of the instance's chunk or granule; -1 if it has none."""
    for _, text in instance.arguments:
        if text in ("True", "False"):
            return int(text == "True")
        return int(text)
    return -1


def enabled(rig: Rig, machine: Machine) -> frozenset[int]:
    """The numbers of the instances that the reference would take now.

    Raises RefusedStepError if it would do what the model has no word for.
    """
    try:
        _check_work(rig)
        return _enabled(rig, machine)
    except RefusedStepError:
        raise
    except Exception as error:
        kind = type(error).__name__
        raise RefusedStepError(f"the reference: {kind}: {error}") from error


def _check_work(rig: Rig) -> None:
    """What a driver is told to do next is what the tables allow."""
    loopback = rig.loopback
    source, host = loopback.source, loopback.source_host
    offered = {row.event for row in source.work(host)}
    rows = SOURCE[source.design]
    own = {row.event for row in rows if row.own}
    if offered != {event for event in own if source.row(event, host)}:
        raise RefusedStepError(f"the source offers {sorted(offered)}")
    here = loopback.destination
    waits = {
        row.event
        for row in DESTINATION[here.design]
        if row.needs != "lost" and row.event != "loadvm_run"
    }
    told = {row.event for row in here.work(loopback.destination_host)}
    may = {e for e in waits if here.row(e, loopback.destination_host)}
    if told != may:
        raise RefusedStepError(f"the destination offers {sorted(told)}")


def _enabled(rig: Rig, machine: Machine) -> frozenset[int]:
    found = []
    arrives = {refuse: _would_mean(rig, refuse) for refuse in (False, True)}
    for number, instance in enumerate(machine.instances):
        step, where = instance.action, argument(instance)
        if step in MESSAGES:
            would = (step, where) in arrives[step == REFUSED]
        else:
            would = STEPS[step].ask(rig, where)
        if would:
            found.append(number)
    return frozenset(found)


def perform(rig: Rig, instance: Instance) -> None:
    """Let the reference take this step.

    Raises RefusedStepError if it does not.
    """
    try:
        STEPS[instance.action].do(rig, argument(instance))
    except DirtyBitmapError as error:
        raise RefusedStepError(f"the reference refuses: {error}") from error
    except RefusedStepError:
        raise
    except Exception as error:
        kind = type(error).__name__
        raise RefusedStepError(f"the reference: {kind}: {error}") from error


# -- the guest and the backup client -------------------------------------


def _may_write(host: Host) -> bool:
    # the model's guest has one write in flight at most
    return host.vm is RunState.RUNNING and not host.in_flight


def _begin(rig: Rig, host: Host, granule: int) -> None:
    offset = rig.observer.shape.offset(granule)
    host.begin_write(rig.observer, NODE, offset, b"x")


def _is_in_flight(rig: Rig, host: Host, granule: int) -> bool:
    offset = rig.observer.shape.offset(granule)
    return any(write.offset == offset for write in host.in_flight)


def _finish(rig: Rig, host: Host, granule: int) -> None:
    offset = rig.observer.shape.offset(granule)
    for write in list(host.in_flight):
        if write.offset == offset:
            host.finish_write(write)


def _may_back_up(host: Host) -> bool:
    try:
        check_incremental(host, NODE, BITMAP)
    except BitmapError:
        return False
    return True


def _backup(rig: Rig, host: Host) -> None:
    observer = rig.observer
    before = set(observer.differs)
    copied = incremental_backup(host, NODE, BITMAP, observer, Image(observer))
    missed = before - observer.shape.granules_of(copied)
    if missed:
        observer.missed = sorted({*observer.missed, *missed})


def _is_lost(rig: Rig) -> bool:
    # the client: a bitmap is lost when nothing can bring it any more
    host, core = rig.loopback.destination_host, rig.loopback.destination
    if not core.ended or host.has_bitmap(NODE, BITMAP):
        return False
    try:
        check_full(host, NODE)
    except BitmapError:
        return False
    return True


def _full_backup(rig: Rig) -> None:
    observer = rig.observer
    host, image = rig.loopback.destination_host, Image(observer)
    full_backup(host, NODE, BITMAP, GRANULARITY, observer, image)


def _source_host(rig: Rig) -> Host:
    return rig.loopback.source_host


def _destination_host(rig: Rig) -> Host:
    return rig.loopback.destination_host


def _host_steps(side: str, host: Callable[[Rig], Host]) -> dict[str, Step]:
    return {
        f"{side}_write_data": Step(
            lambda rig, _: _may_write(host(rig)),
            lambda rig, granule: _begin(rig, host(rig), granule),
        ),
        f"{side}_set_dirty": Step(
            lambda rig, granule: _is_in_flight(rig, host(rig), granule),
            lambda rig, granule: _finish(rig, host(rig), granule),
        ),
        f"{side}_backup": Step(
            lambda rig, _: _may_back_up(host(rig)),
            lambda rig, _: _backup(rig, host(rig)),
        ),
    }


# -- messages ------------------------------------------------------------


def _deliver(rig: Rig, refuse: bool) -> list[Event]:
    host = rig.loopback.destination_host
    if not refuse:
        return rig.loopback.deliver()
    # the destination has no such node when START comes
    nodes, host.nodes = host.nodes, {}
    try:
        return rig.loopback.deliver()
    finally:
        host.nodes = nodes


def _meaning(rig: Rig, refuse: bool) -> frozenset[tuple[str, int]]:
    """Deliver the next message: what it brought about, with its chunk.

    A refusal that closes the connection (live) leaves no event but an error.
    """
    events = _deliver(rig, refuse)
    if refuse and rig.loopback.destination.error:
        return frozenset({(REFUSED, -1)})
    return frozenset((event.action, event.chunk) for event in events)


def _would_mean(rig: Rig, refuse: bool) -> frozenset[tuple[str, int]]:
    """The same on a copy; nothing if nothing can be delivered."""
    loopback = rig.loopback
    dead = loopback.destination_host.vm is RunState.GONE
    if loopback.forward.is_empty or dead:
        return frozenset()
    if refuse and loopback.destination.loader.names:
        # only a START can be refused for want of a node
        return frozenset()
    trial: Rig = thaw(freeze(rig))
    try:
        return _meaning(trial, refuse)
    except DirtyBitmapError:
        return frozenset()


def _receive(action: str) -> Step:
    def do(rig: Rig, where: int) -> None:
        meant = _meaning(rig, action == REFUSED)
        if (action, where) not in meant:
            said = ", ".join(name for name, _ in sorted(meant)) or "nothing"
            error = rig.loopback.destination.error
            raise RefusedStepError(
                f"the message leads to {said}" + (error and f" ({error})")
            )

    return Step(
        lambda rig, where: (
            (action, where) in _would_mean(rig, action == REFUSED)
        ),
        do,
    )


# -- both roles ----------------------------------------------------------


def _source(event: str) -> Step:
    def ask(rig: Rig, chunk: int) -> bool:
        core, host = rig.loopback.source, rig.loopback.source_host
        if not rig.loopback.source_can(event):
            return False
        if event == "dirty_phase":
            return (0, chunk) in core.changed(host)
        return chunk < 0 or chunk == core.next_chunk(event)

    def do(rig: Rig, chunk: int) -> None:
        done = rig.loopback.source_does(event, chunk)
        if (done.action, done.chunk) != (event, chunk):
            raise RefusedStepError(f"it did {done.action} {done.chunk}")

    return Step(ask, do)


def _destination(event: str) -> Step:
    return Step(
        lambda rig, _: rig.loopback.destination_can(event),
        lambda rig, _: _does(rig, event),
    )


def _does(rig: Rig, event: str) -> None:
    done = rig.loopback.destination_does(event)
    if done.action != event:
        raise RefusedStepError(f"it did {done.action}")


# -- failures and management ---------------------------------------------


def _ran(rig: Rig) -> bool:
    """Whether the destination ever emitted RESUME."""
    return rig.loopback.destination.phase is Arrival.RUNNING


def _in_doubt(rig: Rig) -> bool:
    """RUN was sent, the link is gone, no RESUME was ever seen."""
    loopback = rig.loopback
    gone = loopback.destination_host.vm is RunState.GONE
    waiting = loopback.destination.phase is Arrival.WAITING
    return (
        (waiting or (gone and not _ran(rig)))
        and loopback.connection is not Connection.UP
        and loopback.source_can("fence_destination")
    )


def _killable(rig: Rig, after_start: int) -> bool:
    loopback = rig.loopback
    if loopback.destination_host.vm is RunState.GONE:
        return False
    between = loopback.destination.phase in (
        Arrival.TAKEN_OVER,
        Arrival.PRELAUNCH,
    )
    if loopback.connection is Connection.DOWN and not between:
        return False
    return _ran(rig) == bool(after_start)


def _shut_can_arrive(rig: Rig) -> bool:
    loopback = rig.loopback
    alive = loopback.source_host.vm is not RunState.GONE
    return alive and not loopback.backward.is_empty


STEPS: Mapping[str, Step] = {
    **_host_steps("source", _source_host),
    **_host_steps("destination", _destination_host),
    "destination_full_backup": Step(
        lambda rig, _: _is_lost(rig), lambda rig, _: _full_backup(rig)
    ),
    **{event: _source(event) for event in SOURCE_EVENTS},
    **{event: _destination(event) for event in DESTINATION_EVENTS},
    **{action: _receive(action) for action in MESSAGES},
    "close_return_path_on_source": Step(
        lambda rig, _: _shut_can_arrive(rig),
        lambda rig, _: rig.loopback.shut_arrives(),
    ),
    "fence_destination": Step(
        lambda rig, _: _in_doubt(rig), lambda rig, _: rig.loopback.fence()
    ),
    "quit_source": Step(
        lambda rig, _: _ran(rig) and rig.loopback.source_can("quit_source"),
        lambda rig, _: rig.loopback.source_does("quit_source"),
    ),
    "channel_cut": Step(
        lambda rig, _: rig.loopback.connection is Connection.UP,
        lambda rig, _: rig.loopback.cut(),
    ),
    "source_killed": Step(
        lambda rig, _: rig.loopback.source_host.vm is not RunState.GONE,
        lambda rig, _: rig.loopback.kill_source(),
    ),
    "destination_killed": Step(
        _killable, lambda rig, _: rig.loopback.kill_destination()
    ),
}
