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


QemuOption = Annotated[
    list[str] | None,
    typer.Option(
        "--qemu",
        metavar="PATH",
        help="The QEMU to run; may be repeated. Default: the installed one.",
    ),
]
LibrariesOption = Annotated[
    list[str] | None,
    typer.Option(
        "--library-path",
        metavar="DIR[:DIR]",
        help="Libraries of each --qemu, in the same order, or of all.",
    ),
]
DestinationOption = Annotated[
    str,
    typer.Option(
        metavar="PATH", help="Another QEMU for the destination's side."
    ),
]
MailOption = Annotated[
    bool,
    typer.Option("--mail", help="Print each violation as a block of mail."),
]


@qemu.command()
def faults(
    qemu_paths: QemuOption = None,
    library_path: LibrariesOption = None,
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
    from checker.cli import qemu_view

    raise typer.Exit(
        qemu_view.faults(
            qemu_view.Chosen(
                tuple(qemu_paths or ()),
                tuple(library_path or ()),
                destination,
            ),
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
    qemu_paths: QemuOption = None,
    library_path: LibrariesOption = None,
    destination: DestinationOption = "",
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
    size: Annotated[int, typer.Option(help="Bytes of each disk.")] = (
        64 * 1024 * 1024
    ),
    granularity: Annotated[int, typer.Option(help="Bytes a bit.")] = 4096,
    full: Annotated[
        bool,
        typer.Option("--full", help="The guest writes to every byte before."),
    ] = False,
    fault: Annotated[
        str,
        typer.Option(
            metavar="KIND@PLACE",
            help="What goes wrong, and where: cut@bits:0+middle.",
        ),
    ] = "",
    mail: MailOption = False,
    format: FormatOption = Format.TEXT,
) -> None:
    """One migration, with a fault or without, and what was seen."""
    from checker.cli import qemu_view

    data = {
        "mode": mode.value,
        "return_path": return_path,
        "storage": storage.value,
        "bitmaps": bitmaps,
        "nodes": nodes,
        "persistent": persistent,
        "disabled": disabled,
        "size": size,
        "granularity": granularity,
        "fault": fault,
        "full": full,
    }
    chosen = qemu_view.Chosen(
        tuple(qemu_paths or ()), tuple(library_path or ()), destination
    )
    raise typer.Exit(
        qemu_view.scenario(chosen, data, mail, format == Format.JSON)
    )


@qemu.command()
def interop(
    path: Annotated[
        str, typer.Option("--qemu", metavar="PATH", help="The QEMU to run.")
    ] = "",
    library_path: Annotated[
        str, typer.Option(metavar="DIR[:DIR]", help="Its libraries.")
    ] = "",
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
    from checker.cli import qemu_interop_view
    from checker.conformance.qemu.binary import PROGRAM

    raise typer.Exit(
        qemu_interop_view.run(
            path or PROGRAM,
            library_path,
            quick=quick,
            malformed_seeds=malformed,
            as_json=format == Format.JSON,
        )
    )


@qemu.command()
def trace(
    argument: Annotated[str, typer.Argument(metavar="TRACE|CONFIG")],
    path: Annotated[
        str, typer.Option("--qemu", metavar="PATH", help="The QEMU to run.")
    ] = "",
    library_path: Annotated[
        str, typer.Option(metavar="DIR[:DIR]", help="Its libraries.")
    ] = "",
    format: FormatOption = Format.TEXT,
) -> None:
    """Runs of the model on two QEMUs, compared after every step."""
    from checker.cli import qemu_trace_view
    from checker.conformance.qemu.binary import PROGRAM, find_build

    build = find_build(path or PROGRAM, library_path=library_path)
    raise typer.Exit(
        qemu_trace_view.run(argument, build, as_json=format == Format.JSON)
    )


@qemu.command()
def random(
    path: Annotated[
        str, typer.Option("--qemu", metavar="PATH", help="The QEMU to run.")
    ] = "",
    library_path: Annotated[
        str, typer.Option(metavar="DIR[:DIR]", help="Its libraries.")
    ] = "",
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
    from checker.cli import qemu_random_view

    asked = qemu_random_view.Asked(path, library_path, seed, examples, steps)
    raise typer.Exit(
        qemu_random_view.run(asked, mail=mail, as_json=format == Format.JSON)
    )
