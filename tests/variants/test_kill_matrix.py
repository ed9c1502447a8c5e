# SPDX-License-Identifier: GPL-2.0-or-later
"""What breaks without each mechanism, and is anything kept by nobody?

``MATRIX`` has one row for each mechanism of each design: the properties that
some state violates in its absence, on the smallest disk, with every failure
possible once.  ``NEVER`` says what may then fail to come.  The rows are held
against searches; the rest is read off the matrix.  A property that no removal
breaks would be true of anything.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from checker.engines.verdict import DEADLOCK, Verdict, judge
from model.design import DESIGNS, LIVE
from model.designs import build
from model.guarantees import MODELLED
from model.language import Machine
from model.lookup import mechanisms_of
from model.mechanism import Mechanism
from model.options import Failures, Options
from tests.designs import OFTEN
from tests.searches import bounds_of, broken_in, covered, once

SOURCE = "NoLostDirtyBitOnSource"
DESTINATION = "NoLostDirtyBitOnDestination"
CHAIN = "BackupChainRestoresDisk"
WHOLE = "UsableIsWhole"
VISIBLE = "LossIsVisible"
LEFT = "NothingLeftBehind"
LIVES = "VmEndsOnlyIfKilled"
UNHARMED = "BitmapTroubleFailsNoMigration"
MOVED = "CompletedMeansMoved"
KEPT = "NoNeedlessLossOnSource"
UNCHANGED = "FailedAttemptChangesNothing"
ARRIVES = "SuccessLosesNothing"
STAYS = "CompleteIsKept"
ONE_SIDE = "OneSideRuns"
EXACT = "DestinationIsExact"
EXTRA = "ExtraOnlyWhereMissing"
#: bits too many, whatever has failed
TOO_MANY = {EXACT, EXTRA}
AFTER_BREAK = "NoLossAfterSwitchover"
DEGRADED = "DegradedIsVisible"
AFTER_A_BREAK = "DegradedOnlyAfterABreak"
RUNS_AGAIN = "VmIsNotLeftStopped"
ENDS = "MigrationEnds"
REASON = "FailsOnlyForAReason"
#: the model keeps its own books: no guarantee, nobody's mechanism
FORM = {
    "NothingOfAnEndedSource",
    "SuccessorOnlyOfAJob",
    "NothingOfALostBitmap",
    "NothingRecordsBeforeRun",
    "NothingOfAnEndedDestination",
    "AttemptLeavesNothing",
    "AttemptBeginsClean",
    "ReadToTheEnd",
    "DownIsQuiet",
    "DownAtTheEnd",
    "KilledReadsNothing",
    "StopsOnlyForSwitchover",
    "SuccessorOnlyWhileLoading",
}
BUSY = "BusyWhileMigrating"
OF_NONE = "NothingArrivedOfNoBitmap"
BOOKS = {
    "live": {*FORM, OF_NONE, "NothingInHandAtTheStop"},
    "postcopy": {*FORM, OF_NONE, BUSY},
    "postcopy-ones": {*FORM, OF_NONE, BUSY},
    "stop-copy": {*FORM, OF_NONE, BUSY},
    "stop-copy-bulk": {*FORM, OF_NONE, BUSY},
    "drop": {*FORM, BUSY},
}
#: these have no guarantee either; a mechanism keeps the first two
QUIET = "NothingInFlightWhenStopped"
BROUGHT = "SuccessHasComplete"
BY_SOME = {BROUGHT, AFTER_A_BREAK}
WRITES_END = {"WritesEndOnSource", "WritesEndOnDestination"}

LOST = {DESTINATION, CHAIN}
BOTH_RUN = {SOURCE, *LOST, UNCHANGED, ONE_SIDE, EXTRA}
#: what breaks whatever is done with the bitmap, and how
IN_EVERY_DESIGN: dict[str, set[str]] = {
    "drain-before-backup": {CHAIN, UNCHANGED, *TOO_MANY},
    "bit-after-data": set(),
    "bit-before-ack": {SOURCE, *LOST, UNCHANGED, *TOO_MANY, QUIET},
    "source-keeps-bitmap": {KEPT},
    "no-resume-after-run": BOTH_RUN,
    # a death that could still happen keeps the VM that runs nowhere from
    # being a deadlock; that nothing ends is the business of liveness
    "fencing": set(),
    "fence-before-resume": BOTH_RUN,
    "quit-when-moved": {LIVES},
    "quit-when-over": set(),
    "completed-after-shut": {MOVED},
    "time-out": {DEADLOCK},
}
IF_MIGRATED: dict[str, set[str]] = {
    **IN_EVERY_DESIGN,
    "drain-at-stop": LOST,
    "writers-end-at-stop": LOST,
    "recorder-before-start": LOST,
    "remove-partial": {LEFT},
    "cursor-per-attempt": LOST,
    "own-bits-only": {UNCHANGED, *TOO_MANY},
    "own-resets-only": {SOURCE, *LOST},
    "every-chunk-sent": LOST,
    "name-is-free": {UNHARMED},
    "consistent-at-setup": {UNHARMED},
    # of one connection: ``test_connections`` has the others
    "chunks-after-start": set(),
    "chunks-before-complete": set(),
    "chunk-order": set(),
}
AS_BUILT: dict[str, set[str]] = {
    **IF_MIGRATED,
    "source-busy": LOST,
    "chunk-overwrites": set(),
    "bits-after-stop": LOST,
    "drop-on-failure": {*LOST, WHOLE, VISIBLE},
    "error-drops-bitmap": {UNHARMED},
    "full-backup-on-loss": LOST,
    # of one bitmap that is there from the first
    "bitmaps-asked-anew": set(),
    "complete-is-kept": set(),
    "names-per-attempt": set(),
}
STOP_COPY: dict[str, set[str]] = {
    **AS_BUILT,
    "successor": set(),
    "reclaim-union": set(),
    "reclaim-atomic": set(),
    "busy-until-complete": set(),
}
POSTCOPY: dict[str, set[str]] = {
    **{k: v for k, v in AS_BUILT.items() if k != "completed-after-shut"},
    "fencing": {DEADLOCK},
    "quit-when-over": {ARRIVES, BROUGHT},
    "successor": LOST,
    "reclaim-union": LOST,
    "reclaim-atomic": LOST,
    "busy-until-complete": {*LOST, WHOLE, *TOO_MANY},
    "error-drops-bitmap": {LIVES, UNHARMED},
}
MATRIX: dict[str, dict[str, set[str]]] = {
    "live": {
        **IF_MIGRATED,
        "name-is-free": set(),
        "consistent-at-setup": set(),
        "meta-bitmap": {*LOST, *TOO_MANY},
        "meta-sees-clear": TOO_MANY,
        "meta-sees-merge": LOST,
        "stop-waits-for-job": LOST,
        "clear-meta-before-read": {*LOST, *TOO_MANY},
        "last-pass-stopped": {*LOST, *TOO_MANY},
        "chunk-overwrites": TOO_MANY,
        "error-fails-migration": {*LOST, WHOLE, VISIBLE, ARRIVES, BROUGHT},
    },
    "postcopy": POSTCOPY,
    "postcopy-ones": {
        **POSTCOPY,
        # what is missing is set, so that nothing is lost
        "quit-when-over": {EXACT, BROUGHT, AFTER_A_BREAK},
        "cursor-per-attempt": {EXACT},
        "every-chunk-sent": {EXACT},
        "chunk-overwrites": TOO_MANY,
        "busy-until-complete": {*LOST, WHOLE, DEGRADED, *TOO_MANY},
        "ones-first": LOST,
        "keep-on-break": {AFTER_BREAK},
        "mark-degraded": {DEGRADED},
        # of a source that sends nothing before RUN
        "early-chunks-drop": set(),
        "chunks-before-run": set(),
    },
    "stop-copy": STOP_COPY,
    "stop-copy-bulk": {
        **{k: v for k, v in STOP_COPY.items() if k != "bits-after-stop"},
        "source-busy": {SOURCE, *LOST, UNCHANGED, *TOO_MANY},
        "freeze-at-setup": LOST,
        "reclaim-at-stop": {SOURCE, *LOST},
        "reclaim-on-failure": {SOURCE, *LOST},
        "changed-after-drain": LOST,
        "changed-before-complete": LOST,
    },
    "drop": {
        **IN_EVERY_DESIGN,
        "own-resets-only": {SOURCE, CHAIN},
        "source-busy": set(),
        "full-backup-on-loss": LOST,
    },
}
#: what a run may wait for in vain where a break or a cancel is possible
NEVER: dict[str, set[str]] = {
    "fencing": {RUNS_AGAIN, ENDS},
    "time-out": {RUNS_AGAIN, ENDS},
    # what is left of the bitmap stays busy
    "remove-partial": {ENDS},
}
#: ``always`` properties with a guarantee that no single removal breaks
NEVER_BROKEN: dict[str, set[str]] = {
    "live": {STAYS, REASON, AFTER_BREAK},
    "postcopy": {STAYS, REASON},
    "postcopy-ones": {STAYS, REASON, ARRIVES},
    "stop-copy": {STAYS, REASON, ARRIVES, BROUGHT, AFTER_BREAK},
    "stop-copy-bulk": {STAYS, REASON, ARRIVES, BROUGHT, AFTER_BREAK},
    "drop": {WHOLE, REASON},
}

#: mechanisms without which everything comes, one in eight
SAMPLE = {
    d: {m.name for m in mechanisms_of(d)[::8] if m.name not in NEVER}
    for d in DESIGNS
}
ROWS = [(d, m) for d in DESIGNS for m in mechanisms_of(d)]
REDUNDANT = [(d, m) for d, m in ROWS if m.why_redundant(d)]
ALL = once(*Failures.names())
#: with every failure the live design has millions of states on two chunks
LARGER = dict.fromkeys(DESIGNS, ALL) | {
    LIVE: once("cut", "refuse", "backup_fails")
}


def rows(
    chosen: list[tuple[str, Mechanism]],
    slow: Callable[[str, Mechanism], bool] = lambda _, __: False,
    full: Callable[[str, Mechanism], bool] = lambda _, __: False,
) -> pytest.MarkDecorator:
    """One test for each row."""

    def marks(design: str, mechanism: Mechanism) -> list[pytest.MarkDecorator]:
        if slow(design, mechanism):
            return [pytest.mark.slow]
        return [pytest.mark.full] if full(design, mechanism) else []

    return pytest.mark.parametrize(
        ("design", "mechanism"),
        [
            pytest.param(
                design,
                mechanism,
                id=f"{design} without {mechanism.name}",
                marks=marks(design, mechanism),
            )
            for design, mechanism in chosen
        ],
    )


def without(
    design: str,
    mechanism: Mechanism,
    failures: Failures,
    chunks: int = 1,
    writes: int = 0,
) -> Machine:
    """The design without the mechanism; ``writes``: 0 is no limit."""
    bounds = bounds_of(design, chunks)
    if writes:
        bounds = bounds_of(design, chunks, writes=writes)
    return build(
        Options(
            design=design,
            bounds=bounds,
            failures=failures,
            without=frozenset({mechanism.name}),
        )
    )


def violated_in(machine: Machine) -> set[str]:
    """Names of what some state of ``machine`` violates."""
    return {
        f.name
        for f in judge(machine, covered(machine, quick=0))
        if f.verdict is Verdict.VIOLATED and f.steps is not None
    }


def guarantee_of(design: str, *kinds: str) -> dict[str, str]:
    """The design's properties of these kinds, each with its guarantee."""
    machine = build(Options(design=design, failures=ALL))
    return {p.name: p.guarantee for p in machine.properties if p.kind in kinds}


# -- the rows against the model ----------------------------------------------


def alike(design: str, mechanism: Mechanism) -> bool:
    """Whether another design is asked about the mechanism by default."""
    asked = set(OFTEN) & set(mechanism.designs)
    return bool(asked) and design not in asked


@rows(ROWS, full=alike)
def test_a_row_says_what_breaks(design: str, mechanism: Mechanism) -> None:
    machine = without(design, mechanism, ALL)
    found = judge(machine, covered(machine, quick=0))
    bad = [f for f in found if f.verdict is Verdict.VIOLATED]
    assert {f.name for f in bad} == MATRIX[design][mechanism.name]
    # nothing else is wrong: all actions fire, all is reached
    assert all(f.steps is not None for f in bad)


@rows(
    ROWS,
    slow=lambda d, m: d == LIVE and m.name not in NEVER,
    full=lambda d, m: m.name not in {*NEVER, *SAMPLE[d]},
)
def test_a_row_says_what_never_comes(
    design: str, mechanism: Mechanism
) -> None:
    machine = without(design, mechanism, once("cut", "cancel"), writes=1)
    eventually = set(guarantee_of(design, "eventually"))
    found = broken_in(machine) & eventually
    assert found == NEVER.get(mechanism.name, set())


@rows(REDUNDANT, full=alike)
def test_nothing_breaks_on_a_larger_disk_either(
    design: str, mechanism: Mechanism
) -> None:
    machine = without(design, mechanism, LARGER[design], chunks=2)
    assert violated_in(machine) == set()


@pytest.mark.parametrize("design", DESIGNS)
def test_a_complete_design_breaks_nothing(design: str) -> None:
    options = Options(design=design, bounds=bounds_of(design), failures=ALL)
    assert violated_in(build(options)) == set()


# -- the matrix on its own ---------------------------------------------------


@pytest.mark.parametrize("design", DESIGNS)
def test_every_mechanism_has_a_row(design: str) -> None:
    assert set(MATRIX[design]) == {m.name for m in mechanisms_of(design)}


@rows(ROWS)
def test_a_mechanism_protects_its_guarantee_or_is_redundant(
    design: str, mechanism: Mechanism
) -> None:
    guarantees = guarantee_of(design, "always", "eventually")
    guarantees[DEADLOCK] = "L1"
    states = MATRIX[design][mechanism.name]
    runs = NEVER.get(mechanism.name, set())
    if mechanism.why_redundant(design):
        assert states == runs == set()
    else:
        kept = {guarantees[name] for name in states | runs}
        assert mechanism.guards(design) in kept


@pytest.mark.parametrize("design", DESIGNS)
def test_which_properties_no_removal_breaks(design: str) -> None:
    seen = set().union(*MATRIX[design].values())
    always = set(guarantee_of(design, "always"))
    assert always - seen == NEVER_BROKEN[design] | BOOKS[design]


@pytest.mark.parametrize("design", DESIGNS)
def test_what_has_no_guarantee(design: str) -> None:
    found = guarantee_of(design, "always", "eventually")
    none = {n for n, guarantee in found.items() if not guarantee}
    assert none - BY_SOME == BOOKS[design] | WRITES_END | {QUIET}


def test_every_guarantee_and_nearly_every_property_is_broken() -> None:
    guarantees = {DEADLOCK: "L1"}
    for design in DESIGNS:
        guarantees.update(guarantee_of(design, "always", "eventually"))
    found = set().union(*NEVER.values())
    for row in MATRIX.values():
        found |= set().union(*row.values())
    books = set().union(*BOOKS.values())
    assert set(guarantees) - found == {STAYS, REASON, *books, *WRITES_END}
    kept = {guarantees[name] for name in found} - {""}
    assert kept == set(MODELLED)


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
            design=design, bounds=bounds_of(design), without=frozenset(names)
        )
        return SOURCE in violated_in(build(options))

    assert not any(loses_a_bit({name}) for name in BOTH)
    assert loses_a_bit(BOTH)
