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


class GraphForm(enum.StrEnum):
    """How a state graph is written."""

    GRAPHML = "graphml"
    DOT = "dot"
    JSON = "json"


FormatOption = Annotated[
    Format, typer.Option("--format", help="Print text or JSON.")
]
EngineOption = Annotated[
    EngineName,
    typer.Option(help="Compiled, the plain oracle, or z3 up to a depth."),
]
DepthOption = Annotated[
    int | None,
    typer.Option(
        min=0,
        max=MOST_STEPS,
        help="Steps that the engine smt goes at most. Default: 28.",
    ),
]
MemoryOption = Annotated[
    str,
    typer.Option(
        metavar="SIZE",
        help="Give up beyond this much: 500M, 4G. Default: half of it all.",
    ),
]
StatesOption = Annotated[
    int,
    typer.Option(
        "--max-states", min=0, help="Give up beyond so many; 0: no limit."
    ),
]
ThreadsOption = Annotated[
    int, typer.Option(min=1, max=64, help="Threads of the search.")
]
WithoutOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="MECHANISM",
        help="Take a mechanism out as well; may be repeated.",
    ),
]
CompleteOption = Annotated[
    bool,
    typer.Option(
        "--complete", help="Put every mechanism back that CONFIG lacks."
    ),
]
MinimiseOption = Annotated[
    bool,
    typer.Option(
        "--minimise",
        help="Look for the smallest configuration that still shows it.",
    ),
]
PropertyOption = Annotated[
    str,
    typer.Option(
        "--property",
        metavar="NAME",
        help="Which violated property; default: the gravest.",
    ),
]
AlwaysOption = Annotated[
    list[str] | None,
    typer.Option(
        "--always",
        metavar="CONDITION",
        help="Ask as well whether no run ever breaks it; may be repeated.",
    ),
]
ReachableOption = Annotated[
    list[str] | None,
    typer.Option(
        "--reachable",
        metavar="CONDITION",
        help="Ask as well whether some run meets it; may be repeated.",
    ),
]
ConfigArgument = Annotated[str, typer.Argument(metavar="CONFIG")]
DesignArgument = Annotated[str, typer.Argument(metavar="DESIGN|CONFIG")]
TraceArgument = Annotated[str, typer.Argument(metavar="TRACE|CONFIG")]


def show_version(show: bool) -> None:
    """Print the version and exit, if asked."""
    if show:
        from importlib.metadata import version

        typer.echo(f"dbmcheck {version('dbmcheck')}")
        raise typer.Exit
