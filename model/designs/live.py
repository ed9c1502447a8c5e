# SPDX-License-Identifier: GPL-2.0-or-later
"""Live: send while the guest runs, send again what changes.

    setup      START is sent, the meta bitmap (a bit per chunk) is created
    bulk       every chunk once: clear its meta bit, read it, send it
    dirty      every chunk whose meta bit is set: the same three steps
    stop       as soon as little is pending the VM pauses, in-flight writes
               are drained, it is stopped
    last pass  the rest, COMPLETE, the device state (RUN)
    start      the destination has everything before its VM starts

The dirty phase may take the marked chunks in any order; QEMU's would walk
them in order, which is one of those.  A bitmap error is a migration failure:
the source resumes and nothing is lost.  Never merged; it was
posted as a series in November 2015.
"""

from __future__ import annotations

from attrs import frozen

from model.guarantees import LONG_DOWNTIME
from model.language import (
    Chunk,
    ChunkName,
    ChunkSet,
    Contents,
    EnumValue,
    Flag,
    Granule,
    Machine,
    Step,
    Tally,
    Update,
    any_of,
    chunk_alone,
    chunk_field,
    chunks_field,
    contents_field,
    enum_field,
)
from model.mechanisms import (
    CLEAR_META_BEFORE_READ,
    LAST_PASS_STOPPED,
    META_BITMAP,
    META_SEES_CLEAR,
    META_SEES_MERGE,
    STOP_WAITS_FOR_JOB,
)
from model.protocol.backup import Watch, add_backup_client
from model.protocol.faults import add_faults
from model.protocol.form import add_form
from model.protocol.guest import Recorder, add_guest
from model.protocol.hosts import Source
from model.protocol.loader import add_loader
from model.protocol.loss import Style
from model.protocol.management import add_management
from model.protocol.properties import Promise, add_properties
from model.protocol.setup import add_setup
from model.protocol.switchover import (
    add_drain,
    add_precopy_end,
    add_send_complete,
    pause,
)
from model.protocol.takeover import add_takeover
from model.protocol.world import World, create
from model.variant import Variant
from model.vocabulary import Message, Outgoing, SourceVm, Stage

Updates = tuple[Update, ...]
STYLE = Style(run_is_last=True, errors_drop=False)


@frozen(eq=False)
class LiveSource(Source):
    """What a source keeps beside what every source has."""

    meta: ChunkSet = chunks_field(
        "chunks that changed since they were read", survives=""
    )
    stage: EnumValue[Stage] = enum_field(
        Stage.IDLE, "how far it is with the chunk in hand", survives=""
    )
    chunk: ChunkName = chunk_field("the chunk in hand", survives="")
    contents: Contents = contents_field(
        "chunk", "its granules, as they were read", survives=""
    )


def build(options: Variant) -> Machine:
    """The live design."""
    world = create(options, return_path=True, source=LiveSource)
    now = world.source
    assert isinstance(now, LiveSource)
    sent = world.build.tally(
        "throttle.chunks_sent",
        options.throttle(),
        doc="chunks sent since the last write of a guest that is held back",
    )
    add_guest(world, _recorder(world, now, sent))
    add_setup(world, holds=False)
    _add_passes(world, now)
    _add_send_chunk(world, now, sent)
    _add_end(world, now)
    add_precopy_end(world)
    add_loader(world, STYLE)
    add_takeover(world, STYLE)
    add_backup_client(world, _watch(world, now))
    add_management(world)
    add_faults(world)
    add_form(
        world,
        holds=False,
        idle=(now.meta.is_empty(), now.stage.is_(Stage.IDLE)),
    )
    _add_downtime_kept(world, now)
    add_properties(world, Promise(errors_drop=False, declares_loss=False))
    return world.build.machine()


def _meta_exists(world: World) -> Flag:
    """The meta bitmap lives from setup to COMPLETE."""
    source = world.source
    exists = source.migration.is_(Outgoing.ACTIVE, Outgoing.DEVICE)
    return exists if source.left_out is None else exists & ~source.left_out


def _recorder(world: World, now: LiveSource, sent: Tally) -> Recorder:
    """A bit that changes marks its chunk, in the same critical section.

    While a backup job holds the bitmap a write changes its successor only.
    QEMU: the meta HBitmap, set inside hbitmap_set() (2.8 to 2.11).
    """
    source = world.source

    def marks(granule: Granule) -> Updates:
        if not world.has(META_BITMAP):
            return ()
        changes = ~source.bits.contains(granule) & ~source.job
        chunk = chunk_alone(world.disk, granule.chunk)
        return (_marked(world, now, chunk.only_if(changes)),)

    return Recorder(source_also=marks, allowance=sent)


def _marked(world: World, now: LiveSource, chunks: ChunkSet) -> Update:
    return now.meta.becomes(now.meta | chunks.only_if(_meta_exists(world)))


def _watch(world: World, now: LiveSource) -> Watch:
    """What else marks chunks, and when no backup may begin.

    The historical meta bitmap saw neither a merge nor a reset.  A stop that
    waits for the job lets no further one begin.
    """
    source = world.source

    def changes(gone: ChunkSet | None, come: ChunkSet | None) -> Updates:
        if not world.has(META_BITMAP):
            return ()
        seen = []
        if gone is not None and world.has(META_SEES_CLEAR):
            seen.append(gone)
        if come is not None and world.has(META_SEES_MERGE):
            seen.append(come)
        if not seen:
            return ()
        chunks = seen[0]
        for more in seen[1:]:
            chunks = chunks | more
        return (_marked(world, now, chunks),)

    begins: tuple[Flag, ...] = ()
    if world.has(STOP_WAITS_FOR_JOB):
        due = _little_is_pending(world, now) & source.migration.is_(
            Outgoing.ACTIVE
        )
        if source.left_out is not None:
            due = due & ~source.left_out
        begins = ((~due).named("the stop is not due"),)
    return Watch(changes=changes, begins=begins)


def _little_is_pending(world: World, now: LiveSource) -> Flag:
    """What is unsent or has changed fits the downtime limit.

    QEMU: pending_size < threshold_size in migration_iteration_run(); asked
    between two chunks, and if it is so the VM is stopped: no further pass.
    """
    source = world.source
    pending = source.cursor.ahead() | now.meta
    little = pending.at_most(world.options.limit("downtime"))
    if source.left_out is not None:
        little = any_of(little, source.left_out)
    return little.named("what is pending fits the downtime limit")


def _add_downtime_kept(world: World, now: LiveSource) -> None:
    """The downtime that live promises: D chunks and the writes in flight."""
    source = world.source
    pending = source.cursor.ahead() | now.meta
    most = world.options.limit("pending_at_stop")
    world.build.always(
        "DowntimeKept",
        "",
        "When the VM is stopped no more is pending than the downtime limit "
        "allows and the writes that were in flight add.",
        when=[
            source.vm.is_(SourceVm.PAUSED, SourceVm.STOPPED),
            source.migration.is_(Outgoing.ACTIVE, Outgoing.DEVICE),
        ],
        then=[pending.at_most(most).named("that little is pending")],
        trivial="where the whole bitmap fits the limit",
        consequence=LONG_DOWNTIME,
    )
    world.build.always(
        "NothingInHandAtTheStop",
        "",
        "When the guest pauses for the stop no chunk is in hand.",
        when=[source.vm.is_(SourceVm.PAUSED)],
        then=[now.stage.is_(Stage.IDLE)],
    )


def _add_passes(world: World, now: LiveSource) -> None:
    """Bulk and dirty phase: take a chunk, clear its meta bit, read it."""
    build, source, disk = world.build, world.source, world.disk
    in_order = world.has(CLEAR_META_BEFORE_READ)
    iterating = source.migration.is_(Outgoing.ACTIVE)
    if world.has(LAST_PASS_STOPPED):
        iterating = iterating & ~_little_is_pending(world, now)
    iterating = iterating & source.vm.is_(SourceVm.RUNNING)
    sending = iterating | source.migration.is_(Outgoing.DEVICE)
    if source.left_out is not None:
        sending = sending & ~source.left_out

    def half(chunk: Chunk, clears: bool) -> Update:
        if clears:
            rest = now.meta - chunk_alone(disk, chunk)
            return now.meta.becomes(rest)
        return now.contents.becomes(source.bits.contents(chunk))

    def take(chunk: Chunk) -> Updates:
        started = (
            now.stage.becomes(Stage.FIRST_HALF),
            now.chunk.becomes(chunk),
        )
        if not in_order:
            return (*started, half(chunk, clears=False))
        nothing_read = now.contents.becomes(frozenset())
        return (*started, nothing_read, half(chunk, clears=True))

    @build.action("source", over=world.domain.chunks, fair=True)
    def bulk_phase(chunk: Chunk) -> Step:
        """Take the next chunk of the first pass; clear its meta bit.

        Series of 2015: the bulk phase of dirty_bitmap_save_iterate().
        """
        return Step(
            when=[
                sending,
                world.link_up,
                now.stage.is_(Stage.IDLE),
                source.cursor.at(chunk),
            ],
            then=[
                *take(chunk),
                source.cursor.becomes(source.cursor.past(chunk)),
            ],
        )

    if world.has(META_BITMAP):

        @build.action(
            "source",
            over=world.domain.chunks,
            fair=True,
            silent="where the whole bitmap fits the downtime limit",
        )
        def dirty_phase(chunk: Chunk) -> Step:
            """Take a chunk that changed; clear its meta bit.

            Series of 2015: the dirty phase of dirty_bitmap_save_iterate()
            and, once the VM has stopped, dirty_bitmap_save_complete().
            """
            return Step(
                when=[
                    sending,
                    world.link_up,
                    now.stage.is_(Stage.IDLE),
                    source.cursor.at_end(),
                    now.meta.contains(chunk),
                ],
                then=[*take(chunk)],
            )

    @build.action("source", over=world.domain.chunks, fair=True)
    def serialize_chunk(chunk: Chunk) -> Step:
        """Read the chunk that was taken, after its meta bit was cleared.

        QEMU: bdrv_dirty_bitmap_serialize_part().
        """
        return Step(
            when=[now.stage.is_(Stage.FIRST_HALF), now.chunk.is_(chunk)],
            then=[
                now.stage.becomes(Stage.READY),
                half(chunk, clears=not in_order),
            ],
        )


def _add_send_chunk(world: World, now: LiveSource, sent: Tally) -> None:
    stream = world.stream

    @world.build.action("source", over=world.domain.chunks, fair=True)
    def send_bitmap_bits(chunk: Chunk) -> Step:
        """Send the chunk that was read.  QEMU: send_bitmap_bits()."""
        return Step(
            when=[
                now.stage.is_(Stage.READY),
                now.chunk.is_(chunk),
                world.link_up,
                stream.has_room(),
            ],
            then=[
                *stream.put(Message.BITS, chunk=chunk, contents=now.contents),
                now.stage.becomes(Stage.IDLE),
                now.chunk.becomes(None),
                now.contents.becomes(frozenset()),
                *sent.one_more(),
            ],
        )


def _add_end(world: World, now: LiveSource) -> None:
    build, source = world.build, world.source
    stopped_first = world.has(LAST_PASS_STOPPED)
    if stopped_first:
        little = [
            now.stage.is_(Stage.IDLE),
            _little_is_pending(world, now),
        ]
        if world.has(STOP_WAITS_FOR_JOB):
            no_job = ~source.job
            no_job = no_job.named("no backup job runs")
            if source.left_out is not None:
                no_job = any_of(no_job, source.left_out)
            little.append(no_job)
        before, stopped = Outgoing.ACTIVE, Outgoing.DEVICE
    else:
        little = []
        before = stopped = Outgoing.BITMAP_SENT

    @build.action("source", fair=True)
    def migration_completion() -> Step:
        """Little is pending: stop the VM.

        QEMU: migration_completion(), vm_stop_force_state().
        """
        return Step(
            when=[
                source.vm.is_(SourceVm.RUNNING),
                source.migration.is_(before),
                world.link_up,
                *little,
            ],
            then=[*pause(world)],
        )

    add_drain(world, before, stopped)
    last = Outgoing.DEVICE if stopped_first else Outgoing.ACTIVE
    add_send_complete(
        world,
        when=[
            source.migration.is_(last),
            now.stage.is_(Stage.IDLE),
            now.meta.is_empty(),
        ],
        then=Outgoing.BITMAP_SENT,
    )
