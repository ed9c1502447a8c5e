# SPDX-License-Identifier: GPL-2.0-or-later
"""``dbmcheck conform``: the reference against the model."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

from checker.cli import page
from checker.cli.check_json import trace_json
from checker.cli.describe import configured, failures, size
from checker.cli.streams import say
from checker.conformance.abstraction import show
from checker.conformance.lockstep import Mismatch, Outcome, conform
from checker.conformance.log_check import Judgement, judge
from checker.conformance.log_file import load
from checker.conformance.steps import DRIVEN, undriven
from checker.engines.exploration import Limits
from checker.engines.verdict import CONFORMANCE
from checker.input.configuration import Configuration
from checker.input.errors import InputError
from checker.input.exit_codes import ExitCode
from checker.input.files import check_writable
from checker.text import counted
from checker.traces.shortest import move_of
from checker.traces.trace import Trace
from model.language import Machine

_EVERY = 0.2  # seconds between two lines of progress on a terminal


def run(
    argument: str,
    logs: tuple[Path, ...],
    bitmap: str,
    limits: Limits,
    trace_file: Path | None,
    as_json: bool,
) -> int:
    """Lockstep, or judge logs; returns the exit code."""
    if logs:
        if argument or trace_file is not None:
            raise InputError(
                "conform: give CONFIG or --log, not both; a log tells which "
                "design was run, and --trace goes with CONFIG"
            )
        return _judge(logs, bitmap, as_json)
    if not argument:
        raise InputError("conform: CONFIG or --log FILE is missing")
    if bitmap:
        raise InputError("conform: --bitmap goes with --log")
    return _lockstep(argument, limits, trace_file, as_json)


# -- lockstep ----------------------------------------------------------------


def _lockstep(
    argument: str, limits: Limits, trace_file: Path | None, as_json: bool
) -> int:
    configuration = configured(argument, ())
    if configuration.options.without:
        raise InputError(
            f"{configuration.name}: lacks "
            f"{', '.join(sorted(configuration.options.without))}; the "
            "reference has every mechanism"
        )
    design = configuration.options.design
    if design not in DRIVEN:
        raise InputError(
            f"{configuration.name}: the reference has no design '{design}', "
            f"it has {', '.join(DRIVEN)}"
        )
    unknown = undriven(configuration.machine())
    if unknown:
        raise InputError(
            f"{configuration.name}: the reference cannot be told to do "
            f"{', '.join(unknown)}"
        )
    if trace_file is not None:
        check_writable(trace_file)
    progress = _Progress(configuration.name)
    outcome = conform(configuration, limits, progress.report)
    progress.end()
    machine = configuration.machine()
    trace = None
    if outcome.mismatch is not None:
        trace = _trace(configuration, machine, outcome.mismatch)
    kept = ""
    if trace_file is not None:
        from checker.traces.storage import keep

        kept = keep(trace, trace_file, "mismatch")
    if as_json:
        page.as_json(_to_json(configuration, machine, outcome, trace))
    else:
        _print(configuration, machine, outcome, trace)
        if kept:
            page.paragraph(kept)
    if outcome.mismatch is not None:
        return ExitCode.DIFFERS
    return ExitCode.INCONCLUSIVE if outcome.stopped else ExitCode.AS_EXPECTED


class _Progress:
    """How far the lockstep is, on standard error, if that is a terminal."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.last = time.monotonic()

    def report(self, pairs: int, states: int, steps: int) -> None:
        now = time.monotonic()
        if not sys.stderr.isatty() or now - self.last < _EVERY:
            return
        self.last = now
        line = (
            f"{self.title}: {counted(pairs, 'pair')}, {counted(steps, 'step')}"
        )
        say(f"\r\x1b[K{line[:79]}")

    def end(self) -> None:
        if sys.stderr.isatty():
            say("\r\x1b[K")


def _verdict(outcome: Outcome) -> str:
    if outcome.mismatch is not None:
        return "DIFFERS"
    return "INCONCLUSIVE" if outcome.stopped else "CONFORMS"


def _trace(
    configuration: Configuration, machine: Machine, mismatch: Mismatch
) -> Trace:
    initial, *states = mismatch.states
    moves = tuple(
        move_of(machine, number, state)
        for number, state in zip(mismatch.path, states, strict=True)
    )
    return Trace(configuration.options, CONFORMANCE, initial, moves)


def _sides(machine: Machine, mismatch: Mismatch) -> list[tuple[str, str, str]]:
    """Variable, what the model has, what the reference has."""
    names = [field.name for field in machine.fields]
    model = dict(zip(names, mismatch.states[-1], strict=True))
    mine = show(machine, model)
    if mismatch.codes is None:
        return [(name, text, "?") for name, text in mine.items()]
    other = show(machine, mismatch.codes)
    return [(name, mine[name], other[name]) for name in other]


def _print(
    configuration: Configuration,
    machine: Machine,
    outcome: Outcome,
    trace: Trace | None,
) -> None:
    why = f" ({outcome.stopped})" if outcome.stopped else ""
    page.line(f"{configuration.name}: {_verdict(outcome)}{why}")
    page.line()
    options, number = configuration.options, page.number
    page.fact("design", options.name)
    page.fact("bounds", size(options))
    page.fact("failures", failures(options))
    page.fact(
        "driven",
        "one enabled, persistent bitmap, chunk by chunk, one backup job; "
        "no second bitmap, alias, burst, or write over several granules; "
        "the checker, and not a socket, decides whether a break is told or "
        "silent",
    )
    page.fact(
        "explored",
        f"{counted(outcome.pairs, 'pair')} of states: "
        f"{number(outcome.met)} of "
        f"the model's {number(outcome.model_states)}, "
        f"{number(outcome.reference_states)} of the reference",
    )
    page.fact(
        "compared",
        f"{counted(outcome.steps, 'step')} taken on both sides",
    )
    page.line(f"  at        {outcome.seconds:.1f} s")
    if trace is None or outcome.mismatch is None:
        return
    from checker.traces.table import render_table

    page.line()
    page.paragraph(f"{outcome.mismatch.reason}.")
    page.line()
    page.line(render_table(machine, trace).rstrip("\n"))
    page.line()
    page.table(
        ["", "model", "reference", ""],
        [
            [name, mine, other, "" if mine == other else "differs"]
            for name, mine, other in _sides(machine, outcome.mismatch)
        ],
    )


def _to_json(
    configuration: Configuration,
    machine: Machine,
    outcome: Outcome,
    trace: Trace | None,
) -> dict[str, Any]:
    found: dict[str, Any] = {
        "configuration": configuration.name,
        "verdict": _verdict(outcome),
        "pairs": outcome.pairs,
        "steps": outcome.steps,
        "model_states": outcome.model_states,
        "model_states_met": outcome.met,
        "reference_states": outcome.reference_states,
        "stopped": outcome.stopped or None,
        "seconds": outcome.seconds,
        "reason": None,
        "sides": None,
        "trace": None,
    }
    if trace is not None and outcome.mismatch is not None:
        found["reason"] = outcome.mismatch.reason
        found["sides"] = {
            name: {"model": mine, "reference": other}
            for name, mine, other in _sides(machine, outcome.mismatch)
        }
        found["trace"] = trace_json(machine, trace)
    return found


# -- logs --------------------------------------------------------------------


def _judge(paths: tuple[Path, ...], bitmap: str, as_json: bool) -> int:
    judgement = judge([load(path) for path in paths], bitmap)
    if as_json:
        page.as_json(_judgement_json(judgement))
    else:
        _print_judgement(judgement)
    return ExitCode.AS_EXPECTED if judgement.accepted else ExitCode.DIFFERS


def _judgement_json(judgement: Judgement) -> dict[str, Any]:
    return {
        "verdict": "ACCEPTED" if judgement.accepted else "REJECTED",
        "bitmap": judgement.bitmap,
        "events": judgement.lines,
        "states": judgement.states,
        "where": judgement.where or None,
        "reason": judgement.reason or None,
        "possible": list(judgement.possible),
    }


def _print_judgement(judgement: Judgement) -> None:
    options = judgement.options
    assert options is not None
    verdict = "ACCEPTED" if judgement.accepted else "REJECTED"
    page.line(f"{judgement.bitmap}: {verdict}")
    page.line()
    page.fact("design", options.name)
    page.fact("model", size(options))
    page.fact(
        "compared",
        f"{_fitting(judgement.lines)}, "
        f"{counted(judgement.states, 'state')} tried",
    )
    if judgement.accepted:
        page.line()
        page.paragraph(
            "The order of events is that of a run of the model; logs carry "
            "no contents, and a log may end before its process did."
        )
        return
    page.line()
    page.paragraph(f"{judgement.where}: {judgement.reason}.")
    possible = ", ".join(judgement.possible) or "nothing"
    page.paragraph(f"Possible events: {possible}.", indent="  ")


def _fitting(events: int) -> str:
    return f"{counted(events, 'event')} {'fits' if events == 1 else 'fit'}"
