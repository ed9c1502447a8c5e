# SPDX-License-Identifier: GPL-2.0-or-later
"""``dbmcheck show`` and ``explain``; ``cite`` is a ``show``."""

from __future__ import annotations

import json

from checker.cli import page
from checker.cli.check_json import trace_json
from checker.cli.subject import Subject, Wanted, find
from checker.engines.verdict import CONFORMANCE, RUN
from checker.input.errors import InputError
from checker.input.exit_codes import ExitCode
from checker.traces.trace import Trace
from model.language import Machine

MAIL, SHORT_MAIL = "mail", "short-mail"


def show(wanted: Wanted, form: str, as_json: bool) -> int:
    """Print the trace in the form that was asked for."""
    subject = find(wanted)
    text, code = _render(subject, form)
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
    return code


def _render(subject: Subject, form: str) -> tuple[str, int]:
    """The text, and the exit code."""
    machine, trace = subject.machine, subject.trace
    if form in (MAIL, SHORT_MAIL, "pytest"):
        _check_claims(trace)
    if form in (MAIL, SHORT_MAIL):
        from checker.cli import mail_view

        if form == SHORT_MAIL:
            return mail_view.short_form(subject)
        return mail_view.long_form(subject)
    return _drawn(machine, trace, form), ExitCode.AS_EXPECTED


def _drawn(machine: Machine, trace: Trace, form: str) -> str:
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
    if trace.property_name == RUN:
        raise InputError(
            "this run was saved with no claim, so it shows no violation; it "
            "can be shown as table, states, sequence and itf"
        )
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
