# SPDX-License-Identifier: GPL-2.0-or-later
"""``dbmcheck show``, ``cite`` and ``explain``."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

from attrs import evolve, frozen

from checker.checking.check import Answer, check
from checker.citing.mail import Label
from checker.cli import page
from checker.cli.check_view import minimised, trace_json
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
    load,
    shipped,
)
from checker.input.errors import InputError, NothingToShowError, UndecidedError
from checker.input.nearest import meant
from checker.input.own_properties import OWN
from checker.traces.trace import Trace
from model.language import Machine

#: what a configuration is called that a mail brings along
MINE = "mine"
#: a search of more states is too long for a command that shows a file
FEW_STATES = 1 << 18


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
    chosen = _gravest_shown(answer, wanted.property_name)
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


def _gravest_shown(answer: Answer, property_name: str) -> Finding:
    """The gravest finding that a trace shows, of those that are asked for.

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


def _without_file(subject: Subject) -> Subject:
    """The same, so that a reader who has not got the file can see it.

    Who is sent a mail has the shipped configurations and what the mail says.
    Where a search of that configuration gives another trace, or is long, the
    file has to go with the mail.
    """
    trace = subject.trace
    names = [n for n in shipped() if load(n).options == trace.options]
    own = () if trace.own is None else (trace.own,)
    wanted = [load(n) for n in names if not own] or [
        Configuration(name=MINE, options=trace.options, own=own)
    ]
    for configuration in wanted:
        answer = check(configuration, limits=Limits(max_states=FEW_STATES))
        if answer.interrupted:
            raise KeyboardInterrupt
        found = answer.traces.get(trace.property_name)
        if found is None or found.id != trace.id:
            continue
        mine = configuration.name == MINE
        name = f"{MINE}.toml" if mine else configuration.name
        cite = command("cite", name)
        if _gravest_shown(answer, "").name != trace.property_name:
            cite += f" --property {shlex.quote(trace.property_name)}"
        return evolve(
            subject,
            reproduce=cite,
            file=(name, as_toml(trace.options, own)) if mine else None,
            attached="",
            coverage=None if answer.coverage.stopped else answer.coverage,
        )
    return subject


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
        for c in map(load, shipped())
        if c.options.design == design
        and c.expect.verdict == "HOLDS"
        and _asks(c, trace.property_name)
    ]
    if not holding:
        return ""
    # the design's own configuration if it asks this, else the smallest
    best = min(holding, key=lambda c: (c.name != design, c.expect.states or 0))
    return f"dbmcheck check {best.name}"


def _asks(configuration: Configuration, property_name: str) -> bool:
    names = [p.name for p in configuration.machine().properties]
    return property_name in names or property_name == DEADLOCK


def _label(trace: Trace) -> Label | None:
    """A complete design that need not end is as it was designed."""
    kinds = {p.name: p.kind for p in trace.machine().properties}
    limit = kinds.get(trace.property_name) == "eventually"
    return Label.DESIGN if limit and not trace.options.without else None


def show(wanted: Wanted, form: str, as_json: bool) -> int:
    """Print the trace in the form that was asked for."""
    subject = find(wanted)
    text = _render(subject, form)
    if as_json:
        page.as_json(
            {
                "trace": trace_json(subject.machine, subject.trace),
                "form": form,
                "text": text,
            }
        )
    else:
        page.line(text.rstrip("\n"))
    return 0


def _render(subject: Subject, form: str) -> str:
    machine, trace = subject.machine, subject.trace
    if form in ("mail", "pytest"):
        _check_claims(trace)
    if form == "mail":
        from checker.citing.alternative import alternatives
        from checker.citing.mail import mail_block

        if subject.attached:
            subject = _without_file(subject)
        coverage = subject.coverage
        return mail_block(
            machine,
            trace,
            reproduce=subject.reproduce,
            complete=subject.complete,
            label=_label(trace),
            alternative=str(alternatives(trace) or ""),
            file=subject.file,
            attached=subject.attached,
            states=coverage.states if coverage else None,
            transitions=coverage.transitions if coverage else None,
        )
    if form == "sequence":
        from checker.citing.sequence import render_sequence

        return render_sequence(machine, trace)
    if form == "itf":
        from checker.traces.itf import to_itf

        return json.dumps(to_itf(machine, trace), indent=2)
    if form == "pytest":
        from checker.traces.python_test import to_python_test

        return to_python_test(trace)
    from checker.traces.table import render_states, render_table

    render = render_states if form == "states" else render_table
    return render(machine, trace)


def _check_claims(trace: Trace) -> None:
    if trace.property_name == CONFORMANCE:
        raise InputError(
            "this run shows where the reference parts from the model, no "
            "violation; it can be shown as table, states, sequence and itf"
        )


def explain_it(wanted: Wanted, as_json: bool) -> int:
    """Print each conjunct of the property on each step."""
    from checker.traces.explain import explain

    subject = find(wanted)
    _check_claims(subject.trace)
    text = explain(subject.machine, subject.trace)
    if as_json:
        page.as_json(
            {
                "trace": trace_json(subject.machine, subject.trace),
                "text": text,
            }
        )
    else:
        page.line(text.rstrip("\n"))
    return 0
