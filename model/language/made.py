# SPDX-License-Identifier: GPL-2.0-or-later
"""What a builder works out of what was declared; nothing is kept here."""

from __future__ import annotations

import enum
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import product
from typing import Any

from model.language import expression as ex
from model.language.domain import Chunk, Granule
from model.language.errors import ModelError
from model.language.machine import Conjunct, Field, Property
from model.language.per_granule import at_one_granule
from model.language.tokens import Every, parameter, shown

Parameter = Chunk | Granule | enum.Enum | int


def followed(conjuncts: tuple[Conjunct, ...]) -> tuple[Conjunct, ...]:
    """The conjuncts, asked of the one granule that is followed."""
    asked = at_one_granule([c.expression for c in conjuncts])
    return tuple(
        Conjunct(old.text, expression)
        for old, expression in zip(conjuncts, asked, strict=True)
    )


def parameters(over: Iterable[Parameter] | Every, action: str) -> list[Any]:
    """What the parameter of an action takes; a token where none is known."""
    if isinstance(over, Every):
        return [parameter(over, action)]
    return list(over)


def label(value: Any) -> str:
    """A parameter as people read it."""
    return str(value.value) if isinstance(value, enum.Enum) else shown(value)


def initials(
    fields: Mapping[str, Field],
    starts: Sequence[Mapping[str, int]],
    alternatives: Mapping[str, tuple[int, ...]],
) -> tuple[tuple[int, ...], ...]:
    """Each start; a field not set there takes each of its values."""
    found: dict[tuple[int, ...], None] = {}
    for start in starts or [{}]:
        codes = [
            (start[n],) if n in start else alternatives.get(n, (f.initial,))
            for n, f in fields.items()
        ]
        found.update(dict.fromkeys(product(*codes)))
    return tuple(found)


def says_nothing(prop: Property) -> bool:
    """Whether no state could violate it, or all meet it."""
    empty = {
        "always": prop.violated is ex.FALSE,
        "reachable": bool(prop.then) and prop.conclusion is ex.TRUE,
        "eventually": prop.conclusion is ex.TRUE,
    }
    return empty[prop.kind]


def known(
    what: str,
    names: Sequence[str],
    actions: Collection[str],
    absent: Collection[str],
) -> tuple[str, ...]:
    """Those of the actions that are there; none at all is an error."""
    for name in sorted(names):
        if name not in actions and name not in absent:
            raise ModelError(f"{what}: no action '{name}'")
    found = tuple(n for n in names if n not in absent)
    if names and not found and what.startswith("property"):
        raise ModelError(
            f"{what}: its actions need budgets that are 0; it needs them too"
        )
    return found
