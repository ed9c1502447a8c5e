# SPDX-License-Identifier: GPL-2.0-or-later
"""What is wrong or unknown about a design, in sentences.

Every finding of every exploration that is not as it should be is in one of
them, and so is what a proof shows to be wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from attrs import frozen

from checker.answer.result import MAIN, DesignResult
from checker.answer.standing import (
    Standing,
    Told,
    is_endless,
    is_stuck,
)
from checker.engines.exploration import TYPE_INVARIANT
from checker.engines.verdict import FIRES
from checker.input.exit_codes import ExitCode
from checker.text import plural

#: as many are named in a sentence; the others are counted
_MOST = 6


@frozen
class Gathered:
    """The same finding in several explorations; ``steps``: the fewest."""

    name: str
    guarantee: str
    told: tuple[Told, ...]

    @property
    def steps(self) -> int | None:
        """The fewest steps to it."""
        steps = [
            t.finding.steps for t in self.told if t.finding.steps is not None
        ]
        return min(steps, default=None)

    @property
    def where(self) -> str:
        """In which explorations: 'main' or 'L1 bounded and 2 more'."""
        titles = [t.explored.title for t in self.told]
        first = MAIN if MAIN in titles else titles[0]
        more = len(titles) - 1
        return f"{first} and {more} more" if more else first


def gathered(told: Iterable[Told]) -> list[Gathered]:
    """The findings by name and standing, in the order of their finding."""
    found: dict[tuple[str, Standing], list[Told]] = {}
    for one in told:
        key = one.finding.name, one.standing
        found.setdefault(key, []).append(one)
    return [
        Gathered(name, same[0].finding.guarantee, tuple(same))
        for (name, _), same in found.items()
    ]


def complaints(result: DesignResult) -> list[str]:
    """Everything that is wrong or not known; nothing for a safe design."""
    return [
        *_violated(result),
        *_proof(result),
        *_untested(result),
        *_unknown(result),
    ]


def _violated(result: DesignResult) -> Iterator[str]:
    """What some run breaks."""
    told = [t for t in result.told if t.standing is Standing.VIOLATED]
    broken = []
    for one in gathered(told):
        finding = one.told[0].finding
        steps = (
            f"after {plural(one.steps, 'step')}" if one.steps else "at once"
        )
        if is_stuck(finding):
            yield (
                f"It can get stuck: {steps} nothing can happen any more, "
                f"where a run may not end ({one.name}, {one.where})."
            )
        elif is_endless(finding):
            yield (
                "It need not end, with any guest that was explored "
                f"({one.name}, {one.where})."
            )
        elif one.name == TYPE_INVARIANT:
            yield (
                f"The model itself is wrong: its {one.name} breaks {steps} "
                f"({one.where})."
            )
        else:
            named = f"{one.name}, {one.where}"
            broken.append(f"{one.guarantee or 'a property'} ({named})")
    if broken:
        yield f"It breaks {_listed(broken)}."


def _proof(result: DesignResult) -> Iterator[str]:
    """What a disk of another size breaks."""
    proof = result.proof
    if proof is None or not proof.wrong:
        return
    known = {t.finding.name for t in result.told}
    new = [
        f"{guarantee or 'a property'} ({name})"
        for name, guarantee in proof.violated.items()
        if name not in known
    ]
    if new:
        yield (
            f"With failures without end, or on another disk, it breaks "
            f"{_listed(new)}."
        )
    if proof.code is ExitCode.UNREACHED:
        yield f"Its proof proves nothing: {proof.open}."


def _untested(result: DesignResult) -> Iterator[str]:
    """What these runs prove nothing about."""
    told = [t for t in result.told if t.standing is Standing.VACUOUS]
    found = gathered(told)
    silent = [g for g in found if g.name.endswith(f" {FIRES}")]
    reasons: dict[str, list[str]] = {}
    for one in found:
        if one not in silent:
            about = f"{one.guarantee}, " if one.guarantee else ""
            named = f"{one.name} ({about}{one.where})"
            reasons.setdefault(one.told[0].finding.reason, []).append(named)
    for reason, names in reasons.items():
        yield f"This proves nothing: {reason}: {_listed(names)}."
    if silent:
        names = [
            f"{g.name.removesuffix(f' {FIRES}')} ({g.where})" for g in silent
        ]
        yield f"Never done: {_listed(names)}."
    if result.not_asked:
        yield f"Neither asked nor refused: {_listed(result.not_asked)}."


def _unknown(result: DesignResult) -> Iterator[str]:
    """What was not decided, and why."""
    if result.undecided:
        reasons = _listed(result.undecided)
        yield f"Not everything was decided ({reasons}); nothing is claimed."


def _listed(items: Iterable[str]) -> str:
    """The first few, and how many more there are."""
    every = list(items)
    text = ", ".join(every[:_MOST])
    more = len(every) - _MOST
    return f"{text} and {more} more" if more > 0 else text
