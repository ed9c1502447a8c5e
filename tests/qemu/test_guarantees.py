# SPDX-License-Identifier: GPL-2.0-or-later
"""Is every guarantee really watched?  Observations made by hand."""

from __future__ import annotations

import math
from typing import Any

import attrs
import pytest

from checker.qemu.campaign.guarantees import judge
from checker.qemu.campaign.violation import GUARANTEES
from checker.qemu.harness import observation as seen
from checker.qemu.harness.bitmaps import Bitmap, ShownBitmap
from checker.qemu.harness.disk import StoredBitmap
from checker.qemu.harness.faults import Fault, FaultKind
from checker.qemu.harness.observation import (
    Done,
    Moment,
    Observation,
    ProcessView,
    Stored,
)
from checker.qemu.harness.places import Place
from checker.qemu.harness.scenario import KIB, GuestWrite, Scenario, Then, When
from checker.stateful.adapter import Side

WRITE = GuestWrite(When.BEFORE, 0, 64 * KIB)
EMPTY = ShownBitmap(
    node="drive0",
    name="b0",
    granularity=64 * KIB,
    count=0,
    recording=True,
    busy=False,
    persistent=False,
    inconsistent=False,
    sha256="",
    dirty=(),
)
VIEW = attrs.evolve(EMPTY, count=64 * KIB, dirty=((0, 64 * KIB),))
GOOD = ProcessView(
    alive=True, vm="running", migration="completed", bitmaps=(VIEW,)
)
OVER = attrs.evolve(GOOD, vm="postmigrate")
DEAD = ProcessView(alive=False, exit_code=-6)
STORED = StoredBitmap("drive0", "b0", 64 * KIB, False, True)


def moment(name: str, source: ProcessView, destination: ProcessView) -> Moment:
    return Moment(name, 0.0, source, destination, done=1)


def made(
    source: ProcessView = OVER, destination: ProcessView = GOOD, **changes: Any
) -> Observation:
    """A migration that went well, but for some changes."""
    good = Observation(
        scenario=Scenario(writes=(WRITE,)),
        versions=("9.9.9", "9.9.9"),
        moments=(moment(seen.END, source, destination),),
        done=(Done(Side.SOURCE, WRITE),),
        passages=(),
        statuses=(("completed",), ("completed",)),
        ran=(((0.0, 1.0),), ((2.0, math.inf),)),
        struck=False,
        settled=True,
        seconds=0.1,
    )
    return attrs.evolve(good, **changes)


def with_bitmap(**changes: Any) -> ProcessView:
    """The destination, with its bitmap changed."""
    return attrs.evolve(GOOD, bitmaps=(attrs.evolve(VIEW, **changes),))


def found(observation: Observation) -> set[str]:
    return {each.guarantee for each in judge(observation)}


def test_nothing_is_wrong() -> None:
    assert judge(made()) == []


def test_no_bitmap_at_all_is_only_a_needless_loss() -> None:
    lost = attrs.evolve(GOOD, bitmaps=())
    assert found(made(destination=lost)) == {"S5"}
    fault = Fault(FaultKind.CUT, Place("bits"))
    scenario = Scenario(writes=(WRITE,), fault=fault)
    assert not judge(made(destination=lost, scenario=scenario))


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({"dirty": ((0, 4 * KIB),)}, {"S1"}),
        ({"dirty": (), "count": 0}, {"S1"}),
        ({"dirty": None, "count": 0}, {"S1"}),
        ({"dirty": None, "count": 64 * KIB}, set()),
        ({"dirty": (), "inconsistent": True}, {"S5"}),
        ({"dirty": (), "busy": True}, {"L1"}),
        ({"recording": False}, {"S2"}),
        ({"granularity": 512}, {"M1"}),
        ({"persistent": True}, {"M1"}),
        ({"count": 128 * KIB}, {"P1"}),
    ],
)
def test_the_bitmap(changes: dict[str, Any], wanted: set[str]) -> None:
    assert found(made(destination=with_bitmap(**changes))) == wanted


def test_a_bitmap_that_was_disabled_records() -> None:
    bitmap = Bitmap(disabled=True)
    scenario = Scenario(writes=(WRITE,), bitmaps=(bitmap,))
    assert found(made(scenario=scenario)) == {"M1"}


def test_both_run() -> None:
    assert found(made(source=GOOD)) == {"S6"}
    both = ((0.0, 3.0),), ((2.0, math.inf),)
    assert found(made(ran=both)) == {"S6"}


@pytest.mark.parametrize(
    ("source", "destination"),
    [
        (attrs.evolve(DEAD), GOOD),
        (attrs.evolve(DEAD, exit_code=1), GOOD),
        (attrs.evolve(OVER, hung="query-status"), GOOD),
        (OVER, DEAD),
        (OVER, attrs.evolve(DEAD, exit_code=1)),
        (OVER, attrs.evolve(OVER, vm="paused")),
    ],
)
def test_the_vm_is_harmed(
    source: ProcessView, destination: ProcessView
) -> None:
    assert "S3" in found(made(source, destination))


def test_a_destination_that_never_ran_may_fail() -> None:
    failed = ProcessView(alive=False, exit_code=1)
    ran = ((0.0, math.inf),), ()
    cut = Fault(FaultKind.CUT, Place("bits"))
    scenario = Scenario(writes=(WRITE,), fault=cut)
    assert found(made(GOOD, failed, ran=ran, scenario=scenario)) == set()
    # but not where nothing goes wrong
    assert found(made(GOOD, failed, ran=ran)) == {"L1"}


def test_who_is_killed_is_not_blamed() -> None:
    killed = ProcessView(alive=False, exit_code=-9, killed=True)
    fault = Fault(FaultKind.KILL_DESTINATION, Place("bits"))
    scenario = Scenario(writes=(WRITE,), fault=fault)
    dead = made(OVER, killed, scenario=scenario, struck=True)
    assert judge(dead) == []
    # but a source that could have gone on must be able to
    early = attrs.evolve(dead, ran=(((0.0, 1.0),), ()))
    assert found(early) == {"S3"}


def test_who_is_killed_by_somebody_else_is_told() -> None:
    gone = made(source=ProcessView(alive=False, exit_code=-9))
    (told,) = judge(gone)
    assert told.guarantee == "S3" and "it was not us" in told.text


def test_another_outcome_than_without_bitmaps() -> None:
    twin = made(
        attrs.evolve(GOOD, bitmaps=()),
        attrs.evolve(OVER, bitmaps=()),
        scenario=Scenario(writes=()).without_bitmaps(),
    )
    assert [each.guarantee for each in judge(made(), twin)] == ["S3"]


def test_quit() -> None:
    assert found(made(quits=(False, True))) == {"S3"}


def test_it_does_not_end() -> None:
    assert found(made(settled=False)) == {"L1"}


def test_copies_in_the_images() -> None:
    both = tuple(Stored(side, (STORED,)) for side in Side)
    assert found(made(stored=both)) == {"S4"}
    assert found(made(stored=both[:1])) == {"S4"}
    assert found(made(stored=both[1:])) == set()
    stale = attrs.evolve(STORED, in_use=True)
    assert found(made(stored=(Stored(Side.SOURCE, (stale,)),))) == set()


def test_persistent_but_not_stored() -> None:
    kept = with_bitmap(persistent=True)
    scenario = Scenario(writes=(WRITE,), bitmaps=(Bitmap(persistent=True),))
    again = moment(seen.RESTARTED, ProcessView(alive=False), kept)
    good = made(destination=kept, scenario=scenario)
    good = attrs.evolve(good, moments=(*good.moments, again))
    assert judge(good) == []
    for bitmaps in ((), (attrs.evolve(VIEW, inconsistent=True),)):
        lost = attrs.evolve(
            again, destination=attrs.evolve(kept, bitmaps=bitmaps)
        )
        bad = attrs.evolve(good, moments=(good.moments[0], lost))
        assert found(bad) == {"S5"}


def crashed(restarted: ProcessView) -> Observation:
    """Both are killed, and the destination starts from its image."""
    killed = attrs.evolve(
        made(),
        scenario=Scenario(
            writes=(WRITE,),
            bitmaps=(Bitmap(persistent=True),),
            then=Then.CRASH,
        ),
        moments=(
            moment(seen.END, OVER, with_bitmap(persistent=True)),
            moment(seen.RESTARTED, ProcessView(alive=False), restarted),
        ),
    )
    return killed


def test_after_a_crash_a_bitmap_may_be_lost_but_not_stale() -> None:
    stale = with_bitmap(persistent=True, count=0, dirty=())
    unusable = with_bitmap(persistent=True, inconsistent=True, count=0)
    assert found(crashed(attrs.evolve(GOOD, bitmaps=()))) == set()
    assert found(crashed(unusable)) == set()
    assert found(crashed(stale)) == {"S1"}


def test_what_is_lost_by_a_disorderly_end_was_not_promised() -> None:
    lost = attrs.evolve(GOOD, bitmaps=())
    quit_ = attrs.evolve(
        crashed(lost), scenario=Scenario(bitmaps=(Bitmap(persistent=True),))
    )
    assert "S5" in found(quit_)
    assert "S5" not in found(attrs.evolve(quit_, quits=(True, False)))


def migrated_back(
    source: ProcessView = GOOD, destination: ProcessView = OVER, **changes: Any
) -> Observation:
    """The next migration, from the destination to the source."""
    again = moment(seen.AGAIN, source, destination)
    good = made(scenario=Scenario(writes=(WRITE,), then=Then.AGAIN))
    return attrs.evolve(good, moments=(*good.moments, again), **changes)


@pytest.mark.parametrize(
    ("observation", "wanted"),
    [
        (migrated_back(), set()),
        (migrated_back(OVER, GOOD), set()),
        (migrated_back(GOOD, GOOD), {"S6"}),
        (migrated_back(OVER, OVER), {"S3"}),
        (migrated_back(attrs.evolve(GOOD, bitmaps=())), {"S5"}),
        (migrated_back(with_bitmap(inconsistent=True)), {"S5"}),
        (migrated_back(with_bitmap(count=0, dirty=())), {"S1"}),
        (migrated_back(with_bitmap(recording=False)), {"S2"}),
        (migrated_back(with_bitmap(persistent=True)), {"M1"}),
        (migrated_back(settled_again=False), {"L1"}),
        (
            migrated_back(ran_again=(((2.0, 3.0),), ((0.0, 2.5),))),
            {"S6"},
        ),
        (
            migrated_back(stored=(Stored(Side.SOURCE, (STORED,)),)),
            set(),
        ),
        (
            migrated_back(stored=(Stored(Side.DESTINATION, (STORED,)),)),
            {"S4"},
        ),
    ],
)
def test_the_next_migration(
    observation: Observation, wanted: set[str]
) -> None:
    assert found(observation) == wanted


def test_what_the_destination_wrote_counts_when_the_vm_comes_back() -> None:
    there = GuestWrite(When.AFTER, 128 * KIB, 64 * KIB)
    back = migrated_back()
    done = (*back.done, Done(Side.DESTINATION, there))
    moments = tuple(attrs.evolve(each, done=2) for each in back.moments)
    stale = attrs.evolve(back, done=done, moments=moments)
    assert {each.where for each in judge(stale)} == {
        "source, again",
        "destination, end",
    }


def test_every_guarantee_has_a_name() -> None:
    assert set(GUARANTEES) >= {"S1", "S2", "S3", "S4", "S5", "S6", "L1"}
