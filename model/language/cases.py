# SPDX-License-Identifier: GPL-2.0-or-later
"""An action that asks the unknown becomes one instance per answer.

Answers that make the guard false, and answers that only do what another case
does under a weaker guard, are left out.
"""

from __future__ import annotations

from attrs import evolve

from model.language import expression as ex
from model.language.expression import Expression
from model.language.machine import Conjunct, Instance
from model.language.unknown import (
    combinations,
    question,
    replaced,
    unknowns,
)


def cases(instance: Instance) -> tuple[Instance, ...]:
    """``instance`` without unknowns: all that it may do.

    An instance that asks nothing is returned as it is.
    """
    guard = [c.expression for c in instance.guard]
    effect = [value for _, value in instance.effect]
    asked = unknowns([*guard, *effect])
    if not asked:
        return (instance,)
    found: list[Instance] = []
    for answers in combinations(asked):
        roots = replaced([*guard, *effect], answers)
        conditions, values = roots[: len(guard)], roots[len(guard) :]
        if ex.FALSE in conditions:
            continue
        made = evolve(
            instance,
            guard=tuple(
                Conjunct(old.text, condition)
                for old, condition in zip(
                    instance.guard, conditions, strict=True
                )
            ),
            effect=tuple(
                (name, value)
                for (name, _), value in zip(
                    instance.effect, values, strict=True
                )
                if not _is_field(value, name)
            ),
            assumed=tuple(
                (question(name), answers[name] is ex.TRUE) for name in asked
            ),
        )
        found.append(made)
    return _numbered(_widest(found))


def _is_field(value: Expression, name: str) -> bool:
    return value.operator == "field" and value.name == name


def _conditions(instance: Instance) -> frozenset[Expression]:
    return frozenset(
        c.expression for c in instance.guard if c.expression is not ex.TRUE
    )


def _widest(found: list[Instance]) -> list[Instance]:
    """Of those with one effect, those whose guard is asked least."""
    kept: list[Instance] = []
    for one in sorted(found, key=lambda i: len(_conditions(i))):
        covered = any(
            dict(other.effect) == dict(one.effect)
            and _conditions(other) <= _conditions(one)
            for other in kept
        )
        if not covered:
            kept.append(one)
    return kept


def _numbered(found: list[Instance]) -> tuple[Instance, ...]:
    if len(found) == 1:
        return tuple(found)
    return tuple(
        evolve(one, arguments=(*one.arguments, ("case", str(number))))
        for number, one in enumerate(found, 1)
    )
