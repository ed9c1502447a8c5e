# SPDX-License-Identifier: GPL-2.0-or-later
"""The commands and their options; what they do is in the modules beside."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from checker.cli import streams
from checker.cli.check_command import check
from checker.cli.options import (
    AlwaysOption,
    ConfigArgument,
    DesignArgument,
    Format,
    FormatOption,
    GraphForm,
    MemoryOption,
    ReachableOption,
    StatesOption,
    ThreadsOption,
    VersionOption,
    WithoutOption,
)
from checker.cli.prove_command import prove
from checker.cli.qemu.command import qemu
from checker.cli.streams import INTERRUPTED
from checker.cli.trace_command import cite, diff, explain, replay, show, step
from checker.input.exit_codes import in_one_sentence

app = typer.Typer(
    name="dbmcheck",
    help=(
        "Check designs for migrating QEMU's dirty bitmaps: explore every "
        "run of a small disk, with every failure.\n\n"
        "Start with 'dbmcheck compare'.  CONFIG is a TOML file, or the name "
        "of a shipped configuration ('dbmcheck list').  TRACE is a file "
        "written by 'check --trace'; where TRACE|CONFIG is asked for, the "
        "gravest violation of CONFIG is looked for first.\n\n"
        + in_one_sentence()
    ),
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def top(
    version: VersionOption = False,
) -> None:
    """Options before the command."""


@app.command()
def compare(
    format: FormatOption = Format.TEXT,
    memory: MemoryOption = "",
    max_states: StatesOption = 0,
    threads: ThreadsOption = 1,
) -> None:
    """Compare the designs: guarantees, costs, and which are tenable."""
    from checker.cli import compare_view
    from checker.cli.limits import limits

    chosen = limits(memory, max_states, threads)
    raise typer.Exit(compare_view.run(chosen, format == Format.JSON))


app.command()(check)


@app.command()
def ablate(
    design: DesignArgument,
    format: FormatOption = Format.TEXT,
    memory: MemoryOption = "",
    max_states: StatesOption = 0,
    processes: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=64,
            help="Number of processes. Default: two, if there are two cores.",
        ),
    ] = None,
    singles: Annotated[
        bool,
        typer.Option(
            "--singles",
            help="Single mechanisms only: seconds, not a minute.",
        ),
    ] = False,
) -> None:
    """Take mechanisms out and report what breaks.

    They are taken out singly and together, at the bounds of CONFIG if one is
    given.  Every variant is asked all that the complete design keeps.  The
    report tells which mechanisms heal each other, which are redundant
    together, and which are enough for a guarantee.
    """
    from checker.cli import ablate_view
    from checker.cli.limits import limits

    chosen = limits(memory, max_states, 1)
    raise typer.Exit(
        ablate_view.run(
            design, chosen, processes, singles, format == Format.JSON
        )
    )


@app.command()
def mutate(
    design: Annotated[
        str, typer.Argument(metavar="DESIGN", help="Name of a design.")
    ],
    only: Annotated[
        str,
        typer.Option(
            metavar="ACTION", help="Only the mutants of this action."
        ),
    ] = "",
    jobs: Annotated[
        int, typer.Option(min=1, max=64, help="Number of processes.")
    ] = 1,
    format: FormatOption = Format.TEXT,
) -> None:
    """Change each action a little; list changes that go unnoticed."""
    from checker.cli import mutate_view

    raise typer.Exit(
        mutate_view.run(design, only, jobs, format == Format.JSON)
    )


@app.command()
def model(
    design: DesignArgument,
    without: WithoutOption = None,
    actor: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ACTOR",
            help="Actor whose actions are printed; may be repeated.  "
            "Default: the source and the destination.",
        ),
    ] = None,
    properties: Annotated[
        bool, typer.Option("--properties", help="The properties.")
    ] = False,
    fields: Annotated[
        bool, typer.Option("--fields", help="The fields of a state.")
    ] = False,
    words: Annotated[
        bool, typer.Option("--words", help="The names, with their meaning.")
    ] = False,
    fairness: Annotated[
        bool,
        typer.Option("--fairness", help="What may be put off for ever."),
    ] = False,
    diff: Annotated[
        bool,
        typer.Option(
            "--diff", help="Only the difference that MECHANISM makes."
        ),
    ] = False,
    format: FormatOption = Format.TEXT,
) -> None:
    """Print a design as it is checked, action by action."""
    from checker.cli import model_view

    named = {
        "properties": properties,
        "fields": fields,
        "words": words,
        "fairness": fairness,
    }
    parts = tuple(part for part, asked in named.items() if asked)
    raise typer.Exit(
        model_view.run(
            design,
            tuple(without or ()),
            tuple(actor or ()),
            parts,
            diff,
            format == Format.JSON,
        )
    )


app.command()(prove)
app.add_typer(qemu, name="qemu")


app.command()(cite)
app.command()(show)
app.command()(replay)
app.command()(explain)
app.command()(step)
app.command()(diff)


@app.command()
def simulate(
    config: ConfigArgument,
    runs: Annotated[int, typer.Option(min=1, help="Number of runs.")] = 1000,
    depth: Annotated[
        int, typer.Option(min=1, help="Most steps of a run.")
    ] = 200,
    seed: Annotated[
        int, typer.Option(help="Seed; the same seed gives the same runs.")
    ] = 0,
    without: WithoutOption = None,
    trace: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="File for the violation's trace."),
    ] = None,
    always: AlwaysOption = None,
    reachable: ReachableOption = None,
    format: FormatOption = Format.TEXT,
) -> None:
    """Try random runs, where a configuration is too large to explore.

    The verdict is never HOLDS.
    """
    from checker.cli import simulate_view
    from checker.cli.describe import Asked

    raise typer.Exit(
        simulate_view.run(
            config,
            runs,
            depth,
            seed,
            tuple(without or ()),
            Asked(tuple(always or ()), tuple(reachable or ())),
            trace,
            format == Format.JSON,
        )
    )


@app.command()
def conform(
    config: Annotated[
        str,
        typer.Argument(
            metavar="[CONFIG]",
            help="Name of a configuration, or a TOML file.",
        ),
    ] = "",
    log: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="Log of the reference to judge instead; one for each host.",
        ),
    ] = None,
    bitmap: Annotated[
        str,
        typer.Option(metavar="NODE/NAME", help="Bitmap of the log."),
    ] = "",
    memory: MemoryOption = "",
    max_pairs: Annotated[
        int,
        typer.Option(min=0, help="Limit of pairs of states; 0: no limit."),
    ] = 0,
    trace: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="File for the run up to a mismatch."
        ),
    ] = None,
    format: FormatOption = Format.TEXT,
) -> None:
    """Compare the reference with the model on every run of CONFIG."""
    from checker.cli import conform_view
    from checker.cli.limits import limits

    raise typer.Exit(
        conform_view.run(
            config,
            tuple(log or ()),
            bitmap,
            limits(memory, max_pairs, 1),
            trace,
            format == Format.JSON,
        )
    )


@app.command()
def man(context: typer.Context) -> None:
    """Print the manual page: dbmcheck man > dbmcheck.1."""
    from checker.cli import man_view

    raise typer.Exit(man_view.run(context.find_root()))


@app.command("list")
def list_(format: FormatOption = Format.TEXT) -> None:
    """List the configurations, the designs and their mechanisms."""
    from checker.cli import list_view

    raise typer.Exit(list_view.run(format == Format.JSON))


@app.command()
def graph(
    config: ConfigArgument,
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", metavar="FILE", help="File; -: standard output."
        ),
    ] = Path("-"),
    form: Annotated[
        GraphForm | None,
        typer.Option(
            "--as",
            help="File format. Default: by FILE's ending, or graphml.",
        ),
    ] = None,
    max_states: Annotated[
        int,
        typer.Option("--max-states", min=1, help="Most states of a graph."),
    ] = 5000,
    without: WithoutOption = None,
    format: FormatOption = Format.TEXT,
) -> None:
    """Write the state graph as GraphML, dot or JSON (node-link)."""
    from checker.cli import graph_view

    raise typer.Exit(
        graph_view.run(
            config,
            output,
            form.value if form else "",
            max_states,
            tuple(without or ()),
            format == Format.JSON,
        )
    )


def run(arguments: Sequence[str] | None) -> int:
    """Run the command line; returns the exit code."""
    from typer.exceptions import TyperException
    from typer.main import get_command

    given = list(sys.argv[1:] if arguments is None else arguments)
    command = get_command(app)
    try:
        code = command.main(
            args=given or ["--help"],
            prog_name="dbmcheck",
            standalone_mode=False,
        )
    except typer.Abort:
        raise KeyboardInterrupt from None
    except SystemExit as error:
        # the library ends like this if our output is not read any more
        raise BrokenPipeError from error
    except TyperException as error:
        said = error.format_message()
        message = " ".join(said.split()) or type(error).__name__
        streams.complain(f"{message} (see dbmcheck --help)")
        return 2
    if code == INTERRUPTED:
        # the library takes a Ctrl-C for a way to end, and says nothing
        raise KeyboardInterrupt
    # without a command there is help, but nothing was done
    return int(code or 0) if given else 2
