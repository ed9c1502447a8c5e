# SPDX-License-Identifier: GPL-2.0-or-later
"""What breaks without each mechanism, and is anything kept by nobody?

``MATRIX`` has one row for each mechanism of each design: the properties that
its absence breaks at the smallest size, with every failure possible once.
The rows are held against searches; the rest is read off the matrix.  A
property that no removal breaks would be true of anything.
"""

from __future__ import annotations

import pytest

from checker.ablate import larger_than, smallest_of
from checker.variants import lacking
from checker.verdict import DEADLOCK, Verdict, judge
from model.designs import build
from model.guarantees import GUARANTEES
from model.language import Machine
from model.mechanisms import DESIGNS, LIVE, Mechanism, mechanisms_of
from model.options import Bounds, Options
from tests.searches import QUICK, covered

SOURCE = "NoLostDirtyBitOnSource"
DESTINATION = "NoLostDirtyBitOnDestination"
CHAIN = "BackupChainRestoresDisk"
VISIBLE = "LossIsVisible"
LEFT = "NothingLeftBehind"
UNHARMED = "VmUnharmedByBitmap"
KEPT = "NoNeedlessLossOnSource"
ARRIVES = "SuccessLosesNothing"
ONE_SIDE = "OneSideRuns"
EXACT = "DestinationIsExact"

LOST = {DESTINATION, CHAIN}
#: what breaks whatever is migrated, and how
IN_EVERY_DESIGN = {
    "drain-at-stop": LOST,
    "drain-before-backup": {CHAIN, EXACT},
    "bit-after-data": set(),
    "bit-before-ack": {SOURCE, *LOST, EXACT},
    "source-keeps-bitmap": {KEPT},
    "no-resume-after-run": {SOURCE, *LOST, ONE_SIDE},
    # a death that could still happen keeps the VM that runs nowhere from
    # being a deadlock; that nothing ends is the business of liveness
    "fencing": set(),
    "recorder-before-start": LOST,
    "own-bits-only": {EXACT},
}
AS_BUILT = {
    **IN_EVERY_DESIGN,
    "remove-partial": {LEFT, UNHARMED},
    "source-busy": set(),
    "chunk-overwrites": set(),
    "bits-after-stop": LOST,
    "drop-on-failure": {*LOST, VISIBLE},
    "error-drops-bitmap": {UNHARMED},
    "fresh-loader": {ARRIVES},
    "full-backup-on-loss": LOST,
}
MATRIX: dict[str, dict[str, set[str]]] = {
    "live": {
        **IN_EVERY_DESIGN,
        "remove-partial": {LEFT},
        "meta-bitmap": {*LOST, EXACT},
        "meta-sees-clear": {EXACT},
        "clear-meta-before-read": {*LOST, EXACT},
        "last-pass-stopped": {*LOST, EXACT},
        "chunk-overwrites": {EXACT},
        "error-fails-migration": {*LOST, VISIBLE, ARRIVES},
    },
    "postcopy": {
        **AS_BUILT,
        "fencing": {DEADLOCK},
        "successor": LOST,
        "reclaim-union": LOST,
        "reclaim-atomic": LOST,
        "busy-until-complete": {*LOST, VISIBLE, EXACT},
    },
    "stop-copy": {
        **AS_BUILT,
        "successor": set(),
        "reclaim-union": set(),
        "reclaim-atomic": set(),
        "busy-until-complete": set(),
    },
}
#: ``always`` properties of a design that no single removal breaks
NEVER_BROKEN: dict[str, set[str]] = {d: set() for d in DESIGNS}

ROWS = [(d, m) for d in DESIGNS for m in mechanisms_of(d)]
REDUNDANT = [(d, m) for d, m in ROWS if m.why_redundant(d)]


def rows(chosen: list[tuple[str, Mechanism]]) -> pytest.MarkDecorator:
    """One test for each row."""
    return pytest.mark.parametrize(
        ("design", "mechanism"),
        chosen,
        ids=[f"{d} without {m.name}" for d, m in chosen],
    )


def broken_in(machine: Machine, quick: int = QUICK) -> set[str]:
    """Names of what some state of ``machine`` violates."""
    return {
        f.name
        for f in judge(machine, covered(machine, quick))
        if f.verdict is Verdict.VIOLATED and f.steps is not None
    }


def always_of(design: str) -> dict[str, str]:
    """The design's ``always`` properties, each with its guarantee."""
    machine = build(smallest_of(design))
    return {
        p.name: p.guarantee for p in machine.properties if p.kind == "always"
    }


# -- the rows against the model ----------------------------------------------


@rows(ROWS)
def test_a_row_says_what_breaks(design: str, mechanism: Mechanism) -> None:
    machine = build(lacking(smallest_of(design), [mechanism.name]))
    quick = 0 if design == LIVE else 2 * QUICK  # it has twice the states
    assert broken_in(machine, quick) == MATRIX[design][mechanism.name]


@rows(REDUNDANT)
def test_nothing_breaks_at_a_larger_size_either(
    design: str, mechanism: Mechanism
) -> None:
    larger = larger_than(smallest_of(design))
    machine = build(lacking(larger, [mechanism.name]))
    assert broken_in(machine, quick=0) == set()


@pytest.mark.parametrize("design", DESIGNS)
def test_a_complete_design_breaks_nothing(design: str) -> None:
    assert broken_in(build(smallest_of(design))) == set()


# -- the matrix on its own ---------------------------------------------------


@pytest.mark.parametrize("design", DESIGNS)
def test_every_mechanism_has_a_row(design: str) -> None:
    names = {m.name for m in mechanisms_of(design)}
    assert set(MATRIX[design]) == names


@rows([row for row in ROWS if row[1].protects != "L1"])
def test_a_mechanism_protects_its_guarantee_or_is_redundant(
    design: str, mechanism: Mechanism
) -> None:
    broken = MATRIX[design][mechanism.name]
    guarantees = {**always_of(design), DEADLOCK: "L1"}
    if mechanism.why_redundant(design):
        assert broken == set()
    else:
        assert mechanism.protects in {guarantees[name] for name in broken}


@pytest.mark.parametrize("design", DESIGNS)
def test_which_properties_no_removal_breaks(design: str) -> None:
    broken = set().union(*MATRIX[design].values())
    assert set(always_of(design)) - broken == NEVER_BROKEN[design]


def test_every_guarantee_and_every_property_is_broken_somewhere() -> None:
    guarantees = {DEADLOCK: "L1"}
    for design in DESIGNS:
        guarantees.update(always_of(design))
    broken = {
        name
        for row in MATRIX.values()
        for names in row.values()
        for name in names
    }
    assert broken == set(guarantees)
    assert {guarantees[name] for name in broken} == set(GUARANTEES)


# -- why a mechanism is redundant --------------------------------------------

BOTH = {"bit-after-data", "drain-before-backup"}


@pytest.mark.parametrize("design", DESIGNS)
def test_drain_and_order_cover_for_each_other(design: str) -> None:
    """A drain hides the order of data and bit; without it, the order counts.

    Either alone keeps every bit where a backup could start; without both a
    backup may clear a bit whose data arrive later.
    """

    def loses_a_bit(names: set[str]) -> bool:
        options = Options(
            design=design, bounds=Bounds(chunks=1), without=frozenset(names)
        )
        return SOURCE in broken_in(build(options))

    assert not any(loses_a_bit({name}) for name in BOTH)
    assert loses_a_bit(BOTH)
