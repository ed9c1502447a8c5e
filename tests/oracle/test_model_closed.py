# SPDX-License-Identifier: GPL-2.0-or-later
"""Can a step of a model leave its types?

From every state whose fields hold codes in use, reachable or not, each
enabled instance leads to such a state again: z3 proves it instance by
instance.  So no guard needs to protect a type, and no engine can meet a code
that means nothing.  The same for the form of channels: messages stand at the
front, and an unused slot is all zero.
"""

from __future__ import annotations

from functools import cache

import pytest
import z3

from model.design import DESIGNS
from model.designs import build
from model.language import Instance, Machine
from model.language import expression as ex
from model.language.channel import KindType
from model.language.expression import Expression, field_value
from model.lookup import mechanisms_of
from model.options import BUSY_POLICIES, Bounds, Options
from tests.oracle.z3_reader import Reader
from tests.searches import ALL_ONCE

SIZE = Bounds(chunks=2, granules=2, channel=2, in_flight=2, edits=1)
VARIANTS = [
    *((design, "") for design in DESIGNS),
    *((d, m.name) for d in DESIGNS for m in mechanisms_of(d)),
    *((d, busy) for d in DESIGNS for busy in BUSY_POLICIES[1:]),
]
each_variant = pytest.mark.parametrize(
    ("design", "change"),
    VARIANTS,
    ids=[f"{d}, {change}" if change else d for d, change in VARIANTS],
)
each_design = pytest.mark.parametrize("design", DESIGNS)


@cache
def machine_of(design: str, change: str = "") -> Machine:
    """The design at 2 chunks of 2 granules, every failure possible.

    ``change``: the mechanism that it lacks, or what it does with a bitmap
    that is busy.
    """
    busy = change if change in BUSY_POLICIES else "wait"
    return build(
        Options(
            design=design,
            bounds=SIZE,
            failures=ALL_ONCE,
            without=frozenset({change} - {"", busy}),
            busy_bitmap=busy,
        )
    )


def canonical(machine: Machine) -> Expression:
    """Messages stand at the front; an unused slot is all zero."""
    parts = []
    for variable in machine.variables:
        slots: dict[str, list[Expression]] = {}
        for name in variable.fields:
            declared = machine.fields[machine.position[name]]
            if len(variable.fields) > 1 or isinstance(declared.type, KindType):
                slot = name.rpartition(".")[0]
                slots.setdefault(slot, []).append(declared.expression)
        behind: Expression | None = None
        for kind, *payload in reversed(list(slots.values())):
            vacant = is_zero(kind)
            zeros = [is_zero(part) for part in payload]
            zeros += [] if behind is None else [is_zero(behind)]
            unused = ex.all_of(zeros)
            parts.append(ex.disjunction(ex.complement(vacant), unused))
            behind = kind
    return ex.all_of(parts)


def is_zero(value: Expression) -> Expression:
    return ex.equal(value, ex.constant(0, value.width))


def escapes(
    machine: Machine, instance: Instance, invariant: Expression
) -> z3.ModelRef | None:
    """A state that meets the invariant, from which ``instance`` leaves it."""
    read = Reader()
    now = read.holds(invariant)
    then = z3.substitute(
        now,
        *(
            (
                read.term(machine.fields[machine.position[n]].expression),
                read.term(new),
            )
            for n, new in instance.effect
        ),
    )
    solver = z3.SolverFor("QF_BV")
    solver.add(now, read.holds(instance.enabled), z3.Not(then))
    return solver.model() if solver.check() == z3.sat else None


def check_closed(machine: Machine, invariant: Expression) -> None:
    for instance in machine.instances:
        found = escapes(machine, instance, invariant)
        assert found is None, f"{instance.label} leaves it from {found}"


@each_design
def test_no_step_leaves_the_types(design: str) -> None:
    machine = machine_of(design)
    check_closed(machine, machine.type_invariant)


@each_design
def test_no_step_spoils_the_form_of_a_channel(design: str) -> None:
    machine = machine_of(design)
    form = canonical(machine)
    assert form is not ex.TRUE
    check_closed(machine, ex.conjunction(machine.type_invariant, form))


@each_variant
def test_every_guard_can_be_met(design: str, change: str) -> None:
    machine = machine_of(design, change)
    read = Reader()
    solver = z3.SolverFor("QF_BV")
    solver.add(read.holds(machine.type_invariant))
    solver.add(read.holds(canonical(machine)))
    for instance in machine.instances:
        solver.push()
        solver.add(read.holds(instance.enabled))
        assert solver.check() == z3.sat, f"{instance.label} is never enabled"
        solver.pop()


@each_design
def test_every_start_meets_the_invariants(design: str) -> None:
    machine = machine_of(design)
    read = Reader()
    invariant = ex.conjunction(machine.type_invariant, canonical(machine))
    for state in machine.initials:
        solver = z3.SolverFor("QF_BV")
        for declared, code in zip(machine.fields, state, strict=True):
            solver.add(read.term(declared.expression) == code)
        solver.add(z3.Not(read.holds(invariant)))
        assert solver.check() == z3.unsat


def test_an_escape_would_be_found() -> None:
    machine = machine_of("live")
    cursor = field_value("source.cursor", 2)
    beyond = Instance(
        "jump",
        "nobody",
        (),
        (),
        (("source.cursor", ex.add(cursor, ex.constant(1, 2))),),
    )
    found = escapes(machine, beyond, machine.type_invariant)
    assert found is not None
    assert found[z3.BitVec("source.cursor", 2)].as_long() == 2


@pytest.mark.slow
@each_variant
def test_no_step_of_a_variant_leaves_the_types(
    design: str, change: str
) -> None:
    machine = machine_of(design, change)
    invariant = ex.conjunction(machine.type_invariant, canonical(machine))
    check_closed(machine, invariant)
