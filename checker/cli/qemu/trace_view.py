# SPDX-License-Identifier: GPL-2.0-or-later
"""``dbmcheck qemu scenario --trace``: runs of the model on real QEMU."""

from __future__ import annotations

from itertools import product
from typing import Any

from attrs import asdict

from checker.cli import page
from checker.cli.progress import shown
from checker.cli.qemu.chosen import Chosen
from checker.input.configuration import load
from checker.input.errors import InputError, UndecidedError
from checker.input.exit_codes import ExitCode
from checker.qemu.harness.process import QemuError
from checker.qemu.traces.choice import witnesses
from checker.qemu.traces.difference import Compared, Outcome
from checker.qemu.traces.map import (
    MAPPING,
    CannotMapError,
    check_design,
    check_mappable,
)
from checker.qemu.traces.run import run_trace
from checker.text import plural
from checker.traces.replay import CannotReplayError
from checker.traces.trace import Trace


def run(
    argument: str,
    chosen: Chosen,
    property_name: str = "",
    as_json: bool = False,
) -> int:
    """Run a trace file, or the runs of a CONFIG, on each; the exit code.

    0: QEMU shows what the model predicts; 14: it does not.  Raises
    CannotReplayError (exit 75) for a trace that cannot be mapped.
    """
    outcomes: list[Outcome] = []
    pairs = chosen.pairs()
    runs = list(product(pairs, traces_of(argument, property_name)))
    for builds, trace in runs:
        try:
            outcome = run_trace(trace, builds)
        except KeyboardInterrupt:
            break
        except CannotMapError as error:
            raise _unmapped(argument, error) from None
        except QemuError as error:
            raise UndecidedError(str(error)) from None
        if not as_json:
            if outcomes:
                page.line()
            show(outcome)
        outcomes.append(outcome)
    complete = len(outcomes) == len(runs)
    if as_json:
        data = [as_data(each) for each in outcomes]
        page.as_json({"complete": complete, "runs": data})
    elif not complete:
        page.line(f"INCOMPLETE: {len(outcomes)} of {plural(len(runs), 'run')}")
    if not all(outcome.agrees for outcome in outcomes):
        return ExitCode.DIFFERS
    return ExitCode.AS_EXPECTED if complete else ExitCode.INCONCLUSIVE


def _unmapped(argument: str, error: CannotMapError) -> CannotReplayError:
    return CannotReplayError(
        step=None, action="", reason=str(error), where=argument
    )


def traces_of(argument: str, property_name: str = "") -> list[Trace]:
    """The trace in a file, or the runs that a CONFIG asks for.

    Of a configuration that is violated its violation, else the shortest run
    to each thing that is to be reachable.
    """
    from checker.cli.subject import Wanted, find, is_trace_file

    wanted = Wanted(argument=argument, property_name=property_name)
    if is_trace_file(argument):
        return [find(wanted).trace]
    configuration = load(argument)
    try:
        check_design(configuration.options.design)
    except CannotMapError as error:
        raise _unmapped(argument, error) from None
    if configuration.expect.verdict == "VIOLATED":
        trace = find(wanted).trace
        try:
            check_mappable(trace)
        except CannotMapError as error:
            raise _unmapped(argument, error) from None
        return [trace]
    with shown() as report_for:
        found = witnesses(
            configuration.options, property_name, report_for(argument)
        )
    if not found:
        raise InputError(
            f"{argument}: nothing reachable is called '{property_name}'"
        )
    return found


def show(outcome: Outcome) -> None:
    """Step by step, what was done; then the two sides where they differ."""
    trace = outcome.trace
    versions = " -> ".join(outcome.versions)
    page.line(f"trace {trace.id}, {trace.property_name}")
    page.fact("model", trace.options.name)
    page.fact("QEMU", versions)
    page.line()
    page.table(
        ("step", "both", "action of the model", "in QEMU"),
        [_row(outcome, step) for step in outcome.steps],
        right=(0,),
    )
    last = outcome.steps[-1]
    page.line()
    if last.agrees:
        page.paragraph(
            f"QEMU {versions} shows what the model predicts after each of "
            f"{plural(len(trace.moves), 'step')}."
        )
        if trace.options.without:
            page.paragraph(
                "The model has something left out. That QEMU agrees does "
                "not say that QEMU lacks it: up to here no query shows the "
                "difference."
            )
        return
    page.line(f"DIFFERENT after step {last.number}, {last.label}:")
    page.line()
    page.table(
        ("side", "what", "QEMU", "", "model"),
        [
            (r.side, r.what, r.qemu, "" if r.agrees else "<>", r.model)
            for r in last.rows
        ],
    )


def _row(outcome: Outcome, step: Compared) -> tuple[str, str, str, str]:
    did = ""
    if step.number:
        move = outcome.trace.moves[step.number - 1]
        did = MAPPING[move.action].text
    return (
        str(step.number),
        "agree" if step.agrees else "DIFFER",
        step.label,
        did,
    )


def as_data(outcome: Outcome) -> dict[str, Any]:
    """Plain data."""
    moves = outcome.trace.moves
    return {
        "trace": outcome.trace.id,
        "property": outcome.trace.property_name,
        "configuration": outcome.trace.options.name,
        "qemu": list(outcome.versions),
        "agrees": outcome.agrees,
        "steps": [
            {
                "step": step.number,
                "action": step.label,
                "means": MAPPING[moves[step.number - 1].action].text
                if step.number
                else "",
                "agrees": step.agrees,
                "rows": [asdict(row) for row in step.rows],
            }
            for step in outcome.steps
        ],
    }
