# SPDX-License-Identifier: GPL-2.0-or-later
"""``dbmcheck replay``: whether a trace file still fits the model."""

from __future__ import annotations

from pathlib import Path

from attrs import evolve

from checker.cli import page
from checker.cli.check_json import trace_json
from checker.cli.describe import size
from checker.input.configuration import load, selects, shipped
from checker.input.errors import InputError
from checker.text import place
from checker.traces.claim import Claim, claim_of, first_met
from checker.traces.trace import Trace
from model.language import Machine


def replay_file(argument: str, config: str, as_json: bool) -> int:
    """Replay a trace file; exit 0 if every step fits and it shows its claim.

    A claim may be that something is violated, or that it is met.
    """
    from checker.traces.replay import replay
    from checker.traces.storage import load as load_trace

    if argument in shipped():
        raise InputError(
            f"{argument} is a configuration, allowed is a trace file; "
            f"'dbmcheck check {argument} --trace FILE' writes one"
        )
    trace = load_trace(Path(argument))
    if config:
        options = load(config).options
        identity = trace.identity()
        again = replay(
            options,
            trace.property_name,
            identity["actions"],
            trace.loop,
            trace.own,
        )
        trace = evolve(again, model=trace.model)
    machine = trace.machine()
    claim = claim_of(machine, trace)
    if as_json:
        shown_trace = trace_json(machine, trace)
        page.as_json(
            {
                "fits": True,
                "shows": claim.value,
                "model_changed": trace.changed,
                "trace": shown_trace,
            }
        )
        return 0
    from checker.traces.table import render_table

    page.line(render_table(machine, trace).rstrip("\n"))
    page.line()
    page.paragraph(
        f"trace {trace.id} fits, step by step, {_claimed(machine, trace)}: "
        f"{trace.options.name}; {size(trace.options)}"
    )
    if trace.changed:
        page.line("The model has changed since this trace was written.")
    return 0


def _claimed(machine: Machine, trace: Trace) -> str:
    """What a trace that fits shows, in words."""
    name = trace.property_name
    match claim_of(machine, trace):
        case Claim.DIFFERS:
            return (
                "up to where, as the file says, the reference parted from the "
                "model; the reference was not run"
            )
        case Claim.NOTHING:
            return "and is a run of which nothing is claimed"
        case Claim.MET:
            where = place(first_met(machine, trace))
            return f"and shows that {name} is met, first {where}"
    asked = [p for p in machine.properties if selects((name,), p)]
    guarantee = f" ({asked[0].guarantee})" if asked else ""
    return f"and shows that {name}{guarantee} is violated"
