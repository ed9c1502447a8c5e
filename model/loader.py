# SPDX-License-Identifier: GPL-2.0-or-later
"""The destination reads the stream and loads the bitmap.

Loading is QEMU's as built for postcopy and stop-copy (successor, reclaim,
errors drop the bitmap); the live design has a plain bitmap and any error
fails the migration.  ``Style`` says which.

An error may come at START (no such node or alias; the name exists), at BITS
(they do not fit the bitmap) and at COMPLETE (no such bitmap).  As built, 5.1
to 11.x, a name that exists fails the migration, and all the others cancel the
bitmaps and the rest of the stream is read; before 5.1 all of them failed it
(commit b91f33b81d; dirty_bitmap_load_start(), dirty_bitmap_load_header(),
dirty_bitmap_load_bits()).  START refuses neither granularity nor size: the
bitmap is created with the granularity that it names, and no size is on the
wire.
"""

from __future__ import annotations

from attrs import frozen

from model.language import Chunk, Flag, Step, Update, any_of, choose
from model.naming import names_forgotten_by_loader, receives, takes
from model.vocabulary import (
    DestinationVm,
    Incoming,
    Link,
    Message,
    Name,
)
from model.world import World

Updates = tuple[Update, ...]

BEING_LOADED = (Incoming.LOADING, Incoming.SUCCESSOR, Incoming.MERGED)


@frozen
class Style:
    """How a design's destination differs.

    ``run_is_last``: RUN is the end of the stream (else COMPLETE is).
    ``errors_drop``: a bitmap error drops the bitmap (else it fails the
    migration).
    """

    run_is_last: bool
    errors_drop: bool


def add_loader(world: World, style: Style) -> None:
    """The destination's steps from START to COMPLETE, and the loss."""
    for each in world.bitmaps:
        _add_start(each)
        _add_bits(each)
        _add_complete(each, style)
        _add_refusals(each, style)
        _add_skipping(each, style)
    if world.several:
        _add_nameless(world, style)
    if not style.run_is_last:
        _add_cancel_incoming(world)


def drops(world: World, style: Style) -> bool:
    """Whether a refused bitmap is dropped and the stream is read on."""
    if style.errors_drop:
        return world.has("error-drops-bitmap")
    return not world.has("error-fails-migration")


def after_loss(world: World) -> Incoming:
    """What stands under the bitmap's name after a loss."""
    kept = not world.has("drop-on-failure") or (
        not world.has("error-fails-migration")
    )
    return Incoming.PARTIAL if kept else Incoming.LOST


def _last(world: World, style: Style) -> Updates:
    """Effect of COMPLETE of the last bitmap: nothing else comes."""
    if style.run_is_last or not world.is_last:
        return ()
    return world.stream_ends()


def _add_start(world: World) -> None:
    build, here = world.build, world.destination

    @build.action("destination", fair=True, suffix=world.suffix)
    def dirty_bitmap_load_start() -> Step:
        """START: create the bitmap; it is busy and does not record.

        QEMU: dirty_bitmap_load_start(), bdrv_create_dirty_bitmap(),
        bdrv_dirty_bitmap_create_successor().
        """
        return Step(
            when=[
                receives(world, Message.START),
                here.bitmap.is_(Incoming.ABSENT),
            ],
            then=[*takes(world), here.bitmap.becomes(Incoming.LOADING)],
        )

    if world.has("name-is-free"):
        return

    @build.action(
        "destination", fault=True, spends="refuse", suffix=world.suffix
    )
    def dirty_bitmap_load_start_exists() -> Step:
        """START of a name that exists: the migration fails.

        QEMU: dirty_bitmap_load_start(), "already exists".
        """
        return Step(
            when=[
                receives(world, Message.START),
                here.bitmap.is_(Incoming.ABSENT),
            ],
            then=[
                world.ghost.trouble.becomes(True),
                *world.destination_closes(),
            ],
        )


def _add_bits(world: World) -> None:
    here, stream = world.destination, world.stream

    @world.build.action(
        "destination",
        over=world.domain.chunks,
        fair=True,
        suffix=world.suffix,
    )
    def dirty_bitmap_load_bits(chunk: Chunk) -> Step:
        """BITS: store one chunk in the bitmap, not in its successor.

        QEMU: dirty_bitmap_load_bits(), bdrv_dirty_bitmap_deserialize_part().
        """
        arrived = stream.head_contents()
        if not world.has("chunk-overwrites"):
            arrived = arrived | here.bits.contents(chunk)
        return Step(
            when=[
                receives(world, Message.BITS),
                stream.head_chunk().is_(chunk),
                here.bitmap.is_(*BEING_LOADED),
            ],
            then=[
                *takes(world),
                here.bits.becomes(here.bits.with_contents(chunk, arrived)),
            ],
        )


def _add_complete(world: World, style: Style) -> None:
    here = world.destination
    ends = _last(world, style)
    reclaimed = here.bits
    if world.has("reclaim-union"):
        reclaimed = here.bits | here.successor
    hand_back = (
        here.bitmap.becomes(Incoming.VALID),
        here.successor.becomes(frozenset()),
    )
    arrived = world.ghost.arrived.becomes(True)

    @world.build.action("destination", fair=True, suffix=world.suffix)
    def dirty_bitmap_load_complete() -> Step:
        """COMPLETE before the VM's start: the bitmap is whole.

        QEMU: dirty_bitmap_load_complete(),
        bdrv_dirty_bitmap_deserialize_finish().
        """
        return Step(
            when=[
                receives(world, Message.COMPLETE),
                here.bitmap.is_(Incoming.LOADING),
            ],
            then=[
                *takes(world),
                here.bitmap.becomes(Incoming.COMPLETE),
                arrived,
                *ends,
            ],
        )

    if style.run_is_last:
        return

    @world.build.action("destination", fair=True, suffix=world.suffix)
    def dirty_bitmap_load_complete_reclaim() -> Step:
        """COMPLETE after the VM's start: merge the successor, hand back.

        QEMU: dirty_bitmap_load_complete(),
        bdrv_reclaim_dirty_bitmap_locked().
        """
        merged = here.bits.becomes(reclaimed)
        when = [
            receives(world, Message.COMPLETE),
            here.bitmap.is_(Incoming.SUCCESSOR),
        ]
        if world.has("reclaim-atomic"):
            then = [*takes(world), merged, *hand_back, arrived, *ends]
        else:
            pending = here.bitmap.becomes(Incoming.MERGED)
            then = [*takes(world), merged, pending, arrived, *ends]
        return Step(when=when, then=then)

    if not world.has("reclaim-atomic"):

        @world.build.action("destination", fair=True, suffix=world.suffix)
        def reclaim_hand_back() -> Step:
            """The second half of a reclaim that is not atomic (B09).

            QEMU: bdrv_reclaim_dirty_bitmap() before 2.12.
            """
            return Step(
                when=[here.bitmap.is_(Incoming.MERGED)], then=[*hand_back]
            )


def _add_refusals(world: World, style: Style) -> None:
    """A bitmap error at START, at BITS or at COMPLETE."""
    build, here = world.build, world.destination
    dropping = drops(world, style)
    last = _last(world, style)

    def refused(when: list[Flag], ends: Updates = ()) -> Step:
        return Step(
            when=when,
            then=[
                world.ghost.trouble.becomes(True),
                *(_dropped(world, ends) if dropping else _failed(world)),
            ],
        )

    @build.action(
        "destination", fault=True, spends="refuse", suffix=world.suffix
    )
    def dirty_bitmap_load_start_refused() -> Step:
        """START is refused: no such node or alias.

        QEMU: dirty_bitmap_load_header(), cancel_incoming_locked().
        """
        return refused(
            [
                receives(world, Message.START),
                here.bitmap.is_(Incoming.ABSENT),
            ]
        )

    @build.action(
        "destination", fault=True, spends="refuse", suffix=world.suffix
    )
    def dirty_bitmap_load_bits_refused() -> Step:
        """BITS are refused: they do not fit the bitmap.

        QEMU: dirty_bitmap_load_bits(), cancel_incoming_locked().
        """
        return refused(
            [receives(world, Message.BITS), here.bitmap.is_(*BEING_LOADED)]
        )

    @build.action(
        "destination", fault=True, spends="refuse", suffix=world.suffix
    )
    def dirty_bitmap_load_complete_refused() -> Step:
        """COMPLETE is refused: it names no bitmap that is being loaded.

        QEMU: dirty_bitmap_load_header(), cancel_incoming_locked().
        """
        return refused(
            [
                receives(world, Message.COMPLETE),
                here.bitmap.is_(*BEING_LOADED),
            ],
            last,
        )


def _dropped(world: World, ends: Updates) -> Updates:
    """Effect: every bitmap that is not done is removed, the rest is read.

    An error in one bitmap drops all that the loader still has; as built that
    is every bitmap until the VM is about to start, complete or not.
    """
    found: list[Update] = [*world.stream.take(), *ends]
    dropped = [*BEING_LOADED, Incoming.ABSENT]
    if not world.has("complete-is-kept"):
        dropped.append(Incoming.COMPLETE)
    for here in (each.destination for each in world.bitmaps):
        loading = here.bitmap.is_(*dropped)
        lost = choose(~loading, here.bitmap, after_loss(world))
        left = here.bits.only_if(~loading)
        if after_loss(world) is Incoming.PARTIAL:
            left = here.bits | here.successor
        found += [
            here.bitmap.becomes(lost),
            here.bits.becomes(left),
            here.successor.becomes(frozenset()),
        ]
    return (*found, *names_forgotten_by_loader(world))


def _failed(world: World) -> Updates:
    """Effect: the error ends the incoming migration; a VM that runs dies.

    QEMU: before 5.1 an error in postcopy was an assertion.
    """
    vm = world.destination.vm
    waits = vm.is_(DestinationVm.INMIGRATE)
    return (
        vm.becomes(choose(waits, vm, DestinationVm.DIED)),
        *destination_forgets(world),
        *(n.destination.in_flight.becomes(frozenset()) for n in world.nodes),
        *world.destination_closes(),
    )


def destination_forgets(world: World) -> Updates:
    """Effect: the destination's process has no bitmap."""
    found: list[Update] = []
    for each in world.bitmaps:
        here = each.destination
        found += [
            here.bitmap.becomes(Incoming.ABSENT),
            here.bits.becomes(frozenset()),
            here.successor.becomes(frozenset()),
            each.ghost.arrived.becomes(False),
        ]
    return (*found, *names_forgotten_by_loader(world))


def _add_nameless(world: World, style: Style) -> None:
    """A message that names no bitmap, and none came before: an error."""
    current = world.destination.named
    assert current is not None
    name = world.stream.head_member("name")
    remembers = not world.has("names-per-attempt")

    @world.build.action(
        "destination",
        fair=True,
        needs=() if remembers else ("refuse",),
        silent="only after an error, or a source that remembers an attempt",
    )
    def dirty_bitmap_load_header_nameless() -> Step:
        """A message names no bitmap, and no other came before.

        All are dropped; after an error they have been.

        QEMU: dirty_bitmap_load_header(), cancel_incoming_locked().
        """
        return Step(
            when=[
                any_of(
                    *(
                        world.stream.head_is(kind)
                        for kind in (
                            Message.START,
                            Message.BITS,
                            Message.COMPLETE,
                        )
                    )
                ),
                name.is_(Name.NONE),
                current.is_(Name.NONE),
            ],
            then=[*_dropped(world, ())],
        )


def _add_skipping(world: World, style: Style) -> None:
    """The rest of a dropped bitmap's data is read and ignored."""
    here = world.destination
    gone = (after_loss(world), Incoming.REMOVED)
    why = "skips what follows a loss, a removal or a bitmap left out"

    @world.build.action(
        "destination",
        fair=True,
        needs=("refuse|edits",) if world.has("names-per-attempt") else (),
        silent=why,
        suffix=world.suffix,
    )
    def skip_bits() -> Step:
        """BITS of a bitmap that was dropped are read and ignored.

        QEMU: dirty_bitmap_load_bits(), s->cancelled.
        """
        return Step(
            when=[receives(world, Message.BITS), here.bitmap.is_(*gone)],
            then=[*takes(world)],
        )

    if world.several:

        @world.build.action(
            "destination",
            fair=True,
            silent=why,
            suffix=world.suffix,
        )
        def skip_start() -> Step:
            """START after an error in another bitmap is read and ignored.

            QEMU: dirty_bitmap_load_start(), s->cancelled.
            """
            return Step(
                when=[
                    receives(world, Message.START),
                    here.bitmap.is_(*gone),
                ],
                then=[*takes(world)],
            )

    @world.build.action(
        "destination", fair=True, silent=why, suffix=world.suffix
    )
    def skip_complete() -> Step:
        """COMPLETE of a bitmap that was dropped, or of none at all.

        QEMU: dirty_bitmap_load_complete(), s->cancelled.
        """
        ends = _last(world, style)
        return Step(
            when=[
                receives(world, Message.COMPLETE),
                here.bitmap.is_(*gone, Incoming.ABSENT),
            ],
            then=[*takes(world), *ends],
        )


def _add_cancel_incoming(world: World) -> None:
    """The stream breaks after RUN: postcopy's declared loss."""
    here = world.destination
    removed: list[Update] = []
    for each in world.bitmaps:
        mine = each.destination
        unfinished = mine.bitmap.is_(*BEING_LOADED)
        kept = choose(~unfinished, mine.bitmap, after_loss(world))
        left = mine.bits.only_if(~unfinished)
        if not world.has("drop-on-failure"):
            left = mine.bits | mine.successor
        removed += [
            mine.bitmap.becomes(kept),
            mine.bits.becomes(left),
            mine.successor.becomes(frozenset()),
        ]
    ends_early = not world.has("quit-when-over")

    @world.build.action(
        "destination",
        fair=True,
        needs=() if ends_early else ("cut|source_killed|cancel",),
    )
    def dirty_bitmap_mig_cancel_incoming() -> Step:
        """The stream breaks after RUN: unfinished bitmaps are removed.

        The VM goes on.  The loss shows as the absence of the name.  A bitmap
        whose COMPLETE has come stays, also where another's has not.
        QEMU: dirty_bitmap_mig_cancel_incoming(), postcopy_ram_listen_thread().
        """
        return Step(
            when=[
                here.vm.is_(
                    DestinationVm.RUN_RECEIVED,
                    DestinationVm.PRELAUNCH,
                    DestinationVm.RUNNING,
                ),
                ~here.stream_ended,
                world.link.is_(Link.BROKEN),
            ],
            then=[*removed, *world.destination_closes()],
        )
