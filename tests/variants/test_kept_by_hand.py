# SPDX-License-Identifier: GPL-2.0-or-later
"""Is a mistake of a destination that keeps the bitmap at a break noticed?

One step of the machine is changed by hand.  The same mistake in plain
postcopy shows what it costs where the bitmap is created empty.
"""

from __future__ import annotations

import pytest

from checker.engines.native.explicit import explore
from checker.mutation.stages import demands, met
from model.design import POSTCOPY, POSTCOPY_ONES, RUN_FIRST
from model.language import Machine
from model.language import expression as ex
from model.vocabulary import Incoming
from tests.searches import broken_in, is_
from tests.variants.altered import changed, code, forgotten, held, machine_of

BITS, BITMAP = "destination.bits", "destination.bitmap"
DEGRADED, EARLY = "destination.degraded", "destination.early"
BREAK = "dirty_bitmap_mig_cancel_incoming"
LOST = {"NoLostDirtyBitOnDestination", "BackupChainRestoresDisk"}
EXACT, EXTRA = "DestinationIsExact", "ExtraOnlyWhereMissing"


def ones(*failures: str, source: str = "own") -> Machine:
    return machine_of(POSTCOPY_ONES, *failures, source=source)


# -- the chunks --------------------------------------------------------------


@pytest.mark.parametrize("design", RUN_FIRST)
def test_a_chunk_that_counts_as_come_and_was_not_stored(design: str) -> None:
    """Where it is missing the bits are set, or they are not."""
    machine = machine_of(design, "cut")
    found = broken_in(forgotten(machine, "dirty_bitmap_load_bits", BITS))
    expected = {EXACT, EXTRA} if design == POSTCOPY_ONES else LOST
    assert found == expected


@pytest.mark.parametrize("design", RUN_FIRST)
def test_a_refused_chunk_after_which_the_bitmap_is_read_on(
    design: str,
) -> None:
    """With every bit set it costs precision, and no bit."""
    machine = forgotten(
        machine_of(design, "refuse"),
        "dirty_bitmap_load_bits_refused",
        BITMAP,
        BITS,
        "destination.successor",
    )
    found = broken_in(machine)
    if design == POSTCOPY_ONES:
        assert EXACT in found and not found & LOST
    else:
        assert found >= LOST


# -- the break ---------------------------------------------------------------


def test_a_break_that_keeps_a_refused_bitmap_as_well() -> None:
    machine = ones("cut", "refuse")
    lost = is_(machine, BITMAP, Incoming.LOST)
    kept = code(machine, BITMAP, Incoming.VALID)
    (instance,) = machine.action(BREAK).instances
    value = ex.choice(lost, kept, dict(instance.effect)[BITMAP])
    assert broken_in(changed(machine, BREAK, BITMAP, value)) >= LOST


def test_a_break_that_hands_back_the_successor_alone() -> None:
    machine = ones("cut")
    recorded = held(machine, "destination.successor")
    found = broken_in(changed(machine, BREAK, BITS, recorded))
    assert found >= LOST


def test_a_break_that_sets_every_bit_again() -> None:
    """What has come was exact: it must stay so."""
    machine = ones("cut")
    every = ex.constant(1, held(machine, BITS).width)
    found = broken_in(changed(machine, BREAK, BITS, every))
    assert found == {EXTRA}


def test_a_break_that_leaves_the_bitmap_as_it_is() -> None:
    """It stays busy for ever, and looks as if it were loaded."""
    machine = ones("cut")
    found = broken_in(
        forgotten(machine, BREAK, BITMAP, BITS, "destination.successor")
    )
    assert {"LossIsVisible", "MigrationEnds"} <= found


# -- the mark ----------------------------------------------------------------


def test_a_whole_bitmap_that_shows_as_degraded() -> None:
    machine = ones("cut")
    last = "dirty_bitmap_load_complete_reclaim"
    marked = code(machine, DEGRADED, True)
    found = broken_in(changed(machine, last, DEGRADED, marked))
    assert "DegradedOnlyAfterABreak" in found


def test_a_mark_that_is_gone_when_the_guest_writes() -> None:
    machine = ones("cut")
    clear = code(machine, DEGRADED, False)
    found = broken_in(
        changed(machine, "destination_set_dirty", DEGRADED, clear)
    )
    assert found == {"DegradedIsVisible"}


def test_a_mark_that_stays_when_the_bitmap_is_dropped() -> None:
    machine = ones("cut")
    lost = code(machine, BITMAP, Incoming.LOST)
    dropped = changed(machine, BREAK, BITMAP, lost)
    for name in (BITS, "destination.successor", "ghost_missing"):
        nothing = ex.constant(0, held(machine, name).width)
        dropped = changed(dropped, BREAK, name, nothing)
    found = broken_in(dropped)
    assert found == {"NothingOfALostBitmap", "NoLossAfterSwitchover"}
    clear = changed(dropped, BREAK, DEGRADED, code(machine, DEGRADED, False))
    assert broken_in(clear) == {"NoLossAfterSwitchover"}


def test_a_mark_that_no_backup_takes_away() -> None:
    """No state is wrong; one is missing, and it is demanded."""
    asked = [d for d in demands(POSTCOPY_ONES) if (DEGRADED, "no") in d.where]
    assert asked
    machine = ones("cut")
    assert list(met(explore(machine), asked)) == asked
    stays = forgotten(machine, "destination_backup", DEGRADED)
    assert met(explore(stays), asked) == ()
    assert broken_in(stays) == set()


# -- what comes before RUN ---------------------------------------------------


def test_a_chunk_before_run_that_does_not_count_as_early() -> None:
    machine = ones("cut", source="bulk")
    assert broken_in(machine) == set()
    found = broken_in(forgotten(machine, "dirty_bitmap_load_bits", EARLY))
    assert found >= LOST


@pytest.mark.parametrize("design", RUN_FIRST)
def test_a_start_that_makes_an_early_bitmap_whole(design: str) -> None:
    """COMPLETE decides, not that every chunk has come once."""
    machine = machine_of(design, source="bulk")
    loading = is_(machine, BITMAP, Incoming.LOADING)
    whole = code(machine, BITMAP, Incoming.VALID)
    start = "dirty_bitmap_mig_before_vm_start"
    (instance,) = machine.action(start).instances
    value = ex.choice(loading, whole, dict(instance.effect)[BITMAP])
    found = broken_in(changed(machine, start, BITMAP, value))
    assert found >= LOST


def test_plain_postcopy_knows_no_mark() -> None:
    names = {f.name for f in machine_of(POSTCOPY, "cut").fields}
    assert not names & {DEGRADED, EARLY, "ghost_missing"}
    running = {f.name for f in ones("cut").fields}
    assert {DEGRADED, "ghost_missing"} <= running and EARLY not in running
    assert EARLY in {f.name for f in ones("cut", source="bulk").fields}
