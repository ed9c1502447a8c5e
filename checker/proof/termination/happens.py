# SPDX-License-Identifier: GPL-2.0-or-later
"""That something happens in the count: else what it shows is worth nothing.

Every action fires, every premise is met outside its goal, and from there the
goal is reached.  An action that says why it may be silent is excused.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from checker.engines.exploration import Coverage
from checker.engines.graphs.graph import StateGraph
from checker.proof.obligation import Outcome, Shown
from checker.proof.termination.runs import Outside
from model.language.counted_view import CountedView


def something_happens(
    view: CountedView,
    coverage: Coverage,
    graph: StateGraph,
    found: Mapping[str, Outside],
) -> Shown:
    """Show that all that is spoken of happens in the count.

    ``found``: for each property, what lies between premise and goal.
    """
    for action in view.machine.actions:
        if not coverage.fired[action.name] and not action.silent:
            reason = f"action {action.name} never happens"
            return Shown(Outcome.REFUTED, 0, reason)
    for name, outside in found.items():
        if not outside.states:
            reason = f"the premise of {name} is never met before its goal"
            return Shown(Outcome.REFUTED, 0, reason)
        inside = np.zeros(len(graph), dtype=bool)
        inside[list(outside.states)] = True
        if not (inside[graph.origin] & ~inside[graph.target]).any():
            reason = f"the goal of {name} is never reached"
            return Shown(Outcome.REFUTED, 0, reason)
    return Shown(Outcome.PROVED)
