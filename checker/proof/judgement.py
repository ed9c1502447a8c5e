# SPDX-License-Identifier: GPL-2.0-or-later
"""The answer to one property, and what keeps all of them from being proved."""

from __future__ import annotations

import enum
from collections.abc import Sequence

from attrs import evolve, frozen

from checker.proof.obligation import Obligation
from checker.traces.trace import Move, Trace
from model.language import Machine
from model.language.projected_channel import (
    ProjectedChannel,
    slots_suffice,
)


class Provability(enum.Enum):
    """The answer to one property, or to all of them."""

    PROVED = "PROVED"
    VIOLATED = "VIOLATED"
    SPURIOUS = "SPURIOUS"
    INCONCLUSIVE = "INCONCLUSIVE"
    NOT_PROVABLE = "NOT PROVABLE THIS WAY"
    VACUOUS = "VACUOUS"


NOT_ALL_MET = "not all is shown"


@frozen(kw_only=True)
class Judgement:
    """The answer to one property.

    ``steps``: of the shortest counterexample of the machine that follows one
    granule; ``trace``: a run of a small disk that confirms it; ``abstract``:
    the moves that no disk could follow, where it is spurious.
    """

    name: str
    guarantee: str
    answer: Provability
    reason: str = ""
    steps: int | None = None
    trace: Trace | None = None
    abstract: tuple[Move, ...] = ()


def any_channels(machine: Machine) -> list[ProjectedChannel]:
    """Return the channels that stand for any capacity."""
    return [
        c
        for c in machine.channels
        if isinstance(c, ProjectedChannel) and c.any_capacity
    ]


def lacking(
    machine: Machine,
    obligations: Sequence[Obligation],
    judgements: Sequence[Judgement],
) -> str:
    """Return the first premise that is not shown, or ''."""
    for obligation in obligations:
        if not obligation.proved:
            return f"'{obligation.name}' is {obligation.outcome.value}"
    slots = {slots_suffice(c.name) for c in any_channels(machine)}
    for judgement in judgements:
        shown = judgement.answer is Provability.PROVED
        if judgement.name in slots and not shown:
            return f"{judgement.name} is {judgement.answer.value}"
    return ""


def supported(
    machine: Machine,
    obligations: Sequence[Obligation],
    judgements: Sequence[Judgement],
) -> tuple[Judgement, ...]:
    """Return the judgements, none of them PROVED if a premise is not shown.

    What the exploration shows is a proof only if every obligation is met and
    the slots suffice.
    """
    if not lacking(machine, obligations, judgements):
        return tuple(judgements)
    return tuple(
        evolve(j, answer=Provability.INCONCLUSIVE, reason=NOT_ALL_MET)
        if j.answer is Provability.PROVED
        else j
        for j in judgements
    )
