# SPDX-License-Identifier: GPL-2.0-or-later
"""Options and arguments that several commands share."""

from __future__ import annotations

import enum
from typing import Annotated

import typer

MOST_STEPS = 10_000


class Format(enum.StrEnum):
    """How answers are printed."""

    TEXT = "text"
    JSON = "json"


class ReportFormat(enum.StrEnum):
    """How the answer of a check is printed."""

    TEXT = "text"
    JSON = "json"
    JUNIT = "junit"
    SARIF = "sarif"


class EngineName(enum.StrEnum):
    """Which engine explores."""

    EXPLICIT = "explicit"
    INTERPRETER = "interpreter"
    SMT = "smt"


class TraceForm(enum.StrEnum):
    """How a trace is shown."""

    TABLE = "table"
    STATES = "states"
    SEQUENCE = "sequence"
    ITF = "itf"
    PYTEST = "pytest"
    MAIL = "mail"
    SHORT_MAIL = "short-mail"


class GraphForm(enum.StrEnum):
    """How a state graph is written."""

    GRAPHML = "graphml"
    DOT = "dot"
    JSON = "json"


FormatOption = Annotated[
    Format, typer.Option("--format", help="Output format.")
]
ReportOption = Annotated[
    ReportFormat,
    typer.Option("--format", help="Print text, JSON, JUnit XML or SARIF."),
]
EngineOption = Annotated[
    EngineName,
    typer.Option(
        help="Search engine: compiled (explicit), plain Python (interpreter), "
        "or z3 up to a depth (smt)."
    ),
]
DepthOption = Annotated[
    int | None,
    typer.Option(
        min=0,
        max=MOST_STEPS,
        help="Most steps of a run, for the engine smt. Default: 28.",
    ),
]
MemoryOption = Annotated[
    str,
    typer.Option(
        metavar="SIZE",
        help="Memory limit: 500M, 4G. Default: half of the machine's.",
    ),
]
StatesOption = Annotated[
    int,
    typer.Option("--max-states", min=0, help="Limit of states; 0: no limit."),
]
ThreadsOption = Annotated[
    int, typer.Option(min=1, max=64, help="Number of search threads.")
]
WithoutOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="MECHANISM",
        help="Mechanism to take out as well; may be repeated.",
    ),
]
CompleteOption = Annotated[
    bool,
    typer.Option("--complete", help="With every mechanism that CONFIG lacks."),
]
MinimiseOption = Annotated[
    bool,
    typer.Option(
        "--minimise",
        help="Smallest configuration that still shows the violation.",
    ),
]
PropertyOption = Annotated[
    str,
    typer.Option(
        "--property",
        metavar="NAME",
        help="Violated property or guarantee; default: the gravest.",
    ),
]
ConfigArgument = Annotated[
    str,
    typer.Argument(
        metavar="CONFIG", help="Name of a configuration, or a TOML file."
    ),
]
DesignArgument = Annotated[
    str,
    typer.Argument(
        metavar="DESIGN|CONFIG", help="Name of a design, or a configuration."
    ),
]
TraceArgument = Annotated[
    str,
    typer.Argument(
        metavar="TRACE|CONFIG", help="Trace file, or a configuration."
    ),
]
ConfigsArgument = Annotated[
    list[str],
    typer.Argument(
        metavar="CONFIG", help="Name of a configuration, or a TOML file."
    ),
]
AlwaysOption = Annotated[
    list[str] | None,
    typer.Option(
        "--always",
        metavar="CONDITION",
        help="Own property that no run may break; may be repeated.",
    ),
]
ReachableOption = Annotated[
    list[str] | None,
    typer.Option(
        "--reachable",
        metavar="CONDITION",
        help="Own property that some run has to meet; may be repeated.",
    ),
]


def show_version(show: bool) -> None:
    """Print the version and exit, if asked."""
    if show:
        from importlib.metadata import version

        typer.echo(f"dbmcheck {version('dbmcheck')}")
        raise typer.Exit


VersionOption = Annotated[
    bool,
    typer.Option(
        "--version",
        callback=show_version,
        is_eager=True,
        help="Show the version and exit.",
    ),
]
