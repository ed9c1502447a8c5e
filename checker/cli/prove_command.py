# SPDX-License-Identifier: GPL-2.0-or-later
"""The command ``dbmcheck prove`` and its options."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from checker.cli.options import (
    DesignArgument,
    Format,
    FormatOption,
    MemoryOption,
    StatesOption,
    WithoutOption,
)

#: bytes that numpy and z3 take when they are loaded
ROOM = 160 << 20


def prove(
    design: DesignArgument = "",
    without: WithoutOption = None,
    format: FormatOption = Format.TEXT,
    memory: MemoryOption = "",
    max_states: StatesOption = 0,
    trace: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="File for the violation's trace."),
    ] = None,
    invariant: Annotated[
        bool,
        typer.Option(
            "--invariant", help="Print an inductive invariant as well."
        ),
    ] = False,
    certificate: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="File for the invariant."),
    ] = None,
    verify: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Certificate or measures to check instead; DESIGN may be "
            "left out.",
        ),
    ] = None,
    measure: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="File for the measures that show that runs end.",
        ),
    ] = None,
    smtlib: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="With --verify: file for the questions, for another solver.",
        ),
    ] = None,
) -> None:
    """Prove a design for every disk size, or show a counterexample.

    Of CONFIG only the design and its mechanisms matter: a proof has no
    bounds.
    """
    from checker.cli.limits import limits

    if verify is not None:
        from checker.cli import certificate_view, measure_view
        from checker.proof.termination.certificate import is_measure

        _refuse_with_verify(
            {
                "--invariant": invariant,
                "--certificate": certificate,
                "--measure": measure,
                "--trace": trace,
                "--memory": memory,
                "--max-states": max_states,
                "--without": without and not design,
            }
        )
        if is_measure(verify) and smtlib is None:
            raise typer.Exit(
                measure_view.run_verify(
                    verify,
                    design,
                    tuple(without or ()),
                    format == Format.JSON,
                )
            )
        raise typer.Exit(
            certificate_view.run_verify(
                verify,
                design,
                tuple(without or ()),
                smtlib,
                format == Format.JSON,
            )
        )
    if smtlib is not None:
        from checker.input.errors import InputError

        raise InputError("--smtlib goes with --verify only")

    from checker.input.memory import need_room

    need_room(ROOM)
    from checker.cli import prove_view

    raise typer.Exit(
        prove_view.run(
            design,
            without=tuple(without or ()),
            limits=limits(memory, max_states, 1),
            as_json=format == Format.JSON,
            trace_file=trace,
            certificate_file=certificate,
            invariant=invariant,
            measure_file=measure,
        )
    )


def _refuse_with_verify(options: Mapping[str, object]) -> None:
    """Refuse what has no meaning where nothing is searched."""
    given = [name for name, value in options.items() if value]
    if given:
        from checker.input.errors import InputError

        raise InputError(f"--verify searches nothing: {given[0]} is of no use")
