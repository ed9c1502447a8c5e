# SPDX-License-Identifier: GPL-2.0-or-later
"""What a report to a machine says of one configuration, case by case.

A case is a property.  Where ``--expect`` is asked for, the one case is the
configuration's [expect]: a violation that it names is then no failure.
A search that did not finish leaves a case open, which is neither passed nor
failed.
"""

from __future__ import annotations

import enum
import shlex
from collections.abc import Iterator

from attrs import frozen

from checker.cli.check_view import Checked, remark, word
from checker.cli.describe import NOTHING, command
from checker.engines.verdict import Finding, Verdict
from checker.text import counted
from model.language.machine import Property

EXPECT = "[expect]"


class Outcome(enum.Enum):
    """How a case ended."""

    PASSED = "passed"
    FAILED = "failed"
    OPEN = "open"


@frozen(kw_only=True)
class Case:
    """One question about a configuration, and how it ended.

    ``rule``: what is asked, as 'S1/NoLostDirtyBitOnSource'.  ``what``: the
    same as a sentence.  ``verdict``: one or two words in capitals.
    ``message``: why, in one line.  ``details``: the shortest violation, step
    by step, and the command that cites it; or nothing.  ``trace``: the id of
    the trace of the violation, or ''.
    """

    rule: str
    what: str
    outcome: Outcome
    verdict: str
    message: str = ""
    details: tuple[str, ...] = ()
    trace: str = ""


def cases(found: Checked) -> Iterator[Case]:
    """The cases of a configuration, in the order of its findings."""
    surprises = found.answer.surprises()
    if found.chosen.expect:
        yield _expectation(found, surprises)
        return
    said = {p.name: " ".join(p.doc.split()) for p in _asked(found)}
    for finding in found.answer.findings:
        yield _case(found, finding, said.get(finding.name, ""))
    if surprises:
        yield _expectation(found, surprises)


def _asked(found: Checked) -> tuple[Property, ...]:
    return found.answer.machine.properties


def _case(found: Checked, finding: Finding, what: str) -> Case:
    trace = found.answer.traces.get(finding.name)
    return Case(
        rule="/".join(filter(None, (finding.guarantee, finding.name))),
        what=what or finding.reason or finding.name,
        outcome=_OUTCOMES[finding.verdict],
        verdict=word(finding),
        message=remark(finding),
        details=tuple(_details(found, finding)),
        trace=trace.id if trace else "",
    )


_OUTCOMES = {
    Verdict.HOLDS: Outcome.PASSED,
    Verdict.VIOLATED: Outcome.FAILED,
    Verdict.INCONCLUSIVE: Outcome.OPEN,
}


def _details(found: Checked, finding: Finding) -> Iterator[str]:
    """The violation step by step, and how to see it as people read it."""
    trace, chosen = found.answer.traces.get(finding.name), found.chosen
    if trace is None:
        return
    for number, move in enumerate(trace.moves, 1):
        yield f"{number:3}  {move.actor}: {move.label}"
    if trace.loop is not None:
        yield f"then steps {trace.loop + 1} to {len(trace.moves)} for ever"
    cite = command(
        "cite",
        found.argument,
        chosen.without,
        chosen.complete,
        asked=NOTHING if trace.own is None else chosen.asked,
    )
    worst = found.answer.gravest
    if worst is None or worst.name != finding.name:
        cite += f" --property {shlex.quote(finding.name)}"
    yield f"to cite it: {cite}"


def _expectation(found: Checked, surprises: list[str]) -> Case:
    """Whether the configuration gives what its [expect] says."""
    answer = found.answer
    expect = answer.configuration.expect
    outcome, verdict, why = Outcome.PASSED, "AS EXPECTED", ""
    if surprises:
        outcome, verdict = Outcome.FAILED, "NOT AS EXPECTED"
        why = "; ".join(surprises)
    elif answer.coverage.stopped:
        outcome, verdict = Outcome.OPEN, Verdict.INCONCLUSIVE.value
        why = answer.coverage.stopped
    elif expect.verdict is None:
        outcome, verdict = Outcome.FAILED, "NOT AS EXPECTED"
        why = f"no verdict is expected; it is {answer.verdict.value}"
    worst = answer.gravest
    return Case(
        rule=EXPECT,
        what="the answer is what [expect] of the configuration says",
        outcome=outcome,
        verdict=verdict,
        message=why,
        details=tuple(_details(found, worst))
        if worst is not None and outcome is Outcome.FAILED
        else (),
    )


def explored(found: Checked) -> str:
    """How much was looked at, in words."""
    coverage = found.answer.coverage
    if coverage.depth is not None:
        return f"runs of up to {counted(max(0, coverage.depth), 'step')}"
    return (
        f"{counted(coverage.states, 'state')}, "
        f"{counted(coverage.transitions, 'transition')}, "
        f"{counted(coverage.levels, 'level')}"
    )
