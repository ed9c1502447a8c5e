# SPDX-License-Identifier: GPL-2.0-or-later
"""What is proved of the runs of each design, and what is not."""

from __future__ import annotations

import pytest
from attrs import evolve

from checker.engines.exploration import Limits
from checker.input.exit_codes import ExitCode
from checker.proof.judgement import Provability
from checker.proof.termination.on_disks import SIZES
from checker.proof.termination.rows import rows
from checker.proof.termination.success import SUCCEEDS, with_success
from checker.proof.termination.terminates import termination
from model.design import DESIGNS
from model.designs import schema
from model.options import Options
from tests.proof.termination.searched import counted, form_of

PROVED, VIOLATED = Provability.PROVED, Provability.VIOLATED
#: where each design ends; it is refuted in its other forms
ENDS = {
    "postcopy": {"L1"},
    "postcopy-ones": {"L1"},
    "drop": {"L1"},
    "stop-copy": {"L1 D >= M"},
    "stop-copy-bulk": {"L1 D >= M"},
    "live": {"L1 D >= M", "L1 throttled", "L1 bounded"},
}


@pytest.mark.parametrize("design", ["drop", "postcopy"])
def test_every_attempt_ends(design: str) -> None:
    found = termination(Options(design=design), sizes=SIZES[1:3])
    assert all(o.proved for o in found.obligations)
    answers = {e.name: e.answer for e in found.endings}
    assert answers.pop(SUCCEEDS) is (VIOLATED if design == "drop" else PROVED)
    assert set(answers.values()) == {PROVED}
    assert found.exit_code is ExitCode.AS_EXPECTED
    made = rows(found)
    assert {"S3", "L1", "L1 D >= M", "L1 bounded"} <= set(made)
    assert all(row.scope == "proved" for row in made.values())


@pytest.mark.slow
@pytest.mark.parametrize("design", DESIGNS)
def test_where_each_design_ends(design: str) -> None:
    """Slow: every form, with z3 on six disks: up to a minute a design."""
    found = termination(Options(design=design))
    assert all(o.proved for o in found.obligations)
    for ending in found.endings:
        if ending.guarantee == "L1":
            expected = PROVED if ending.row in ENDS[design] else VIOLATED
            assert ending.answer is expected, ending.row
        elif ending.name != SUCCEEDS:
            assert ending.answer is PROVED, ending.name
        if ending.answer is VIOLATED and ending.name != SUCCEEDS:
            assert ending.trace is not None
    assert found.exit_code is ExitCode.AS_EXPECTED


def test_a_run_without_end_is_shown_on_the_smallest_disk() -> None:
    options = Options(design="stop-copy")
    form = form_of(schema(options).term, "")
    found = termination(options, asked=[form], sizes=())
    (ending,) = (e for e in found.endings if e.guarantee == "L1")
    assert ending.answer is VIOLATED
    assert ending.trace is not None
    assert ending.trace.options.bounds.chunks == 1
    assert ending.trace.loop is not None
    assert found.exit_code is ExitCode.EVENTUALLY_VIOLATED


def test_what_is_not_explored_is_not_proved() -> None:
    found = termination(
        Options(design="postcopy"), Limits(max_states=100), sizes=()
    )
    answers = {e.answer for e in found.endings}
    assert answers == {Provability.INCONCLUSIVE}
    assert found.exit_code is ExitCode.INCONCLUSIVE


def test_two_bitmaps_are_not_counted() -> None:
    found = termination(Options(design="postcopy", bitmaps="two"), sizes=())
    assert "is not counted" in found.unread
    assert not found.endings


@pytest.mark.parametrize(
    ("least", "ends"),
    [pytest.param(3, True, marks=pytest.mark.full), (2, False)],
)
def test_three_chunks_pay_for_a_write_and_two_do_not(
    least: int, ends: bool
) -> None:
    term = schema(Options(design="live")).term
    meant = tuple(
        evolve(rank, at_least=(("throttle", least),))
        if rank.at_least
        else rank
        for rank in term.ranks
    )
    term = evolve(term, ranks=meant)
    count = counted(term, form_of(term, "throttled"))
    assert count.ends("MigrationEnds") is ends


def test_an_attempt_succeeds_whatever_failed_before() -> None:
    term = with_success(schema(Options(design="postcopy")).term)
    count = counted(term, form_of(term, ""))
    assert count.ends(SUCCEEDS)
    runs = count.outside[SUCCEEDS]
    faults = {a.name for a in count.view.machine.actions if a.fault}
    assert not {edge.action for edge in runs.edges} & faults
    # an attempt that nothing delays needs each of these
    for unfair in ("vm_start", "send_bitmap_bits", "dirty_bitmap_load_bits"):
        assert not count.ends(SUCCEEDS, unfair)
