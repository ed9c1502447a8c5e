# SPDX-License-Identifier: GPL-2.0-or-later
"""Searches for tests: the oracle where it is quick, else compiled code."""

from __future__ import annotations

from itertools import combinations

from checker.engines.explicit import explore
from checker.engines.exploration import Coverage, Limits
from checker.engines.interpreter import interpret
from checker.verdict import Verdict, judge
from model.designs import build
from model.language import Machine
from model.options import Failures, Options

#: to compile a machine takes as long as to interpret so many states
QUICK = 2500


def covered(machine: Machine, quick: int = QUICK) -> Coverage:
    """What a finished search covers.

    By the interpreter if there are no more than ``quick`` states.
    """
    if quick:
        coverage = interpret(machine, Limits(max_states=quick)).coverage
        if not coverage.stopped:
            return coverage
    coverage = explore(machine).coverage
    assert not coverage.stopped
    return coverage


def complaints(options: Options, quick: int = QUICK) -> list[str]:
    """What is wrong in all that breadth-first search decides."""
    machine = build(options)
    found = judge(machine, covered(machine, quick))
    return [
        f"{f.name}: {f.reason or f'after {f.steps} steps'}"
        for f in found
        if f.verdict is Verdict.VIOLATED
    ]


def once(*names: str) -> Failures:
    """Each of these failures may happen once."""
    return Failures(**dict.fromkeys(names, 1))


#: every failure once
ALL_ONCE = once(*Failures.names())


def failure_sets() -> list[tuple[str, ...]]:
    """No failure, each alone, each pair, all."""
    names = Failures.names()
    alone = [(name,) for name in names]
    return [(), *alone, *combinations(names, 2), names]
