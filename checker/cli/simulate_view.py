# SPDX-License-Identifier: GPL-2.0-or-later
"""``dbmcheck simulate``: random runs."""

from __future__ import annotations

import sys
from pathlib import Path

from checker.checking.simulate import Simulation, simulate
from checker.cli import page
from checker.cli.check_json import trace_json
from checker.cli.describe import Asked, configured, failures, size
from checker.cli.streams import say
from checker.input.exit_codes import ExitCode
from checker.input.files import check_writable
from checker.text import counted
from model.language import Machine


def run(
    argument: str,
    runs: int,
    depth: int,
    seed: int,
    without: tuple[str, ...],
    asked: Asked,
    trace_file: Path | None,
    as_json: bool,
) -> int:
    """Simulate, print, write the trace; returns the exit code."""
    configuration = configured(argument, without, asked=asked)
    machine = configuration.machine()
    if trace_file is not None:
        check_writable(trace_file)
    result = simulate(
        machine,
        configuration.options,
        runs,
        depth,
        seed,
        configuration.own,
        _progress,
    )
    if sys.stderr.isatty():
        say("\r\x1b[K")
    kept = ""
    if trace_file is not None:
        from checker.traces.storage import keep

        met = next(iter(result.met.values()), None)
        kept = keep(result.trace or met, trace_file)
    never = [name for name, times in result.fired.items() if not times]
    if as_json:
        page.as_json(
            {
                "configuration": configuration.name,
                "verdict": result.verdict.value,
                "property": result.finding.name if result.finding else None,
                "runs": result.runs,
                "steps": result.steps,
                "states": result.states,
                "seed": seed,
                "stopped": result.stopped or None,
                "never_fired": never,
                "met": {
                    name: trace_json(machine, trace)
                    for name, trace in result.met.items()
                },
                "trace": trace_json(machine, result.trace)
                if result.trace
                else None,
            }
        )
    else:
        page.line(f"{configuration.name}: {result.verdict.value}")
        page.paragraph(size(configuration.options), indent="  ")
        page.paragraph(
            f"failures: {failures(configuration.options)}", indent="  "
        )
        _print(machine, result, seed, never)
        if kept:
            page.paragraph(kept)
    return _code(result)


def _code(result: Simulation) -> int:
    if result.finding is None:
        return ExitCode.INCONCLUSIVE
    return result.finding.exit_code


def _progress(runs: int, steps: int) -> None:
    if sys.stderr.isatty() and runs % 20 == 0:
        say(f"\r\x1b[K{counted(runs, 'run')}, {counted(steps, 'step')}")


def _print(
    machine: Machine,
    result: Simulation,
    seed: int,
    never: list[str],
) -> None:
    page.line()
    page.paragraph(
        f"seed {seed}: {counted(result.runs, 'run')}, "
        f"{counted(result.steps, 'step')}, "
        f"{counted(result.states, 'different state')}"
        + (f"; {result.stopped}" if result.stopped else "")
    )
    if never:
        page.paragraph(f"never fired: {', '.join(never)}")
    for name, trace in result.met.items():
        steps = counted(len(trace.moves), "step")
        page.paragraph(f"{name} is met, first after {steps} of a run")
    if result.trace is None:
        page.paragraph("No violation was met. That proves nothing.")
        return
    from checker.traces.table import render_table

    page.paragraph("A violation, not necessarily a shortest one:")
    page.line()
    page.line(render_table(machine, result.trace).rstrip("\n"))
