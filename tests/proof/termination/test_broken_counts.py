# SPDX-License-Identifier: GPL-2.0-or-later
"""Is a count with a mistake refused, by small disks and by the lemmas?"""

from __future__ import annotations

import pytest

from checker.proof.judgement import Provability
from checker.proof.obligation import Outcome
from checker.proof.termination.lemmas import prove_lemmas
from checker.proof.termination.obligations import LEMMAS
from checker.proof.termination.terminates import termination
from model.designs import schema
from model.language.counted_slice import Supposed
from model.language.counted_view import counted_view
from model.options import Options
from tests.designs import one_in
from tests.proof.termination.broken_counts import BROKEN
from tests.proof.termination.searched import form_of

#: how a small disk or z3 at a chunk may notice
NOTICED = {
    "never at end",
    "end after one",
    "bitwise difference",
    "always left",
    "always room",
    "run of one",
    "passes all",
    "takes all",
}


def test_the_shipped_count_meets_its_lemmas() -> None:
    view = counted_view(schema(Options(design="live")).term, Supposed())
    shown = prove_lemmas(view)
    assert shown.outcome is Outcome.PROVED
    assert shown.queries > 100


@pytest.mark.parametrize("name", BROKEN)
def test_a_lemma_is_refuted(name: str) -> None:
    term = schema(Options(design="live")).term
    view = counted_view(term, Supposed(), BROKEN[name])
    shown = prove_lemmas(view)
    assert shown.outcome is Outcome.REFUTED


@pytest.mark.parametrize(
    "name", one_in(3, sorted(NOTICED - {"takes all", "passes all"}))
)
def test_nothing_is_proved(name: str) -> None:
    options = Options(design="live")
    form = form_of(schema(options).term, "D >= M")
    found = termination(options, asked=[form], reading=BROKEN[name])
    refused = [
        o.name for o in found.obligations if not o.proved and o.name != LEMMAS
    ]
    assert refused
    answers = {e.answer for e in found.endings}
    assert Provability.PROVED not in answers
    assert Provability.VIOLATED not in answers
