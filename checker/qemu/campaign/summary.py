# SPDX-License-Identifier: GPL-2.0-or-later
"""What a campaign found: counts, and each distinct violation once.

The rule: two violations are the same if the same known entry tells of them,
or else if guarantee, mode, return path and wording are the same; each is
shown by the shortest scenario that has it.  Whether the bitmaps are to blame
is not guessed: the same fault on the same VM without bitmaps says it, where
there is such a thing.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Final

import attrs

from checker.qemu.campaign.case import Case
from checker.qemu.campaign.known import Deviation, Known
from checker.qemu.campaign.matrix import PLACE_KINDS, place_kind
from checker.qemu.campaign.result import Result
from checker.qemu.campaign.violation import GUARANTEES, Violation
from checker.qemu.harness.faults import NO_FAULT, kind_word
from checker.qemu.harness.scenario import Mode, Storage

_NAME: Final = re.compile(r"bitmap '[^']*'(?: of '[^']*')?")
_FIGURE: Final = re.compile(r"\d+(?:\.\d+)?")
#: what cannot be violated where there is none
_OF_BITMAPS: Final = frozenset({"S1", "S2", "S4", "S5", "M1", "P1"})
_GRAVITY: Final = {name: number for number, name in enumerate(GUARANTEES)}


@attrs.frozen
class Distinct:
    """One kind of violation; the first of ``shown`` is the shortest.

    ``again``: did it come in a second look; None: there was none.
    ``least``: a shorter scenario, found then.
    """

    shown: tuple[tuple[Result, Violation], ...]
    known: Deviation | None
    #: of those whose place is there without bitmaps: how many, how many same
    twins: int
    alike: int
    again: bool | None = None
    least: tuple[Result, Violation] | None = None

    @property
    def result(self) -> Result:
        """Return the result of the shortest scenario."""
        return (self.least or self.shown[0])[0]

    @property
    def violation(self) -> Violation:
        """Return the violation as the shortest scenario shows it."""
        return (self.least or self.shown[0])[1]

    @property
    def count(self) -> int:
        """Return in how many scenarios it was seen."""
        return len({result.case for result, _ in self.shown})

    @property
    def label(self) -> str:
        """Return what is known about whether bitmaps are to blame."""
        if all(not result.case.bitmaps for result, _ in self.shown):
            return "without bitmaps"
        guarantee = self.violation.guarantee
        if guarantee != "S6" and all(
            any(one.guarantee == "S6" for one in result.violations)
            for result, _ in self.shown
        ):
            return "always together with S6"
        if all(r.case.mode is Mode.POSTCOPY for r, _ in self.shown):
            return "postcopy of bitmaps, nothing to compare it with"
        if guarantee in _OF_BITMAPS:
            return "a guarantee of bitmaps only"
        if not self.twins:
            return "no such place without bitmaps"
        if not self.alike:
            return "only with bitmaps"
        return f"without bitmaps as well, {self.alike} of {self.twins} places"


@attrs.frozen
class Summary:
    """Everything that a campaign says at its end."""

    scenarios: int
    missed: int
    errors: tuple[Result, ...]
    #: by fault and place kind: how many scenarios
    runs: Counter[tuple[str, str]]
    #: by guarantee, fault and place kind: how many scenarios; known, new
    known: Counter[tuple[str, str, str]]
    new: Counter[tuple[str, str, str]]
    distinct: tuple[Distinct, ...]

    @property
    def any_new(self) -> bool:
        """Return whether there is a violation that was not known."""
        return any(each.known is None for each in self.distinct)

    @property
    def faults(self) -> list[str]:
        """Return the words of the kinds of fault that were run, in order."""
        found = dict.fromkeys(fault for fault, _ in self.runs)
        return [fault for fault in found if fault != NO_FAULT]

    @property
    def faultless(self) -> int:
        """Return how many scenarios had no fault."""
        return self.runs[NO_FAULT, ""]

    def columns(self) -> list[str]:
        """Return the parts of the stream where faults were run."""
        return [
            kind
            for kind in PLACE_KINDS
            if any(kind == column for _, column in self.runs)
        ]


def summarise(results: Sequence[Result], known: Known) -> Summary:
    """Return the counts, and the distinct violations in their order."""
    done = {result.case: result for result in results if not result.error}
    runs: Counter[tuple[str, str]] = Counter()
    counts: tuple[Counter[tuple[str, str, str]], ...] = Counter(), Counter()
    groups: dict[object, list[tuple[Result, Violation]]] = {}
    for result in done.values():
        where = kind_word(result.case.fault), kind_of(result.case)
        runs[where] += 1
        found: set[tuple[str, bool]] = set()
        for violation in result.violations:
            entry = known.of(result, violation)
            found.add((violation.guarantee, entry is None))
            key = _key(result, violation, entry)
            groups.setdefault(key, []).append((result, violation))
        for guarantee, fresh in found:
            counts[fresh][(guarantee, *where)] += 1
    distinct = [_distinct(shown, done, known) for shown in groups.values()]
    distinct.sort(key=_order)
    return Summary(
        scenarios=len(done),
        missed=sum(result.missed for result in done.values()),
        errors=tuple(result for result in results if result.error),
        runs=runs,
        known=counts[False],
        new=counts[True],
        distinct=tuple(distinct),
    )


def kind_of(case: Case) -> str:
    """Return the part of the stream; '' without a fault."""
    return "" if case.fault is None else place_kind(case.fault.place.item)


def wording(violation: Violation) -> str:
    """Return the violation's text without names and figures."""
    return _FIGURE.sub("N", _NAME.sub("a bitmap", violation.text))


def _key(
    result: Result, violation: Violation, known: Deviation | None
) -> object:
    if known is not None:
        return known.id, violation.guarantee
    case = result.case
    return (
        *(violation.guarantee, case.mode, case.return_path),
        *(bool(case.bitmaps), wording(violation)),
    )


def _length(shown: tuple[Result, Violation]) -> tuple[int, ...]:
    """Return the key by which plain scenarios come before special ones."""
    case = shown[0].case
    plain = Case()
    special = [
        case.then is not plain.then,
        case.storage is not Storage.SEPARATE,
        case.return_path,
        case.persistent,
        case.disabled,
        case.bitmaps > plain.bitmaps,
        case.nodes > plain.nodes,
        case.size != plain.size,
        case.granularity != plain.granularity,
    ]
    # with bitmaps, if there is a choice: they are what this is about
    return not case.bitmaps, sum(special)


def _distinct(
    shown: list[tuple[Result, Violation]],
    done: dict[Case, Result],
    known: Known,
) -> Distinct:
    ordered = tuple(sorted(shown, key=_length))
    twins: dict[Case, bool] = {}
    for result, violation in ordered:
        twin = done.get(result.case.twin)
        # without bitmaps QEMU does no postcopy, so there is no twin of one
        if result.case.mode is Mode.POSTCOPY or not result.case.bitmaps:
            continue
        if twin is not None and twin.struck:
            same = any(
                one.guarantee == violation.guarantee for one in twin.violations
            )
            twins[result.case] = same
    entry = known.of(*ordered[0])
    return Distinct(ordered, entry, len(twins), sum(twins.values()))


def _order(distinct: Distinct) -> tuple[bool, int, str]:
    return (
        distinct.known is not None,
        _GRAVITY.get(distinct.violation.guarantee, len(_GRAVITY)),
        distinct.result.case.command,
    )
