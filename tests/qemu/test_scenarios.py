# SPDX-License-Identifier: GPL-2.0-or-later
"""Real QEMU, from the guest's write to the bitmap on the other side."""

from __future__ import annotations

import asyncio
import os
import subprocess
from pathlib import Path

import attrs
import pytest

from checker.input.errors import InputError
from checker.qemu.campaign.guarantees import judge
from checker.qemu.campaign.matrix import KINDS
from checker.qemu.campaign.runner import run, run_scenario
from checker.qemu.campaign.vm_outcome import outcome_of
from checker.qemu.harness import observation as seen
from checker.qemu.harness.binary import Build, check_work_directory
from checker.qemu.harness.bitmaps import Bitmap, same
from checker.qemu.harness.builds import Builds
from checker.qemu.harness.disk import Disk
from checker.qemu.harness.faults import Fault
from checker.qemu.harness.faults import FaultKind as Kind
from checker.qemu.harness.observation import Observation
from checker.qemu.harness.places import Place
from checker.qemu.harness.progress import Limits
from checker.qemu.harness.scenario import (
    KIB,
    MIB,
    WRITES,
    Alias,
    GuestWrite,
    Mode,
    Scenario,
    Storage,
    Then,
    When,
)
from checker.stateful.adapter import Side

PATIENT = Limits(answer=60, settle=120, quiet=60, steady=60, stall=0.05)

#: bytes of the longest directory that leaves room for sockets' names
LONGEST_WORK = 72

SEVERAL = Scenario(
    disks=(Disk(), Disk("drive1", 3_000_320)),
    bitmaps=(
        Bitmap(name="fine", granularity=512),
        Bitmap(name="frozen", disabled=True),
        Bitmap(name="kept", granularity=4 * KIB, persistent=True),
        Bitmap("drive1", "odd"),
    ),
    writes=(
        *WRITES,
        GuestWrite(When.BEFORE, 50 * MIB, 3 * MIB, discard=True),
        GuestWrite(When.BEFORE, 4 * KIB, 70 * KIB, "drive1"),
        GuestWrite(When.DURING, 3_000_320 - 512, 512, "drive1"),
    ),
)


def observe(
    build: Build, scenario: Scenario, limits: Limits = PATIENT
) -> Observation:
    found = run_scenario(scenario, Builds(build, build), limits=limits)
    assert found.struck == (scenario.fault is not None)
    assert not found.unreadable
    return found


def equal(found: Observation, side: Side, moment: str = seen.END) -> bool:
    """Is every bitmap on that side exactly what the guest wrote?"""
    look = found.moment(moment)
    assert look is not None
    for wanted in found.scenario.bitmaps:
        view = look.of(side).bitmap(*wanted.key)
        truth = found.truth(side, *wanted.key, look)
        if view is None or not same(view, truth):
            return False
        if view.dirty is not None:
            assert list(view.dirty) == truth.dirty_ranges()
    return True


@pytest.mark.parametrize("persistent", [False, True])
@pytest.mark.parametrize("storage", Storage)
@pytest.mark.parametrize("return_path", [False, True])
@pytest.mark.parametrize("mode", Mode)
def test_without_a_fault(
    build: Build,
    mode: Mode,
    return_path: bool,
    storage: Storage,
    persistent: bool,
) -> None:
    bitmaps = (Bitmap(persistent=persistent),)
    found = observe(
        build, Scenario(mode, return_path, storage, bitmaps=bitmaps)
    )
    assert judge(found) == []
    assert outcome_of(found) == "on the destination"
    assert equal(found, Side.DESTINATION)
    wrote = [done.write.when for done in found.done]
    arrived = [When.ARRIVED] if mode is Mode.POSTCOPY else []
    assert wrote == [
        *(When.BEFORE, When.BEFORE, When.DURING),
        *(*arrived, When.AFTER),
    ]
    if persistent:
        assert equal(found, Side.DESTINATION, seen.RESTARTED)


@pytest.mark.parametrize("storage", Storage)
@pytest.mark.parametrize("mode", Mode)
def test_there_and_back(build: Build, mode: Mode, storage: Storage) -> None:
    """The VM comes back to a fresh process and to the images it left."""
    bitmaps = (Bitmap(persistent=True), Bitmap(name="b1"))
    found = observe(
        build,
        Scenario(mode, storage=storage, bitmaps=bitmaps, then=Then.AGAIN),
    )
    assert judge(found) == []
    assert found.last.source.runs and not found.last.destination.runs
    assert equal(found, Side.SOURCE, seen.AGAIN)
    assert found.done[-1].write.when is When.AGAIN
    again = found.moment(seen.RESTARTED)
    assert again is not None
    assert [each.name for each in again.source.bitmaps] == ["b0"]


def test_the_longest_work_directory(build: Build, room: Path) -> None:
    """Every socket of a run fits, so that each bitmap is read in the end."""
    deep = room / ("d" * (LONGEST_WORK - len(str(room)) - 1))
    deep.mkdir()
    assert check_work_directory(deep) == deep
    longer = room / f"{deep.name}d"
    longer.mkdir()
    with pytest.raises(InputError, match=f"at most {LONGEST_WORK} bytes"):
        check_work_directory(longer)
    fault = Fault(Kind.CUT, Place.parse("bits:0+middle"))
    scenario = Scenario(fault=fault, then=Then.AGAIN)
    found = run_scenario(scenario, Builds(build, build), deep, PATIENT)
    assert found.last.destination.runs
    (view,) = found.last.destination.bitmaps
    assert view.dirty


@pytest.mark.parametrize("mode", Mode)
def test_a_second_attempt(build: Build, mode: Mode) -> None:
    """What the first one leaves in the source does not harm the next."""
    fault = Fault(Kind.CUT, Place.parse("globalstate.payload:0+before"))
    scenario = Scenario(mode, fault=fault, then=Then.AGAIN)
    found = observe(build, scenario)
    assert judge(found) == []
    assert outcome_of(found) == "on the source"
    assert found.last.destination.runs
    assert equal(found, Side.DESTINATION, seen.AGAIN)


def test_a_crash_leaves_no_stale_bitmap(build: Build) -> None:
    fault = Fault(Kind.CUT, Place.parse("bits:0+middle"))
    bitmaps = (Bitmap(persistent=True),)
    found = observe(
        build, Scenario(bitmaps=bitmaps, fault=fault, then=Then.CRASH)
    )
    assert judge(found) == []
    again = found.moment(seen.RESTARTED)
    assert again is not None and again.source.runs
    assert not any(each.usable for each in again.source.bitmaps)


def test_several_bitmaps_and_nodes(build: Build) -> None:
    found = observe(build, SEVERAL)
    assert judge(found) == []
    assert equal(found, Side.DESTINATION)


def test_aliases(build: Build) -> None:
    for mode in Mode:
        names = Alias("drive0", "disk", (("b0", "x"),))
        found = observe(build, Scenario(mode, aliases=(names,)))
        assert judge(found) == []
        assert equal(found, Side.DESTINATION)


def test_chunks_are_seen_one_by_one(build: Build) -> None:
    bitmaps = (Bitmap(granularity=512),)
    scenario = Scenario(Mode.POSTCOPY, disks=(Disk(),), bitmaps=bitmaps)
    found = observe(build, scenario)
    assert judge(found) == [] and equal(found, Side.DESTINATION)
    # 64 MiB of 512 bytes each, 8192 in a chunk
    assert sum(each.label == "bits" for each in found.passages) == 16


@pytest.mark.parametrize("mode", Mode)
def test_more_than_a_socket_holds(build: Build, mode: Mode) -> None:
    """The source waits for the wire in the middle of the bitmap."""
    size = 2 * 1024 * MIB
    scenario = Scenario(
        mode,
        disks=(Disk(size=size),),
        bitmaps=(Bitmap(granularity=512),),
        writes=(
            GuestWrite(When.BEFORE, 0, size // 2),
            GuestWrite(When.BEFORE, size // 2, size // 2 - 512),
            GuestWrite(When.AFTER, size - 512, 512),
        ),
    )
    found = observe(build, scenario)
    assert judge(found) == [] and equal(found, Side.DESTINATION)
    assert sum(each.label == "bits" for each in found.passages) == 512


@pytest.mark.parametrize("return_path", [False, True])
def test_precopy_cut_within_a_chunk(build: Build, return_path: bool) -> None:
    """The source goes on, by itself if it knows, and has lost nothing."""
    fault = Fault(Kind.CUT, Place.parse("bits:0+middle"))
    found = observe(build, Scenario(return_path=return_path, fault=fault))
    assert judge(found) == []
    assert outcome_of(found) == "on the source"
    assert equal(found, Side.SOURCE)
    assert bool(found.recovery) != return_path


def test_postcopy_cut_within_a_chunk(build: Build) -> None:
    """The destination goes on without the bitmap: lost, and seen so."""
    fault = Fault(Kind.CUT, Place.parse("bits:0+middle"))
    found = observe(build, Scenario(Mode.POSTCOPY, fault=fault))
    assert judge(found) == []
    assert outcome_of(found) == "on the destination"
    assert found.end.destination.bitmaps == ()
    assert found.end.destination.migration == "completed"
    arrived = found.moment(seen.ARRIVED)
    assert arrived is not None
    (busy,) = arrived.destination.bitmaps
    assert busy.busy and busy.successor


#: a place in precopy for each kind, and where the VM ends
FAULTS = {
    Kind.CUT: ("dirty-bitmap.footer", "on the source"),
    Kind.HALF_CLOSE: ("bits:0+middle", "on the source"),
    Kind.STALL: ("bits:0+middle", "on the source"),
    Kind.CANCEL: ("start:0+middle", "on the source"),
    Kind.KILL_SOURCE: ("bits:0+middle", "on the destination"),
    Kind.KILL_DESTINATION: ("bits:0+middle", "on the source"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_precopy_faults(build: Build, kind: Kind) -> None:
    place, outcome = FAULTS[kind]
    found = observe(build, Scenario(fault=Fault(kind, Place.parse(place))))
    assert judge(found) == []
    assert outcome_of(found) == outcome


def test_a_lost_chunk_is_a_missing_bit(build: Build) -> None:
    """No network does this; but would we see it?  The receiver cannot."""
    fault = Fault(Kind.DROP, Place.parse("bits:0+before"))
    found = observe(build, Scenario(fault=fault))
    assert "S1" in {each.guarantee for each in judge(found)}


def test_without_bitmaps(build: Build) -> None:
    twin = observe(build, Scenario(return_path=True).without_bitmaps())
    assert judge(twin) == []
    found = observe(build, Scenario(return_path=True))
    assert judge(found, twin) == []


def test_nothing_is_left_behind(build: Build, room: Path) -> None:
    """Not even if the run is cancelled, as Ctrl-C does."""
    place = Path("/tmp") if len(str(room)) > 60 else room

    async def main() -> None:
        fault = Fault(Kind.STALL, Place.parse("start"))
        limits = attrs.evolve(PATIENT, stall=3600)
        scenario = Scenario(fault=fault)
        task = asyncio.create_task(
            run(scenario, Builds(build, build), place, limits)
        )
        while not list(place.glob("dbmq-*/wire")):
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    before = set(place.glob("dbmq-*"))
    asyncio.run(main())
    assert set(place.glob("dbmq-*")) == before
    shown = subprocess.run(
        ["ps", "--ppid", str(os.getpid()), "-o", "comm="],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "qemu" not in shown.stdout
