# SPDX-License-Identifier: GPL-2.0-or-later
"""For each guarantee that speaks of whole runs: proved, refuted, or why not.

One row for each guarantee and form: 'L1', 'L1 D >= M', 'L1 throttled',
'L1 bounded', 'S3'.  A form that a design has not been asked in is a part of
the one in which the guest never stops: what is proved there holds in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from attrs import evolve, frozen

from checker.engines.exploration import Limits
from checker.proof.judgement import Provability
from checker.proof.termination.answers import Ending, Termination
from checker.proof.termination.terminates import Report, silent, termination
from checker.traces.trace import Trace
from model.options import Options

#: forms of which the one with a guest that never stops has every run
PARTS: Final = ("D >= M", "bounded")


@frozen(kw_only=True)
class Row:
    """How far a guarantee on whole runs goes in one form.

    ``row``: the guarantee and the form.  ``says``: the form in words.
    ``reason``: what keeps it from being decided, or ''.  ``trace``: a run
    that never ends, where it is refuted.  ``seconds``: what the form took.
    """

    row: str
    says: str
    answer: Provability
    reason: str
    trace: Trace | None
    seconds: float

    @property
    def scope(self) -> str:
        """What the scope of the verdict is called: 'proved', or why not."""
        if self.answer is Provability.PROVED:
            return "proved"
        if self.answer is Provability.VIOLATED:
            return "refuted on a disk"
        return self.reason or self.answer.value


def rows_of_runs(
    options: Options,
    limits: Limits | None = None,
    report: Report = silent,
    keep: bool = True,
) -> Mapping[str, Row]:
    """Return the rows of a design, by name; none if its text is not counted.

    ``keep``: as of ``termination``.
    """
    return rows(termination(options, limits, report, keep=keep))


def rows(found: Termination) -> Mapping[str, Row]:
    """Return the rows of what was shown: the first open answer of each."""
    seconds = {one.form.name: one.seconds for one in found.forms}
    made: dict[str, Row] = {}
    for ending in found.endings:
        if not ending.guarantee:
            continue
        row = _row(ending, seconds[ending.form])
        known = made.get(row.row)
        if known is None or known.answer is Provability.PROVED:
            made[row.row] = row
    for guarantee in {e.guarantee for e in found.endings if e.guarantee}:
        for part in PARTS:
            whole = made.get(guarantee)
            name = f"{guarantee} {part}"
            proved = whole is not None and whole.answer is Provability.PROVED
            if whole is not None and proved and name not in made:
                made[name] = evolve(whole, row=name, seconds=0.0)
    return made


def _row(ending: Ending, seconds: float) -> Row:
    return Row(
        row=ending.row,
        says=ending.says,
        answer=ending.answer,
        reason=ending.reason,
        trace=ending.trace,
        seconds=seconds,
    )
