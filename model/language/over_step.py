# SPDX-License-Identifier: GPL-2.0-or-later
"""Properties over a step: what was before it, and what is after it.

    build.every_step(
        "ALossIsFinal",
        "S2",
        "A bitmap that was declared lost stays lost.",
        when=[here.bitmap.is_(Incoming.LOST)],
        then=[after(here.bitmap).is_(Incoming.LOST, Incoming.ABSENT)],
    )

``after(field)`` is the field's value after the step; a prime stands behind its
name.  An effect is a function of the state before, so such a property is one
of states: in every state, each step that is possible keeps it.  A run that
violates it ends where a step is possible that breaks it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, TypeVar

from attrs import evolve

from model.language import expression as ex
from model.language.expression import Expression
from model.language.machine import Conjunct, Instance, Machine, Property
from model.language.unknown import replaced
from model.language.values import Value

PRIME: Final = "'"
AnyValue = TypeVar("AnyValue", bound=Value[Any])


def after(value: AnyValue) -> AnyValue:
    """The value of a field after the step; ModelError if it is no field."""
    if value.absent:
        return value
    name = value.field_name() + PRIME
    later = ex.field_value(name, value.expression.width)
    return evolve(value, expression=later, text=name, means="")


def before(name: str) -> str:
    """The field of which ``name`` is the value, before or after a step."""
    return name.removesuffix(PRIME)


def is_after(name: str) -> bool:
    """Whether ``name`` is a field's value after a step."""
    return name.endswith(PRIME)


def in_states(
    prop: Property, instances: Iterable[Instance], fields: Mapping[str, int]
) -> Property:
    """The same, asked of the states before the steps.

    ``prop``: over a step.  ``fields``: each field's width, in bits.
    """
    asked: list[Expression] = []
    kept: list[Conjunct] = []
    for one in instances:
        new = _after(one, fields)
        when = ex.all_of([one.enabled, *_at(prop.when, new)])
        asked.append(when)
        for conjunct, then in zip(prop.then, _at(prop.then, new), strict=True):
            holds = ex.disjunction(ex.complement(when), then)
            if holds is not ex.TRUE:
                text = f"{conjunct.text}, after {one.label}"
                kept.append(Conjunct(text, holds, conjunct.means))
    texts = " and ".join(c.text for c in prop.when)
    premise = Conjunct(
        f"a step is possible where {texts}" if texts else "a step is possible",
        ex.any_of(asked),
    )
    always = tuple(kept) or (Conjunct("nothing can break it", ex.TRUE),)
    return evolve(prop, when=(premise,), then=always, of_step=prop)


def possible(asked: Expression, machine: Machine) -> Expression:
    """Where a step is possible of which ``asked`` is true."""
    fields = {f.name: f.type.width for f in machine.fields}
    return ex.any_of(
        ex.conjunction(one.enabled, replaced([asked], _after(one, fields))[0])
        for one in machine.instances
    )


def with_both(machine: Machine) -> Machine:
    """A machine with the fields of before a step and of after it."""
    later = [evolve(f, name=f.name + PRIME) for f in machine.fields]
    return evolve(machine, fields=(*machine.fields, *later))


def _after(
    one: Instance, fields: Mapping[str, int]
) -> Mapping[str, Expression]:
    """Each field's value after a step, in the state before it."""
    new = {name + PRIME: value for name, value in one.effect}
    for name, width in fields.items():
        new.setdefault(name + PRIME, ex.field_value(name, width))
    return new


def _at(
    conjuncts: Sequence[Conjunct], new: Mapping[str, Expression]
) -> Sequence[Expression]:
    return replaced([c.expression for c in conjuncts], new)
