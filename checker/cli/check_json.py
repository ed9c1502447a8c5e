# SPDX-License-Identifier: GPL-2.0-or-later
"""Findings, traces and the answer of a check as plain data."""

from __future__ import annotations

from typing import Any

from attrs import asdict

from checker.checking.check import Answer
from checker.engines.verdict import Finding
from checker.traces.trace import Trace
from model.designs import schema
from model.language import Machine


def finding_json(finding: Finding) -> dict[str, Any]:
    """A finding as plain data."""
    return {
        "property": finding.name,
        "kind": finding.kind,
        "guarantee": finding.guarantee,
        "verdict": finding.verdict.value,
        "steps": finding.steps,
        "reason": finding.reason,
    }


def trace_json(machine: Machine, trace: Trace) -> dict[str, Any]:
    """A trace as plain data, with what changes at each step.

    Of a lasso also which actions its loop takes, and which it puts off.
    """
    from checker.traces.changes import changes
    from checker.traces.fairness import loop_of

    loop = loop_of(machine, trace)
    return {
        "id": trace.id,
        **trace.identity(),
        "steps": len(trace.moves),
        "fairness": None if loop is None else asdict(loop),
        "moves": [
            {
                "action": move.action,
                "actor": move.actor,
                "arguments": dict(move.arguments),
                "changes": {
                    c.name: [c.old, c.new]
                    for c in changes(machine, before, move.state)
                },
            }
            for before, move in zip(trace.states, trace.moves, strict=False)
        ],
    }


def to_json(answer: Answer, trace: Trace | None) -> dict[str, Any]:
    """An answer as plain data."""
    coverage, worst = answer.coverage, answer.gravest
    counted = coverage.depth is None
    return {
        "configuration": answer.configuration.name,
        "design": answer.configuration.options.design,
        "without": sorted(answer.configuration.options.without),
        "schema": schema(answer.configuration.options).digest,
        "engine": answer.engine,
        "verdict": answer.verdict.value,
        "property": worst.name if worst else None,
        "depth": coverage.depth,
        "states": coverage.states if counted else None,
        "transitions": coverage.transitions if counted else None,
        "levels": coverage.levels if counted else None,
        "stopped": coverage.stopped or None,
        "seconds": coverage.seconds,
        "states_per_second": coverage.states_per_second if counted else None,
        "bytes_per_state": coverage.bytes_per_state if counted else None,
        "properties": [finding_json(f) for f in answer.findings],
        "own": {one.name: one.table() for one in answer.configuration.own},
        "not_promised": dict(answer.machine.not_promised),
        "fired": {
            # 0 of a bounded search: it does not know
            name: times if counted or times else None
            for name, times in coverage.fired.items()
        },
        "coverage": asdict(answer.counts) if answer.counts else None,
        "unexpected": answer.surprises(),
        "exit_code": int(answer.exit_code),
        "trace": trace_json(trace.machine(), trace) if trace else None,
    }
