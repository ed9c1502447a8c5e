# SPDX-License-Identifier: GPL-2.0-or-later
"""Every action of the model as a call on the real code.

Actions and the reference's events have the same names, so most entries only
say which side it is.  ``Ask`` asks the reference whether it would take the
step now, ``Do`` lets it.  Of what only the model limits (budgets) the
reference knows nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from checker.conformance.abstraction import items_in_flight
from checker.conformance.client_steps import CLIENT_STEPS, Step
from checker.conformance.rig import BITMAP, NODE, Rig, Stands
from checker.conformance.snapshot import freeze, thaw
from model.language.machine import Instance, Machine
from model.vocabulary import Break
from reference.errors import DirtyBitmapError
from reference.events import Event
from reference.host import RunState
from reference.loopback import Connection
from reference.protocol.tables import DESTINATION, SOURCE, Arrival
from reference.wire.bits import BitsRun
from reference.wire.chunks import Complete, Start
from reference.wire.stream import ChunkItem

#: the designs that the reference has
DRIVEN = tuple(design.value for design in SOURCE)
#: arguments of actions that are words
WORDS = [how.value for how in Break]
#: what the model calls a refusal of the message of this kind
REFUSALS = {
    Start: "dirty_bitmap_load_start_refused",
    BitsRun: "dirty_bitmap_load_bits_refused",
    Complete: "dirty_bitmap_load_complete_refused",
}
MESSAGES = (
    "dirty_bitmap_load_start",
    "dirty_bitmap_load_bits",
    "dirty_bitmap_load_complete",
    "dirty_bitmap_load_complete_reclaim",
    "skip_bits",
    "skip_complete",
    "loadvm_run",
    *REFUSALS.values(),
)


class RefusedStepError(Exception):
    """The reference did not do what the model does."""


def argument(instance: Instance) -> int:
    """The number of what the instance is about, -1 if it has none.

    That is a chunk, a granule, a yes or no, or how a connection breaks.
    """
    for _, text in instance.arguments:
        if text in ("True", "False"):
            return int(text == "True")
        return WORDS.index(text) if text in WORDS else int(text)
    return -1


@lru_cache(maxsize=1)
def _told(machine: Machine) -> tuple[tuple[str, int], ...]:
    """Action and argument of each instance of the machine."""
    return tuple((i.action, argument(i)) for i in machine.instances)


def undriven(machine: Machine) -> tuple[str, ...]:
    """The actions of the machine that the reference cannot be told to do."""
    return tuple(a.name for a in machine.actions if a.name not in STEPS)


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
    own = {row.event for row in source.rows if row.own}
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
    # whether a message is to be refused -> what it would mean
    arrives: dict[bool, frozenset[tuple[str, int]]] = {}
    for number, (step, where) in enumerate(_told(machine)):
        if step in MESSAGES:
            refuse = step in REFUSALS.values()
            if refuse not in arrives:
                arrives[refuse] = _would_mean(rig, refuse)
            would = (step, where) in arrives[refuse]
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


# -- messages ------------------------------------------------------------


def _sabotage(rig: Rig) -> None:
    """Make the destination refuse the message that comes next.

    START: there is no such node.  BITS: the disk is smaller than what they
    cover.  COMPLETE: of the bitmap nothing has arrived; where that would not
    matter, it names another bitmap.
    """
    host = rig.loopback.destination_host
    loader = rig.loopback.destination.loader
    incoming = loader.bitmaps.get((NODE, BITMAP))
    if incoming is not None and not incoming.complete:
        if loader.ones and _completes(rig):
            loader.bitmaps = {(NODE, "another"): incoming}
            return
        incoming.covered = 0
        incoming.bitmap(host).disk_size = 0


def _completes(rig: Rig) -> bool:
    """Whether the message about a bitmap that comes next is COMPLETE."""
    chunks = [
        i.chunk for i in items_in_flight(rig) if isinstance(i, ChunkItem)
    ]
    return bool(chunks) and isinstance(chunks[0], Complete)


def _deliver(rig: Rig, refuse: bool) -> list[Event]:
    host = rig.loopback.destination_host
    if not refuse:
        return rig.loopback.deliver()
    nodes = host.nodes
    if rig.loopback.destination.loader.names:
        _sabotage(rig)
    else:
        host.nodes = {}
    try:
        return rig.loopback.deliver()
    finally:
        host.nodes = nodes


def _meaning(rig: Rig, refuse: bool) -> frozenset[tuple[str, int]]:
    """Deliver the next message: what it brought about, with its chunk."""
    events = _deliver(rig, refuse)
    if refuse:
        # whatever else there is was not refused
        refused = REFUSALS.values()
        return frozenset((e.action, -1) for e in events if e.action in refused)
    return frozenset((event.action, event.chunk) for event in events)


def _would_mean(rig: Rig, refuse: bool) -> frozenset[tuple[str, int]]:
    """The same on a copy; nothing if nothing can be delivered."""
    loopback = rig.loopback
    dead = loopback.destination_host.vm is RunState.GONE
    if loopback.forward.is_empty or dead:
        return frozenset()
    trial: Rig = thaw(freeze(rig))
    try:
        return _meaning(trial, refuse)
    except DirtyBitmapError:
        return frozenset()


def _receive(action: str) -> Step:
    def do(rig: Rig, where: int) -> None:
        meant = _meaning(rig, action in REFUSALS.values())
        if (action, where) not in meant:
            said = ", ".join(name for name, _ in sorted(meant)) or "nothing"
            error = rig.loopback.destination.error
            raise RefusedStepError(
                f"the message leads to {said}" + (error and f" ({error})")
            )

    return Step(
        lambda rig, where: (
            (action, where) in _would_mean(rig, action in REFUSALS.values())
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
        if event == "send_changed_bits":
            return chunk in core.bitmaps[0].changed
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


def _killable(rig: Rig, after_start: int) -> bool:
    loopback = rig.loopback
    if loopback.destination_host.vm is RunState.GONE:
        return False
    phase = loopback.destination.phase
    between = phase in (Arrival.TAKEN_OVER, Arrival.PRELAUNCH)
    if loopback.connection is Connection.DOWN and not between:
        return False
    return (phase is Arrival.RUNNING) == bool(after_start)


def _kill_source(rig: Rig, _: int) -> None:
    rig.loopback.kill_source()
    rig.observer.job = None


def _quit_source(rig: Rig, _: int) -> None:
    rig.loopback.source_does("quit_source")
    rig.observer.job = None


def _cancel_job(rig: Rig, _: int) -> None:
    rig.loopback.source_does("block_job_cancel")
    rig.observer.job = None


def _try_again(rig: Rig, _: int) -> None:
    rig.loopback.source_does("migrate_again")
    rig.observer.stands = Stands.ARRIVES


def _shut_can_arrive(rig: Rig, _: int) -> bool:
    loopback = rig.loopback
    alive = loopback.source_host.vm is not RunState.GONE
    return alive and not loopback.backward.is_empty


SOURCE_EVENTS = {row.event for rows in SOURCE.values() for row in rows}
DESTINATION_EVENTS = {
    row.event for rows in DESTINATION.values() for row in rows
}
STEPS: Mapping[str, Step] = {
    **{event: _source(event) for event in sorted(SOURCE_EVENTS)},
    **{event: _destination(event) for event in sorted(DESTINATION_EVENTS)},
    **{action: _receive(action) for action in MESSAGES},
    **CLIENT_STEPS,
    "migrate_again": Step(
        lambda rig, _: rig.loopback.source_can("migrate_again"), _try_again
    ),
    "block_job_cancel": Step(
        lambda rig, _: rig.loopback.source_can("block_job_cancel"),
        _cancel_job,
    ),
    "close_return_path_on_source": Step(
        _shut_can_arrive, lambda rig, _: rig.loopback.shut_arrives()
    ),
    "quit_source": Step(
        lambda rig, _: rig.loopback.source_can("quit_source"), _quit_source
    ),
    "channel_cut": Step(
        lambda rig, _: rig.loopback.connection is Connection.UP,
        lambda rig, how: rig.loopback.cut(WORDS[how] == Break.SILENCE.value),
    ),
    "connection_times_out": Step(
        lambda rig, _: rig.loopback.connection is Connection.SILENT,
        lambda rig, _: rig.loopback.time_out(),
    ),
    "source_killed": Step(
        lambda rig, _: rig.loopback.source_host.vm is not RunState.GONE,
        _kill_source,
    ),
    "destination_killed": Step(
        _killable, lambda rig, _: rig.loopback.kill_destination()
    ),
}
