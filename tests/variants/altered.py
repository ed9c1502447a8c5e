# SPDX-License-Identifier: GPL-2.0-or-later
"""A small machine of a design, with a step that is changed by hand.

The step does to the bitmap, or to a VM, what no host of the model ever does.
What is to notice it is asked in the tests beside this file.
"""

from __future__ import annotations

from attrs import evolve

from model.designs import build
from model.language import Instance, Machine
from model.language import expression as ex
from model.language.expression import Expression
from model.options import Options
from tests.searches import bounds_of, once


def machine_of(
    design: str, *failures: str, chunks: int = 1, source: str = "own"
) -> Machine:
    """The complete design, one write; it violates nothing."""
    options = Options(
        design=design,
        bounds=bounds_of(design, chunks=chunks, writes=1),
        failures=once(*failures),
        source=source,
    )
    return build(options)


def code(machine: Machine, field: str, literal: object) -> Expression:
    """A literal as a value of a field."""
    kind = machine.fields[machine.position[field]].type
    return ex.constant(kind.encode(literal, field), kind.width)


def held(machine: Machine, field: str) -> Expression:
    """What a field holds before the step."""
    return machine.fields[machine.position[field]].expression


def changed(
    machine: Machine, action: str, field: str, value: Expression
) -> Machine:
    """The machine in which a step gives a field another value."""

    def instance(old: Instance) -> Instance:
        effect = {**dict(old.effect), field: value}
        return evolve(old, effect=tuple(effect.items()))

    found = machine.action(action)
    new = evolve(found, instances=tuple(map(instance, found.instances)))
    actions = tuple(new if a is found else a for a in machine.actions)
    return evolve(machine, actions=actions)


def forgotten(machine: Machine, action: str, *fields: str) -> Machine:
    """The machine in which a step leaves the fields as they are."""
    for field in fields:
        machine = changed(machine, action, field, held(machine, field))
    return machine
