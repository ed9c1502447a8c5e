# SPDX-License-Identifier: GPL-2.0-or-later
"""``dbmcheck cite``: the mail of a trace, long or short."""

from __future__ import annotations

import shlex

from attrs import evolve

from checker.checking.check import check
from checker.citing.alternative import NOT_LOOKED_FOR, alternatives
from checker.citing.mail import Label, mail_block
from checker.citing.short_mail import short_mail
from checker.cli import streams
from checker.cli.describe import command
from checker.cli.subject import Subject, gravest_shown
from checker.engines.exploration import Limits
from checker.input.configuration import (
    Configuration,
    as_toml,
    listed,
    load,
)
from checker.input.exit_codes import ExitCode
from checker.traces.trace import Trace

#: what a configuration is called that a mail brings along
MINE = "mine"
#: a search of more states is too long for a command that shows a file
FEW_STATES = 1 << 18


def long_form(subject: Subject) -> tuple[str, ExitCode]:
    """Return the mail and the exit code.

    Ctrl-C while the rest is looked for ends the search, not the mail.
    """
    alternative, code = NOT_LOOKED_FOR, ExitCode.INCONCLUSIVE
    try:
        subject = _without_file(subject)
        alternative = str(alternatives(subject.trace) or "")
        code = ExitCode.AS_EXPECTED
    except KeyboardInterrupt:
        streams.complain("interrupted: the mail is not complete")
    coverage = subject.coverage
    text = mail_block(
        subject.machine,
        subject.trace,
        reproduce=subject.reproduce,
        complete=subject.complete,
        label=_label(subject.trace),
        alternative=alternative,
        file=subject.file,
        attached=subject.attached,
        states=coverage.states if coverage else None,
        transitions=coverage.transitions if coverage else None,
    )
    return text, code


def short_form(subject: Subject) -> tuple[str, ExitCode]:
    """Return the short mail and the exit code."""
    subject = _without_file(subject)
    text = short_mail(
        subject.machine,
        subject.trace,
        reproduce=subject.reproduce,
        needs=subject.file[0] if subject.file else subject.attached,
    )
    return text, ExitCode.AS_EXPECTED


def _without_file(subject: Subject) -> Subject:
    """Return the same, without a trace file where a reader can do without.

    A reader has the shipped configurations and the text of the mail.  Where
    a search of that configuration gives another trace, or is long, the file
    has to go with the mail.
    """
    trace = subject.trace
    if not subject.attached:
        return subject
    names = [c.name for c in listed() if c.options == trace.options]
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
        if gravest_shown(answer, "").name != trace.property_name:
            cite += f" --property {shlex.quote(trace.property_name)}"
        return evolve(
            subject,
            reproduce=cite,
            file=(name, as_toml(trace.options, own)) if mine else None,
            attached="",
            coverage=None if answer.coverage.stopped else answer.coverage,
        )
    return subject


def _label(trace: Trace) -> Label | None:
    """A complete design that need not end is as it was designed."""
    kinds = {p.name: p.kind for p in trace.machine().properties}
    limit = kinds.get(trace.property_name) == "eventually"
    return Label.DESIGN if limit and not trace.options.without else None
