# SPDX-License-Identifier: GPL-2.0-or-later
"""Does the projection find what small disks find, and as soon?

One row for each mechanism of each design: what its removal breaks, and after
how many steps, as one granule of any disk sees it and on the smallest disk.
Both must be what the kill matrix says; what the projection finds must be
confirmed, never spurious.
"""

from __future__ import annotations

from itertools import product

import pytest
from attrs import evolve

from checker.engines.exploration import violated
from checker.engines.native.explicit import explore
from checker.input.configuration import load, shipped
from checker.proof.judgement import Provability
from checker.proof.prove import (
    judged,
    without_end,
)
from model.design import DESIGNS
from model.designs import build
from model.language import Machine, Projected
from model.lookup import mechanisms_of
from model.options import Options
from tests.variants.test_kill_matrix import MATRIX

#: a proof for each removal: some ten minutes in all
pytestmark = pytest.mark.slow

ROWS = [(d, m.name) for d in DESIGNS for m in mechanisms_of(d)]
IDS = [f"{d} without {name}" for d, name in ROWS]
each_removal = pytest.mark.parametrize(("design", "mechanism"), ROWS, ids=IDS)
Depths = dict[str, int]
#: what the projection suspects in a broken design, and no disk confirms: it
#: no longer knows that nothing follows COMPLETE
SPURIOUS = {("postcopy", "reclaim-atomic"): {"CompleteIsKept"}}
#: what takes an edit, or more failures than the kill matrix allows once each
ALSO = {
    ("live", "own-resets-only"): {"DestinationIsExact"},
    ("postcopy", "busy-until-complete"): {"SuccessHasComplete"},
    ("postcopy", "drop-on-failure"): {"RemovedOnlyIfNotBusy"},
}
#: a disk sends START, a chunk and COMPLETE where the projection passes by
PASSED_BY = 3


def broken(machine: Machine) -> Depths:
    """Each ``always`` property that is violated, with the steps it takes."""
    first = explore(machine).coverage.first_level
    return {
        p.name: first[violated(p.name)]
        for p in machine.properties
        if p.kind == "always" and violated(p.name) in first
    }


def smallest_disk(options: Options, channel: int) -> Depths:
    """What breaks with one granule, and how soon, whatever the limits."""
    found: Depths = {}
    for downtime, in_flight in product((0, 1), (1, 2)):
        bounds = evolve(
            options.bounds,
            chunks=1,
            granules=1,
            channel=channel,
            downtime=downtime,
            in_flight=in_flight,
        )
        for name, steps in broken(
            build(evolve(options, bounds=bounds))
        ).items():
            found[name] = min(steps, found.get(name, steps))
    return found


@each_removal
def test_a_removal_is_found_no_later_than_on_a_disk(
    design: str, mechanism: str
) -> None:
    """The projection may do in a step less than the smallest disk needs."""
    options = Options(design=design, without=frozenset({mechanism}))
    options = without_end(options)
    views = {
        options.bounds.channel: Projected(any_channel=False),
        2 * options.bounds.channel: Projected(any_channel=True),
    }
    known = {
        p.name
        for p in build(options).properties
        if p.kind == "always" and p.name in MATRIX[design][mechanism]
    }
    known |= ALSO.get((design, mechanism), set())
    suspected = SPURIOUS.get((design, mechanism), set())
    for channel, view in views.items():
        seen = broken(build(options, view))
        small = smallest_disk(options, channel)
        assert set(seen) == known | suspected
        assert set(small) <= known
        for name, steps in small.items():
            assert steps - 1 - (channel > 2) <= seen[name] <= steps


@pytest.mark.parametrize(
    ("design", "mechanism"),
    [
        # all of them take a minute: a few quickly, the others when asked
        pytest.param(*row, marks=() if n % 6 == 0 else pytest.mark.slow)
        for n, row in enumerate(ROWS)
    ],
    ids=IDS,
)
def test_what_is_found_is_confirmed_on_a_disk(
    design: str, mechanism: str
) -> None:
    options = Options(design=design, without=frozenset({mechanism}))
    options = without_end(options)
    found = judged(options, explore(build(options, Projected())))
    for judgement in found:
        if judgement.answer is Provability.PROVED:
            assert judgement.trace is None
            continue
        if judgement.name in SPURIOUS.get((design, mechanism), ()):
            assert judgement.answer is Provability.SPURIOUS
            continue
        assert judgement.answer is Provability.VIOLATED
        assert judgement.trace is not None and judgement.steps is not None
        bounds = judgement.trace.options.bounds
        assert (bounds.chunks, bounds.granules) in ((1, 1), (2, 1))
        more = len(judgement.trace.moves) - judgement.steps
        assert 0 <= more <= PASSED_BY


def shipped_variants() -> list[tuple[str, frozenset[str]]]:
    """Design and what it lacks, of every shipped configuration."""
    found = {}
    for name in sorted(shipped()):
        options = load(name).options
        found[options.design, options.without] = None
    return list(found)


#: those that lack one mechanism are rows of the table
OTHERS = [(d, lacks) for d, lacks in shipped_variants() if len(lacks) != 1]


def test_what_a_shipped_configuration_lacks_is_in_the_table() -> None:
    single = {
        (d, *lacks) for d, lacks in shipped_variants() if len(lacks) == 1
    }
    assert single <= set(ROWS)


@pytest.mark.parametrize(
    ("design", "lacks"), OTHERS, ids=[f"{d} {sorted(w)}" for d, w in OTHERS]
)
def test_no_other_shipped_configuration_has_a_spurious_counterexample(
    design: str, lacks: frozenset[str]
) -> None:
    options = without_end(Options(design=design, without=lacks))
    found = judged(options, explore(build(options, Projected())))
    answers = {j.answer for j in found}
    assert answers <= {Provability.PROVED, Provability.VIOLATED}
    # a complete design may be violated in what takes a whole run
    expected = lacks and any(
        load(name).expect.verdict == "VIOLATED"
        for name in shipped()
        if (load(name).options.design, load(name).options.without)
        == (design, lacks)
    )
    assert (Provability.VIOLATED in answers) == bool(expected)


@pytest.mark.parametrize("design", DESIGNS)
def test_more_messages_in_flight_break_nothing(design: str) -> None:
    """With 1 to 8, and with any number; more of them, more states."""
    options = without_end(Options(design=design))
    sizes = []
    for channel in range(1, 9):
        bounds = evolve(options.bounds, channel=channel)
        sized = evolve(options, bounds=bounds)
        search = explore(build(sized, Projected(any_channel=False)))
        assert not search.coverage.stopped
        names = [p.name for p in search.machine.properties]
        assert not [
            n for n in names if violated(n) in search.coverage.first_level
        ]
        sizes.append(search.coverage.states)
    assert sizes == sorted(sizes)
    assert broken(build(options, Projected())) == {}
