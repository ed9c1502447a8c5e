# SPDX-License-Identifier: GPL-2.0-or-later
"""``dbmcheck ablate``: what breaks without each mechanism."""

from __future__ import annotations

from typing import Any

from checker.ablate import Removal, ablate
from checker.cli import page
from checker.cli.progress import shown
from checker.engines.exploration import Limits
from checker.errors import InputError
from checker.verdict import ExitCode
from model.mechanisms import DESIGNS


def run(design: str, limits: Limits, as_json: bool) -> int:
    """Ablate, print; returns the exit code."""
    if design not in DESIGNS:
        raise InputError(
            f"no design '{design}'; allowed are {', '.join(DESIGNS)}"
        )
    with shown() as report_for:
        removals = list(ablate(design, limits, report_for(design)))
    if as_json:
        page.as_json(to_json(design, removals))
    else:
        _print(design, removals)
    return exit_code(design, removals)


def exit_code(design: str, removals: list[Removal]) -> int:
    """0 if every removal broke what it should, or is explained."""
    if any(r.answer.coverage.stopped for r in removals):
        return ExitCode.INCONCLUSIVE
    for removal in removals:
        explained = bool(removal.mechanism.why_redundant(design))
        if (removal.finding is None) != explained:
            return ExitCode.NOT_AS_EXPECTED
    return ExitCode.AS_EXPECTED


def to_json(design: str, removals: list[Removal]) -> dict[str, Any]:
    """The table as plain data."""
    return {
        "design": design,
        "mechanisms": {
            r.mechanism.name: {
                "protects": r.mechanism.protects,
                "property": r.finding.name if r.finding else None,
                "steps": r.finding.steps if r.finding else None,
                "seconds": r.seconds,
                "states": r.answer.coverage.states,
                "also_breaks": list(r.also),
                "redundant": r.redundant,
                "reason": r.mechanism.why_redundant(design) or None,
                "stopped": r.answer.coverage.stopped or None,
            }
            for r in removals
        },
    }


def _print(design: str, removals: list[Removal]) -> None:
    page.line(f"{design}: each mechanism taken out, all else in place")
    page.line()
    page.table(
        ["without", "for", "breaks", "steps", "s"],
        [_row(r) for r in removals],
        right=(3, 4),
    )
    redundant = [r for r in removals if r.redundant]
    if redundant:
        page.line()
        page.line("Redundant in this design, as modelled:")
    for removal in redundant:
        reason = removal.mechanism.why_redundant(design) or "not explained"
        page.paragraph(
            f"{removal.mechanism.name}: {reason}.", indent="    ", first="  "
        )
    page.line()
    page.paragraph(
        f"To see one: dbmcheck cite {design}-small --without MECHANISM"
    )


def _row(removal: Removal) -> list[str]:
    finding = removal.finding
    stopped = removal.answer.coverage.stopped
    breaks = "nothing: redundant"
    if finding is not None:
        breaks = finding.name
    elif stopped:
        breaks = f"INCONCLUSIVE ({stopped})"
    elif removal.also:
        breaks = f"only {', '.join(removal.also)}"
    return [
        removal.mechanism.name,
        removal.mechanism.protects,
        breaks,
        "" if finding is None else str(finding.steps),
        f"{removal.seconds:.2f}",
    ]
