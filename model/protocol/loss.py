# SPDX-License-Identifier: GPL-2.0-or-later
"""A bitmap error, a break: the destination drops what it was loading.

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

from model.language import Flag, Step, Update, any_of, choose, effect
from model.mechanisms import (
    BUSY_UNTIL_COMPLETE,
    COMPLETE_IS_KEPT,
    DROP_ON_FAILURE,
    ERROR_DROPS_BITMAP,
    ERROR_FAILS_MIGRATION,
    NAMES_PER_ATTEMPT,
    QUIT_WHEN_OVER,
)
from model.protocol.lifetimes import destination_forgets
from model.protocol.naming import names_forgotten_by_loader, receives, takes
from model.protocol.world import World
from model.vocabulary import (
    DestinationVm,
    Incoming,
    Link,
    Message,
    Name,
)

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


def add_loss(world: World, style: Style) -> None:
    """Errors, what is skipped after one, and the break after RUN."""
    for each in world.bitmaps:
        _add_refusals(each, style)
        _add_skipping(each, style)
    if world.several:
        _add_nameless(world, style)
    if not style.run_is_last:
        _add_cancel_incoming(world)


def drops(world: World, style: Style) -> bool:
    """Whether a refused bitmap is dropped and the stream is read on."""
    if style.errors_drop:
        return world.has(ERROR_DROPS_BITMAP)
    return not world.has(ERROR_FAILS_MIGRATION)


def after_loss(world: World) -> Incoming:
    """What stands under the bitmap's name after a loss."""
    kept = not world.has(DROP_ON_FAILURE) or (
        not world.has(ERROR_FAILS_MIGRATION)
    )
    return Incoming.PARTIAL if kept else Incoming.LOST


def last_of_stream(world: World, style: Style) -> Updates:
    """Effect of COMPLETE of the last bitmap: nothing else comes."""
    if style.run_is_last or not world.is_last:
        return ()
    return world.stream_ends()


def _add_refusals(world: World, style: Style) -> None:
    """A bitmap error at START, at BITS or at COMPLETE."""
    build, here = world.build, world.destination
    dropping = drops(world, style)
    last = last_of_stream(world, style)

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
    found: list[Update] = []
    dropped = [*BEING_LOADED, Incoming.ABSENT]
    if not world.has(COMPLETE_IS_KEPT):
        dropped.append(Incoming.COMPLETE)
    for here in (each.destination for each in world.bitmaps):
        loading = here.bitmap.is_(*dropped)
        after = choose(~loading, here.bitmap, after_loss(world))
        left = here.bits.only_if(~loading)
        if after_loss(world) is Incoming.PARTIAL:
            left = here.bits | here.successor
        found += [
            here.bitmap.becomes(after),
            here.bits.becomes(left),
            here.successor.becomes(frozenset()),
        ]
    lost = effect(
        "the bitmaps that are being loaded are lost",
        (*found, *names_forgotten_by_loader(world)),
    )
    return (*world.stream.take(), *ends, *lost)


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


def _add_nameless(world: World, style: Style) -> None:
    """A message that names no bitmap, and none came before: an error."""
    current = world.destination.named
    assert current is not None
    name = world.stream.head_member("name")
    remembers = not world.has(NAMES_PER_ATTEMPT)

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
    dropped = ["refuse"] if drops(world, style) else []
    if not style.run_is_last and not world.has(BUSY_UNTIL_COMPLETE):
        dropped.append("edits")
    needs: tuple[str, ...] = ("|".join(dropped),)
    left_out = world.source.left_out is not None
    if world.several and not world.has(NAMES_PER_ATTEMPT):
        needs = ()
    elif not dropped:
        if left_out:
            _add_skip_complete(world, style, ())
        return

    @world.build.action(
        "destination", fair=True, needs=needs, suffix=world.suffix
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
            needs=needs,
            silent="the first bitmap's comes before any error",
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

    _add_skip_complete(world, style, () if left_out else needs)


def _add_skip_complete(
    world: World, style: Style, needs: tuple[str, ...]
) -> None:
    here = world.destination
    gone = (after_loss(world), Incoming.REMOVED)

    @world.build.action(
        "destination", fair=True, needs=needs, suffix=world.suffix
    )
    def skip_complete() -> Step:
        """COMPLETE of a bitmap that was dropped, or of none at all.

        QEMU: dirty_bitmap_load_complete(), s->cancelled.
        """
        ends = last_of_stream(world, style)
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
        if not world.has(DROP_ON_FAILURE):
            left = mine.bits | mine.successor
        removed += [
            mine.bitmap.becomes(kept),
            mine.bits.becomes(left),
            mine.successor.becomes(frozenset()),
        ]
    ends_early = not world.has(QUIT_WHEN_OVER)

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
