# SPDX-License-Identifier: GPL-2.0-or-later
"""From what a search covered to what may be said.

A property HOLDS only if the search finished, and, if it has a premise, the
premise was met at least once.  Whatever an unfinished search did not refute
is INCONCLUSIVE.  A violation that was found stays one.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence

from attrs import frozen

from checker.engines.demands import demands
from checker.engines.exploration import (
    TYPE_INVARIANT,
    Coverage,
    premise,
    reached,
    violated,
)
from checker.engines.vacuity import still, without_object
from checker.input.exit_codes import ExitCode
from model.language.machine import Machine, Property

DEADLOCK = "NoDeadlock"
CONFORMANCE = "Conformance"
#: what a trace names that only shows a run, and claims nothing of it
RUN = "Run"
FIRES = "fires"


class Verdict(enum.Enum):
    """The three answers."""

    HOLDS = "HOLDS"
    VIOLATED = "VIOLATED"
    INCONCLUSIVE = "INCONCLUSIVE"


@frozen(kw_only=True)
class Finding:
    """The answer to one property.

    ``steps``: moves to the violation, or to the first state that meets a
    reachable property.  ``reason``: why, where the verdict needs a word.
    """

    name: str
    kind: str
    guarantee: str
    verdict: Verdict
    steps: int | None = None
    reason: str = ""

    @property
    def exit_code(self) -> ExitCode:
        """What this finding alone would make the process return."""
        if self.verdict is Verdict.HOLDS:
            return ExitCode.AS_EXPECTED
        if self.verdict is Verdict.INCONCLUSIVE:
            return ExitCode.INCONCLUSIVE
        if self.kind == "always" and self.steps is not None:
            return ExitCode.ALWAYS_VIOLATED
        if self.kind == "deadlock":
            return ExitCode.DEADLOCK
        if self.kind == "eventually" and not self.reason:
            return ExitCode.EVENTUALLY_VIOLATED
        return ExitCode.UNREACHED


# the gravest first
_ORDER = (
    ExitCode.ALWAYS_VIOLATED,
    ExitCode.DEADLOCK,
    ExitCode.EVENTUALLY_VIOLATED,
    ExitCode.UNREACHED,
    ExitCode.INCONCLUSIVE,
    ExitCode.NOT_AS_EXPECTED,
)


def judge(machine: Machine, coverage: Coverage) -> list[Finding]:
    """Return a finding for all that breadth-first search decides.

    ``eventually`` properties come back INCONCLUSIVE; the graph decides them.
    """
    found = [
        f
        for f in (
            _type_invariant(coverage),
            _deadlock(coverage),
        )
        if f is not None
    ]
    unmoved = still(machine, coverage.never_fired)
    for prop in machine.properties:
        finding = _JUDGES[prop.kind](machine, prop, coverage)
        if finding.verdict is not Verdict.VIOLATED or finding.reason:
            # a variant may lack the mechanism that a property of the form
            # speaks of; such a property has no guarantee
            asked = unmoved if prop.guarantee else frozenset()
            reason = without_object(machine, prop, asked)
            if reason:
                finding = _answer(prop, Verdict.VIOLATED, None, reason)
        found.append(finding)
    if not coverage.stopped:
        excused = {a.name for a in machine.actions if a.silent}
        found += [
            Finding(
                name=f"{name} {FIRES}",
                kind="reachable",
                guarantee="",
                verdict=Verdict.VIOLATED,
                reason="this action never fires",
            )
            for name, times in coverage.fired.items()
            if times == 0 and name not in excused
        ]
    return found


def _type_invariant(coverage: Coverage) -> Finding | None:
    level = coverage.first_level.get(violated(TYPE_INVARIANT))
    if level is None:
        return None
    return Finding(
        name=TYPE_INVARIANT,
        kind="always",
        guarantee="",
        verdict=Verdict.VIOLATED,
        steps=level,
        reason="a field holds a code that its type does not use",
    )


def _deadlock(coverage: Coverage) -> Finding | None:
    if coverage.deadlock_level is None:
        return None
    return Finding(
        name=DEADLOCK,
        kind="deadlock",
        guarantee="L1",
        verdict=Verdict.VIOLATED,
        steps=coverage.deadlock_level,
        reason="no action is enabled and the machine may not end here",
    )


def _answer(
    prop: Property, verdict: Verdict, steps: int | None, reason: str = ""
) -> Finding:
    return Finding(
        name=prop.name,
        kind=prop.kind,
        guarantee=prop.guarantee,
        verdict=verdict,
        steps=steps,
        reason=reason,
    )


def _always(machine: Machine, prop: Property, coverage: Coverage) -> Finding:
    level = coverage.first_level.get(violated(prop.name))
    if level is not None:
        return _answer(prop, Verdict.VIOLATED, level)
    if coverage.stopped:
        return _answer(prop, Verdict.INCONCLUSIVE, None, coverage.stopped)
    if premise(prop.name) not in coverage.first_level:
        return _answer(
            prop, Verdict.VIOLATED, None, "its premise is never met: vacuous"
        )
    for demand in demands(prop, machine):
        if demand.name not in coverage.first_level:
            reason = f"a case of '{demand.text}' is never met: vacuous"
            return _answer(prop, Verdict.VIOLATED, None, reason)
    return _answer(prop, Verdict.HOLDS, None)


def _reachable(_: Machine, prop: Property, coverage: Coverage) -> Finding:
    level = coverage.first_level.get(reached(prop.name))
    fired = any(coverage.fired[name] > 0 for name in prop.by)
    if level is not None or fired:
        return _answer(prop, Verdict.HOLDS, level)
    if coverage.stopped:
        return _answer(prop, Verdict.INCONCLUSIVE, None, coverage.stopped)
    return _answer(prop, Verdict.VIOLATED, None, "it is never reached")


def _eventually(_: Machine, prop: Property, coverage: Coverage) -> Finding:
    if coverage.stopped:
        return _answer(prop, Verdict.INCONCLUSIVE, None, coverage.stopped)
    if premise(prop.name) not in coverage.first_level:
        return _answer(
            prop, Verdict.VIOLATED, None, "its premise is never met: vacuous"
        )
    return _answer(prop, Verdict.INCONCLUSIVE, None, "the graph was not built")


_JUDGES = {
    "always": _always,
    "reachable": _reachable,
    "eventually": _eventually,
}


def overall(findings: Sequence[Finding]) -> Verdict:
    """Return VIOLATED if one finding is, else INCONCLUSIVE if one is."""
    verdicts = {f.verdict for f in findings}
    for verdict in (Verdict.VIOLATED, Verdict.INCONCLUSIVE):
        if verdict in verdicts:
            return verdict
    return Verdict.HOLDS


def exit_code(findings: Sequence[Finding]) -> ExitCode:
    """Return the gravest exit code of all findings."""
    return gravest_code([f.exit_code for f in findings])


def gravest_code(codes: Sequence[ExitCode]) -> ExitCode:
    """Return the gravest of ``codes``; as expected if there is none."""
    for code in _ORDER:
        if code in codes:
            return code
    return ExitCode.AS_EXPECTED


def gravest(findings: Sequence[Finding]) -> Finding | None:
    """Return the violation to show: the gravest, then the shortest."""
    worst = exit_code(findings)
    if worst is ExitCode.AS_EXPECTED:
        return None
    same = [f for f in findings if f.exit_code is worst]
    return min(same, key=lambda f: 1 << 60 if f.steps is None else f.steps)
