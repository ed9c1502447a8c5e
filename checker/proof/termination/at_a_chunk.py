# SPDX-License-Identifier: GPL-2.0-or-later
"""The labels of ranks, asked of z3 at any chunk and granule of any disk.

The labels were made by asking both ways what k, c and the rest decide.  Here
the solver is asked for a counterexample: a chunk k and a granule c of it, in
a state of the count, at which a step raises a rank where its label excludes
it, or fails to lower it where its label is sure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import z3

from checker.engines.smt.formula import Formulas, solver, variable
from checker.proof.obligation import Outcome, Shown
from checker.proof.termination.labels import Label, shares
from model.language import expression as ex
from model.language.counted_view import CountedView
from model.language.expression import Expression
from model.language.machine import Rank


def wrong_labels(
    view: CountedView, rank: Rank, known: Sequence[Label]
) -> Iterator[tuple[str, Expression]]:
    """Yield what no k and c may meet, with the step that it is about."""
    for one, label in zip(view.schema.instances, known, strict=True):
        for share in shares(view, one, rank):
            raised = ex.less(share.before, share.after)
            excluded = ex.complement(label.rises)
            yield one.label, ex.all_of([share.given, excluded, raised])
            if share.own:
                lowered = ex.less(share.after, share.before)
                sure = ex.complement(label.stays)
                wrong = [share.given, sure, ex.complement(lowered)]
                yield one.label, ex.all_of(wrong)


def labels_at_a_chunk(
    view: CountedView,
    ranks: Sequence[Rank],
    known: Mapping[str, Sequence[Label]],
) -> Shown:
    """Show that no chunk and granule contradict the labels of ``ranks``."""
    asked = 0
    for rank in ranks:
        for label, wrong in wrong_labels(view, rank, known[rank.name]):
            if wrong is ex.FALSE:
                continue
            asked += 1
            answer = _possible(wrong)
            if answer != z3.unsat:
                gave_up = "" if answer == z3.sat else ": the solver gave up"
                outcome = Outcome.OPEN if gave_up else Outcome.REFUTED
                where = f"{rank.name}, {label}{gave_up}"
                return Shown(outcome, asked, where)
    return Shown(Outcome.PROVED, asked)


def _possible(wrong: Expression) -> z3.CheckSatResult:
    asked = solver()
    asked.add(Formulas(unknowns_of([wrong])).holds(wrong))
    return asked.check()


def unknowns_of(roots: Iterable[Expression]) -> dict[str, z3.BitVecRef]:
    """Return an unknown for whatever the expressions read."""
    return {
        node.name: variable(node.name, node.width)
        for node in ex.walk(roots)
        if node.operator == "field"
    }
