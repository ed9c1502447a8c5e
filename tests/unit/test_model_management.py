# SPDX-License-Identifier: GPL-2.0-or-later
"""Does management act upon nothing that it cannot know?

Every guard of every command is evaluated in every combination of what it
reads, of every design, with and without each mechanism.  Two states that look
alike to queries must give the same answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from itertools import product

import pytest
from attrs import evolve

from checker.engines.evaluate import evaluate
from model.design import DESIGNS, RUN_FIRST
from model.designs import build
from model.language import Conjunct, Instance, Machine
from model.language import expression as ex
from model.lookup import mechanisms_of
from model.options import BUSY_POLICIES, Bounds, Failures, Options
from model.protocol.management import SEES
from model.vocabulary import DestinationVm
from tests.designs import OFTEN
from tests.searches import is_, once

VM, ENDED = "destination.vm", "destination.stream_ended"
RESUMED = (DestinationVm.RUNNING, DestinationVm.DIED)
CHANGES = [
    *((d, "") for d in DESIGNS),
    *((d, m.name) for d in DESIGNS for m in mechanisms_of(d)),
    *((d, busy) for d in DESIGNS for busy in BUSY_POLICIES[1:]),
]
each_change = pytest.mark.parametrize(
    ("design", "change"),
    [
        pytest.param(
            *(d, change),
            id=f"{d}, {change}" if change else d,
            marks=pytest.mark.full if change and d not in OFTEN else (),
        )
        for d, change in CHANGES
    ],
)


@cache
def machine_of(design: str, change: str = "") -> Machine:
    """The design without a mechanism, or with another policy."""
    busy = change if change in BUSY_POLICIES else "wait"
    return build(
        Options(
            design=design,
            bounds=Bounds(chunks=1, edits=1),
            failures=once(*Failures.names()),
            without=frozenset({change} - {"", busy}),
            busy_bitmap=busy,
        )
    )


def commands(machine: Machine) -> list[Instance]:
    """What management may do."""
    return [i for i in machine.instances if i.actor == "management"]


def reads(instance: Instance) -> list[str]:
    """The fields that a guard looks at, budgets excepted."""
    found = ex.fields_read([c.expression for c in instance.guard])
    return sorted(name for name in found if not name.endswith("_left"))


def seen(situation: Mapping[str, object]) -> tuple[object, ...]:
    """What queries show of a situation.

    On the source each field as it is.  Of the destination: that its process
    lives or not, that it has resumed or not, and that its migration has
    failed, which only one that has not come to RUN can show.
    """
    vm = situation.get(VM)
    failed = bool(situation.get(ENDED)) and vm is DestinationVm.INMIGRATE
    there = (
        vm in (DestinationVm.KILLED, DestinationVm.DIED),
        vm in RESUMED,
        failed,
    )
    here = [v for name, v in situation.items() if name not in (VM, ENDED)]
    return (*here, *there)


def situations(
    machine: Machine, names: list[str]
) -> Iterator[dict[str, object]]:
    """Every combination of what the fields may hold."""
    values: list[list[object]] = []
    for name in names:
        kind = machine.fields[machine.position[name]].type
        members = getattr(kind, "members", None)
        if members is None:
            values.append([False, True])
        elif name == VM:
            # a machine's enumerations are data, alike the vocabulary's
            values.append([DestinationVm(m.value) for m in members])
        else:
            values.append(list(members))
    for chosen in product(*values):
        yield dict(zip(names, chosen, strict=True))


def told_apart(machine: Machine, instance: Instance) -> list[str]:
    """Situations that look alike, of which one lets it act, and one not."""
    names = sorted({*reads(instance), VM, ENDED})
    budgets = [f.name for f in machine.fields if f.name.endswith("_left")]
    first: dict[tuple[object, ...], tuple[bool, object]] = {}
    found = []
    for situation in situations(machine, names):
        codes = {
            name: machine.fields[machine.position[name]].type.encode(v, name)
            for name, v in situation.items()
        } | dict.fromkeys(budgets, 1)
        position = {name: i for i, name in enumerate(codes)}
        state = tuple(codes.values())
        acts = bool(evaluate(instance.enabled, state, position, {}))
        before = first.setdefault(seen(situation), (acts, situation))
        if before[0] != acts:
            found.append(f"{before[1]} and {situation}")
    return found


@each_change
def test_management_reads_only_what_queries_show(
    design: str, change: str
) -> None:
    for instance in commands(machine_of(design, change)):
        assert set(reads(instance)) <= set(SEES), instance.label


@each_change
def test_management_tells_apart_only_what_queries_do(
    design: str, change: str
) -> None:
    machine = machine_of(design, change)
    asked = commands(machine)
    assert len(asked) >= 5
    for instance in asked:
        assert told_apart(machine, instance) == [], instance.label


@pytest.mark.parametrize("design", DESIGNS)
def test_what_management_does_is_known(design: str) -> None:
    commonly = {
        "migrate",
        "migrate_again",
        "migrate_cancel",
        "resume_source",
        "fence_destination",
        "quit_source",
    }
    if design in RUN_FIRST:
        commonly.add("migrate_start_postcopy")
    assert {i.action for i in commands(machine_of(design))} == commonly


SEES_TOO_MUCH = {
    "before RUN": (DestinationVm.INMIGRATE,),
    "RUN has arrived": (DestinationVm.RUN_RECEIVED, DestinationVm.PRELAUNCH),
    "about to run": (DestinationVm.PRELAUNCH, DestinationVm.RUNNING),
}


@pytest.mark.parametrize("what", SEES_TOO_MUCH)
def test_a_management_that_sees_too_much_is_noticed(what: str) -> None:
    machine = machine_of("postcopy")
    known = is_(machine, VM, *SEES_TOO_MUCH[what])
    fence = next(
        i for i in commands(machine) if i.action == "fence_destination"
    )
    clever = evolve(fence, guard=(*fence.guard, Conjunct(what, known)))
    assert set(reads(clever)) <= set(SEES)
    assert told_apart(machine, fence) == []
    assert told_apart(machine, clever) != []


def test_a_management_that_reads_the_link_is_noticed() -> None:
    machine = machine_of("postcopy")
    link = machine.fields[machine.position["link"]].expression
    up = Conjunct("link", ex.equal(link, ex.constant(1, link.width)))
    for instance in commands(machine):
        clever = evolve(instance, guard=(*instance.guard, up))
        assert not set(reads(clever)) <= set(SEES)
