# SPDX-License-Identifier: GPL-2.0-or-later
"""The lemmas that carry the steps of small disks to disks of any size.

The step of a disk is shown, for a range of sizes, to be one of the machine
that follows one granule (``simulation``).  Both come from one model text,
which asks its domain a handful of operations and combines the answers with
operators that know no disk.  So a size could change only what an operation
means.  Each lemma takes one operation on a disk of *any* size, and says that
its meaning, seen from any granule, is among the values of the expression that
the domain itself returns.  It is proved by asking z3 for a counterexample,
with arrays and integers and without quantifiers.

Not shown here: that two questions of one action that read alike are about
the same thing on the disk.  That depends on the model text, not on the
domain; see ``questions``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import z3
from attrs import frozen

from checker.proof.lemmas.channel import channel_lemmas
from checker.proof.lemmas.cursors import index_lemmas, position_lemmas
from checker.proof.lemmas.fifo import channel_of
from checker.proof.lemmas.runs import run_lemmas
from checker.proof.lemmas.sets import set_lemmas
from checker.proof.lemmas.terms import Lemma
from checker.proof.obligation import Obligation, Outcome, Shown, timed
from model.language.projected import Projected
from model.language.projected_channel import ProjectedChannel

NAME = "lemmas for all sizes"
#: what the solver's answer to "is there a counterexample" means
OUTCOMES = {
    z3.unsat.r: Outcome.PROVED,
    z3.sat.r: Outcome.REFUTED,
    z3.unknown.r: Outcome.OPEN,
}


@frozen(kw_only=True)
class Checked:
    """How one lemma came out, in ``seconds``."""

    name: str
    text: str
    outcome: Outcome
    seconds: float


Report = Callable[[Checked], None]


def silent(checked: Checked) -> None:
    """Report nothing."""


def lemmas(
    domain: Projected | None = None,
    channels: Sequence[ProjectedChannel] | None = None,
) -> tuple[Lemma, ...]:
    """Return all lemmas about ``domain`` and about ``channels``.

    By default there is one channel, with the messages of the designs, if the
    domain forgets how many messages fit one.
    """
    domain = domain or Projected()
    if channels is None:
        channels = [channel_of(domain)] if domain.any_channel else []
    about_channels = [
        lemma
        for channel in channels
        for lemma in (*channel_lemmas(channel), *run_lemmas(channel))
    ]
    return (
        *set_lemmas(domain),
        *position_lemmas(domain),
        *index_lemmas(),
        *about_channels,
    )


def check_lemma(lemma: Lemma) -> Checked:
    """Ask z3 for a counterexample."""
    started = time.perf_counter()
    solver = z3.SimpleSolver()
    solver.add(lemma.refutation)
    outcome = OUTCOMES[solver.check().r]
    seconds = time.perf_counter() - started
    return Checked(
        name=lemma.name, text=lemma.text, outcome=outcome, seconds=seconds
    )


def prove_lemmas(
    domain: Projected | None = None,
    report: Report = silent,
    channels: Sequence[ProjectedChannel] | None = None,
) -> Obligation:
    """Prove all lemmas; ``report`` is told how each one came out."""

    def work() -> Shown:
        outcome, detail, number = Outcome.PROVED, "", 0
        for lemma in lemmas(domain, channels):
            checked = check_lemma(lemma)
            report(checked)
            number += 1
            if checked.outcome is not Outcome.PROVED and not detail:
                outcome = checked.outcome
                detail = f"{lemma.name}: {lemma.text}"
        return Shown(outcome, number, detail)

    return timed(NAME, work)
