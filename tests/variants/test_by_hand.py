# SPDX-License-Identifier: GPL-2.0-or-later
"""Can each property fail that the absence of no one mechanism breaks?

One step of a machine is changed by hand: it does to the bitmap, or to a VM,
what no host of the model ever does.  The property must say so.
"""

from __future__ import annotations

import pytest

from model.design import DESIGNS, MIGRATE
from model.language import expression as ex
from model.mechanisms import COMPLETED_AFTER_SHUT
from model.mechanisms_loading import DROPPED
from model.vocabulary import (
    DestinationVm,
    Incoming,
    Link,
    Outgoing,
    SourceVm,
)
from tests.searches import broken_in, is_
from tests.variants.altered import changed, code, held, machine_of

#: those whose destination answers that it runs
ANSWERED = COMPLETED_AFTER_SHUT.designs
each_design = pytest.mark.parametrize("design", DESIGNS)
each_that_migrates = pytest.mark.parametrize("design", MIGRATE)
BITMAP = "destination.bitmap"


@each_design
def test_nothing_is_broken_before(design: str) -> None:
    assert broken_in(machine_of(design, "cut")) == set()


@each_that_migrates
def test_a_vm_start_that_forgets_the_bitmap(design: str) -> None:
    machine = machine_of(design)
    lost = code(machine, BITMAP, Incoming.LOST)
    found = broken_in(changed(machine, "vm_start", BITMAP, lost))
    assert {"CompleteIsKept", "SuccessLosesNothing"} <= found


@each_that_migrates
def test_a_whole_bitmap_that_is_removed_after_a_break(design: str) -> None:
    """That something failed is no reason to lose what was complete."""
    machine = machine_of(design, "cut")
    lost = code(machine, BITMAP, Incoming.LOST)
    faulted, now = held(machine, "ghost_faulted"), held(machine, BITMAP)
    value = ex.choice(faulted, lost, now)
    found = broken_in(changed(machine, "vm_start", BITMAP, value))
    declares = design != "live"
    assert "CompleteIsKept" in found
    assert ("SuccessLosesNothing" in found) == (not declares)


def test_a_part_of_a_bitmap_where_none_is_migrated() -> None:
    machine = machine_of("drop")
    part = code(machine, BITMAP, Incoming.PARTIAL)
    found = broken_in(changed(machine, "vm_start", BITMAP, part))
    assert "UsableIsWhole" in found


@each_design
def test_a_source_that_quits_although_it_has_failed(design: str) -> None:
    machine = machine_of(design, "cut")
    gone = code(machine, "source.vm", SourceVm.GONE)
    found = broken_in(changed(machine, "resume_source", "source.vm", gone))
    assert "VmEndsOnlyIfKilled" in found


@each_design
def test_a_vm_that_dies_of_a_break(design: str) -> None:
    machine = machine_of(design, "cut")
    up = is_(machine, "link", Link.UP)
    died = ex.choice(
        up,
        code(machine, "destination.vm", DestinationVm.RUNNING),
        code(machine, "destination.vm", DestinationVm.DIED),
    )
    machine = changed(machine, "vm_start", "destination.vm", died)
    assert "VmEndsOnlyIfKilled" in broken_in(machine)


@each_design
def test_a_source_that_stays_stopped(design: str) -> None:
    machine = machine_of(design, "cut")
    stays = held(machine, "source.vm")
    machine = changed(machine, "resume_source", "source.vm", stays)
    assert "VmIsNotLeftStopped" in broken_in(machine)


@pytest.mark.parametrize("design", DROPPED)
def test_a_bitmap_error_that_fails_the_migration(design: str) -> None:
    machine = machine_of(design, "refuse")
    failed = code(machine, "source.migration", Outgoing.FAILED)
    machine = changed(
        machine, "dirty_bitmap_load_bits_refused", "source.migration", failed
    )
    assert "BitmapTroubleFailsNoMigration" in broken_in(machine)


@pytest.mark.parametrize("design", ANSWERED)
def test_a_source_that_says_completed_too_early(design: str) -> None:
    machine = machine_of(design)
    done = code(machine, "source.migration", Outgoing.COMPLETED)
    machine = changed(machine, "send_device_state", "source.migration", done)
    assert "CompletedMeansMoved" in broken_in(machine)


@each_design
def test_a_failed_attempt_that_marks_all(design: str) -> None:
    machine = machine_of(design, "cut")
    every = ex.constant(1, held(machine, "source.bits").width)
    machine = changed(machine, "migration_fails", "source.bits", every)
    found = broken_in(machine)
    assert "FailedAttemptChangesNothing" in found


@each_design
def test_a_failed_attempt_that_keeps_the_bitmap_busy(design: str) -> None:
    machine = machine_of(design, "cut")
    busy = code(machine, "source.busy", True)
    machine = changed(machine, "migration_fails", "source.busy", busy)
    found = broken_in(machine)
    assert {"NoNeedlessLossOnSource", "MigrationEnds"} <= found


@pytest.mark.parametrize("design", ANSWERED)
def test_a_migration_that_fails_for_no_reason(design: str) -> None:
    """And still holds the bitmap, if the design does, as no attempt may."""
    machine = machine_of(design, "cut")
    failed = code(machine, "source.migration", Outgoing.FAILED)
    machine = changed(machine, "send_device_state", "source.migration", failed)
    found = broken_in(machine)
    assert "FailsOnlyForAReason" in found
    assert ("AttemptLeavesNothing" in found) == (design != "live")
