# SPDX-License-Identifier: GPL-2.0-or-later
"""What was found out about each design: plain data, a column of the table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property

from attrs import field, frozen

from checker.answer.as_built import AsBuilt
from checker.answer.costs import Costs
from checker.answer.standing import (
    BOUNDED,
    ENDS,
    FEW,
    ROWS_OF_ENDS,
    Explored,
    Standing,
    Told,
    is_endless,
    is_stuck,
    rows,
    unexplained,
)
from checker.engines.verdict import Verdict
from checker.input.exit_codes import ExitCode
from checker.proof.judgement import Provability
from model.guarantees import MODELLED
from model.lookup import mechanisms_of
from model.options import Options

#: the guarantees that a run of any length shows, in the table's order
SAFETY = tuple(key for key in MODELLED if key != ENDS)
ROWS = (*SAFETY, *ROWS_OF_ENDS)
MAIN, COSTS = "main", "costs"
#: what machines are explored for
EXPLORED_FOR = (MAIN, COSTS, *ROWS_OF_ENDS)


@frozen(kw_only=True)
class Proved:
    """What was shown of a design for every size.

    ``in_part``: guarantees of which all but what whole runs say was shown.
    ``open``: what keeps it from being a proof, or ''.  ``violated``:
    properties that a disk of some size violates, with their guarantees.
    ``code``: what ``prove`` would return.  ``kept``: how many obligations
    were met in an earlier run of the same program and not again.
    """

    verdict: Provability
    guarantees: frozenset[str]
    in_part: frozenset[str] = frozenset()
    open: str
    violated: Mapping[str, str]
    code: ExitCode
    states: int
    kept: int
    seconds: float

    @property
    def wrong(self) -> bool:
        """Whether it shows a mistake, and does not just show too little."""
        return self.code not in (ExitCode.AS_EXPECTED, ExitCode.INCONCLUSIVE)


@frozen(kw_only=True)
class Ran:
    """What was shown of whole runs of every size, in one row.

    ``answer``: PROVED; VIOLATED, where a disk shows it; or not decided, and
    ``reason`` says why.
    """

    answer: Provability
    reason: str = ""


@frozen(kw_only=True)
class DesignResult:
    """One column of the table.

    ``explored``: every machine of the design that was explored, the main one
    first.  ``derived``: rows of L1 that need no exploration, with the
    reason; they stand as L1 does.  ``runs``: what was shown of whole runs,
    by row; ``proved_costs``: by cost, what it is at most, for every size.
    ``missing``: what was not done, and why.
    """

    design: str
    options: Options
    explored: tuple[Explored, ...]
    not_promised: Mapping[str, str]
    derived: Mapping[str, str] = field(factory=dict)
    costs: Costs | None = None
    lost_if_refused: bool | None = None
    proof: Proved | None = None
    runs: Mapping[str, Ran] = field(factory=dict)
    proved_costs: Mapping[str, tuple[str, ...]] = field(factory=dict)
    as_built: AsBuilt | None = None
    missing: Mapping[str, str] = field(factory=dict)
    seconds: float = 0.0

    @property
    def main(self) -> Explored | None:
        """The exploration with every failure; None if there is none."""
        return self.of(MAIN)

    def of(self, title: str) -> Explored | None:
        """The exploration with this title."""
        return next((e for e in self.explored if e.title == title), None)

    @cached_property
    def standings(self) -> Mapping[str, Standing]:
        """Each row of the table."""
        found = rows(self.explored, self._undone)
        return {key: self._standing(key, found) for key in ROWS}

    def _standing(self, key: str, found: Mapping[str, Standing]) -> Standing:
        if key in self.derived:
            key = ENDS
        if self.proof is not None and key in self.proof.violated.values():
            return Standing.VIOLATED
        if self._ran(key) is Provability.VIOLATED:
            return Standing.VIOLATED
        standing = found.get(key)
        if standing not in (None, Standing.HOLDS):
            return standing
        needed = key if key in ROWS_OF_ENDS else MAIN
        if needed in self.missing:
            return Standing.INCONCLUSIVE
        promised = key not in self.not_promised
        if standing is None:
            if promised:
                return Standing.NOT_ASKED
            return Standing.NOT_PROMISED
        return standing if promised else Standing.IN_PART

    @property
    def _undone(self) -> str:
        """Why an exploration is missing, or ''."""
        reasons = map(self.missing.get, EXPLORED_FOR)
        return next(filter(None, reasons), "")

    @cached_property
    def told(self) -> tuple[Told, ...]:
        """Every finding that is not good, and that nothing explains."""
        return tuple(
            told
            for told in unexplained(self.explored, self._undone)
            if told.finding.verdict is not Verdict.HOLDS
        )

    @property
    def undecided(self) -> tuple[str, ...]:
        """Why something is not known, each reason once."""
        reasons = [
            told.finding.reason
            for told in self.told
            if told.standing is Standing.INCONCLUSIVE
        ]
        return tuple(dict.fromkeys([*self.missing.values(), *reasons]))

    @property
    def wrong(self) -> tuple[Told, ...]:
        """What is violated, or was not tested at all."""
        return tuple(
            t for t in self.told if t.standing is not Standing.INCONCLUSIVE
        )

    @property
    def idle(self) -> tuple[str, ...]:
        """What should happen and never does, each once, by name."""
        names = (
            told.finding.name
            for told in self.told
            if told.standing is Standing.VACUOUS
            and told.finding.kind == "reachable"
        )
        return tuple(dict.fromkeys(names))

    @property
    def gets_stuck(self) -> bool:
        """Whether some state allows nothing any more."""
        return any(is_stuck(told.finding) for told in self.told)

    @property
    def not_asked(self) -> tuple[str, ...]:
        """Return the rows that are neither asked nor left unpromised."""
        return self.standing_as(Standing.NOT_ASKED)

    def standing_as(self, *standings: Standing) -> tuple[str, ...]:
        """The rows that stand like this."""
        return tuple(k for k, s in self.standings.items() if s in standings)

    @property
    def safe(self) -> bool:
        """Whether every promise but that it ends is kept, and was tested."""
        return (
            not self.told
            and not self.missing
            and not (self.proof and self.proof.wrong)
            and all(self.standings[key].good for key in SAFETY)
            and not self.not_asked
        )

    @property
    def converges(self) -> bool:
        """Whether it ends whatever the guest does, and what D is."""
        return all(
            self.standings[key] is Standing.HOLDS for key in ROWS_OF_ENDS
        )

    @property
    def ends_where(self) -> tuple[str, ...]:
        """The rows of L1 that hold."""
        held = self.standing_as(Standing.HOLDS)
        return tuple(key for key in ROWS_OF_ENDS if key in held)

    @property
    def tenable(self) -> bool:
        """Safe, and it ends whatever the guest does."""
        return self.safe and self.converges

    @property
    def tenable_somewhere(self) -> bool:
        """Safe, and it ends for some guests, or with some limit."""
        return self.safe and not self.converges and bool(self.ends_where)

    def _ran(self, key: str) -> Provability | None:
        """What was shown of whole runs in a row; None: nothing.

        Where writes fit the limit they are bounded; and what ends for every
        guest ends for each.
        """
        parts = {FEW: (FEW, BOUNDED, ENDS), BOUNDED: (BOUNDED, ENDS)}
        for name in parts.get(key, (key,)):
            ran = self.runs.get(name)
            proved = ran is not None and ran.answer is Provability.PROVED
            if ran is not None and (proved or name == key):
                return ran.answer
        return None

    @property
    def endless(self) -> tuple[str, ...]:
        """Rows that only a disk which was not explored violates."""
        found = rows(self.explored, self._undone)
        return tuple(
            key
            for key in ROWS
            if self._ran(key) is Provability.VIOLATED
            and found.get(key) is Standing.HOLDS
        )

    @property
    def proved(self) -> frozenset[str]:
        """Rows that hold for every disk size, proved."""
        if self.proof is None:
            return frozenset()
        good = self.standing_as(Standing.HOLDS, Standing.IN_PART)
        shown = {
            key
            for key in good
            if self._ran(ENDS if key in self.derived else key)
            is Provability.PROVED
            and (key in ROWS_OF_ENDS or key in self.proof.in_part)
        }
        return (self.proof.guarantees & set(good)) | frozenset(shown)

    def never_ending(self) -> Iterator[Explored]:
        """The explorations in which a migration need not end."""
        for one in self.explored:
            if any(map(is_endless, one.findings)):
                yield one

    @property
    def assumes(self) -> tuple[str, ...]:
        """What its mechanisms and the properties that hold assume."""
        found = [
            m.assumes
            for m in mechanisms_of(self.design)
            if m.assumes and self.options.has(m.name)
        ]
        for one in self.explored:
            for finding in one.findings:
                if finding.verdict is Verdict.HOLDS:
                    found.append(one.assumes.get(finding.name, ""))
        return tuple(dict.fromkeys(clause for clause in found if clause))


@frozen(kw_only=True)
class Comparison:
    """The whole table."""

    results: tuple[DesignResult, ...]
    seconds: float
