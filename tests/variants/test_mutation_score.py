# SPDX-License-Identifier: GPL-2.0-or-later
"""Is every small change of the model noticed, or known to be no mistake?

Minutes for each design; ``dbmcheck mutate DESIGN`` prints the same.  A name
that fails here is one of two things.  A mutant that survives shows that a
property is missing: add the property.  If no property could tell it from the
design, write into ``checker/mutation/equivalent.toml`` why.  What that file
leaves open survives too, and lowers the score.  An entry whose mutant is
killed, or is there no more, is taken out of the file.
"""

from __future__ import annotations

import pytest

from checker.mutation.bench import Bench
from checker.mutation.score import score
from checker.mutation.table import shipped_table
from checker.mutation.trial import Fate
from model.design import DESIGNS


@pytest.mark.slow
@pytest.mark.parametrize("design", DESIGNS)
def test_the_survivors_are_those_of_the_table(design: str) -> None:
    result = score(Bench(design), shipped_table(), jobs=2)
    assert not result.interrupted
    assert [o.name for o in result.with_fate(Fate.UNDECIDED)] == []
    assert [o.name for o in result.unexplained] == []
    assert result.stale == ()
    noticed = len(result.with_fate(Fate.KILLED))
    assert noticed == result.noticeable - len(result.open)
