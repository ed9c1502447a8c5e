# SPDX-License-Identifier: GPL-2.0-or-later
"""One thing that a proof has to show, and how it came out.

A proof is a list of obligations.  It is a proof only if every one of them is
PROVED; one that was refuted or left open is named with what was found.
"""

from __future__ import annotations

import enum
import time
from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from attrs import frozen


class Outcome(enum.Enum):
    """How an obligation came out."""

    PROVED = "PROVED"
    REFUTED = "REFUTED"
    OPEN = "OPEN"


@frozen(kw_only=True)
class Obligation:
    """``name`` says what was to be shown, ``seconds`` how long it took.

    ``queries``: how many questions the solver answered.  ``detail``: for
    what is not PROVED, the first thing that was found; else ''.
    """

    name: str
    outcome: Outcome
    seconds: float
    queries: int = 0
    detail: str = ""

    @property
    def proved(self) -> bool:
        """Whether it was shown."""
        return self.outcome is Outcome.PROVED


@frozen
class Shown:
    """What the work on one obligation returns; ``timed`` adds the rest."""

    outcome: Outcome
    queries: int = 0
    detail: str = ""


def timed(name: str, work: Callable[[], Shown]) -> Obligation:
    """Do the work of an obligation and take its time."""
    started = time.perf_counter()
    shown = work()
    return Obligation(
        name=name,
        outcome=shown.outcome,
        seconds=time.perf_counter() - started,
        queries=shown.queries,
        detail=shown.detail,
    )


class Named(Protocol):
    """Something that is asked, by its name."""

    @property
    def name(self) -> str:
        """What it is called where it fails."""


One = TypeVar("One", bound=Named)


def over_all(
    name: str, many: Sequence[One], show: Callable[[One], Shown]
) -> Obligation:
    """Return one obligation for several; the first failure ends it."""

    def work() -> Shown:
        asked = 0
        for one in many:
            shown = show(one)
            asked += shown.queries
            if shown.outcome is not Outcome.PROVED:
                detail = f"{one.name}: {shown.detail}"
                return Shown(shown.outcome, asked, detail)
        return Shown(Outcome.PROVED, asked)

    return timed(name, work)
