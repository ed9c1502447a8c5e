# SPDX-License-Identifier: GPL-2.0-or-later
"""The command ``dbmcheck check`` and its options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from checker.cli.options import (
    AlwaysOption,
    CompleteOption,
    ConfigsArgument,
    DepthOption,
    EngineName,
    EngineOption,
    MemoryOption,
    MinimiseOption,
    ReachableOption,
    ReportFormat,
    ReportOption,
    StatesOption,
    ThreadsOption,
    WithoutOption,
)


def check(
    config: ConfigsArgument,
    format: ReportOption = ReportFormat.TEXT,
    engine: EngineOption = EngineName.EXPLICIT,
    depth: DepthOption = None,
    without: WithoutOption = None,
    complete: CompleteOption = False,
    memory: MemoryOption = "",
    max_states: StatesOption = 0,
    threads: ThreadsOption = 1,
    first: Annotated[
        bool,
        typer.Option("--first", help="Stop at the first violation."),
    ] = False,
    expect: Annotated[
        bool,
        typer.Option(
            "--expect",
            help="Exit code 0 only if the result is as in [expect].",
        ),
    ] = False,
    trace: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="File for the gravest violation's trace."
        ),
    ] = None,
    minimise: MinimiseOption = False,
    always: AlwaysOption = None,
    reachable: ReachableOption = None,
    coverage: Annotated[
        bool,
        typer.Option(
            "--coverage",
            help="Say how often each action fired, each conjunct decided.",
        ),
    ] = False,
) -> None:
    """Explore one configuration, or several, and report what holds.

    The exit code is then the gravest.  With --format junit a property is a
    test case, and one that was not decided is an error; with --format sarif
    a violation is a result that points at the configuration file.
    """
    from checker.cli import check_several, check_view
    from checker.cli.describe import Asked
    from checker.cli.limits import limits

    chosen = check_view.CheckOptions(
        engine=engine.value,
        limits=limits(memory, max_states, threads, first, depth),
        without=tuple(without or ()),
        complete=complete,
        expect=expect,
        minimise=minimise,
        trace_file=trace,
        asked=Asked(tuple(always or ()), tuple(reachable or ())),
        coverage=coverage,
    )
    report = format in (ReportFormat.JUNIT, ReportFormat.SARIF)
    if report or len(config) > 1:
        raise typer.Exit(check_several.run(config, chosen, format.value))
    as_json = format == ReportFormat.JSON
    raise typer.Exit(check_view.run(config[0], chosen, as_json))
