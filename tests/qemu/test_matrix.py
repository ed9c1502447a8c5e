# SPDX-License-Identifier: GPL-2.0-or-later
"""Is every place of a stream met by every fault, always by the same name?"""

from __future__ import annotations

import pytest

from checker.cli.qemu.command import ModeName, StorageName, ThenName
from checker.input.errors import InputError
from checker.qemu.campaign import matrix
from checker.qemu.campaign.case import Case
from checker.qemu.campaign.matrix import Spot
from checker.qemu.harness.faults import (
    Fault,
    FaultKind,
)
from checker.qemu.harness.places import Passage, Place, Within
from checker.qemu.harness.scenario import KIB, Mode, Storage, Then

SPOTS = tuple(
    Spot.parse(text)
    for text in (
        *("header:0", "dirty-bitmap.start:0", "start:0", "eos:0"),
        *("bits:0", "bits:1", "complete:0", "eos:1", "eof:0", "shut:0"),
    )
)
CUT = Fault(FaultKind.CUT, Place("bits", 0, Within.MIDDLE))


def passage(label: str, number: int = 0, back: bool = False) -> Passage:
    return Passage(label, number, 0, 1, 1, 0.0, returning=back)


def test_places() -> None:
    places = [str(place) for place in matrix.places_of(SPOTS)]
    assert places[:5] == [
        *("header:0+before", "header:0+after"),
        *("dirty-bitmap.start:0+before", "dirty-bitmap.start:0+after"),
        "start:0+before",
    ]
    assert "bits:1+middle" in places and "eof:0+middle" not in places
    assert len(places) == len(set(places)) == 2 * len(SPOTS) + 4


def test_every_fault_at_every_place() -> None:
    cases = matrix.faults(Case(), SPOTS)
    assert len(cases) == len(matrix.KINDS) * 24
    assert len({case.id for case in cases}) == len(cases)
    assert FaultKind.DROP not in {c.fault.kind for c in cases if c.fault}
    assert cases == matrix.faults(Case(), SPOTS)


def test_quick_is_a_part_of_it() -> None:
    quick = matrix.faults(Case(), SPOTS, quick=True)
    assert set(quick) < set(matrix.faults(Case(), SPOTS))
    places = [str(place) for place in matrix.quick_places(SPOTS)]
    assert places == [
        *("header:0+before", "bits:0+middle"),
        *("eof:0+before", "shut:0+before"),
    ]


def test_what_the_clock_sends_is_no_place() -> None:
    spots = matrix.spots_of(
        [
            *(passage("header"), passage("pong", back=True)),
            *(passage("ram.part"), passage("ram.payload", 1)),
            *(passage("eof"), passage("shut", back=True)),
        ]
    )
    assert [str(spot) for spot in spots] == [
        *("header:0", "eof:0", "pong:0", "shut:0"),
    ]


@pytest.mark.parametrize(
    ("label", "kind"),
    [
        ("ping", "opening"),
        ("postcopy-advise", "opening"),
        ("ram.end", "ram"),
        ("dirty-bitmap.footer", "bitmap"),
        ("complete", "bitmap"),
        ("postcopy-run", "package"),
        ("package-end", "package"),
        ("globalstate.payload", "device"),
        ("vm-description", "end"),
        ("shut", "return"),
        ("something-new", "other"),
    ],
)
def test_place_kinds(label: str, kind: str) -> None:
    assert matrix.place_kind(label) == kind


def test_bases() -> None:
    bases = matrix.bases()
    assert len(set(bases)) == 8
    assert set(matrix.quick_bases()) < set(bases)
    twins = matrix.twins_of(bases)
    assert [twin.return_path for twin in twins] == [False, True]


def test_sequels() -> None:
    """A crash and another migration, after each kind of fault."""
    cases = matrix.sequels(Case(), SPOTS)
    faults = matrix.faults(Case(), SPOTS, quick=True)
    assert len(set(cases)) == len(cases) == 2 * (1 + len(faults))
    assert {case.then for case in cases} == {Then.CRASH, Then.AGAIN}
    assert not set(cases) & set(faults)
    assert [case.fault for case in matrix.sequels(Case(), ())] == [None, None]


def test_twins() -> None:
    """Only a place that is there without bitmaps has one."""
    cases = matrix.faults(Case(Mode.POSTCOPY), SPOTS)
    spots = {Case().twin: (Spot("header", 0), Spot("eof", 0))}
    twins = matrix.matching_twins(cases, spots)
    assert len(twins) == 2 * 2 * len(matrix.KINDS)
    assert not any(twin.bitmaps for twin in twins)
    assert matrix.matching_twins(twins, spots) == []


def test_ids_do_not_change() -> None:
    """They are in people's records."""
    assert Case().id == Case().id
    assert Case(fault=CUT).id != Case().id
    assert [case.id for case in (Case(), Case(fault=CUT))] == IDS


IDS = ["26bf9c8c0642", "03f2e572800b"]


@pytest.mark.parametrize(
    "case",
    [
        Case(),
        Case(Mode.POSTCOPY, True, Storage.SHARED, 3, 2, True, True),
        Case(size=3_000_320, granularity=64 * KIB, fault=CUT),
        Case(size=2048, granularity=512, full=True),
        Case(then=Then.AGAIN),
    ],
)
def test_data_and_back(case: Case) -> None:
    assert Case.of(case.data) == case
    case.check()
    assert len(case.scenario.bitmaps) == case.bitmaps * case.nodes


def test_command() -> None:
    case = Case(Mode.POSTCOPY, True, bitmaps=2, persistent=True, fault=CUT)
    assert case.command == (
        "dbmcheck qemu scenario --mode postcopy --return-path --bitmaps 2 "
        "--persistent --fault cut@bits:0+middle"
    )


def test_without_bitmaps() -> None:
    scenario = Case(Mode.POSTCOPY, bitmaps=2, fault=CUT).twin.scenario
    assert not scenario.carried and not scenario.bitmaps
    assert scenario.fault == CUT


@pytest.mark.parametrize(
    "case",
    [
        Case(granularity=1000),
        Case(granularity=256),
        Case(size=1000),
        Case(size=0),
        Case(bitmaps=-1),
        Case(nodes=0),
    ],
)
def test_what_qemu_cannot_do(case: Case) -> None:
    with pytest.raises(InputError):
        case.check()


def test_the_options_say_what_the_scenarios_know() -> None:
    assert [name.value for name in ModeName] == [m.value for m in Mode]
    assert [name.value for name in StorageName] == [s.value for s in Storage]
    assert [name.value for name in ThenName] == [t.value for t in Then]
