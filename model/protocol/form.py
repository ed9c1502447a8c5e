# SPDX-License-Identifier: GPL-2.0-or-later
"""What a state looks like: what means nothing is at its first value.

No guarantee hangs on these.  They say that the model keeps its own books, so
that one situation is one state, and that nothing survives by oversight: a
cursor after a failed attempt, bits of a bitmap that is gone, a message that
neither end can take any more.
"""

from __future__ import annotations

from model.guarantees import REMOVED_WHILE_HELD
from model.language import Flag, any_of, every_chunk
from model.mechanisms import (
    CURSOR_PER_ATTEMPT,
    DRAIN_AT_STOP,
    WRITERS_END_AT_STOP,
)
from model.mechanisms_loading import (
    BUSY_UNTIL_COMPLETE,
)
from model.protocol.world import ENDED, World
from model.variant import AT_SOURCE
from model.vocabulary import (
    DestinationVm,
    Incoming,
    Link,
    Message,
    Outgoing,
    SourceVm,
)

NONE = ""


def add_form(world: World) -> None:
    """What holds between attempts, of an ended process, of a lost bitmap."""
    for bitmap in world.bitmaps:
        _add_source(bitmap)
        _add_destination(bitmap)
    _add_between_attempts(world)
    _add_connection(world)


def _add_source(world: World) -> None:
    source, build = world.source, world.build
    build.always(
        world.name("NothingOfAnEndedSource"),
        NONE,
        "A source whose process has ended has no bitmap, no job, no write in "
        "flight and no migration.",
        when=[source.vm.is_(SourceVm.GONE)],
        then=[
            source.migration.is_(Outgoing.NONE),
            ~source.has_bitmap,
            source.bits.is_empty(),
            source.in_flight.is_empty(),
            (~source.job).named("no backup job runs"),
        ],
    )
    build.always(
        world.name("NothingInFlightWhenStopped"),
        NONE,
        "A VM that has stopped has no write in flight.",
        when=[source.vm.is_(SourceVm.STOPPED)],
        then=[source.in_flight.is_empty()],
        only=world.has(DRAIN_AT_STOP) and world.has(WRITERS_END_AT_STOP),
    )
    build.always(
        world.name("BusyWhileMigrating"),
        NONE,
        "From setup on the migration holds the source's bitmap.",
        when=[
            world.in_progress,
            source.migration.is_not(Outgoing.SETUP),
            ~source.left_out,
        ],
        then=[source.busy.named("the source's bitmap is busy")],
        only=world.holds,
    )
    build.always(
        world.name("SuccessorOnlyOfAJob"),
        NONE,
        "Only while a backup job runs a successor records on the source, and "
        "nothing counts as written since it began, or as not copied.",
        when=[
            (~source.job).named("no backup job runs"),
            *([] if source.frozen.absent else [~source.frozen]),
        ],
        then=[
            source.successor.is_empty(),
            world.ghost.since.is_empty(),
            world.ghost.would_miss.is_empty(),
        ],
    )


def _add_between_attempts(world: World) -> None:
    source, ghost = world.source, world.ghost
    clean: list[Flag] = []
    for each in (w.source for w in world.bitmaps):
        clean.append((~each.busy).named("the bitmap is not busy"))
        first = (every_chunk(world.disk) <= each.cursor.ahead()).named(
            "the next chunk to send is the first"
        )
        clean += world.with_(CURSOR_PER_ATTEMPT, [first], without=[])
        if not each.frozen.absent:
            clean.append((~each.frozen).named("the bitmap is not frozen"))
            clean.append(each.changed.is_empty())
    world.build.always(
        "AttemptLeavesNothing",
        NONE,
        "Where no attempt is under way the source is as before the first.",
        when=[~world.in_progress],
        then=[*clean, *world.idle],
    )
    running = [Outgoing.NONE, Outgoing.SETUP]
    if world.return_path is None:
        running.append(Outgoing.ACTIVE)
    world.build.always(
        "StopsOnlyForSwitchover",
        NONE,
        "Before the switchover the guest is not stopped.",
        when=[source.vm.is_(SourceVm.PAUSED, SourceVm.STOPPED)],
        then=[source.migration.is_not(*running)],
    )
    world.build.always(
        "AttemptBeginsClean",
        NONE,
        "An attempt begins with nothing that has failed in it.",
        when=[
            source.migration.is_(Outgoing.SETUP),
            world.link_up,
            ~source.announced,
        ],
        then=[
            (~(ghost.faulted | ghost.trouble)).named("nothing has gone wrong")
        ],
        needs=(
            "retry",
            *world.options.attempt_fails(
                AT_SOURCE, refused=True, at_setup=True
            ),
        ),
    )


def _add_destination(world: World) -> None:
    here, build = world.destination, world.build
    marks = [world.ghost.missing.is_empty(), ~here.degraded]
    build.always(
        world.name("NothingOfALostBitmap"),
        NONE,
        "Of a bitmap that is not there nothing is left.",
        when=[
            here.bitmap.is_(Incoming.ABSENT, Incoming.LOST, Incoming.REMOVED)
        ],
        then=[
            here.bits.is_empty(),
            here.successor.is_empty(),
            *(marks if world.design.ones_first else []),
        ],
    )
    build.always(
        world.name("NothingArrivedOfNoBitmap"),
        NONE,
        "Of a bitmap that is not there yet COMPLETE was not received.",
        when=[here.bitmap.is_(Incoming.ABSENT)],
        then=[(~world.ghost.arrived).named("COMPLETE was not received")],
        only=world.design.migrates,
    )
    build.always(
        world.name("NothingEarlyOfNoBitmap"),
        NONE,
        "Of a bitmap that is not there yet no chunk has come before RUN.",
        when=[here.bitmap.is_(Incoming.ABSENT)],
        then=[(~here.early).named("no chunk has come before RUN")],
        only=not here.early.absent,
    )
    build.always(
        world.name("RemovedOnlyIfNotBusy"),
        NONE,
        "A bitmap is removed only where the VM runs, and not while it is "
        "loaded.",
        when=[here.bitmap.is_(Incoming.REMOVED)],
        then=[
            here.vm.is_(DestinationVm.RUNNING),
            any_of(world.ghost.arrived, here.stream_ended).named(
                "COMPLETE was received, or no more is read"
            ),
        ],
        needs=("edits",),
        consequence=REMOVED_WHILE_HELD,
        only=world.has(BUSY_UNTIL_COMPLETE),
    )
    build.always(
        world.name("SuccessorOnlyWhileLoading"),
        NONE,
        "Only while the bitmap is loaded a successor records there.",
        when=[here.bitmap.is_not(Incoming.SUCCESSOR, Incoming.MERGED)],
        then=[here.successor.is_empty()],
    )
    build.always(
        world.name("NothingRecordsBeforeRun"),
        NONE,
        "Before the destination has the VM nothing records there.",
        when=[
            here.vm.is_(DestinationVm.INMIGRATE, DestinationVm.RUN_RECEIVED)
        ],
        then=[
            here.bitmap.is_not(
                Incoming.SUCCESSOR, Incoming.MERGED, Incoming.VALID
            )
        ],
    )
    build.always(
        world.name("NothingOfAnEndedDestination"),
        NONE,
        "A destination whose process has ended has no bitmap and no write "
        "in flight.",
        when=[here.vm.is_(*ENDED)],
        then=[here.bitmap.is_(Incoming.ABSENT), here.in_flight.is_empty()],
        needs=("destination_killed",),
    )
    build.always(
        world.name("KilledReadsNothing"),
        NONE,
        "A destination that was killed has not read the stream to its end.",
        when=[here.vm.is_(DestinationVm.KILLED)],
        then=[(~here.stream_ended).named("the stream has not ended")],
        needs=("destination_killed",),
    )


def _add_connection(world: World) -> None:
    here, stream = world.destination, world.stream
    # a chunk may be of elsewhere, which one granule does not see
    nothing = [
        ~stream.holds(kind)
        for kind in (Message.START, Message.COMPLETE, Message.RUN)
    ]
    world.build.always(
        "ReadToTheEnd",
        NONE,
        "A destination that reads no more has read all but chunks, or has "
        "lost it in a break.",
        when=[here.stream_ended.named("the destination reads no more")],
        then=nothing,
    )
    quiet = list(nothing)
    if world.return_path is not None:
        quiet.append(world.return_path.is_empty())
    world.build.always(
        "DownIsQuiet",
        NONE,
        "Nothing but chunks is in flight where there is no connection.",
        when=[world.link.is_(Link.DOWN)],
        then=quiet,
    )
    world.build.always(
        "DownAtTheEnd",
        NONE,
        "When both ends are done there is no connection.",
        when=[
            world.destination_done,
            ~world.in_progress,
        ],
        then=[world.link.is_(Link.DOWN)],
    )
