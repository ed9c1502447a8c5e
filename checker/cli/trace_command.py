# SPDX-License-Identifier: GPL-2.0-or-later
"""The commands that take a trace, and their options."""

from __future__ import annotations

from typing import Annotated

import typer

from checker.cli.options import (
    AlwaysOption,
    CompleteOption,
    Format,
    FormatOption,
    MinimiseOption,
    PropertyOption,
    ReachableOption,
    TraceArgument,
    TraceForm,
    WithoutOption,
)


def cite(
    trace: TraceArgument,
    property_name: PropertyOption = "",
    without: WithoutOption = None,
    complete: CompleteOption = False,
    minimise: MinimiseOption = False,
    short: Annotated[
        bool, typer.Option("--short", help="Short form: at most 30 lines.")
    ] = False,
    always: AlwaysOption = None,
    reachable: ReachableOption = None,
    format: FormatOption = Format.TEXT,
) -> None:
    """Print a counterexample as text for a mail."""
    show(
        trace,
        TraceForm.SHORT_MAIL if short else TraceForm.MAIL,
        property_name,
        without,
        complete,
        minimise,
        always,
        reachable,
        format,
    )


def show(
    trace: TraceArgument,
    form: Annotated[
        TraceForm, typer.Option("--as", help="Form of the counterexample.")
    ] = TraceForm.TABLE,
    property_name: PropertyOption = "",
    without: WithoutOption = None,
    complete: CompleteOption = False,
    minimise: MinimiseOption = False,
    always: AlwaysOption = None,
    reachable: ReachableOption = None,
    format: FormatOption = Format.TEXT,
) -> None:
    """Print a counterexample: as a table, chart, ITF, pytest, or mail."""
    from checker.cli import trace_view
    from checker.cli.describe import Asked
    from checker.cli.subject import Wanted

    wanted = Wanted(
        argument=trace,
        property_name=property_name,
        without=tuple(without or ()),
        complete=complete,
        minimise=minimise,
        asked=Asked(tuple(always or ()), tuple(reachable or ())),
    )
    raise typer.Exit(
        trace_view.show(wanted, form.value, format == Format.JSON)
    )


def replay(
    trace: Annotated[
        str,
        typer.Argument(
            metavar="TRACE", help="File written by 'check --trace'."
        ),
    ],
    config: Annotated[
        str,
        typer.Option(
            metavar="CONFIG",
            help="Configuration to replay it on; default: the trace's own.",
        ),
    ] = "",
    format: FormatOption = Format.TEXT,
) -> None:
    """Replay a trace file; tell where it does not fit."""
    from checker.cli import replay_view

    raise typer.Exit(
        replay_view.replay_file(trace, config, format == Format.JSON)
    )


def explain(
    trace: TraceArgument,
    property_name: PropertyOption = "",
    without: WithoutOption = None,
    complete: CompleteOption = False,
    minimise: MinimiseOption = False,
    always: AlwaysOption = None,
    reachable: ReachableOption = None,
    format: FormatOption = Format.TEXT,
) -> None:
    """Print each conjunct of the property at each step of a trace."""
    from checker.cli import trace_view
    from checker.cli.describe import Asked
    from checker.cli.subject import Wanted

    wanted = Wanted(
        argument=trace,
        property_name=property_name,
        without=tuple(without or ()),
        complete=complete,
        minimise=minimise,
        asked=Asked(tuple(always or ()), tuple(reachable or ())),
    )
    raise typer.Exit(trace_view.explain_it(wanted, format == Format.JSON))


def step(
    trace: TraceArgument,
    without: WithoutOption = None,
) -> None:
    """Walk by hand, from a trace too; type ? for the commands.

    Of a TRACE the walk begins where it ends, of a CONFIG in the initial
    state.
    """
    from checker.cli import step_view

    raise typer.Exit(step_view.run(trace, tuple(without or ())))


def diff(
    first: TraceArgument,
    second: TraceArgument,
    format: FormatOption = Format.TEXT,
) -> None:
    """What two traces, or two configurations, differ in.

    Exits with 1 if they differ.  Of a configuration, title and slow are not
    compared.
    """
    from checker.cli import diff_view

    raise typer.Exit(diff_view.run(first, second, format == Format.JSON))
