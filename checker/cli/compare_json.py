# SPDX-License-Identifier: GPL-2.0-or-later
"""``dbmcheck compare`` as plain data: every finding, where it was found."""

from __future__ import annotations

from typing import Any

from checker.answer.as_built import AsBuilt
from checker.answer.conclusion import assumptions, sentences
from checker.answer.costs import Cost
from checker.answer.result import Comparison, DesignResult, Proved
from checker.answer.standing import Told
from checker.cli.check_json import finding_json
from checker.input.configuration import options_table
from model.scope import NOT_MODELLED


def to_json(comparison: Comparison) -> dict[str, Any]:
    """The comparison as plain data."""
    return {
        "seconds": comparison.seconds,
        "designs": {r.design: _design_json(r) for r in comparison.results},
        "answer": sentences(comparison),
        "assumes": assumptions(comparison),
        "not_modelled": list(NOT_MODELLED),
    }


def _design_json(result: DesignResult) -> dict[str, Any]:
    coverage = result.main.coverage if result.main else None
    return {
        "guarantees": {k: s.value for k, s in result.standings.items()},
        "not_promised": dict(result.not_promised),
        "states": coverage.states if coverage else None,
        "transitions": coverage.transitions if coverage else None,
        "levels": coverage.levels if coverage else None,
        "states_per_second": coverage.states_per_second if coverage else None,
        "seconds": result.seconds,
        "explored": [
            {
                "title": one.title,
                "configuration": options_table(one.options),
                "states": one.coverage.states,
                "transitions": one.coverage.transitions,
                "stopped": one.coverage.stopped or None,
            }
            for one in result.explored
        ],
        "never_happens": list(result.idle),
        "findings": [_told_json(told) for told in result.told],
        "missing": dict(result.missing),
        "derived": dict(result.derived),
        "proved_for_every_size": sorted(result.proved),
        "proof": _proof_json(result.proof),
        "whole_runs": {
            row: {"verdict": ran.answer.value, "open": ran.reason or None}
            for row, ran in result.runs.items()
        },
        "as_built": _as_built_json(result.as_built),
        "costs": _costs_json(result),
        "proved_costs": {
            cost: " and ".join(most)
            for cost, most in result.proved_costs.items()
        },
        "tenable": result.tenable,
    }


def _told_json(told: Told) -> dict[str, Any]:
    return {"in": told.explored.title, **finding_json(told.finding)}


def _proof_json(proof: Proved | None) -> dict[str, Any] | None:
    if proof is None:
        return None
    return {
        "verdict": proof.verdict.value,
        "open": proof.open or None,
        "violated": dict(proof.violated),
        "abstract_states": proof.states,
        "obligations_met_before": proof.kept,
        "seconds": proof.seconds,
    }


def _as_built_json(built: AsBuilt | None) -> dict[str, Any] | None:
    if built is None:
        return None
    return {
        "label": built.label,
        "without": sorted(built.without),
        "broken": {key: list(alone) for key, alone in built.broken.items()},
        "not_tested": list(built.silent),
        "undecided": built.undecided or None,
    }


def _costs_json(result: DesignResult) -> dict[str, Any] | None:
    costs = result.costs
    if costs is None:
        return None
    some, of = costs.at_risk or (None, None)
    return {
        "chunks_sent": str(costs.sent),
        "chunks_sent_guest_never_stops": costs.sent_never_stops,
        "chunks_sent_while_stopped": str(costs.stopped),
        "states_at_risk": some,
        "states_under_way": of,
        "share_at_risk": costs.share_at_risk,
        "share_degrading": costs.share_degrading,
        "always_lost": costs.always_lost,
        "lost_if_refused": result.lost_if_refused,
        "converges": result.converges,
        "explored": {
            "chunks_sent": _points(costs.sent),
            "chunks_sent_while_stopped": _points(costs.stopped),
        },
    }


def _points(cost: Cost) -> list[dict[str, Any]]:
    return [
        {**dict(zip(cost.names, point, strict=True)), "most": most}
        for point, most in cost.points.items()
    ]
