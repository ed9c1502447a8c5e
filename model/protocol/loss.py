# SPDX-License-Identifier: GPL-2.0-or-later
"""A bitmap error, a break: the destination drops what it was loading.

An error may come at START (no such node or alias; the name exists), at BITS
(they do not fit the bitmap) and at COMPLETE (no such bitmap).  As built, 5.1
to 11.x, a name that exists fails the migration, and so does a malformed START
or BITS (``docs/domain.md``); an unknown node or name, and BITS that do not
fit, cancel the bitmaps, and the rest of the stream is read; before 5.1 all of
them failed it (commit b91f33b81d; dirty_bitmap_load_start(),
dirty_bitmap_load_header(), dirty_bitmap_load_bits()).  START refuses neither
granularity nor size: the bitmap is created with the granularity that it names,
and no size is on the wire.
"""

from __future__ import annotations

from collections.abc import Callable

from model.language import (
    Flag,
    Step,
    Update,
    any_of,
    choose,
    effect,
    given,
)
from model.mechanisms import (
    COMPLETE_IS_KEPT,
    NAMES_PER_ATTEMPT,
    QUIT_WHEN_OVER,
)
from model.mechanisms_loading import (
    BUSY_UNTIL_COMPLETE,
    DROP_ON_FAILURE,
    ERROR_DROPS_BITMAP,
    ERROR_FAILS_MIGRATION,
)
from model.protocol.connections import (
    may_be_late,
    may_be_read,
)
from model.protocol.lifetimes import destination_forgets
from model.protocol.messages import (
    names_forgotten_by_loader,
    next_is,
    receives,
)
from model.protocol.world import Updates, World
from model.vocabulary import DestinationVm, Incoming, Link, Message, Name

BEING_LOADED = (Incoming.LOADING, Incoming.SUCCESSOR, Incoming.MERGED)
ABOUT_A_BITMAP = (Message.START, Message.BITS, Message.COMPLETE)


def add_loss(world: World) -> None:
    """Errors of each bitmap, and what is skipped after one."""
    for bitmap in world.bitmaps:
        _add_start_refused(bitmap)
        for way in bitmap.ways:
            _add_bits_refused(way)
        _add_complete_refused(bitmap)
        for way in bitmap.ways:
            _add_skip_bits(way)
        _add_skip_start(bitmap)
        _add_skip_complete(bitmap)
        for way in bitmap.ways:
            _add_unknown(way)
    _add_nameless(world)


def drops(world: World) -> bool:
    """Whether a refused bitmap is dropped and the stream is read on."""
    if world.design.errors_drop:
        return world.has(ERROR_DROPS_BITMAP)
    return not world.has(ERROR_FAILS_MIGRATION)


def after_loss(world: World) -> Incoming:
    """What stands under the bitmap's name after a loss."""
    lost, kept = Incoming.LOST, Incoming.PARTIAL
    dropped = world.with_(DROP_ON_FAILURE, lost, without=kept)
    return world.with_(ERROR_FAILS_MIGRATION, dropped, without=kept)


def last_of_stream(world: World) -> Updates:
    """Effect of COMPLETE of the last bitmap, where nothing else comes."""
    if world.design.run_is_last or not world.is_last:
        return ()
    return world.stream_ends()


def _refused(
    world: World, kind: Message, *states: Incoming, ends: Updates = ()
) -> Step:
    """A bitmap error at a message of this kind."""
    here = world.destination
    return given(
        next_is(world, kind),
        here.bitmap.is_(*states),
        may_be_read(world, kind),
    ).then(
        world.ghost.trouble.becomes(True),
        _dropped(world, kind, ends) if drops(world) else _failed(world),
    )


def _add_start_refused(world: World) -> None:

    @world.action("destination", fault=True, spends="refuse")
    def dirty_bitmap_load_start_refused() -> Step:
        """START is refused: no such node or alias.

        QEMU: dirty_bitmap_load_header(), cancel_incoming_locked().
        """
        return _refused(world, Message.START, Incoming.ABSENT)


def _add_bits_refused(world: World) -> None:

    @world.action("destination", fault=True, spends="refuse")
    def dirty_bitmap_load_bits_refused() -> Step:
        """BITS are refused: they do not fit the bitmap.

        QEMU: dirty_bitmap_load_bits(), cancel_incoming_locked().
        """
        return _refused(world, Message.BITS, *BEING_LOADED)


def _add_complete_refused(world: World) -> None:

    @world.action("destination", fault=True, spends="refuse")
    def dirty_bitmap_load_complete_refused() -> Step:
        """COMPLETE is refused: it names no bitmap that is being loaded.

        QEMU: dirty_bitmap_load_header(), cancel_incoming_locked().
        """
        ends = last_of_stream(world)
        return _refused(world, Message.COMPLETE, *BEING_LOADED, ends=ends)


def _dropped(world: World, kind: Message, ends: Updates) -> Updates:
    """Effect: every bitmap that is not done is removed, the rest is read.

    ``kind``: that of the message that was wrong.  An error in one bitmap
    drops all that the loader still has; as built that is every bitmap until
    the VM is about to start, complete or not.
    """
    open_ = (*BEING_LOADED, Incoming.ABSENT)
    dropped = world.with_(
        COMPLETE_IS_KEPT, open_, without=(*open_, Incoming.COMPLETE)
    )
    found: list[Update] = []
    for each in world.bitmaps:
        here = each.destination
        loading = here.bitmap.is_(*dropped)
        after = choose(~loading, here.bitmap, after_loss(world))
        left = here.bits.only_if(~loading)
        if after_loss(world) is Incoming.PARTIAL:
            left = here.bits | here.successor
        found += [
            here.bitmap.becomes(after),
            here.bits.becomes(left),
            here.successor.becomes(frozenset()),
            nothing_missing(each, if_=loading),
        ]
    lost = effect(
        "the bitmaps that are being loaded are lost",
        (*found, *names_forgotten_by_loader(world)),
    )
    return (*world.carries(kind).take(), *ends, *lost)


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


def _add_nameless(world: World) -> None:
    """A message that names no bitmap, and none came before: an error."""
    current, stream = world.destination.named, world.stream

    @world.action(
        "destination",
        only=world.several,
        fair=True,
        needs=world.with_(NAMES_PER_ATTEMPT, ("refuse",), without=()),
        silent="only after an error, or a source that remembers an attempt",
    )
    def dirty_bitmap_load_header_nameless() -> Step:
        """A message names no bitmap, and no other came before.

        All are dropped; after an error they have been.

        QEMU: dirty_bitmap_load_header(), cancel_incoming_locked().
        """
        return given(
            any_of(*(stream.head_is(kind) for kind in ABOUT_A_BITMAP)),
            stream.head_member("name").is_(Name.NONE),
            current.is_(Name.NONE),
        ).then(_dropped(world, Message.START, ()))


def _reasons_to_skip(world: World, *more: str) -> tuple[str, ...] | None:
    """Budgets without which nothing is skipped; None: nothing is, ever."""
    if world.options.overtaking_errs and drops(world):
        return ()
    early = [] if world.design.run_is_last else ["edits"]
    reasons = [
        *(["refuse"] if drops(world) else []),
        *world.with_(BUSY_UNTIL_COMPLETE, [], without=early),
        *more,
    ]
    budgets = ("|".join(reasons),) if reasons else None
    always = () if world.several else budgets
    return world.with_(NAMES_PER_ATTEMPT, budgets, without=always)


def _is_gone(world: World, *more: Incoming) -> Flag:
    gone = (after_loss(world), Incoming.REMOVED)
    return world.destination.bitmap.is_(*gone, *more)


def _add_skip_bits(world: World) -> None:
    """The rest of a dropped bitmap's data is read and ignored."""
    late = ["edits"] if may_be_late(world) else []
    needs = _reasons_to_skip(world, *late)

    @world.action(
        "destination",
        only=needs is not None,
        fair=True,
        needs=needs or (),
        silent="where the only chunk is the one that has overtaken START"
        if world.options.overtaking_errs
        else "",
    )
    def skip_bits() -> Step:
        """BITS of a bitmap that was dropped are read and ignored.

        QEMU: dirty_bitmap_load_bits(), s->cancelled.
        """
        return given(receives(world, Message.BITS), _is_gone(world)).then()


def _add_skip_start(world: World) -> None:
    needs = _reasons_to_skip(world)

    @world.action(
        "destination",
        only=needs is not None
        and (world.several or world.options.overtaking_errs),
        fair=True,
        needs=needs or (),
        silent="the first bitmap's comes before any error",
    )
    def skip_start() -> Step:
        """START after an error in another bitmap is read and ignored.

        QEMU: dirty_bitmap_load_start(), s->cancelled.
        """
        return given(receives(world, Message.START), _is_gone(world)).then()


def _add_skip_complete(world: World) -> None:
    needs = _reasons_to_skip(world)

    @world.action(
        "destination",
        only=needs is not None or world.may_leave_out,
        fair=True,
        needs=() if world.may_leave_out else needs or (),
    )
    def skip_complete() -> Step:
        """COMPLETE of a bitmap that was dropped, or of none at all.

        QEMU: dirty_bitmap_load_complete(), s->cancelled.
        """
        return given(
            receives(world, Message.COMPLETE),
            _is_gone(world, Incoming.ABSENT),
        ).then(last_of_stream(world))


def _add_unknown(world: World) -> None:
    """A chunk has overtaken START, and does not wait for it: an error."""
    here = world.destination

    @world.action("destination", only=world.options.overtaking_errs, fair=True)
    def dirty_bitmap_load_bits_unknown() -> Step:
        """BITS name a bitmap that is not there yet.

        QEMU: dirty_bitmap_load_header(), "unknown dirty bitmap", and
        cancel_incoming_locked().
        """
        return given(
            next_is(world, Message.BITS),
            here.bitmap.is_(Incoming.ABSENT),
        ).then(
            _dropped(world, Message.BITS, ())
            if drops(world)
            else _failed(world)
        )


def unfinished_removed(world: World) -> Updates:
    """Effect: this bitmap, if it is not whole, is dropped."""
    here = world.destination
    unfinished = here.bitmap.is_(*BEING_LOADED)
    nothing = here.bits.only_if(~unfinished)
    return (
        here.bitmap.becomes(
            choose(~unfinished, here.bitmap, after_loss(world))
        ),
        here.bits.becomes(
            world.with_(
                DROP_ON_FAILURE, nothing, without=here.bits | here.successor
            )
        ),
        here.successor.becomes(frozenset()),
        nothing_missing(world, if_=unfinished),
    )


def nothing_missing(world: World, if_: Flag) -> Update:
    """Effect: of a bitmap that is not there no chunk is missing."""
    missing = world.ghost.missing
    return missing.becomes(missing.only_if(~if_))


def add_cancel_incoming(
    world: World, unfinished: Callable[[World], Updates] = unfinished_removed
) -> None:
    """The stream breaks after RUN: postcopy's declared loss.

    ``unfinished``: the effect on a bitmap whose COMPLETE has not come.
    """
    here = world.destination
    breaks = ("cut|source_killed|cancel",)

    @world.action(
        "destination",
        fair=True,
        needs=world.with_(QUIT_WHEN_OVER, breaks, without=()),
    )
    def dirty_bitmap_mig_cancel_incoming() -> Step:
        """The stream breaks after RUN, and the VM goes on.

        Unfinished bitmaps are removed: the loss shows as the absence of the
        name.  In postcopy-ones they are kept, and show as degraded.  A bitmap
        whose COMPLETE has come stays, also where another's has not.
        QEMU: dirty_bitmap_mig_cancel_incoming(), postcopy_ram_listen_thread().
        """
        return given(
            here.vm.is_(
                DestinationVm.RUN_RECEIVED,
                DestinationVm.PRELAUNCH,
                DestinationVm.RUNNING,
            ),
            ~here.stream_ended,
            world.link.is_(Link.BROKEN),
        ).then(
            [unfinished(bitmap) for bitmap in world.bitmaps],
            world.destination_closes(),
        )
