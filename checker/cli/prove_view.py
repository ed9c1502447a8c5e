# SPDX-License-Identifier: GPL-2.0-or-later
"""``dbmcheck prove``: what holds of every disk, and why one may say so."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from checker.checking.minimise import NotShownError, minimise
from checker.cli import page
from checker.cli.check_json import trace_json
from checker.cli.describe import (
    command,
    failures,
    guest,
    size,
)
from checker.cli.endings_view import endings_json, print_endings
from checker.cli.obligations import named, obligation_json, print_obligations
from checker.cli.progress import steps_shown
from checker.engines.exploration import Limits
from checker.engines.native.explicit import explore
from checker.input.exit_codes import ExitCode
from checker.input.files import check_writable
from checker.proof.judgement import Judgement, Provability
from checker.proof.one_term import TRUSTED
from checker.proof.prove import (
    Proof,
    prove,
    silent,
)
from checker.proof.termination.answers import Termination
from checker.proof.termination.success import SUCCEEDS
from checker.proof.termination.terminates import termination
from checker.text import counted
from checker.traces.trace import Trace
from model.designs import DIGITS, build, schema

#: where the reader finds what a proof says nothing about
SCOPE = "What is assumed and what is not modelled: dbmcheck list."


def run(
    design: str,
    *,
    without: tuple[str, ...],
    limits: Limits,
    as_json: bool,
    trace_file: Path | None,
    certificate_file: Path | None,
    invariant: bool,
    measure_file: Path | None = None,
) -> int:
    """Prove, print, write what is asked for; returns the exit code."""
    from checker.cli import certificate_view, measure_view

    options = named(design, without)
    asked = invariant or certificate_file is not None
    certificate_view.check_plain(options if asked else None)
    for file in (trace_file, certificate_file, measure_file):
        if file is not None:
            check_writable(file)
    found = None
    with steps_shown() as report:
        proof = prove(options, limits, report)
        runs = None
        if not proof.interrupted:
            runs = termination(options, limits, report)
        trace = shown_trace(proof, report)
        trace = trace or (runs.trace if runs else None)
        if asked:
            found = certificate_view.find(proof, report)
    traced = ""
    if trace_file is not None:
        from checker.traces.storage import keep

        traced = keep(trace, trace_file)
    kept = [
        keep(file)
        for file, keep in (
            (certificate_file, partial(certificate_view.keep, found)),
            (measure_file, partial(measure_view.keep, runs)),
        )
        if file is not None
    ]
    if as_json:
        data = to_json(proof, runs)
        data["invariant"] = certificate_view.found_json(found)
        page.as_json(data)
    else:
        _print(proof, runs, trace, design, without)
        if found is not None:
            page.line()
            print_obligations(found.obligations)
            if invariant:
                certificate_view.print_invariant(found.claim)
            page.line()
        for line in kept:
            page.line(line)
        if traced:
            page.paragraph(traced)
    if measure_file is not None and runs is not None and runs.unread:
        return ExitCode.INCONCLUSIVE
    return exit_code(proof, runs)


def exit_code(proof: Proof, runs: Termination | None) -> ExitCode:
    """What the process should return; what is always so comes first."""
    if proof.exit_code is not ExitCode.AS_EXPECTED or runs is None:
        return proof.exit_code
    return runs.exit_code


def verdict(proof: Proof, runs: Termination | None) -> Provability:
    """Of states and of whole runs together, as the exit code has it."""
    if exit_code(proof, runs) is ExitCode.EVENTUALLY_VIOLATED:
        return Provability.VIOLATED
    return proof.verdict


def shown_trace(
    proof: Proof, report: Callable[[str], None] = silent
) -> Trace | None:
    """The confirmed violation to show, with as few failures as serve.

    It is that of the first property, in the model's order.
    """
    for judgement in proof.judgements:
        trace = judgement.trace
        if trace is not None and proof.interrupted:
            return trace
        if trace is not None:
            report("looking for the fewest failures that show it")
            try:
                _, smaller = minimise(
                    trace.options, trace.property_name, explore, Limits()
                )
            except (NotShownError, MemoryError, KeyboardInterrupt):
                # the disk is too large to be searched again, or Ctrl-C came
                return trace
            same = len(smaller.moves) == len(trace.moves)
            return smaller if same else trace
    return None


# -- JSON --------------------------------------------------------------------


def to_json(proof: Proof, runs: Termination | None = None) -> dict[str, Any]:
    """A proof as plain data."""
    coverage = proof.coverage
    return {
        "design": proof.options.design,
        "without": sorted(proof.options.without),
        "schema": schema(proof.options).digest,
        "verdict": verdict(proof, runs).value,
        "vacuous": proof.vacuous or None,
        "trusted": TRUSTED,
        "abstract_states": coverage.states,
        "abstract_transitions": coverage.transitions,
        "abstract_levels": coverage.levels,
        "obligations": [obligation_json(o) for o in proof.obligations],
        "properties": [_judgement_json(j) for j in proof.judgements],
        "endings": None if runs is None else endings_json(runs),
        "not_covered": _left(proof, runs),
        "not_promised": dict(proof.machine.not_promised),
        "seconds": proof.seconds,
        "exit_code": int(exit_code(proof, runs)),
    }


def _judgement_json(judgement: Judgement) -> dict[str, Any]:
    trace = judgement.trace
    return {
        "property": judgement.name,
        "guarantee": judgement.guarantee,
        "verdict": judgement.answer.value,
        "steps": judgement.steps,
        "reason": judgement.reason,
        "trace": trace_json(build(trace.options), trace) if trace else None,
    }


# -- text --------------------------------------------------------------------


def _of_runs(runs: Termination | None) -> str:
    """Where states violate nothing: what is said of whole runs beside it."""
    if runs is None:
        return "PROVED for every disk"
    named = {e.name for e in runs.endings if e.name != SUCCEEDS}
    answers = {n: a for n, a in runs.answers.items() if n in named}
    broken = [n for n, a in answers.items() if a is Provability.VIOLATED]
    if broken:
        return f"VIOLATED ({', '.join(broken)})"
    if runs.unread:
        return "PROVED for every disk, but for whole runs"
    undecided = [n for n, a in answers.items() if a is not Provability.PROVED]
    if undecided:
        return (
            "PROVED for every disk, but for whole runs: not decided "
            f"({', '.join(undecided)})"
        )
    if any(
        e.answer is not Provability.PROVED
        for e in runs.endings
        if e.name in named
    ):
        return "PROVED for every disk; whole runs in the forms below"
    return "PROVED for every disk"


def headline(proof: Proof, runs: Termination | None = None) -> str:
    """The verdict in one line; ``runs``: what was shown of whole runs."""
    name = proof.options.name
    match proof.verdict:
        case Provability.PROVED:
            return f"{name}: {_of_runs(runs)}"
        case Provability.VIOLATED:
            broken = [
                j.name
                for j in proof.judgements
                if j.answer is Provability.VIOLATED
            ]
            return f"{name}: VIOLATED ({', '.join(broken)})"
        case Provability.VACUOUS:
            return f"{name}: VACUOUS ({proof.vacuous})"
    if proof.open:
        return f"{name}: INCONCLUSIVE ({proof.open})"
    undecided = [
        j.name for j in proof.judgements if j.answer is not Provability.PROVED
    ]
    return f"{name}: INCONCLUSIVE ({', '.join(undecided)})"


def _left(proof: Proof, runs: Termination | None) -> dict[str, str]:
    """What neither the granule nor the count is asked, with the reasons."""
    answered = {e.name for e in runs.endings} if runs is not None else set()
    return {n: why for n, why in proof.left.items() if n not in answered}


def _print(
    proof: Proof,
    runs: Termination | None,
    trace: Trace | None,
    argument: str,
    without: tuple[str, ...],
) -> None:
    coverage = proof.coverage
    page.paragraph(headline(proof, runs), indent="  ", first="")
    page.line()
    if argument != proof.options.design:
        page.fact("asked of", argument)
    page.fact("model", schema(proof.options).digest[:DIGITS])
    page.fact("disk", "any number of chunks, each of any size")
    page.fact("channel", "any number of messages in flight")
    if proof.options.connections != "one":
        page.fact("chunks", "on two connections of their own, one on each")
    page.fact("failures", "of every kind, without end")
    page.fact("guest", guest(proof.options))
    page.fact(
        "explored",
        f"{counted(coverage.states, 'state')} of one granule and its "
        f"surroundings, {counted(coverage.transitions, 'transition')}, "
        f"{counted(coverage.levels, 'level')}",
    )
    page.line()
    print_obligations(proof.obligations)
    page.line()
    page.paragraph(f"{TRUSTED} {SCOPE}")
    page.line()
    page.table(
        ["property", "for", "verdict", ""],
        [
            [j.name, j.guarantee or "-", j.answer.value, _remark(j)]
            for j in proof.judgements
        ],
    )
    for guarantee, reason in proof.machine.not_promised.items():
        page.line()
        page.paragraph(f"{guarantee} is not promised: {reason}.")
    if runs is not None:
        page.line()
        print_endings(runs)
    left = _left(proof, runs)
    if left:
        page.line()
        page.paragraph(
            "Not covered, because it needs whole runs of a disk of known size "
            f"(dbmcheck check): {', '.join(left)}."
        )
    if trace is not None:
        _print_trace(trace, command("prove", argument, without))


def _remark(judgement: Judgement) -> str:
    if judgement.reason:
        return judgement.reason
    if judgement.steps is None:
        return ""
    return f"in {counted(judgement.steps, 'step')}"


def _print_trace(trace: Trace, prove_it: str) -> None:
    from checker.traces.table import render_table

    page.line()
    page.paragraph(
        f"{trace.property_name}, confirmed on a disk of "
        f"{size(trace.options)}; failures: {failures(trace.options)}."
    )
    page.line()
    machine = build(trace.options)
    page.line(render_table(machine, trace).rstrip("\n"))
    page.line()
    page.paragraph(f"to cite it: {prove_it} --trace FILE; dbmcheck cite FILE")
