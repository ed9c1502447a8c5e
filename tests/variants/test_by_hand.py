# SPDX-License-Identifier: GPL-2.0-or-later
"""Can each property fail that the absence of no one mechanism breaks?

One step of a machine is changed by hand: it does to the bitmap, or to a VM,
what no host of the model ever does.  The property must say so.
"""

from __future__ import annotations

import pytest
from attrs import evolve

from model.design import DESIGNS
from model.designs import build
from model.language import Instance, Machine
from model.language import expression as ex
from model.language.expression import Expression
from model.options import Options
from model.vocabulary import (
    DestinationVm,
    Incoming,
    Link,
    Outgoing,
    SourceVm,
)
from tests.searches import bounds_of, broken_in, is_, once

MIGRATE = [d for d in DESIGNS if d != "drop"]
#: those whose destination answers that it runs
ANSWERED = [d for d in DESIGNS if not d.startswith("postcopy")]
each_design = pytest.mark.parametrize("design", DESIGNS)
each_that_migrates = pytest.mark.parametrize("design", MIGRATE)
BITMAP = "destination.bitmap"


def machine_of(design: str, *failures: str) -> Machine:
    """The complete design, one write; it violates nothing."""
    options = Options(
        design=design,
        bounds=bounds_of(design, writes=1),
        failures=once(*failures),
    )
    return build(options)


def code(machine: Machine, field: str, literal: object) -> Expression:
    """A literal as a value of a field."""
    kind = machine.fields[machine.position[field]].type
    return ex.constant(kind.encode(literal, field), kind.width)


def held(machine: Machine, field: str) -> Expression:
    """What a field holds before the step."""
    return machine.fields[machine.position[field]].expression


def changed(
    machine: Machine, action: str, field: str, value: Expression
) -> Machine:
    """The machine in which a step gives a field another value."""

    def instance(old: Instance) -> Instance:
        effect = {**dict(old.effect), field: value}
        return evolve(old, effect=tuple(effect.items()))

    found = machine.action(action)
    new = evolve(found, instances=tuple(map(instance, found.instances)))
    actions = tuple(new if a is found else a for a in machine.actions)
    return evolve(machine, actions=actions)


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


@pytest.mark.parametrize("design", ["postcopy", "stop-copy"])
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
