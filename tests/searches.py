# SPDX-License-Identifier: GPL-2.0-or-later
"""Searches for tests: the oracle where it is quick, else compiled code."""

from __future__ import annotations

import enum
from itertools import combinations
from typing import Any

from checker.checking.check import check
from checker.engines.exploration import Coverage, Limits, Search
from checker.engines.graphs.graph import graph_of
from checker.engines.graphs.liveness import find_lasso
from checker.engines.interpreter import InterpretedSearch, interpret
from checker.engines.native.explicit import explore
from checker.engines.verdict import Finding, Verdict, judge
from checker.input.configuration import Configuration
from model.designs import build
from model.language import Machine
from model.language import expression as ex
from model.language.expression import Expression
from model.options import Bounds, Failures, Options

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


def broken(options: Options, *properties: str) -> dict[str, Finding]:
    """What is violated, the ``eventually`` properties included.

    ``properties`` are those that are asked: kinds, guarantees or names.
    """
    configuration = Configuration(
        name=options.name, options=options, properties=properties
    )
    answer = check(configuration, traces=False)
    assert not answer.coverage.stopped
    return {
        f.name: f for f in answer.findings if f.verdict is Verdict.VIOLATED
    }


def broken_in(machine: Machine, quick: int = QUICK) -> set[str]:
    """Names of what a state or a run of a finished machine violates.

    Unlike ``broken`` it takes a machine that a test has changed by hand.
    """
    search: Search = interpret(machine, Limits(max_states=quick))
    if search.coverage.stopped:
        search = explore(machine)
    assert not search.coverage.stopped
    found = {
        f.name
        for f in judge(machine, search.coverage)
        if f.verdict is Verdict.VIOLATED and f.steps is not None
    }
    graph = graph_of(search, Limits())
    return found | {
        p.name
        for p in machine.properties
        if p.kind == "eventually" and find_lasso(machine, graph, p)
    }


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


def bounds_of(design: str, chunks: int = 1, **bounds: Any) -> Bounds:
    """A small disk at which every part of the design is used.

    Live leaves a pass for the stopped VM only if less than the whole bitmap
    fits the downtime limit; stop-copy stops only if all of it does, with a
    bulk pass or without.
    """
    fits = design in ("stop-copy", "stop-copy-bulk")
    downtime = chunks if fits else chunks - 1
    return Bounds(chunks=chunks, **{"downtime": downtime, **bounds})


# -- states ------------------------------------------------------------------


def is_(machine: Machine, field: str, *members: enum.Enum) -> Expression:
    """Whether the field holds one of ``members``."""
    found = machine.fields[machine.position[field]]
    codes = [found.type.encode(m, field) for m in members]
    width = found.type.width
    return ex.any_of(
        ex.equal(found.expression, ex.constant(code, width)) for code in codes
    )


def carries(machine: Machine, channel: str, kind: enum.Enum) -> Expression:
    """Whether a message of this kind is in flight."""
    (found,) = (c for c in machine.channels if c.name == channel)
    return found.holds(kind).expression


def reaches(search: InterpretedSearch, *parts: Expression) -> bool:
    """Whether some state that was found meets all of ``parts``."""
    wanted = ex.all_of(parts)
    levels = range(search.coverage.levels)
    return any(search.meeting(level, wanted) for level in levels)
