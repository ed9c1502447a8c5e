# SPDX-License-Identifier: GPL-2.0-or-later
"""The commands and their options; what they do is in the modules beside."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from checker.cli import streams
from checker.cli.options import (
    AlwaysOption,
    CompleteOption,
    ConfigArgument,
    DepthOption,
    DesignArgument,
    EngineName,
    EngineOption,
    Format,
    FormatOption,
    GraphForm,
    MemoryOption,
    MinimiseOption,
    ReachableOption,
    StatesOption,
    ThreadsOption,
    WithoutOption,
    show_version,
)
from checker.cli.prove_command import prove
from checker.cli.qemu.command import qemu
from checker.cli.streams import INTERRUPTED
from checker.cli.trace_command import cite, explain, replay, show
from checker.input.exit_codes import in_one_sentence

app = typer.Typer(
    name="dbmcheck",
    help=(
        "Check designs for migrating QEMU's dirty bitmaps: explore every "
        "run of a small disk, with every failure.\n\n"
        "Start with 'dbmcheck compare'.  CONFIG is a TOML file, or the name "
        "of a shipped configuration ('dbmcheck list').  TRACE is a file "
        "written by 'check --trace', or a CONFIG: then its gravest "
        "violation is looked for first.\n\n" + in_one_sentence()
    ),
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def top(
    version: Annotated[
        bool,
        typer.Option("--version", callback=show_version, is_eager=True),
    ] = False,
) -> None:
    """Options before the command."""


@app.command()
def compare(
    format: FormatOption = Format.TEXT,
    memory: MemoryOption = "",
    max_states: StatesOption = 0,
    threads: ThreadsOption = 1,
) -> None:
    """The designs side by side: guarantees, costs, the answer."""
    from checker.cli import compare_view
    from checker.cli.limits import limits

    chosen = limits(memory, max_states, threads)
    raise typer.Exit(compare_view.run(chosen, format == Format.JSON))


@app.command()
def check(
    config: ConfigArgument,
    format: FormatOption = Format.TEXT,
    engine: EngineOption = EngineName.EXPLICIT,
    depth: DepthOption = None,
    without: WithoutOption = None,
    complete: CompleteOption = False,
    memory: MemoryOption = "",
    max_states: StatesOption = 0,
    threads: ThreadsOption = 1,
    first: Annotated[
        bool,
        typer.Option("--first", help="Stop at the first violation."),
    ] = False,
    expect: Annotated[
        bool,
        typer.Option(
            "--expect", help="Exit 0 exactly if [expect] is what comes out."
        ),
    ] = False,
    trace: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Write the gravest violation's trace."
        ),
    ] = None,
    minimise: MinimiseOption = False,
    always: AlwaysOption = None,
    reachable: ReachableOption = None,
    coverage: Annotated[
        bool,
        typer.Option(
            "--coverage",
            help="Say how often each action fired, each conjunct decided.",
        ),
    ] = False,
) -> None:
    """Explore one configuration and say what holds."""
    from checker.cli import check_view
    from checker.cli.describe import Asked
    from checker.cli.limits import limits

    raise typer.Exit(
        check_view.run(
            config,
            engine=engine.value,
            depth=depth,
            without=tuple(without or ()),
            complete=complete,
            limits=limits(memory, max_states, threads, first),
            as_json=format == Format.JSON,
            expect=expect,
            trace_file=trace,
            minimise=minimise,
            asked=Asked(tuple(always or ()), tuple(reachable or ())),
            coverage=coverage,
        )
    )


@app.command()
def ablate(
    design: DesignArgument,
    format: FormatOption = Format.TEXT,
    memory: MemoryOption = "",
    max_states: StatesOption = 0,
    processes: Annotated[
        int | None,
        typer.Option(
            min=1, max=64, help="Default: two, if there are two cores."
        ),
    ] = None,
    singles: Annotated[
        bool,
        typer.Option(
            "--singles",
            help="Take out one at a time only: seconds, not a minute.",
        ),
    ] = False,
) -> None:
    """Take out each mechanism, each pair, and more; show what breaks.

    Asks everything that the complete design keeps, at the bounds of CONFIG
    if one is given.  Then says which mechanisms heal each other, which may go
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
    design: Annotated[str, typer.Argument(metavar="DESIGN")],
    only: Annotated[
        str,
        typer.Option(metavar="ACTION", help="Mutants of this action alone."),
    ] = "",
    jobs: Annotated[
        int, typer.Option(min=1, max=64, help="Processes that try mutants.")
    ] = 1,
    format: FormatOption = Format.TEXT,
) -> None:
    """Change each action a little; list the changes nobody notices."""
    from checker.cli import mutate_view

    raise typer.Exit(
        mutate_view.run(design, only, jobs, format == Format.JSON)
    )


@app.command()
def model(
    design: Annotated[str, typer.Argument(metavar="DESIGN|CONFIG")],
    without: WithoutOption = None,
    actor: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ACTOR",
            help="Actions of this actor; may be repeated.  Default: the "
            "source and the destination.",
        ),
    ] = None,
    properties: Annotated[
        bool, typer.Option("--properties", help="What is asked of it.")
    ] = False,
    fields: Annotated[
        bool, typer.Option("--fields", help="What a state is made of.")
    ] = False,
    words: Annotated[
        bool, typer.Option("--words", help="What the names stand for.")
    ] = False,
    fairness: Annotated[
        bool,
        typer.Option("--fairness", help="What may be put off for ever."),
    ] = False,
    diff: Annotated[
        bool,
        typer.Option("--diff", help="Only what differs without MECHANISM."),
    ] = False,
    format: FormatOption = Format.TEXT,
) -> None:
    """Print a design as it is checked: who does what, and when."""
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


@app.command()
def step(
    config: ConfigArgument,
    without: WithoutOption = None,
) -> None:
    """Walk by hand: type the number of an action; u undoes, q quits."""
    from checker.cli import step_view

    raise typer.Exit(step_view.run(config, tuple(without or ())))


@app.command()
def simulate(
    config: ConfigArgument,
    runs: Annotated[int, typer.Option(min=1, help="How many runs.")] = 1000,
    depth: Annotated[int, typer.Option(min=1, help="Steps a run.")] = 200,
    seed: Annotated[int, typer.Option(help="Same seed, same runs.")] = 0,
    without: WithoutOption = None,
    trace: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the violation's trace."),
    ] = None,
    always: AlwaysOption = None,
    reachable: ReachableOption = None,
    format: FormatOption = Format.TEXT,
) -> None:
    """Random runs, for what is too large to explore. Never says HOLDS."""
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
    config: Annotated[str, typer.Argument(metavar="[CONFIG]")] = "",
    log: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="Judge a log of the reference instead; one for each side.",
        ),
    ] = None,
    bitmap: Annotated[
        str,
        typer.Option(metavar="NODE/NAME", help="Which bitmap of the log."),
    ] = "",
    memory: MemoryOption = "",
    max_pairs: Annotated[
        int,
        typer.Option(min=0, help="Give up beyond so many; 0: no limit."),
    ] = 0,
    trace: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the run up to a mismatch."),
    ] = None,
    format: FormatOption = Format.TEXT,
) -> None:
    """Drive the reference implementation through every run of CONFIG."""
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


@app.command("list")
def list_(format: FormatOption = Format.TEXT) -> None:
    """The shipped configurations, the designs and their mechanisms."""
    from checker.cli import list_view

    raise typer.Exit(list_view.run(format == Format.JSON))


@app.command()
def graph(
    config: ConfigArgument,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE")
    ] = Path("-"),
    form: Annotated[
        GraphForm | None,
        typer.Option(
            "--as", help="Default: as FILE ends (.gv is dot), or graphml."
        ),
    ] = None,
    max_states: Annotated[
        int,
        typer.Option("--max-states", min=1, help="Refuse larger graphs."),
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
        # the library ends like this if nobody reads our output any more
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
