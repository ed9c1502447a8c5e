# SPDX-License-Identifier: GPL-2.0-or-later
"""A backup job runs while the bitmap migrates: what is it that saves bits?

While a job holds the bitmap, a successor records.  When the job ends, what it
has recorded comes into the bitmap other than by a write; and if it does not
end before the VM stops, nothing sends it.  The live series of 2015 had an
answer to neither.
"""

from __future__ import annotations

from itertools import product

import pytest
from attrs import evolve

from checker.engines.native.explicit import explore
from checker.engines.verdict import Verdict, judge
from model.design import AS_BUILT, LIVE, MIGRATE, STOP_COPY_BULK
from model.designs import build
from model.language import Machine
from model.mechanisms_loading import DROPPED
from model.options import Bounds, Failures, Options
from tests.searches import bounds_of, broken

LOST = {"NoLostDirtyBitOnDestination", "BackupChainRestoresDisk"}
#: what the two lose of each other who take one successor for their own
SHARED = {
    "NoLostDirtyBitOnSource",
    "DestinationIsExact",
    "ExtraOnlyWhereMissing",
}
FORGOTTEN = ("meta-sees-merge", "stop-waits-for-job")
#: chunks, granules of each, chunks that may be pending at the stop
DISKS = [(1, 1, 0), (1, 2, 0), (2, 1, 0), (2, 1, 1), (3, 1, 1), (3, 1, 2)]
each_disk = pytest.mark.parametrize(
    "bounds",
    [Bounds(chunks=c, granules=g, downtime=d, writes=2) for c, g, d in DISKS],
    ids=[f"{c} x {g}, downtime {d}" for c, g, d in DISKS],
)


def live(bounds: Bounds, *without: str, fails: int = 1) -> Options:
    """The live design, perhaps with a backup job that may fail."""
    return Options(
        design=LIVE,
        bounds=bounds,
        failures=Failures(backup_fails=fails),
        without=frozenset(without),
    )


@each_disk
def test_as_posted_bits_are_lost_on_every_disk(bounds: Bounds) -> None:
    _, lacks = AS_BUILT[LIVE]
    assert set(FORGOTTEN) < set(lacks)
    assert set(broken(live(bounds, *lacks), "always")) >= LOST


@each_disk
@pytest.mark.parametrize("mechanism", FORGOTTEN)
def test_each_of_the_two_is_needed(bounds: Bounds, mechanism: str) -> None:
    # a job that ends after the stop brings more than was pending
    also = {"DowntimeKept"} if mechanism == "stop-waits-for-job" else set()
    assert set(broken(live(bounds, mechanism), "always")) - also == LOST


@each_disk
def test_both_together_keep_every_bit(bounds: Bounds) -> None:
    assert broken(live(bounds)) == {}


@each_disk
def test_a_clear_that_is_not_seen_costs_precision_only(
    bounds: Bounds,
) -> None:
    found = broken(live(bounds, "meta-sees-clear"), "always")
    assert set(found) == {
        "DestinationIsExact",
        "ExtraOnlyWhereMissing",
    }


# -- how the job ends --------------------------------------------------------


def without_action(machine: Machine, name: str) -> Machine:
    """The machine without one of its actions."""
    assert machine.action(name)
    kept = tuple(a for a in machine.actions if a.name != name)
    asked = tuple(p for p in machine.properties if name not in p.by)
    return evolve(machine, actions=kept, properties=asked)


def lost_bits(machine: Machine) -> set[str]:
    """The guarantees of the bits that some state violates."""
    found = judge(machine, explore(machine).coverage)
    return {
        f.name
        for f in found
        if f.verdict is Verdict.VIOLATED and f.guarantee == "S1"
    }


@pytest.mark.parametrize(
    ("succeeds", "fails"), [(True, 0), (False, 1), (False, 0)]
)
def test_a_job_that_ends_either_way_brings_bits_unseen(
    succeeds: bool, fails: int
) -> None:
    options = live(
        Bounds(chunks=1, downtime=0), "meta-sees-merge", fails=fails
    )
    machine = build(options)
    if not succeeds:
        machine = without_action(machine, "source_backup_succeeds")
    expected = LOST if succeeds or fails else set()
    assert lost_bits(machine) == expected


def test_a_job_that_does_not_end_before_the_stop_is_not_sent() -> None:
    options = live(Bounds(chunks=1, downtime=0), "stop-waits-for-job", fails=0)
    machine = without_action(build(options), "source_backup_succeeds")
    assert lost_bits(machine) == LOST


# -- the designs that have no meta bitmap ------------------------------------


@pytest.mark.parametrize(
    ("design", "chunks", "fails"),
    list(product(DROPPED, (1, 2), (0, 1))),
)
def test_the_bitmap_must_be_busy(design: str, chunks: int, fails: int) -> None:
    whole = Options(
        design=design,
        bounds=bounds_of(design, chunks, writes=2),
        failures=Failures(backup_fails=fails),
    )
    assert broken(whole) == {}
    free = evolve(whole, without=frozenset({"source-busy"}))
    # where migration and job have one successor, neither knows its own
    shared = SHARED if design == STOP_COPY_BULK else set()
    assert set(broken(free)) == LOST | shared


@pytest.mark.parametrize("design", MIGRATE)
def test_an_edit_of_the_user_comes_along(design: str) -> None:
    options = Options(design=design, bounds=bounds_of(design, 1, edits=1))
    assert broken(options, "always", "reachable") == {}


def test_a_merge_of_the_user_is_not_seen_either() -> None:
    """With no job that could end; none of its actions is there."""
    options = live(
        Bounds(chunks=1, downtime=0, edits=1), "meta-sees-merge", fails=0
    )
    machine = without_action(build(options), "source_backup_succeeds")
    machine = without_action(machine, "source_backup_begins")
    assert lost_bits(machine) == LOST
