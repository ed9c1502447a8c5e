# SPDX-License-Identifier: GPL-2.0-or-later
"""``dbmcheck ablate``: what breaks without each mechanism, and without sets.

The table of single removals is printed as soon as it is known; what sets of
mechanisms do takes longer and comes after it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from typing import Any

from checker.answer.ablate import Ablation, Break, Removal, ablate
from checker.answer.removed_together import Sets, removed_together
from checker.checking.kept import Kept, Question
from checker.checking.variants import explorer
from checker.cli import page, sets_view
from checker.cli.describe import command, design_of, failures, size
from checker.cli.progress import steps_shown
from checker.engines.exploration import INTERRUPTED, Limits
from checker.engines.verdict import FIRES, Finding, Verdict
from checker.input.configuration import load, shipped
from checker.input.exit_codes import ExitCode
from checker.text import plural
from model.options import Failures

MOST_PROCESSES = 2


def run(
    argument: str,
    limits: Limits,
    processes: int | None,
    singles: bool,
    as_json: bool,
) -> int:
    """Ablate, print; returns the exit code.  ``singles``: no sets.

    ``argument``: a design, or a configuration with the bounds to ask at.
    """
    options = design_of(argument)
    design = options.design if options else argument
    several = processes or min(MOST_PROCESSES, os.cpu_count() or 1)
    sets: Sets | None = None
    with (
        steps_shown() as said,
        explorer(limits, said, several) as explore,
    ):
        found = ablate(design, explore, limits, options=options)
        if not as_json:
            _print(found, argument)
            sys.stdout.flush()
        ended = found.smallest.stopped or found.stopped == INTERRUPTED
        if not singles and not ended and not found.vacuous:
            sets = removed_together(design, found.smallest, explore)
    code = exit_code(found, sets)
    if as_json:
        page.as_json(to_json(found, sets))
    elif sets is not None:
        sets_view.show(sets, where(found))
    if not as_json and not found.vacuous:
        page.line()
        _print_how_to_see(found, argument)
    return code


def exit_code(found: Ablation, sets: Sets | None) -> ExitCode:
    """0 if every removal broke what it should, or is explained.

    What is explained as redundant may not break anything at all.  Of a
    design in which something never happens nothing is shown.
    """
    if found.vacuous:
        return ExitCode.UNREACHED
    if found.stopped or (sets is not None and sets.stopped):
        return ExitCode.INCONCLUSIVE
    for removal in found.removals:
        explained = bool(removal.mechanism.why_redundant(found.design))
        as_it_should = removal.shown is not None
        if not (removal.redundant if explained else as_it_should):
            return ExitCode.NOT_AS_EXPECTED
    return ExitCode.AS_EXPECTED


# -- data --------------------------------------------------------------------


def to_json(found: Ablation, sets: Sets | None) -> dict[str, Any]:
    """The table, and what was found out about sets, as plain data."""
    return {
        "design": found.design,
        "asked": [
            _question_json(question)
            for kept in _sizes(found)
            for question in kept.questions
        ],
        "not_asked": [
            {
                "property": f.name,
                "guarantee": f.guarantee or None,
                "bounds": size(kept.questions[0].options),
                "reason": why_unasked(found, f),
            }
            for kept in _sizes(found)
            for f in kept.unasked
        ],
        "mechanisms": {
            r.mechanism.name: _removal_json(found.design, r)
            for r in found.removals
        },
        "vacuous": [
            {"property": f.name, "reason": f.reason} for f in found.vacuous
        ],
        "sets": None if sets is None else sets_view.to_json(sets),
        "stopped": found.stopped or None,
        "exit_code": int(exit_code(found, sets)),
    }


def _sizes(found: Ablation) -> list[Kept]:
    larger = [] if found.larger is None else [found.larger]
    return [found.smallest, *larger]


def _question_json(question: Question) -> dict[str, Any]:
    return {
        "bounds": size(question.options),
        "easier": question.easier or None,
        "properties": [f.name for f in question.kept],
    }


def _removal_json(design: str, removal: Removal) -> dict[str, Any]:
    shown = removal.shown
    return {
        "protects": removal.protects,
        "property": shown.finding.name if shown else None,
        "steps": shown.finding.steps if shown else None,
        "seconds": removal.seconds,
        "states": removal.states,
        "also_breaks": list(removal.also),
        "breaks": [_break_json(b) for b in removal.breaks],
        "not_asked": list(removal.missing),
        "redundant": removal.redundant,
        "reason": removal.mechanism.why_redundant(design) or None,
        "stopped": removal.stopped or None,
    }


def _break_json(broken: Break) -> dict[str, Any]:
    return {
        "property": broken.finding.name,
        "kind": broken.finding.kind,
        "guarantee": broken.finding.guarantee or None,
        "steps": broken.finding.steps,
        "reason": broken.finding.reason or None,
        "chunks": broken.question.options.bounds.chunks,
        "easier": broken.question.easier or None,
    }


# -- text --------------------------------------------------------------------


def _print(found: Ablation, name: str) -> None:
    if found.vacuous:
        _print_vacuous(found)
        return
    page.line(f"{name}: each mechanism taken out, all else in place")
    page.line()
    page.table(
        ["without", "for", "breaks", "steps", "also"],
        [_row(r) for r in found.removals],
        right=(3,),
    )
    _print_nameless(found)
    _print_redundant(found)
    _print_undecided(found)
    _print_idle(found)
    page.line()
    _print_asked(found)


def _print_vacuous(found: Ablation) -> None:
    """What never happens in the complete design, by the reason."""
    page.paragraph(
        f"{found.design}: nothing was taken out. The complete design itself "
        f"has findings at {where(found)}, so a removal would show nothing."
    )
    page.line()
    reasons: dict[str, list[str]] = {}
    for finding in found.vacuous:
        name = finding.name.removesuffix(f" {FIRES}")
        reasons.setdefault(finding.reason, []).append(name)
    for reason, names in reasons.items():
        _item(f"{reason}: {', '.join(names)}")


def _row(removal: Removal) -> list[str]:
    shown, nameless = removal.shown, removal.nameless
    breaks, steps = "nothing: redundant", ""
    if shown is not None:
        breaks, steps = shown.finding.name, str(shown.finding.steps)
    elif removal.stopped:
        breaks = "INCONCLUSIVE"
    elif removal.also:
        breaks = "something else"
    elif removal.idle:
        breaks = "nothing, but see below"
    return [
        removal.mechanism.name,
        removal.protects,
        breaks,
        steps,
        " ".join(name for name in removal.also if name not in nameless),
    ]


def _print_nameless(found: Ablation) -> None:
    broken = [r for r in found.removals if r.nameless]
    if broken:
        page.line()
        page.line("Broken as well (no guarantee depends on it):")
    for removal in broken:
        _item(
            f"without {removal.mechanism.name}: {', '.join(removal.nameless)}"
        )


def _print_redundant(found: Ablation) -> None:
    redundant = [r for r in found.removals if r.redundant]
    if redundant:
        page.line()
        what = "design" if _is_complete(found) else "variant"
        page.line(f"Redundant in this {what}, as modelled:")
    for removal in redundant:
        reason = removal.mechanism.why_redundant(found.design)
        _item(f"{removal.mechanism.name}: {reason or 'not explained'}.")
    contradicted = [
        r
        for r in found.removals
        if r.breaks and r.mechanism.why_redundant(found.design)
    ]
    if contradicted:
        page.line()
        page.line("Explained as redundant, but something breaks:")
    for removal in contradicted:
        broken = ", ".join(_in_words(b) for b in removal.breaks)
        _item(f"{removal.mechanism.name}: {broken}.")


def _print_undecided(found: Ablation) -> None:
    reasons: dict[str, list[str]] = {}
    for removal in found.removals:
        if removal.stopped:
            names = reasons.setdefault(removal.stopped, [])
            names.append(removal.mechanism.name)
    if reasons:
        page.line()
        page.line("Not decided:")
    for reason, names in reasons.items():
        _item(f"without {', '.join(names)}: {reason}")


def _in_words(broken: Break) -> str:
    finding = broken.finding
    if not broken.real:
        return f"{finding.name}: {finding.reason}"
    guarantee = f" ({finding.guarantee})" if finding.guarantee else ""
    return f"{finding.name}{guarantee} breaks in {_steps(finding)}"


def _steps(finding: Finding) -> str:
    return plural(finding.steps or 0, "step")


def _print_idle(found: Ablation) -> None:
    idle = [r for r in found.removals if r.idle]
    if idle:
        page.line()
        page.line("No longer possible:")
    for removal in idle:
        _item(f"without {removal.mechanism.name}: {', '.join(removal.idle)}")
    missing = [r for r in found.removals if r.missing]
    if missing:
        page.line()
        page.line("Not asked, because the variant does not promise it:")
    for removal in missing:
        names = ", ".join(removal.missing)
        _item(f"without {removal.mechanism.name}: {names}")


def _print_asked(found: Ablation) -> None:
    """With which bounds what was asked."""
    first = found.smallest.questions[0]
    if found.smallest.stopped:
        page.paragraph(
            f"INCONCLUSIVE: it is not known what {_whole(found)} keeps "
            f"({found.smallest.stopped})."
        )
        return
    page.paragraph(
        f"Every property that {_whole(found)} keeps was asked, at "
        f"{where(found)}."
    )
    for question in found.smallest.questions[1:]:
        names = ", ".join(_named(question.kept))
        page.paragraph(
            f"{names}: asked with {question.easier}; with the bounds above "
            f"{_whole(found)} does not keep it."
        )
    _print_unasked(found, found.smallest)
    if found.larger is not None:
        page.paragraph(
            "If the mechanism's own guarantee did not break there, the same "
            f"was asked at {size(found.larger.questions[0].options)}."
        )
        _print_unasked(found, found.larger)
    at_larger = [
        f"{r.mechanism.name} ({b.finding.name})"
        for r in found.removals
        for b in r.breaks
        if b.question.options.bounds.chunks != first.options.bounds.chunks
    ]
    if at_larger:
        page.paragraph(f"Broken only there: {', '.join(at_larger)}.")


def _print_unasked(found: Ablation, kept: Kept) -> None:
    for finding in kept.unasked:
        (name,) = _named([finding])
        page.paragraph(
            f"Not asked there: {name}; {why_unasked(found, finding)}."
        )


def why_unasked(found: Ablation, finding: Finding) -> str:
    """Why what was found of what is complete is not asked."""
    if finding.verdict is Verdict.INCONCLUSIVE:
        return finding.reason
    return f"{_whole(found)} does not keep it"


def _is_complete(found: Ablation) -> bool:
    return not found.smallest.questions[0].options.without


def _whole(found: Ablation) -> str:
    """What the mechanisms were taken out of, in words."""
    return "the complete design" if _is_complete(found) else "the variant"


def where(found: Ablation) -> str:
    """The size and the failures of the smallest variants, in words."""
    options = found.smallest.questions[0].options
    budgets = {getattr(options.failures, n) for n in Failures.names()}
    failing = "every failure once"
    if budgets != {1}:
        failing = f"failures: {failures(options)}"
    return f"{size(options)}, {failing}"


def _named(findings: Iterable[Finding]) -> list[str]:
    return [
        f"{f.name} ({f.guarantee})" if f.guarantee else f.name
        for f in findings
    ]


def _item(text: str) -> None:
    page.paragraph(text, indent="    ", first="  ")


def _print_how_to_see(found: Ablation, argument: str) -> None:
    of_design = argument == found.design
    seen = command("cite", f"{argument}-small" if of_design else argument)
    page.paragraph(f"To see a violation: {seen} --without MECHANISM")
    if not of_design:
        return
    for question in found.smallest.questions[1:]:
        for finding in question.kept:
            name = asked_by(found.design, finding.name)
            if name:
                page.paragraph(
                    f"of {finding.name}: "
                    f"dbmcheck cite {name} --without MECHANISM"
                )


def asked_by(design: str, property_name: str) -> str:
    """The smallest shipped configuration that keeps a property, or ''."""
    holding = [
        c
        for c in map(load, shipped())
        if c.options.design == design
        and not c.options.without
        and c.expect.verdict == "HOLDS"
        and any(p.name == property_name for p in c.machine().properties)
    ]
    smallest = min(holding, key=lambda c: c.expect.states or 0, default=None)
    return smallest.name if smallest else ""
