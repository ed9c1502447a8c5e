# SPDX-License-Identifier: GPL-2.0-or-later
"""The commands and their options; what they do is in the modules beside."""

from __future__ import annotations

import enum
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from reference.cli import streams

app = typer.Typer(
    name="reference",
    help=(
        "Migrate dirty bitmaps between two processes: start 'serve', then "
        "'send'; 'inspect' shows a captured stream.\n\n"
        "Example: 'serve --listen unix:/tmp/s --node drive0:64M --out DIR', "
        "then 'send --to unix:/tmp/s b0.json'.  The design is told to both.  "
        "A bitmap file is JSON (its name ends in .json: ranges of dirty "
        "bytes) or raw (little-endian words, as QEMU serializes them).  "
        "SIZE: 4096, 64K, 10G.\n\n"
        "Exit codes: 0 done, 2 usage, 70 bitmap lost (declared; the VM "
        "runs), 71 in doubt (failed after the hand-over), 72 bitmap degraded "
        "(kept, dirty where nothing came; the VM runs), 74 transport or "
        "stream error (the source keeps everything), 75 inspect: stream "
        "truncated or corrupt, 130 interrupted before the hand-over, "
        "141 standard output is closed, 151 bad file or configuration, "
        "255 our bug."
    ),
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


class Format(enum.StrEnum):
    """How answers are printed."""

    TEXT = "text"
    JSON = "json"


class DesignName(enum.StrEnum):
    """How bitmaps are migrated."""

    LIVE = "live"
    POSTCOPY = "postcopy"
    STOP_COPY = "stop-copy"
    POSTCOPY_ONES = "postcopy-ones"
    STOP_COPY_BULK = "stop-copy-bulk"


FormatOption = Annotated[
    Format, typer.Option("--format", help="Print text or JSON.")
]
DesignOption = Annotated[
    DesignName, typer.Option(help="The same on both sides.")
]
AliasOption = Annotated[
    list[str] | None,
    typer.Option(
        "--alias",
        metavar="NODE/NAME=NODE/NAME",
        help="Ours=on the wire; with any, no other bitmap travels.",
    ),
]
LogOption = Annotated[
    Path | None,
    typer.Option("--log", metavar="FILE", help="Write events as NDJSON."),
]
ProgressOption = Annotated[
    bool, typer.Option("--progress", help="Also if no terminal is there.")
]
RawOption = Annotated[
    bool, typer.Option("--raw", help="Write raw files instead of JSON.")
]
WritesOption = Annotated[
    str,
    typer.Option(
        metavar="RATE", help="A guest writes: 1000/s, or max. Default: none."
    ),
]
WriteSizeOption = Annotated[
    str, typer.Option(metavar="SIZE", help="Of one write.")
]
SequentialOption = Annotated[
    bool, typer.Option("--sequential", help="Write in order, not at random.")
]
SeedOption = Annotated[int, typer.Option(help="Same seed, same writes.")]
DiskOption = Annotated[
    list[str] | None,
    typer.Option(
        "--disk",
        metavar="NODE=FILE",
        help="Raw image that the writes go to; may be repeated.",
    ),
]
RecordOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="Append a line for each write as it begins."
    ),
]
CertificateOption = Annotated[
    Path | None, typer.Option(metavar="PEM", help="TLS: our certificate.")
]
KeyOption = Annotated[
    Path | None, typer.Option(metavar="PEM", help="TLS: its key.")
]
AuthorityOption = Annotated[
    Path | None, typer.Option(metavar="PEM", help="TLS: whom to trust.")
]


@app.command()
def serve(
    listen: Annotated[
        str,
        typer.Option(
            metavar="ADDRESS", help="unix:/path or tcp:host:port (0: any)."
        ),
    ],
    node: Annotated[
        list[str],
        typer.Option(
            metavar="NODE:SIZE", help="A disk here; may be repeated."
        ),
    ],
    design: DesignOption = DesignName.POSTCOPY,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Where files go: NODE+NAME.json, or .bin."
        ),
    ] = None,
    raw: RawOption = False,
    once: Annotated[
        bool, typer.Option("--once", help="End after a failed attempt too.")
    ] = False,
    alias: AliasOption = None,
    writes: WritesOption = "",
    write_count: Annotated[
        int, typer.Option(min=0, help="The guest ends after so many.")
    ] = 1000,
    write_size: WriteSizeOption = "4096",
    sequential: SequentialOption = False,
    seed: SeedOption = 0,
    disk: DiskOption = None,
    record: RecordOption = None,
    log: LogOption = None,
    tls_cert: CertificateOption = None,
    tls_key: KeyOption = None,
    tls_ca: AuthorityOption = None,
    progress: ProgressOption = False,
    format: FormatOption = Format.TEXT,
) -> None:
    """Wait for a VM's bitmaps; write what arrives, say what is lost."""
    from reference.cli import arguments
    from reference.cli import serve as command
    from reference.host import Host, RunState
    from reference.protocol.tables import Design

    host = Host(RunState.INMIGRATE)
    for name, size in map(arguments.node_of, node):
        if name in host.nodes:
            raise typer.BadParameter(f"--node: '{name[:40]}' twice")
        host.add_node(name, size)
    options = command.Serving(
        address=arguments.address_of(listen),
        design=Design(design.value),
        tls=arguments.Tls(
            certificate=tls_cert, key=tls_key, authority=tls_ca
        ).server(),
        once=once,
        out=out,
        raw=raw,
        log=log,
        progress=progress,
        as_json=format == Format.JSON,
    )
    guest = arguments.Guest(
        writes=writes,
        count=write_count,
        length=write_size,
        sequential=sequential,
        seed=seed,
        disks=disk or [],
        record=record,
    )
    aliases = arguments.aliases_of(alias or [])
    raise typer.Exit(command.run(host, aliases, options, guest))


@app.command()
def send(
    bitmap: Annotated[list[Path], typer.Argument(metavar="BITMAP...")],
    to: Annotated[
        str,
        typer.Option(metavar="ADDRESS", help="unix:/path or tcp:host:port."),
    ],
    design: DesignOption = DesignName.POSTCOPY,
    node: Annotated[
        str, typer.Option(metavar="NODE", help="Of files that name none.")
    ] = "",
    disk_size: Annotated[
        str, typer.Option(metavar="SIZE", help="Of raw files' disk.")
    ] = "",
    granularity: Annotated[
        str, typer.Option(metavar="SIZE", help="Of raw files.")
    ] = "",
    alias: AliasOption = None,
    rate: Annotated[
        str, typer.Option(metavar="SIZE", help="At most this much a second.")
    ] = "",
    downtime: Annotated[
        int,
        typer.Option(
            min=0,
            metavar="MS",
            help="live, stop-copy, stop-copy-bulk: stop the VM when the rest "
            "fits (rate or 1 Gbit/s).",
        ),
    ] = 300,
    downtime_chunks: Annotated[
        int | None,
        typer.Option(min=0, help="The same, in chunks."),
    ] = None,
    switchover_after: Annotated[
        float,
        typer.Option(min=0, metavar="S", help="Do not stop the VM before."),
    ] = 0.0,
    save: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="After a failure: write the bitmaps there, up to date.",
        ),
    ] = None,
    raw: RawOption = False,
    writes: WritesOption = "",
    write_count: Annotated[
        int | None, typer.Option(min=0, help="The guest ends after so many.")
    ] = None,
    write_size: WriteSizeOption = "4096",
    sequential: SequentialOption = False,
    seed: SeedOption = 0,
    disk: DiskOption = None,
    record: RecordOption = None,
    log: LogOption = None,
    tls_cert: CertificateOption = None,
    tls_key: KeyOption = None,
    tls_ca: AuthorityOption = None,
    progress: ProgressOption = False,
    format: FormatOption = Format.TEXT,
) -> None:
    """Migrate the bitmaps of these files; the files are only read."""
    from reference.cli import arguments
    from reference.cli import send as command
    from reference.cli.bitmap_files import load_all
    from reference.host import Host, RunState
    from reference.protocol.tables import Design

    bytes_a_second = arguments.rate_of(rate) if rate else 0.0
    if downtime_chunks is None:
        downtime_chunks = command.downtime_chunks(bytes_a_second, downtime)
    options = command.Sending(
        address=arguments.address_of(to),
        design=Design(design.value),
        rate=bytes_a_second,
        tls=arguments.Tls(
            certificate=tls_cert, key=tls_key, authority=tls_ca
        ).client(),
        downtime=downtime_chunks,
        switchover_after=switchover_after,
        log=log,
        save=save,
        raw=raw,
        progress=progress,
        as_json=format == Format.JSON,
    )
    guest = arguments.Guest(
        writes=writes,
        count=write_count,
        length=write_size,
        sequential=sequential,
        seed=seed,
        disks=disk or [],
        record=record,
    )
    aliases = arguments.aliases_of(alias or [])
    host = Host(RunState.RUNNING)
    load_all(
        host,
        bitmap,
        node,
        arguments.size_of(disk_size) if disk_size else None,
        arguments.size_of(granularity) if granularity else None,
    )
    raise typer.Exit(command.run(host, aliases, options, guest))


@app.command()
def inspect(
    stream: Annotated[Path, typer.Argument(metavar="STREAM")],
    format: FormatOption = Format.TEXT,
) -> None:
    """What a captured migration stream holds, item by item."""
    from reference.inspect_stream import inspect as show

    raise typer.Exit(show(stream, format == Format.JSON, sys.stdout))


def run(arguments: Sequence[str] | None) -> int:
    """Run the command line; returns the exit code."""
    from typer.exceptions import TyperException
    from typer.main import get_command

    given = list(sys.argv[1:] if arguments is None else arguments)
    command = get_command(app)
    try:
        code = command.main(
            args=given or ["--help"],
            prog_name="python -m reference",
            standalone_mode=False,
        )
    except typer.Abort:
        raise KeyboardInterrupt from None
    except SystemExit as error:
        # the library ends like this if our output is not read any more
        raise BrokenPipeError from error
    except TyperException as error:
        message = " ".join(str(error).split()) or type(error).__name__
        streams.say(f"{message} (see --help)")
        return 2
    # without a command there is help, but nothing was done
    return int(code or 0) if given else 2
