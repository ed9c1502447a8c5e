# SPDX-License-Identifier: GPL-2.0-or-later
"""The commands ``dbmcheck qemu ...`` and their options."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Annotated

import typer

from checker.cli.options import MOST_STEPS, Format, FormatOption

qemu = typer.Typer(
    help="Judge real QEMU processes by the guarantees of the model.",
    rich_markup_mode=None,
)


class ModeName(enum.StrEnum):
    """When the bitmaps' content is sent."""

    PRECOPY = "precopy"
    POSTCOPY = "postcopy"


class StorageName(enum.StrEnum):
    """Whether both hosts have the same images."""

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
            "QEMU to run: a file, or a command in quotes, such as one with "
            "a loader before it. May be repeated. Default: the installed "
            "QEMU."
        ),
    ),
]
DestinationOption = Annotated[
    str,
    typer.Option(
        metavar="WORDS", help="QEMU of the destination, if it is another."
    ),
]
MailOption = Annotated[
    bool,
    typer.Option("--mail", help="Violations as text for a mail."),
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
            "--return-path/--no-return-path",
            help="Only with a return path, or only without.",
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
            help="File of results; a scenario that is in it is not run again.",
        ),
    ] = None,
    workers: Annotated[
        int, typer.Option(min=1, max=64, help="Number of scenarios at a time.")
    ] = 8,
    mail: MailOption = False,
    format: FormatOption = Format.TEXT,
) -> None:
    """Cause a fault at every place of a migration; report what breaks."""
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
                "Trace file to run instead, or a configuration whose traces "
                "are run; QEMU and model are compared after every step."
            ),
        ),
    ] = "",
    mode: Annotated[
        ModeName, typer.Option(help="When the bitmaps are sent.")
    ] = ModeName.PRECOPY,
    return_path: Annotated[
        bool, typer.Option("--return-path", help="With a return path.")
    ] = False,
    storage: Annotated[
        StorageName, typer.Option(help="Images of the two hosts.")
    ] = StorageName.SEPARATE,
    bitmaps: Annotated[
        int, typer.Option(help="Number of bitmaps on each disk.")
    ] = 1,
    nodes: Annotated[int, typer.Option(help="Number of disks.")] = 1,
    persistent: Annotated[
        bool, typer.Option("--persistent", help="Persistent bitmaps.")
    ] = False,
    disabled: Annotated[
        bool,
        typer.Option(
            "--disabled", help="Disabled bitmaps: they do not record."
        ),
    ] = False,
    size: Annotated[
        str, typer.Option(metavar="SIZE", help="Size of each disk.")
    ] = "64M",
    granularity: Annotated[
        str,
        typer.Option(
            metavar="SIZE", help="Granularity of the bitmaps in bytes."
        ),
    ] = "4K",
    full: Annotated[
        bool,
        typer.Option(
            "--full", help="Disks written in full before the migration."
        ),
    ] = False,
    fault: Annotated[
        str | None,
        typer.Option(
            metavar="KIND@PLACE",
            help="Fault and its place, such as cut@bits:0+middle.",
        ),
    ] = None,
    then: Annotated[
        ThenName,
        typer.Option(
            help=(
                "What follows: both processes quit, both are killed, or the "
                "VM migrates again."
            )
        ),
    ] = ThenName.QUIT,
    mail: MailOption = False,
    format: FormatOption = Format.TEXT,
) -> None:
    """Run one migration, maybe with a fault; report what was seen.

    With --trace, run traces of the model on two QEMUs instead.
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
    """Raise InputError for an option that is given, but is empty.

    A variable of a script that is not set must not count as no option.
    """
    from checker.input.errors import InputError

    for name in names:
        source = context.get_parameter_source(name)
        given = source is not None and source.name == "COMMANDLINE"
        if given and not str(context.params[name]).strip():
            raise InputError(f"--{name} '': says nothing")


def _check_alone(context: typer.Context, name: str) -> None:
    """Raise InputError for an option that ``--name`` has settled."""
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
        bool, typer.Option("--quick", help="Few shapes of bitmaps only.")
    ] = False,
    malformed: Annotated[
        int | None,
        typer.Option(
            min=0,
            metavar="N",
            help="Malformed streams too, and N random ones for each mode.",
        ),
    ] = None,
    format: FormatOption = Format.TEXT,
) -> None:
    """Migrate from the reference into QEMU, and back."""
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
            help="Seed of the runs. Default: a new one every time.",
        ),
    ] = None,
    examples: Annotated[
        int, typer.Option(min=1, metavar="N", help="Number of runs.")
    ] = 100,
    steps: Annotated[
        int,
        typer.Option(
            min=1, max=MOST_STEPS, metavar="N", help="Most steps of a run."
        ),
    ] = 30,
    mail: MailOption = False,
    format: FormatOption = Format.TEXT,
) -> None:
    """Run a guest, a backup client and failures in random order."""
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
