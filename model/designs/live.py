# SPDX-License-Identifier: GPL-2.0-or-later
"""Live: send while the guest runs, send again what changes.

    setup      START is sent, the meta bitmap (a bit per chunk) is created
    bulk       every chunk once: clear its meta bit, read it, send it
    dirty      every chunk whose meta bit is set: the same three steps
    stop       as soon as little is pending the VM pauses, in-flight writes
               are drained, it is stopped
    last pass  the rest, COMPLETE, the device state (RUN)
    start      the destination has everything before its VM starts
    failure    a bitmap error is a migration failure: the source resumes

The dirty phase may take the marked chunks in any order; QEMU's would walk
them in order, which is one of those.  Never merged; it was posted as a series
in November 2015.
"""

from __future__ import annotations

from typing import Any

from attrs import frozen

from model.language import (
    Chunk,
    ChunkName,
    ChunkSet,
    Contents,
    EnumValue,
    Flag,
    Granule,
    Machine,
    MachineBuilder,
    Step,
    any_of,
    chunk_alone,
    chunk_field,
    chunks_field,
    contents_field,
    enum_field,
    given,
    size_of,
)
from model.mechanisms_sending import (
    CLEAR_META_BEFORE_READ,
    LAST_PASS_STOPPED,
    META_BITMAP,
    META_SEES_CLEAR,
    META_SEES_MERGE,
    STOP_WAITS_FOR_JOB,
)
from model.protocol.backup import add_backup_client
from model.protocol.creation import create
from model.protocol.design import Design
from model.protocol.faults import add_faults
from model.protocol.form import add_form
from model.protocol.guest import add_guest
from model.protocol.hosts import Source
from model.protocol.loader import add_loader
from model.protocol.loss import add_loss
from model.protocol.management import add_management
from model.protocol.messages import sends
from model.protocol.properties import add_properties
from model.protocol.setup import add_setup
from model.protocol.switchover import (
    add_downtime_kept,
    add_drain,
    add_forgotten_chunk,
    add_run_last,
    add_send_complete,
)
from model.protocol.takeover import add_takeover
from model.protocol.world import Updates, World
from model.variant import Variant
from model.vocabulary import Message, Outgoing, SourceVm, Stage

DESIGN = Design(last=Message.RUN, holds=False, errors_drop=False)


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


@frozen(eq=False, kw_only=True)
class Live(World):
    """A world with a meta bitmap: what marks a chunk, what is pending.

    QEMU: the meta HBitmap, set inside hbitmap_set() (2.8 to 2.11).
    """

    source: LiveSource

    def beside(self, build: MachineBuilder) -> dict[str, Any]:
        sent = build.tally(
            "throttle.chunks_sent",
            self.options.throttle(),
            doc="chunks sent since the last write of a guest that is held "
            "back",
        )
        return {"allowance": sent}

    def bit_is_set(self, granule: Granule) -> Updates:
        """A bit that changes marks its chunk, in the same critical section.

        While a backup job holds the bitmap a write changes its successor
        only.
        """
        source = self.source
        changes = ~source.bits.contains(granule) & ~source.job
        chunk = chunk_alone(self.disk, granule.chunk)
        return self._marked(chunk.only_if(changes))

    def bits_change(
        self, gone: ChunkSet | None = None, come: ChunkSet | None = None
    ) -> Updates:
        """The historical meta bitmap saw neither a merge nor a reset."""
        cleared = self.with_(META_SEES_CLEAR, gone, without=None)
        merged = self.with_(META_SEES_MERGE, come, without=None)
        seen = [chunks for chunks in (cleared, merged) if chunks is not None]
        if not seen:
            return ()
        return self._marked(seen[0] if len(seen) == 1 else seen[0] | seen[1])

    def _marked(self, chunks: ChunkSet) -> Updates:
        """Effect: these chunks have changed, while there is a meta bitmap."""
        source = self.source
        exists = source.migration.is_(Outgoing.ACTIVE, Outgoing.DEVICE)
        there = exists & ~source.left_out
        marked = source.meta.becomes(source.meta | chunks.only_if(there))
        return self.with_(META_BITMAP, (marked,), without=())

    @property
    def pending(self) -> ChunkSet:
        """The chunks that are unsent, or have changed since."""
        return self.source.cursor.ahead() | self.source.meta

    @property
    def little_is_pending(self) -> Flag:
        """Whether the VM is to be stopped: no further pass.

        QEMU: pending_size < threshold_size in migration_iteration_run();
        asked between two chunks.
        """
        little = self.pending.at_most(self.options.limit("downtime"))
        return any_of(little, self.source.left_out).named(
            "what is pending fits the downtime limit"
        )

    @property
    def job_may_begin(self) -> Flag:
        """A stop that waits for the job lets no further one begin."""
        source = self.source
        due = self.little_is_pending & source.migration.is_(Outgoing.ACTIVE)
        not_due = (~(due & ~source.left_out)).named("the stop is not due")
        always = super().job_may_begin
        return self.with_(STOP_WAITS_FOR_JOB, not_due, without=always)

    def add_own_measures(self) -> None:
        """What is pending; and what pays for the writes of a slow guest.

        A write in flight costs 6 and gives back 2 for each chunk that was
        sent since the last one.  Its bit, in the bitmap or in the successor,
        and the chunk that it marks cost at most 3 each; a backup turns bits
        into marked chunks.  A chunk that is taken gains 1.
        """
        source, build = self.source, self.build
        pending = size_of(self.pending)
        build.rank("pending", pending)
        credit = 3 * pending + 3 * size_of(source.bits.chunks())
        credit += 6 * size_of(source.successor.chunks())
        credit += 6 * size_of(source.in_flight)
        credit += 2 * size_of(self.allowance)
        credit += 2 * size_of(source.stage.is_not(Stage.IDLE))
        build.rank("credit", credit, at_least={"throttle": 3})
        in_hand = size_of(source.stage.is_not(Stage.IDLE))
        build.rank("chunks to send", pending + in_hand)
        may_be = pending + in_hand + size_of(source.in_flight)
        build.rank("chunks to send at the stop", may_be)
        writes = size_of(build.left("writes")) + size_of(source.in_flight)
        writes += size_of(source.successor.chunks())
        marked = size_of(source.bits.chunks()) + 2 * writes
        build.rank("chunks to send in all", pending + in_hand + marked)

    @property
    def idle(self) -> tuple[Flag, ...]:
        source = self.source
        return (source.meta.is_empty(), source.stage.is_(Stage.IDLE))


def build(options: Variant) -> Machine:
    """The live design, from setup to failure."""
    world = create(Live, options, DESIGN, LiveSource)
    source = world.source
    add_guest(world)  # data, then bdrv_set_dirty(); on either host

    # -- setup: START ----------------------------------------------------

    add_setup(world)  # dirty_bitmap_save_setup()

    # -- bulk and dirty phase, last pass: BITS ---------------------------

    running = source.migration.is_(Outgoing.ACTIVE)
    stops = running & ~world.little_is_pending
    iterating = world.with_(LAST_PASS_STOPPED, stops, without=running)
    sending = (
        iterating & source.vm.is_(SourceVm.RUNNING)
        | source.migration.is_(Outgoing.DEVICE)
    ) & ~source.left_out

    def taken(chunk: Chunk) -> Updates:
        """Effect: the chunk is in hand, and the first half is done."""
        cleared = source.meta.becomes(source.meta - chunk_alone(disk, chunk))
        read = source.contents.becomes(source.bits.contents(chunk))
        nothing = source.contents.becomes(frozenset())
        return (
            source.stage.becomes(Stage.FIRST_HALF),
            source.chunk.becomes(chunk),
            *world.with_(
                CLEAR_META_BEFORE_READ, (cleared, nothing), without=(read,)
            ),
        )

    disk = world.disk

    @world.action("source", over=world.domain.chunks, fair=True)
    def bulk_phase(chunk: Chunk) -> Step:
        """Take the next chunk of the first pass; clear its meta bit.

        Series of 2015: the bulk phase of dirty_bitmap_save_iterate().
        """
        return given(
            sending,
            world.link_up,
            source.stage.is_(Stage.IDLE),
            source.cursor.at(chunk),
        ).then(
            taken(chunk),
            source.cursor.becomes(source.cursor.past(chunk)),
        )

    @world.action(
        "source",
        over=world.domain.chunks,
        only=world.has(META_BITMAP),
        fair=True,
        silent="where the whole bitmap fits the downtime limit",
    )
    def dirty_phase(chunk: Chunk) -> Step:
        """Take a chunk that changed; clear its meta bit.

        Series of 2015: the dirty phase of dirty_bitmap_save_iterate()
        and, once the VM has stopped, dirty_bitmap_save_complete().
        """
        return given(
            sending,
            world.link_up,
            source.stage.is_(Stage.IDLE),
            source.cursor.at_end(),
            source.meta.contains(chunk),
        ).then(taken(chunk))

    between = source.stage.is_(Stage.IDLE)
    add_forgotten_chunk(world, (sending, between))

    @world.action("source", over=world.domain.chunks, fair=True)
    def serialize_chunk(chunk: Chunk) -> Step:
        """Read the chunk that was taken, after its meta bit was cleared.

        QEMU: bdrv_dirty_bitmap_serialize_part().
        """
        cleared = source.meta.becomes(source.meta - chunk_alone(disk, chunk))
        read = source.contents.becomes(source.bits.contents(chunk))
        return given(
            source.stage.is_(Stage.FIRST_HALF), source.chunk.is_(chunk)
        ).then(
            source.stage.becomes(Stage.READY),
            world.with_(CLEAR_META_BEFORE_READ, read, without=cleared),
        )

    for way in world.ways:
        _add_send_chunk(way)

    # -- stop ------------------------------------------------------------

    # without 'last-pass-stopped' the VM is stopped after COMPLETE
    ready = world.with_(
        LAST_PASS_STOPPED, Outgoing.ACTIVE, without=Outgoing.BITMAP_SENT
    )
    stopped = world.with_(
        LAST_PASS_STOPPED, Outgoing.DEVICE, without=Outgoing.BITMAP_SENT
    )

    @world.action("source", fair=True)
    def migration_completion() -> Step:
        """Little is pending: stop the VM.

        QEMU: migration_completion(), vm_stop_force_state().
        """
        no_job = (~source.job).named("no backup job runs") | source.left_out
        due = (
            source.stage.is_(Stage.IDLE),
            world.little_is_pending,
            *world.with_(STOP_WAITS_FOR_JOB, (no_job,), without=()),
        )
        return given(
            source.vm.is_(SourceVm.RUNNING),
            source.migration.is_(ready),
            world.link_up,
            world.with_(LAST_PASS_STOPPED, due, without=()),
        ).then(source.vm.becomes(SourceVm.PAUSED))

    add_drain(world, ready, then=stopped)

    # -- send: COMPLETE, RUN ---------------------------------------------

    last_pass = source.migration.is_(
        world.with_(
            LAST_PASS_STOPPED, Outgoing.DEVICE, without=Outgoing.ACTIVE
        )
    )
    all_sent = (
        last_pass,
        source.stage.is_(Stage.IDLE),
        source.meta.is_empty(),
    )
    add_send_complete(world, all_sent, then=Outgoing.BITMAP_SENT)
    add_run_last(world)  # qemu_savevm_state_complete_precopy(), then SHUT

    # -- the destination: load, run; a loss ------------------------------

    add_loader(world)  # dirty_bitmap_load_start(), _bits(), _complete()
    add_loss(world)  # cancel_incoming_locked(), and what is skipped then
    add_takeover(world)  # RUN, dirty_bitmap_mig_before_vm_start()

    # -- the others, failures, what is asked -----------------------------

    add_backup_client(world)  # backup jobs and edits, by the bitmap's name
    add_management(world)  # migrate, cancel, cont, fence, quit
    add_faults(world)  # breaks and kills, and how each host notices
    add_form(world)  # what a state looks like: no guarantee
    add_downtime_kept(world, world.pending)
    _add_nothing_in_hand(world)
    add_properties(world)  # the guarantees, S1 to L1
    return world.build.machine()


def _add_send_chunk(world: Live) -> None:
    source = world.source

    @world.action("source", over=world.domain.chunks, fair=True)
    def send_bitmap_bits(chunk: Chunk) -> Step:
        """Send the chunk that was read.  QEMU: send_bitmap_bits()."""
        return given(
            source.stage.is_(Stage.READY), source.chunk.is_(chunk)
        ).then(
            sends(world, Message.BITS, chunk=chunk, contents=source.contents),
            source.stage.becomes(Stage.IDLE),
            source.chunk.becomes(None),
            source.contents.becomes(frozenset()),
            world.allowance.one_more(),
        )


def _add_nothing_in_hand(world: Live) -> None:
    source = world.source
    world.build.always(
        "NothingInHandAtTheStop",
        "",
        "When the guest pauses for the stop no chunk is in hand.",
        when=[source.vm.is_(SourceVm.PAUSED)],
        then=[source.stage.is_(Stage.IDLE)],
    )
