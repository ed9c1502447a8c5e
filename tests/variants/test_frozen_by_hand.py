# SPDX-License-Identifier: GPL-2.0-or-later
"""Is a mistake of a source that sends a frozen bitmap noticed?

One step of the machine is changed by hand.  Postcopy and postcopy-ones are
asked with such a source as well: an old source and a new destination, or the
other way round, are two programs that know nothing of each other.
"""

from __future__ import annotations

import pytest

from model.design import FROM_BULK, STOP_COPY_BULK
from model.designs import build
from model.language import expression as ex
from model.options import Bounds, Options
from tests.searches import broken_in
from tests.variants.altered import changed, forgotten, held, machine_of

BITS, SUCCESSOR = "source.bits", "source.successor"
FROZEN, CHANGED = "source.frozen", "source.changed"
ON_SOURCE = "NoLostDirtyBitOnSource"
LOST = {"NoLostDirtyBitOnDestination", "BackupChainRestoresDisk"}
#: each design that is modelled with such a source, and how
FREEZES = [(STOP_COPY_BULK, "own"), *((d, "bulk") for d in FROM_BULK)]
each = pytest.mark.parametrize(("design", "source"), FREEZES)


@each
def test_nothing_is_broken_before(design: str, source: str) -> None:
    machine = machine_of(design, "cut", "cancel", source=source)
    assert broken_in(machine) == set()


# -- at the stop -------------------------------------------------------------


@each
def test_a_reclaim_that_does_not_note_what_changed(
    design: str, source: str
) -> None:
    """A stale chunk has replaced the bits that were set: ones do not help."""
    machine = machine_of(design, source=source)
    found = broken_in(forgotten(machine, "reclaim_at_stop", CHANGED))
    assert found >= LOST


@each
def test_a_reclaim_that_drops_what_was_recorded(
    design: str, source: str
) -> None:
    machine = machine_of(design, "cut", source=source)
    found = broken_in(forgotten(machine, "reclaim_at_stop", BITS))
    # a source that resumes has lost it as well
    assert found >= {*LOST, ON_SOURCE}


@each
def test_a_reclaim_that_keeps_the_successor(design: str, source: str) -> None:
    machine = machine_of(design, source=source)
    found = broken_in(forgotten(machine, "reclaim_at_stop", SUCCESSOR))
    assert "SuccessorOnlyOfAJob" in found


@each
def test_a_source_that_never_thaws(design: str, source: str) -> None:
    machine = machine_of(design, source=source)
    found = broken_in(forgotten(machine, "reclaim_at_stop", FROZEN))
    assert {"MigrationEnds", "VmIsNotLeftStopped"} <= found


def test_a_reclaim_that_notes_every_chunk() -> None:
    """The downtime is what was promised, not the whole bitmap again."""
    options = Options(
        design=STOP_COPY_BULK, bounds=Bounds(chunks=2, downtime=0, writes=1)
    )
    machine = build(options)
    before = broken_in(machine)
    every = ex.constant(3, held(machine, CHANGED).width)
    found = broken_in(changed(machine, "reclaim_at_stop", CHANGED, every))
    assert found - before == {"DowntimeKept"}


# -- what is sent again ------------------------------------------------------


@each
def test_a_chunk_that_is_sent_again_for_ever(design: str, source: str) -> None:
    machine = machine_of(design, source=source)
    found = broken_in(forgotten(machine, "send_changed_bits", CHANGED))
    assert "MigrationEnds" in found


@each
def test_a_stop_that_forgets_what_was_recorded(
    design: str, source: str
) -> None:
    machine = machine_of(design, source=source)
    nothing = ex.constant(0, held(machine, SUCCESSOR).width)
    found = broken_in(changed(machine, "bdrv_drain_all", SUCCESSOR, nothing))
    assert found >= LOST


# -- an attempt that fails ---------------------------------------------------


@each
def test_a_failed_attempt_that_stays_frozen(design: str, source: str) -> None:
    machine = machine_of(design, "cut", source=source)
    found = broken_in(forgotten(machine, "migration_fails", FROZEN))
    assert "AttemptLeavesNothing" in found


@each
def test_a_cancel_that_forgets_what_was_recorded(
    design: str, source: str
) -> None:
    machine = machine_of(design, "cancel", source=source)
    found = broken_in(forgotten(machine, "migrate_cancel", BITS))
    assert ON_SOURCE in found


@each
def test_a_failed_attempt_that_remembers_what_changed(
    design: str, source: str
) -> None:
    machine = machine_of(design, "cut", source=source)
    found = broken_in(forgotten(machine, "migration_fails", CHANGED))
    assert "AttemptLeavesNothing" in found
