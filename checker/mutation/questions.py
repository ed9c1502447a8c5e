# SPDX-License-Identifier: GPL-2.0-or-later
"""On which configurations a design's mutants are run.

The shipped ones of the complete design that are small and hold, the smallest
first.  If none of them asks what must happen sooner or later, the smallest
that does is added, whatever its size.

What no host can see (ghosts) is there to notice a mistake.  Where there is
no mistake nobody misses it, so a mutant of ghosts alone is also run on the
small variants that are shipped with a mistake.
"""

from __future__ import annotations

from collections.abc import Iterable

from attrs import frozen

from checker.configuration import Configuration, load, shipped
from checker.errors import InputError
from checker.verdict import Verdict
from model.mechanism import (
    DESIGNS,
)

#: states of a small configuration, at most
SMALL = 20_000


@frozen
class Questions:
    """Complete configurations of one design, and variants with a mistake."""

    complete: tuple[Configuration, ...]
    variants: tuple[Configuration, ...]

    @property
    def all(self) -> tuple[Configuration, ...]:
        """Both, the complete ones first."""
        return self.complete + self.variants


def questions(design: str) -> Questions:
    """What the mutants of ``design`` are run on.

    Raises InputError if there is no such design.
    """
    if design not in DESIGNS:
        raise InputError(
            f"no design '{design}'; allowed are {', '.join(DESIGNS)}"
        )
    known = [load(name) for name in shipped()]
    mine = sorted(
        (c for c in known if c.options.design == design), key=_states
    )
    complete = [
        c
        for c in mine
        if not c.options.without and c.expect.verdict == Verdict.HOLDS.value
    ]
    variants = [
        c
        for c in mine
        if c.options.without and c.expect.verdict == Verdict.VIOLATED.value
    ]
    return Questions(_chosen(complete), tuple(_small(variants)))


def _states(configuration: Configuration) -> int:
    return configuration.expect.states or 0


def _small(configurations: Iterable[Configuration]) -> list[Configuration]:
    return [c for c in configurations if _states(c) <= SMALL]


def _chosen(complete: list[Configuration]) -> tuple[Configuration, ...]:
    found = _small(complete) or complete[:1]
    if not any(map(_asks_liveness, found)):
        found += [c for c in complete if _asks_liveness(c)][:1]
    return tuple(found)


def _asks_liveness(configuration: Configuration) -> bool:
    machine = configuration.machine()
    return any(p.kind == "eventually" for p in machine.properties)
