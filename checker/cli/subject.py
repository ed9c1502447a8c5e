# SPDX-License-Identifier: GPL-2.0-or-later
"""The trace that ``show``, ``cite`` and ``explain`` speak of: where it is."""

from __future__ import annotations

import shlex
from pathlib import Path

from attrs import evolve, frozen

from checker.checking.check import Answer, check
from checker.cli.chosen_trace import minimised
from checker.cli.describe import NOTHING, Asked, command, configured
from checker.cli.progress import shown
from checker.engines.exploration import TYPE_INVARIANT, Coverage, Limits
from checker.engines.verdict import (
    CONFORMANCE,
    DEADLOCK,
    Finding,
    Verdict,
    gravest,
)
from checker.input.configuration import (
    Configuration,
    as_toml,
    listed,
    load,
    shipped,
)
from checker.input.errors import InputError, NothingToShowError, UndecidedError
from checker.input.nearest import meant
from checker.input.own_properties import OWN
from checker.traces.trace import Trace
from model.language import Machine


@frozen(kw_only=True)
class Subject:
    """The trace to speak of, and the commands that concern it.

    ``file``: a configuration that the reader needs, ``attached``: the trace
    file that he needs.
    """

    trace: Trace
    machine: Machine
    coverage: Coverage | None
    reproduce: str
    complete: str
    file: tuple[str, str] | None = None
    attached: str = ""


@frozen(kw_only=True)
class Wanted:
    """Which trace is to be shown, as the command line says it.

    ``argument``: a trace file or a configuration; of a configuration,
    ``without`` and ``complete`` make a variant, ``property_name`` chooses a
    violation, and ``minimise`` the smallest configuration that shows it.
    ``asked``: own properties beside those of the configuration; the trace is
    of one of them, unless ``property_name`` says another one.
    """

    argument: str
    property_name: str = ""
    without: tuple[str, ...] = ()
    complete: bool = False
    minimise: bool = False
    asked: Asked = NOTHING


def find(wanted: Wanted) -> Subject:
    """The trace in a file, or the violation of a configuration."""
    argument = wanted.argument
    if is_trace_file(argument):
        given = {
            "--without": wanted.without,
            "--complete": wanted.complete,
            "--minimise": wanted.minimise,
            "--always": wanted.asked.always,
            "--reachable": wanted.asked.reachable,
        }
        for option, value in given.items():
            if value:
                raise InputError(
                    f"{option} goes with a CONFIG, not with a trace"
                )
        return _from_file(argument, wanted.property_name)
    configuration = configured(
        argument, wanted.without, wanted.complete, wanted.asked
    )
    if wanted.asked and not wanted.property_name:
        configuration = evolve(configuration, properties=(OWN,))
    with shown() as report_for:
        answer = check(configuration, report=report_for(configuration.name))
    chosen = gravest_shown(answer, wanted.property_name)
    trace = answer.traces[chosen.name]
    coverage: Coverage | None = answer.coverage
    if wanted.minimise:
        smaller = minimised(trace, Limits())
        if smaller is None:
            raise KeyboardInterrupt
        if smaller.options != trace.options:
            coverage = None  # another search found it
        trace = smaller
    reproduce = command(
        "cite",
        argument,
        wanted.without,
        wanted.complete,
        wanted.minimise,
        wanted.asked,
    )
    if wanted.property_name:
        reproduce += f" --property {shlex.quote(chosen.name)}"
    return Subject(
        trace=trace,
        machine=trace.machine(),
        coverage=coverage,
        reproduce=reproduce,
        complete=_complete(trace, argument, wanted.without),
        file=None
        if argument in shipped()
        else (argument, as_toml(load(argument).options, load(argument).own)),
    )


def is_trace_file(argument: str) -> bool:
    """Whether it is a trace file: by its ending, or by how it begins.

    No configuration begins with a brace.
    """
    if argument in shipped():
        return False
    if argument.endswith(".json"):
        return True
    path = Path(argument)
    if not path.is_file():
        return False
    try:
        with path.open("rb") as file:
            return file.read(64).lstrip().startswith(b"{")
    except OSError:
        return False


def gravest_shown(answer: Answer, property_name: str) -> Finding:
    """Return the gravest of the findings asked for that a trace shows.

    If there is none, one line says why: InputError if the property is not
    known, UndecidedError if it was not decided, else NothingToShowError.
    """
    name = answer.configuration.name
    asked = [
        f
        for f in answer.findings
        if property_name in ("", f.name, f.guarantee)
    ]
    # of these there is a finding only where they are violated
    silent = property_name in (DEADLOCK, TYPE_INVARIANT)
    if not asked and not silent:
        known = ", ".join(f.name for f in answer.findings)
        raise InputError(
            f"{name}: no property '{property_name}'; it has {known}"
            f"{meant(property_name, [f.name for f in answer.findings])}"
        )
    traced = [f for f in asked if f.name in answer.traces]
    shown = gravest(traced)
    if shown is not None:
        return shown
    if traced:
        return traced[0]  # it is met, and that was asked for
    worst = gravest(asked)
    if worst is None and answer.coverage.stopped:
        raise UndecidedError(f"{name}: {answer.coverage.stopped}")
    if worst is None:
        what = f"{property_name} HOLDS" if property_name else "HOLDS"
        if any(f.kind == "reachable" for f in asked) and property_name:
            what = f"{property_name} is met"
        raise NothingToShowError(
            f"{name}: {what}, there is no violation to show"
        )
    if worst.verdict is Verdict.INCONCLUSIVE:
        raise UndecidedError(f"{name}: {worst.verdict.value}: {worst.reason}")
    raise NothingToShowError(
        f"{name}: {worst.name}: {worst.reason}; no run shows that",
        worst.exit_code,
    )


def _from_file(argument: str, property_name: str) -> Subject:
    from checker.traces.storage import load as load_trace

    trace = load_trace(Path(argument))
    if property_name not in ("", trace.property_name):
        raise InputError(
            f"{argument}: shows {trace.property_name}, not {property_name}"
        )
    return Subject(
        trace=trace,
        machine=trace.machine(),
        coverage=None,
        complete=_complete(trace, "", ()),
        attached=Path(argument).name,
        reproduce=command("replay", Path(argument).name),
    )


def _complete(trace: Trace, argument: str, without: tuple[str, ...]) -> str:
    """The command that shows the design to hold, without the hole."""
    if without and not load(argument).options.without:
        return command("check", argument)
    if argument and trace.options.without:
        return f"{command('check', argument)} --complete"
    if trace.property_name == CONFORMANCE:
        return "dbmcheck conform"
    if trace.own is not None:
        return ""  # no shipped configuration asks it
    design = trace.options.design
    holding = [
        c
        for c in listed()
        if c.options.design == design and c.expect.verdict == "HOLDS"
    ]
    # the design's own configuration if it asks this, else the smallest
    holding.sort(key=lambda c: (c.name != design, c.expect.states or 0))
    best = next((c for c in holding if _asks(c, trace.property_name)), None)
    return "" if best is None else f"dbmcheck check {best.name}"


def _asks(configuration: Configuration, property_name: str) -> bool:
    names = [p.name for p in configuration.machine().properties]
    return property_name in names or property_name == DEADLOCK
