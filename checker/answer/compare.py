# SPDX-License-Identifier: GPL-2.0-or-later
"""The reviewers' question, answered: which design is tenable, at what price.

Each design is explored at its main configuration (all failures) for the
safety guarantees, with several kinds of guests for whether it ends, and
without failures at several sizes for what it costs; then its safety is proved
for every size, and what exists of it is explored beside.  Every finding of
every exploration is in the result.
"""

from __future__ import annotations

import time

from checker.answer.pool import PROCESSES, Tell, do_all, silent
from checker.answer.result import Comparison
from checker.answer.tasks import assembled, tasks_of
from checker.engines.exploration import Limits
from model.design import DESIGNS


def compare(
    limits: Limits | None = None,
    tell: Tell = silent,
    processes: int = PROCESSES,
) -> Comparison:
    """Explore all designs; ``tell`` is told what is done and how far it is.

    Ctrl-C ends it early; what was found out until then is in the result.
    """
    started = time.perf_counter()
    outcomes = do_all(tasks_of(DESIGNS), limits or Limits(), tell, processes)
    return Comparison(
        results=tuple(assembled(design, outcomes) for design in DESIGNS),
        seconds=time.perf_counter() - started,
    )
