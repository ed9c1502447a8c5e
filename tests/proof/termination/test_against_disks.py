# SPDX-License-Identifier: GPL-2.0-or-later
"""Does the count say of runs what an explicit search of a disk says?

Each fair action is made unfair in turn, and each mechanism is taken out: what
the count proves must hold on the disk.  What it refuses and the disk does not
show is listed by name.
"""

from __future__ import annotations

import pytest

from model.design import DROP, LIVE, POSTCOPY, STOP_COPY
from model.designs import schema
from model.language.counted_view import fair_actions
from model.mechanisms import (
    MECHANISMS,
)
from model.options import Options
from tests.proof.termination.searched import (
    counted,
    disagreements,
    form_of,
    on_disk,
)

FITS, BOUNDED, THROTTLED = "D >= M", "bounded", "throttled"
#: the count refuses these; two chunks do not show why (action, property)
NOT_SHOWN = {
    # with D >= M the disk marks no chunk after its pass
    (LIVE, FITS, "dirty_phase", "MigrationEnds"),
}
#: the same of mechanisms
REFUSED = {
    (LIVE, FITS, "writers-end-at-stop", "MigrationEnds"),
    (LIVE, FITS, "clear-meta-before-read", "MigrationEnds"),
    (LIVE, FITS, "last-pass-stopped", "MigrationEnds"),
    (LIVE, BOUNDED, "clear-meta-before-read", "MigrationEnds"),
}


def fairness(design: str, name: str, *downtimes: int) -> int:
    """How many verdicts agree, each fair action unfair in turn."""
    options = Options(design=design)
    term = schema(options).term
    form = form_of(term, name)
    count = counted(term, form)
    disks = [on_disk(term, options, form, downtime=d) for d in downtimes]
    asked = 0
    for unfair in ("", *fair_actions(count.view.machine)):
        for prop, there, here in disagreements(count, disks, unfair):
            assert there, f"{prop} is proved with {unfair} unfair"
            assert not here
            assert (design, name, unfair, prop) in NOT_SHOWN
        asked += len(count.outside)
    return asked


@pytest.mark.parametrize(
    ("design", "form", "downtimes", "least"),
    [
        (DROP, "", (1,), 60),
        (STOP_COPY, FITS, (2,), 20),
        (STOP_COPY, BOUNDED, (1,), 20),
        (STOP_COPY, "", (1, 2), 80),
    ],
)
def test_each_action_unfair(
    design: str, form: str, downtimes: tuple[int, ...], least: int
) -> None:
    assert fairness(design, form, *downtimes) > least


@pytest.mark.parametrize(("design", "form"), [(POSTCOPY, ""), (LIVE, FITS)])
def test_each_action_unfair_in_a_few_seconds(design: str, form: str) -> None:
    assert fairness(design, form, 1) > 20


@pytest.mark.full
@pytest.mark.parametrize("form", [BOUNDED, THROTTLED])
def test_each_action_of_live_unfair(form: str) -> None:
    """Full: some hundred thousand states on the disk, asked 27 times."""
    assert fairness(LIVE, form, 1) > 20


ASKED = [
    (design, form, mechanism.name)
    for design, form in (
        (DROP, ""),
        (POSTCOPY, ""),
        (STOP_COPY, FITS),
        (LIVE, FITS),
        (LIVE, BOUNDED),
    )
    for mechanism in MECHANISMS
    if design in mechanism.designs
]
#: each tenth, and of live the first only: its disk has the most states
SOME = [one for one in ASKED[::10] if one[0] != LIVE] + [
    next(one for one in ASKED if one[0] == LIVE)
]


def without(design: str, form: str, mechanism: str) -> None:
    """Compare the design without the mechanism with a disk of two chunks."""
    options = Options(design=design, without=frozenset({mechanism}))
    term = schema(options).term
    asked = form_of(term, form)
    disks = [on_disk(term, options, asked, downtime=1)]
    for prop, there, here in disagreements(counted(term, asked), disks):
        assert there, f"{prop} is proved without {mechanism}"
        assert not here
        assert (design, form, mechanism, prop) in REFUSED


@pytest.mark.parametrize(("design", "form", "mechanism"), SOME)
def test_a_mechanism_out(design: str, form: str, mechanism: str) -> None:
    without(design, form, mechanism)


@pytest.mark.full
@pytest.mark.parametrize(("design", "form", "mechanism"), ASKED)
def test_each_mechanism_out(design: str, form: str, mechanism: str) -> None:
    """Full: 139 designs, each explored twice."""
    without(design, form, mechanism)
