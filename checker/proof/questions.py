# SPDX-License-Identifier: GPL-2.0-or-later
"""Is a question that reads alike about the same thing on the disk?

An action asks its domain several questions, and one unknown stands for all
that read alike.  The lemmas speak of one operation at a time, so it has to be
shown that no two questions share an unknown and yet mean different things (a
set that holds only another granule looks like the empty set).  That depends
on the model text alone: it is built twice, seen from one granule and for a
small disk, and what the domain is asked is compared, one by one.
"""

from __future__ import annotations

import inspect
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from attrs import fields, frozen

from checker.proof.obligation import Outcome, Shown
from model.designs import build
from model.language import Concrete, Domain, Projected
from model.language.expression import Expression
from model.language.unknown import question, unknowns
from model.options import Options

#: the operations that the protocol declares, not its properties or texts
OPERATIONS = tuple(
    name
    for name, found in vars(Domain).items()
    if inspect.isfunction(found) and not name.startswith(("_", "show_"))
)
Text = Callable[[Domain], object]


@frozen
class Asked:
    """One operation: its name, its arguments and its result."""

    operation: str
    arguments: tuple[Any, ...]
    result: Expression


def noted(view: Any) -> tuple[Any, list[Asked]]:
    """Return a domain like ``view``, and the list of what it is asked."""
    log: list[Asked] = []

    def noting(name: str) -> Callable[..., Expression]:
        def operation(_: object, *arguments: Any) -> Expression:
            result: Expression = getattr(view, name)(*arguments)
            log.append(Asked(name, arguments, result))
            return result

        return operation

    methods = {name: noting(name) for name in OPERATIONS}
    # of the same class, so that the language treats it alike
    made: Any = object.__new__(type("Noting", (type(view),), methods))
    for attribute in fields(type(view)):
        value = getattr(view, attribute.name)
        object.__setattr__(made, attribute.name, value)
    return made, log


def _small_disk() -> Concrete:
    """Return the least disk with the projection's parameters, in order."""
    disk = Concrete(2, 2)
    object.__setattr__(disk, "granules", disk.granules[:3])
    return disk


def confused(text: Text, view: Projected | None = None) -> dict[str, set[str]]:
    """Return the unknowns that stand for several things, each with those."""
    seen_domain, seen = noted(view or Projected())
    text(seen_domain)
    disk, there = noted(_small_disk())
    text(disk)
    assert [a.operation for a in seen] == [a.operation for a in there]
    meant: dict[str, set[str]] = defaultdict(set)
    for one, other in zip(seen, there, strict=True):
        inside = [a for a in one.arguments if isinstance(a, Expression)]
        for name in set(unknowns([one.result])) - set(unknowns(inside)):
            meant[name].add(f"{other.operation} {other.arguments}")
    return {name: found for name, found in meant.items() if len(found) > 1}


def questions_alike(options: Options, view: Projected | None = None) -> Shown:
    """Show that no two questions of the model text read alike."""
    found = confused(lambda domain: build(options, domain), view)
    if not found:
        return Shown(Outcome.PROVED)
    name = min(found)
    return Shown(Outcome.REFUTED, 0, f"two things read '{question(name)}'")
