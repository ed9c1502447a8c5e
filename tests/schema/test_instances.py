# SPDX-License-Identifier: GPL-2.0-or-later
"""A machine made of the schema is the machine that the text makes itself."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from attrs import evolve

from model.design import DESIGNS, LIVE
from model.designs import build, schema
from model.language import Machine, Projected
from model.lookup import mechanisms_of
from model.options import UNLIMITED, Bounds, Failures, Options
from tests.designs import each_design
from tests.schema.direct import direct

NAMES = Failures.names()
FAILURES = (
    Failures(),
    Failures(**dict.fromkeys(NAMES, 1)),
    Failures(**dict.fromkeys(NAMES, UNLIMITED)),
    *(Failures(**{name: 2}) for name in NAMES),
)
#: the rest differ in one budget, which is a number like the others
OFTEN = FAILURES[:3]
RARELY = [pytest.param(f, marks=pytest.mark.full) for f in FAILURES[3:]]
DISKS = ((1, 1, 1), (2, 1, 2), (1, 3, 4), (3, 2, 2), (9, 1, 1), (1, 9, 9))


def alike(options: Options, domain: Projected | None = None) -> None:
    """Both ways give one machine, to the last word."""
    made, told = build(options, domain), direct(options, domain)
    assert made.digest == told.digest
    assert words(made) == words(told)
    assert made.notes == told.notes
    assert dict(made.undecided) == dict(told.undecided)
    assert dict(made.not_promised) == dict(told.not_promised)
    assert [(c.name, c.actions, c.when) for c in made.costs] == [
        (c.name, c.actions, c.when) for c in told.costs
    ]


def words(machine: Machine) -> list[object]:
    """All that people read of a machine."""
    return [
        machine.name,
        machine.budgets,
        [(f.name, f.ghost, f.chunk, str(f.type)) for f in machine.fields],
        [
            (a.name, a.actor, a.doc, a.fair, a.fault, a.silent, a.needs)
            for a in machine.actions
        ],
        [
            (i.label, i.assumed, [c.text for c in i.guard])
            for i in machine.instances
        ],
        [
            (p.name, p.kind, p.guarantee, p.doc, p.by, p.assumes, p.needs)
            for p in machine.properties
        ],
        [[c.text for c in (*p.when, *p.then)] for p in machine.properties],
        [machine.show(v, machine.initials[0]) for v in machine.variables],
    ]


def bounds(design: str) -> Iterator[Bounds]:
    for chunks, granules, channel in DISKS:
        size = Bounds(chunks=chunks, granules=granules, channel=channel)
        yield size
        yield evolve(size, writes=2, downtime=chunks)
        if design == LIVE:
            yield evolve(size, writes="throttled", downtime=0)


@pytest.mark.parametrize("failures", [*OFTEN, *RARELY], ids=str)
@pytest.mark.parametrize("design", DESIGNS)
def test_every_size(design: str, failures: Failures) -> None:
    for size in bounds(design):
        alike(Options(design=design, bounds=size, failures=failures))


@pytest.mark.parametrize(
    "failures",
    [
        FAILURES[1],
        *(
            pytest.param(f, marks=pytest.mark.full)
            for f in (FAILURES[0], FAILURES[2])
        ),
    ],
    ids=str,
)
@pytest.mark.parametrize("design", each_design())
def test_every_removal(design: str, failures: Failures) -> None:
    for mechanism in mechanisms_of(design):
        removed = Options(
            design=design,
            failures=failures,
            without=frozenset({mechanism.name}),
        )
        alike(removed)


@pytest.mark.parametrize(
    "any_channel", [False, pytest.param(True, marks=pytest.mark.full)]
)
@pytest.mark.parametrize("design", each_design())
def test_the_view_of_one_granule(design: str, any_channel: bool) -> None:
    view = Projected(any_channel=any_channel)
    alike(Options(design=design, failures=FAILURES[2]), view)
    for mechanism in mechanisms_of(design):
        without = frozenset({mechanism.name})
        alike(
            Options(design=design, failures=FAILURES[2], without=without), view
        )


@pytest.mark.parametrize("design", DESIGNS)
def test_the_view_with_any_channel(design: str) -> None:
    alike(
        Options(design=design, failures=FAILURES[2]),
        Projected(any_channel=True),
    )


@pytest.mark.parametrize("design", DESIGNS)
def test_one_term_for_every_number(design: str) -> None:
    """A size, a budget or a limit is no part of what names the term."""
    first, *others = [
        schema(Options(design=design, bounds=size, failures=failures)).digest
        for size in bounds(design)
        for failures in FAILURES
    ]
    assert set(others) == {first}
    names = {
        schema(
            Options(design=design, without=frozenset({mechanism.name}))
        ).digest
        for mechanism in mechanisms_of(design)
    }
    assert len(names | {first}) > len(names) / 2
