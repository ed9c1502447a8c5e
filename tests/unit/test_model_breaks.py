# SPDX-License-Identifier: GPL-2.0-or-later
"""Does each host see a break in its own time, and a cancel come anywhere?

Until a host notices that the connection is over it uses what has come to it.
So a host that has noticed knows nothing of what the other still does.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import pytest

from checker.engines.evaluate import Evaluator
from checker.engines.interpreter import InterpretedSearch, interpret
from model.design import DESIGNS, RUN_FIRST
from model.designs import build
from model.language import Machine
from model.language import expression as ex
from model.language.expression import Expression
from model.language.machine import State
from model.options import Options
from model.vocabulary import (
    IN_PROGRESS,
    DestinationVm,
    Link,
    Message,
    Outgoing,
    Reply,
    SourceVm,
)
from tests.searches import bounds_of, broken, carries, is_, once, reaches

VM, STATUS = "destination.vm", "source.migration"
PRECOPY = [d for d in DESIGNS if d not in RUN_FIRST]
each_design = pytest.mark.parametrize("design", DESIGNS)
each_precopy = pytest.mark.parametrize("design", PRECOPY)


@cache
def explored(design: str, failure: str) -> InterpretedSearch:
    """Every state of a small instance in which this may happen once."""
    options = Options(
        design=design,
        bounds=bounds_of(design, writes=1),
        failures=once(failure),
    )
    return interpret(build(options))


def ended(machine: Machine) -> Expression:
    return machine.fields[
        machine.position["destination.stream_ended"]
    ].expression


def steps(
    search: InterpretedSearch, action: str, *parts: Expression
) -> Iterator[tuple[State, State]]:
    """Steps of an action from states that meet all of ``parts``."""
    machine, wanted = search.machine, ex.all_of(parts)
    for level in range(search.coverage.levels):
        for state in search.meeting(level, wanted):
            here = Evaluator(machine, state)
            for instance in machine.action(action).instances:
                if here.enabled(instance):
                    yield state, here.successor(instance)


def holds(machine: Machine, state: State, *parts: Expression) -> bool:
    return Evaluator(machine, state).holds(ex.all_of(parts))


# -- a break --------------------------------------------------------------


@each_design
def test_run_still_arrives_after_the_source_has_noticed(design: str) -> None:
    search = explored(design, "cut")
    machine = search.machine
    doubt = is_(machine, STATUS, Outgoing.UNCERTAIN)
    in_flight = carries(machine, "stream", Message.RUN)
    assert reaches(search, doubt, in_flight)
    arrived = [after for _, after in steps(search, "loadvm_run", doubt)]
    assert arrived
    received = is_(machine, VM, DestinationVm.RUN_RECEIVED)
    assert all(holds(machine, after, doubt, received) for after in arrived)
    running = is_(machine, VM, DestinationVm.RUNNING)
    assert reaches(search, doubt, running)


@each_design
def test_the_source_goes_on_after_the_destination_has_noticed(
    design: str,
) -> None:
    search = explored(design, "cut")
    machine = search.machine
    waits = is_(machine, VM, DestinationVm.INMIGRATE)
    status = is_(machine, STATUS, *IN_PROGRESS)
    assert reaches(search, waits, ended(machine), status)
    lost = carries(machine, "stream", Message.RUN)
    # what was in flight to it is lost by its noticing, not by the break
    gone = [
        after
        for before, after in steps(search, "incoming_fails", lost)
        if holds(machine, before, is_(machine, "link", Link.BROKEN))
    ]
    assert gone and not any(holds(machine, after, lost) for after in gone)


@each_design
def test_a_break_loses_nothing_in_that_step(design: str) -> None:
    search = explored(design, "cut")
    machine = search.machine
    changed = {
        field.name
        for before, after in steps(search, "channel_cut")
        for field, old, new in zip(machine.fields, before, after, strict=True)
        if old != new
    }
    assert changed == {"link", "cut_left", "ghost_faulted"}


@each_precopy
def test_shut_survives_a_break(design: str) -> None:
    search = explored(design, "cut")
    machine = search.machine
    broken_link = is_(machine, "link", Link.BROKEN)
    shut = carries(machine, "return_path", Reply.SHUT)
    completed = is_(machine, STATUS, Outgoing.COMPLETED)
    taken = list(
        steps(search, "close_return_path_on_source", broken_link, shut)
    )
    assert taken
    assert all(holds(machine, after, completed) for _, after in taken)


@each_design
def test_nobody_is_told_of_silence(design: str) -> None:
    search = explored(design, "cut")
    machine = search.machine
    silent = is_(machine, "link", Link.SILENT)
    assert reaches(search, silent)
    told = {"migration_fails", "incoming_fails"}
    told |= {"dirty_bitmap_mig_cancel_incoming"} & {
        a.name for a in machine.actions
    }
    for action in told:
        assert not list(steps(search, action, silent))
    assert list(steps(search, "connection_times_out", silent))


@each_design
def test_the_source_never_resumes_on_its_own_after_run(design: str) -> None:
    search = explored(design, "cut")
    machine = search.machine
    sent = is_(machine, STATUS, Outgoing.RUN_SENT)
    noticed = list(steps(search, "migration_fails", sent))
    assert noticed
    doubt = is_(machine, STATUS, Outgoing.UNCERTAIN)
    stopped = is_(machine, "source.vm", SourceVm.STOPPED)
    assert all(holds(machine, a, doubt, stopped) for _, a in noticed)


# -- a cancel -------------------------------------------------------------


@each_design
def test_a_cancel_comes_anywhere(design: str) -> None:
    """From RUN on it leaves the source in doubt, as a break does."""
    search = explored(design, "cancel")
    machine = search.machine
    left = machine.fields[machine.position["cancel_left"]].expression
    allowed = ex.equal(left, ex.constant(1, left.width))
    for status in statuses(design):
        now = is_(machine, STATUS, status)
        assert reaches(search, now, allowed), status
        cancelled = list(steps(search, "migrate_cancel", now))
        late = status is Outgoing.RUN_SENT
        then = Outgoing.UNCERTAIN if late else Outgoing.FAILED
        assert cancelled, status
        for _, after in cancelled:
            assert holds(machine, after, is_(machine, STATUS, then))
        states = sum(
            len(search.meeting(level, ex.all_of([now, allowed])))
            for level in range(search.coverage.levels)
        )
        assert len(cancelled) == states, status


def statuses(design: str) -> set[Outgoing]:
    """What a migration of this design goes through."""
    search = explored(design, "cancel")
    return {
        status
        for status in IN_PROGRESS
        if reaches(search, is_(search.machine, STATUS, status))
    }


def test_every_status_belongs_to_some_design() -> None:
    found: set[Outgoing] = set().union(*(statuses(d) for d in DESIGNS))
    assert found == set(IN_PROGRESS)
    assert len(statuses("drop")) == 4
    assert {len(statuses(d)) for d in DESIGNS if d != "drop"} == {5}


# -- who acts upon what does not stay true --------------------------------

#: the mechanism that is missing, the failure, what breaks, and where
WRONG = [
    *((d, "fence-before-resume", "cut", "OneSideRuns") for d in DESIGNS),
    *((d, "fence-before-resume", "cancel", "OneSideRuns") for d in DESIGNS),
    *((d, "no-resume-after-run", "cut", "OneSideRuns") for d in DESIGNS),
    *((d, "no-resume-after-run", "cancel", "OneSideRuns") for d in DESIGNS),
    *((d, "quit-when-moved", "cut", "VmEndsOnlyIfKilled") for d in DESIGNS),
    *(
        (d, "completed-after-shut", "cut", "CompletedMeansMoved")
        for d in PRECOPY
    ),
    *((d, "time-out", "cut", "NoDeadlock") for d in DESIGNS),
    *((d, "fencing", "cut", "VmIsNotLeftStopped") for d in DESIGNS),
    ("postcopy", "quit-when-over", "", "SuccessLosesNothing"),
]


@pytest.mark.parametrize(
    ("design", "mechanism", "failure", "name"),
    WRONG,
    ids=[f"{d} without {m}, {f or 'no failure'}" for d, m, f, _ in WRONG],
)
def test_who_acts_too_early_breaks_it(
    design: str, mechanism: str, failure: str, name: str
) -> None:
    options = Options(
        design=design,
        bounds=bounds_of(design, writes=1),
        failures=once(*([failure] if failure else [])),
        without=frozenset({mechanism}),
    )
    assert name in broken(options)


@each_design
@pytest.mark.parametrize("failure", ["cut", "cancel"])
def test_who_waits_breaks_nothing(design: str, failure: str) -> None:
    options = Options(
        design=design,
        bounds=bounds_of(design, writes=1),
        failures=once(failure),
    )
    assert broken(options) == {}
