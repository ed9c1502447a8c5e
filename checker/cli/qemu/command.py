# SPDX-License-Identifier: GPL-2.0-or-later
"""The commands ``dbmcheck qemu ...`` and their options."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Annotated

import typer

from checker.cli.options import MOST_STEPS, Format, FormatOption

qemu = typer.Typer(
    help="Real QEMU processes under the same guarantees as the model.",
    rich_markup_mode=None,
)


class ModeName(enum.StrEnum):
    """When the bitmaps' content is sent."""

    PRECOPY = "precopy"
    POSTCOPY = "postcopy"


class StorageName(enum.StrEnum):
    """Do both sides have the same images?"""

    SEPARATE = "separate"
    SHARED = "shared"


class ThenName(enum.StrEnum):
    """What comes after the migration."""

    QUIT = "quit"
    CRASH = "crash"
    AGAIN = "again"


QemuOption = Annotated[
    list[str] | None,
    typer.Option(
        "--qemu",
        metavar="WORDS",
        help=(
            "The QEMU to run: a file or a command, maybe with a loader and "
            "its options before it, in quotes. May be repeated. Default: the "
            "installed one."
        ),
    ),
]
DestinationOption = Annotated[
    str,
    typer.Option(
        metavar="WORDS", help="Another QEMU for the destination's side."
    ),
]
MailOption = Annotated[
    bool,
    typer.Option("--mail", help="Print each violation as a block of mail."),
]


@qemu.command()
def faults(
    context: typer.Context,
    qemus: QemuOption = None,
    destination: DestinationOption = "",
    mode: Annotated[
        ModeName | None, typer.Option(help="Only this mode.")
    ] = None,
    return_path: Annotated[
        bool | None,
        typer.Option(
            "--return-path/--no-return-path", help="Only with, or without."
        ),
    ] = None,
    storage: Annotated[
        StorageName | None, typer.Option(help="Only this storage.")
    ] = None,
    quick: Annotated[
        bool,
        typer.Option(
            "--quick",
            help=(
                "One place in each part of the stream, separate storage: "
                "about a minute."
            ),
        ),
    ] = False,
    record: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Keep every result, and do not run again what is there.",
        ),
    ] = None,
    workers: Annotated[
        int, typer.Option(min=1, max=64, help="Scenarios at a time.")
    ] = 8,
    mail: MailOption = False,
    format: FormatOption = Format.TEXT,
) -> None:
    """A fault at every place of a migration, and what breaks then."""
    from checker.cli.qemu import view as qemu_view
    from checker.cli.qemu.chosen import Chosen

    _check_given(context, "destination")
    raise typer.Exit(
        qemu_view.faults(
            Chosen(tuple(qemus or ()), destination),
            mode.value if mode else "",
            return_path,
            storage.value if storage else "",
            quick=quick,
            record=record,
            workers=workers,
            mail=mail,
            as_json=format == Format.JSON,
        )
    )


@qemu.command()
def scenario(
    context: typer.Context,
    qemus: QemuOption = None,
    destination: DestinationOption = "",
    trace: Annotated[
        str,
        typer.Option(
            metavar="TRACE|CONFIG",
            help=(
                "Runs of the model instead, compared after every step: of "
                "a trace file, or those that a configuration asks for."
            ),
        ),
    ] = "",
    mode: Annotated[
        ModeName, typer.Option(help="When the content is sent.")
    ] = ModeName.PRECOPY,
    return_path: Annotated[
        bool, typer.Option("--return-path", help="With a return path.")
    ] = False,
    storage: Annotated[
        StorageName, typer.Option(help="Do both have the same images?")
    ] = StorageName.SEPARATE,
    bitmaps: Annotated[
        int, typer.Option(help="Bitmaps on each node; 0: a VM without any.")
    ] = 1,
    nodes: Annotated[int, typer.Option(help="Disks.")] = 1,
    persistent: Annotated[
        bool, typer.Option("--persistent", help="In the images as well.")
    ] = False,
    disabled: Annotated[
        bool, typer.Option("--disabled", help="They do not record.")
    ] = False,
    size: Annotated[
        str, typer.Option(metavar="SIZE", help="Of each disk: 64M.")
    ] = "64M",
    granularity: Annotated[
        str, typer.Option(metavar="SIZE", help="What a bit stands for: 64K.")
    ] = "4K",
    full: Annotated[
        bool,
        typer.Option("--full", help="The guest writes to every byte before."),
    ] = False,
    fault: Annotated[
        str | None,
        typer.Option(
            metavar="KIND@PLACE",
            help="What goes wrong, and where: cut@bits:0+middle.",
        ),
    ] = None,
    then: Annotated[
        ThenName,
        typer.Option(
            help=(
                "After it both quit, or crash, or whoever has the VM "
                "migrates it once more."
            )
        ),
    ] = ThenName.QUIT,
    mail: MailOption = False,
    format: FormatOption = Format.TEXT,
) -> None:
    """One migration, with a fault or without, and what was seen.

    Or, with --trace, runs of the model on two QEMUs.
    """
    from checker.cli.qemu import trace_view as qemu_trace_view
    from checker.cli.qemu import view as qemu_view
    from checker.cli.qemu.chosen import Chosen
    from checker.cli.sizes import size_of

    chosen = Chosen(tuple(qemus or ()), destination)
    _check_given(context, "trace", "fault", "destination")
    if trace:
        _check_alone(context, "trace")
        raise typer.Exit(
            qemu_trace_view.run(trace, chosen, as_json=format == Format.JSON)
        )
    data = {
        "mode": mode.value,
        "return_path": return_path,
        "storage": storage.value,
        "bitmaps": bitmaps,
        "nodes": nodes,
        "persistent": persistent,
        "disabled": disabled,
        "size": size_of("--size", size),
        "granularity": size_of("--granularity", granularity),
        "fault": fault or "",
        "full": full,
        "then": then.value,
    }
    raise typer.Exit(
        qemu_view.scenario(chosen, data, mail, format == Format.JSON)
    )


def _check_given(context: typer.Context, *names: str) -> None:
    """InputError for an option that is given, but with nothing in it.

    So a variable of a script that is not set is not taken for no option.
    """
    from checker.input.errors import InputError

    for name in names:
        source = context.get_parameter_source(name)
        given = source is not None and source.name == "COMMANDLINE"
        if given and not str(context.params[name]).strip():
            raise InputError(f"--{name} '': says nothing")


def _check_alone(context: typer.Context, name: str) -> None:
    """InputError for an option that says what ``--name`` says already."""
    from checker.input.errors import InputError

    for other in context.params:
        if other in (name, "qemus", "destination", "format"):
            continue
        source = context.get_parameter_source(other)
        if source is not None and source.name == "COMMANDLINE":
            raise InputError(
                f"--{name}: says all of the scenario; leave out "
                f"--{other.replace('_', '-')}"
            )


@qemu.command()
def interop(
    qemus: QemuOption = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="A few shapes of bitmaps.")
    ] = False,
    malformed: Annotated[
        int | None,
        typer.Option(
            min=0,
            metavar="N",
            help="Malformed streams too, and N by chance for each mode.",
        ),
    ] = None,
    format: FormatOption = Format.TEXT,
) -> None:
    """The reference migrates into QEMU and QEMU into the reference."""
    from checker.cli.qemu import interop_view as qemu_interop_view
    from checker.cli.qemu.chosen import Chosen

    raise typer.Exit(
        qemu_interop_view.run(
            [each.source for each in Chosen(tuple(qemus or ())).pairs()],
            quick=quick,
            malformed_seeds=malformed,
            as_json=format == Format.JSON,
        )
    )


@qemu.command()
def random(
    qemus: QemuOption = None,
    seed: Annotated[
        int | None,
        typer.Option(
            min=0,
            metavar="N",
            help="The same does the same. Default: another one every time.",
        ),
    ] = None,
    examples: Annotated[
        int, typer.Option(min=1, metavar="N", help="Runs.")
    ] = 100,
    steps: Annotated[
        int,
        typer.Option(
            min=1, max=MOST_STEPS, metavar="N", help="Steps of a run."
        ),
    ] = 30,
    mail: MailOption = False,
    format: FormatOption = Format.TEXT,
) -> None:
    """A guest, a backup client and failures in any order, from a seed."""
    from checker.cli.qemu import random_view as qemu_random_view
    from checker.cli.qemu.chosen import Chosen

    asked = qemu_random_view.Asked(seed, examples, steps)
    raise typer.Exit(
        qemu_random_view.run(
            [each.source for each in Chosen(tuple(qemus or ())).pairs()],
            asked,
            mail=mail,
            as_json=format == Format.JSON,
        )
    )


@qemu.command()
def known(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[NAME]",
            help="One of them, with all that is known of it.",
        ),
    ] = None,
    format: FormatOption = Format.TEXT,
) -> None:
    """The known deviations of QEMU, by version; no QEMU is run."""
    from checker.cli.qemu import known_view

    raise typer.Exit(known_view.run(name, as_json=format == Format.JSON))
