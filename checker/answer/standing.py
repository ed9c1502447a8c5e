# SPDX-License-Identifier: GPL-2.0-or-later
"""How a guarantee stands in a design, from all that was explored of it.

Each exploration is judged as ``check`` judges it.  Of a guarantee, the worst
finding counts, in whichever exploration it is.  Whether migrations end is
asked for several kinds of guests and of downtime limits; each kind is a row
of its own.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator, Mapping, Sequence

from attrs import evolve, frozen

from checker.engines.exploration import Coverage
from checker.engines.verdict import DEADLOCK, FIRES, Finding, Verdict
from checker.input.exit_codes import ExitCode
from model.options import Options

ENDS = "L1"
#: rows of the guarantee that migrations end: the easiest guest last
FITS, THROTTLED, BOUNDED = "L1 D >= M", "L1 throttled", "L1 bounded"
FEW = "L1 W <= D"
#: each with its kind of guest, in words
KINDS_OF_ENDS = {
    FEW: "few writes",
    BOUNDED: "guest stops",
    THROTTLED: "guest held back",
    FITS: "all fits, D >= M",
    ENDS: "guest never stops",
}
ROWS_OF_ENDS = tuple(KINDS_OF_ENDS)


class Standing(enum.Enum):
    """The answer to one guarantee, or to one row of it."""

    HOLDS = "HOLDS"
    #: what is promised of it holds, and not all of it is promised
    IN_PART = "IN PART"
    NOT_PROMISED = "NOT PROMISED"
    #: neither promised nor refused: nothing asks it
    NOT_ASKED = "NOT ASKED"
    INCONCLUSIVE = "INCONCLUSIVE"
    #: what it speaks of never happens, so that nothing was tested
    VACUOUS = "VACUOUS"
    VIOLATED = "VIOLATED"

    @property
    def good(self) -> bool:
        """Whether nothing is wrong with it."""
        return self in (
            Standing.HOLDS,
            Standing.IN_PART,
            Standing.NOT_PROMISED,
        )


_WORST_LAST = (
    Standing.HOLDS,
    Standing.INCONCLUSIVE,
    Standing.VACUOUS,
    Standing.VIOLATED,
)


def standing_of(finding: Finding) -> Standing:
    """What one finding alone says."""
    if finding.exit_code is ExitCode.UNREACHED:
        return Standing.VACUOUS
    return Standing[finding.verdict.name]


def worst(found: Iterable[Standing]) -> Standing | None:
    """The worst of those that a finding can have; None if there is none."""
    return max(found, key=_WORST_LAST.index, default=None)


@frozen(kw_only=True)
class Explored:
    """One machine that was explored and judged.

    ``title``: what it was explored for.  ``assumes``: what its properties
    take for granted, by their names.
    """

    title: str
    options: Options
    coverage: Coverage
    findings: tuple[Finding, ...]
    assumes: Mapping[str, str]

    @property
    def row(self) -> str:
        """The row of L1 that it belongs to."""
        bounds = self.options.bounds
        if bounds.downtime >= bounds.chunks:
            return FITS
        if bounds.writes == "throttled":
            return THROTTLED
        if not isinstance(bounds.writes, int):
            return ENDS
        return FEW if bounds.writes <= bounds.downtime else BOUNDED

    @property
    def need_not_end(self) -> bool:
        """Whether a fair run was found on which a migration never ends."""
        return any(map(is_endless, self.findings))


@frozen(kw_only=True)
class Told:
    """A finding, and where it was found."""

    finding: Finding
    explored: Explored

    @property
    def standing(self) -> Standing:
        """What it says."""
        return standing_of(self.finding)


def is_endless(finding: Finding) -> bool:
    """Whether it is a fair run on which a migration never ends."""
    endless = finding.exit_code is ExitCode.EVENTUALLY_VIOLATED
    return endless and finding.guarantee == ENDS


def unfinished(explored: Iterable[Explored]) -> str:
    """Why some of them did not find out everything, or ''."""
    for one in explored:
        if one.coverage.stopped:
            return one.coverage.stopped
        for finding in one.findings:
            if finding.verdict is Verdict.INCONCLUSIVE:
                return finding.reason
    return ""


def rows(
    explored: Sequence[Explored], undone: str = ""
) -> dict[str, Standing]:
    """Each guarantee, and each row of L1, that a finding speaks of."""
    found: dict[str, list[Standing]] = {}
    for told in unexplained(explored, undone, endless=True):
        key = told.finding.guarantee
        if key == ENDS:
            key = told.explored.row
        if key:
            found.setdefault(key, []).append(told.standing)
    return {key: worst(all_) or Standing.HOLDS for key, all_ in found.items()}


def unexplained(
    explored: Sequence[Explored], undone: str = "", endless: bool = False
) -> Iterator[Told]:
    """Every finding but those that another one explains.

    Where a migration need not end, some never get to their end, and what
    would happen there does not; that is no news if it happens in another
    exploration of the design.  And that it need not end for some guests is
    no mistake if it ends for others: with ``endless`` this is told as well.

    ``undone``: why an exploration is missing, or ''.  What is missing or was
    not finished may explain what another one lacks, so that is open then.
    """
    ends_somewhere = _ends_somewhere(explored)
    undone = undone or unfinished(explored)
    for one in explored:
        for finding in one.findings:
            told = Told(finding=finding, explored=one)
            if is_endless(finding) and ends_somewhere and not endless:
                continue
            vacuous = told.standing is Standing.VACUOUS
            if vacuous and one.need_not_end and _happens(finding, explored):
                continue
            lacks = vacuous or (is_endless(finding) and not endless)
            yield _left_open(told, undone) if lacks and undone else told


def _left_open(told: Told, undone: str) -> Told:
    finding = evolve(
        told.finding, verdict=Verdict.INCONCLUSIVE, steps=None, reason=undone
    )
    return evolve(told, finding=finding)


def _ends_somewhere(explored: Sequence[Explored]) -> bool:
    return any(
        finding.guarantee == ENDS and finding.verdict is Verdict.HOLDS
        for one in explored
        for finding in one.findings
    )


def _happens(finding: Finding, explored: Sequence[Explored]) -> bool:
    """Whether what ``finding`` misses is there in another exploration."""
    action = finding.name.removesuffix(f" {FIRES}")
    for one in explored:
        if action != finding.name and one.coverage.fired.get(action):
            return True
        for other in one.findings:
            if other.name == finding.name and other.verdict is Verdict.HOLDS:
                return True
    return False


def is_stuck(finding: Finding) -> bool:
    """Whether it is a state in which nothing can happen any more."""
    return finding.name == DEADLOCK and finding.verdict is Verdict.VIOLATED
