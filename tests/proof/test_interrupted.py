# SPDX-License-Identifier: GPL-2.0-or-later
"""Ctrl-C in a proof: what is known is said, nothing new begins."""

from __future__ import annotations

import pytest

from checker.engines.exploration import INTERRUPTED, Limits, Search, violated
from checker.engines.native.explicit import explore
from checker.proof import confirm
from checker.proof.judgement import Provability
from checker.proof.prove import judged, without_end
from model.designs import build
from model.language import Machine, Projected
from model.options import Options

BROKEN = without_end(
    Options(design="postcopy", without=frozenset({"drop-on-failure"}))
)


@pytest.fixture(scope="module")
def projected() -> Search:
    """The machine that follows one granule, explored; it is violated."""
    return explore(build(BROKEN, Projected()), Limits())


def suspected(search: Search) -> set[str]:
    """What the projection violates."""
    first = search.coverage.first_level
    names = {p.name for p in search.machine.properties}
    return {name for name in names if violated(name) in first}


def test_a_disk_that_was_not_searched_proves_nothing(
    projected: Search, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Machine] = []

    def interrupted(machine: Machine, limits: Limits) -> Search:
        asked.append(machine)

        def report(progress: object) -> None:
            raise KeyboardInterrupt

        return explore(machine, limits, report)

    monkeypatch.setattr(confirm, "explore", interrupted)
    found = judged(BROKEN, projected)
    assert len(asked) == 1
    names = suspected(projected)
    assert len(names) > 1
    for judgement in found:
        if judgement.name in names:
            assert judgement.answer is Provability.INCONCLUSIVE
            assert judgement.reason == INTERRUPTED
        else:
            assert judgement.reason != INTERRUPTED


def test_no_disk_is_looked_at_after_it(
    projected: Search, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(confirm, "explore", None)
    found = judged(BROKEN, projected, ended=True)
    reasons = {j.name: j.reason for j in found}
    assert {n for n, why in reasons.items() if why == INTERRUPTED} == (
        suspected(projected)
    )
