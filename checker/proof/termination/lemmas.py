# SPDX-License-Identifier: GPL-2.0-or-later
"""All lemmas that carry the count, its labels and its ranks to every disk.

Each is proved by z3, which is asked for a counterexample.  A lemma whose
premise nothing meets says nothing, so that is asked as well.
"""

from __future__ import annotations

from collections.abc import Iterator

import z3

from checker.proof.lemmas.all import check_lemma
from checker.proof.lemmas.terms import Lemma
from checker.proof.obligation import Outcome, Shown
from checker.proof.termination.lemmas_chunk import chunk_lemmas
from checker.proof.termination.lemmas_count import count_lemmas
from checker.proof.termination.lemmas_fifo import fifo_lemmas
from checker.proof.termination.lemmas_sums import sum_lemmas
from model.language.counted_view import CountedView


def lemmas(view: CountedView) -> Iterator[Lemma]:
    """Yield all lemmas about the reading and the channels of ``view``."""
    yield from count_lemmas(view.reading.counting)
    yield from chunk_lemmas(view.reading.by_chunk)
    yield from sum_lemmas()
    yield from fifo_lemmas(list(view.counting.channels.values()))


def prove_lemmas(view: CountedView) -> Shown:
    """Prove all lemmas; the first that fails ends it."""
    number = 0
    for lemma in lemmas(view):
        number += 1
        checked = check_lemma(lemma)
        if checked.outcome is not Outcome.PROVED:
            detail = f"{lemma.name}: {lemma.text}"
            return Shown(checked.outcome, number, detail)
        asked = z3.SimpleSolver()
        asked.add(lemma.premise)
        if asked.check() != z3.sat:
            detail = f"{lemma.name}: nothing was found to meet its premise"
            return Shown(Outcome.OPEN, number, detail)
    return Shown(Outcome.PROVED, number)
