# SPDX-License-Identifier: GPL-2.0-or-later
"""The commands that show a trace, and their options."""

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
    always: AlwaysOption = None,
    reachable: ReachableOption = None,
    format: FormatOption = Format.TEXT,
) -> None:
    """A counterexample as a block of mail, at most 72 columns."""
    show(
        trace,
        TraceForm.MAIL,
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
        TraceForm, typer.Option("--as", help="The form to show it in.")
    ] = TraceForm.TABLE,
    property_name: PropertyOption = "",
    without: WithoutOption = None,
    complete: CompleteOption = False,
    minimise: MinimiseOption = False,
    always: AlwaysOption = None,
    reachable: ReachableOption = None,
    format: FormatOption = Format.TEXT,
) -> None:
    """A counterexample: table, states, sequence chart, ITF, pytest, mail."""
    from checker.cli import trace_view
    from checker.cli.describe import Asked

    wanted = trace_view.Wanted(
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
    trace: Annotated[str, typer.Argument(metavar="TRACE")],
    config: Annotated[
        str,
        typer.Option(
            metavar="CONFIG",
            help="Replay on this configuration instead of the trace's own.",
        ),
    ] = "",
    format: FormatOption = Format.TEXT,
) -> None:
    """Replay a trace file, step by step; say where it does not fit."""
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
    """Each conjunct of the property on each step of a trace."""
    from checker.cli import trace_view
    from checker.cli.describe import Asked

    wanted = trace_view.Wanted(
        argument=trace,
        property_name=property_name,
        without=tuple(without or ()),
        complete=complete,
        minimise=minimise,
        asked=Asked(tuple(always or ()), tuple(reachable or ())),
    )
    raise typer.Exit(trace_view.explain_it(wanted, format == Format.JSON))
