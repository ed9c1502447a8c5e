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
#: what one parameter ranges over, and what several do, by name
Range = Iterable[Parameter] | Every
Over = Range | Mapping[str, Range]


def followed(conjuncts: tuple[Conjunct, ...]) -> tuple[Conjunct, ...]:
    """The conjuncts, asked of the one granule that is followed."""
    asked = at_one_granule([c.expression for c in conjuncts])
    return tuple(
        Conjunct(old.text, expression)
        for old, expression in zip(conjuncts, asked, strict=True)
    )


def combinations_of(
    over: Over | None, names: Sequence[str], action: str
) -> list[dict[str, Any]]:
    """The parameters of each instance of an action, by name.

    ``names``: what the action's function takes, in that order.  A disk's
    chunks or granules may stand for one parameter only: a proof follows one.
    """
    ranges: Mapping[str, Range] = {}
    if isinstance(over, Mapping):
        ranges = over
    elif over is not None:
        ranges = {names[0] if len(names) == 1 else "": over}
    if list(ranges) != list(names):
        said = ", ".join(names) or "none"
        given = "one" if "" in ranges else ", ".join(ranges) or "none"
        raise ModelError(
            f"action {action}: its parameters are {said}, 'over' gives {given}"
        )
    disks = [n for n, r in ranges.items() if isinstance(r, Every)]
    if len(disks) > 1:
        raise ModelError(
            f"action {action}: '{disks[0]}' and '{disks[1]}' both range over "
            "a disk, allowed is one"
        )
    values = [
        [parameter(r, action)] if isinstance(r, Every) else list(r)
        for r in ranges.values()
    ]
    return [
        dict(zip(ranges, chosen, strict=True)) for chosen in product(*values)
    ]


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
