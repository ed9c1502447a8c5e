# SPDX-License-Identifier: GPL-2.0-or-later
"""``dbmcheck check``: one configuration, what holds and what does not."""

from __future__ import annotations

import shlex
from pathlib import Path

from attrs import frozen

from checker.checking.check import BOUNDED, ORACLE, Answer, check
from checker.cli import page
from checker.cli.check_json import to_json
from checker.cli.chosen_trace import gravest_trace, is_met, minimised
from checker.cli.describe import (
    NOTHING,
    Asked,
    command,
    configured,
    failures,
    size,
)
from checker.cli.progress import depths_shown, shown
from checker.engines.exploration import Coverage, Limits
from checker.engines.vacuity import SAYS_NOTHING
from checker.engines.verdict import Finding, Verdict
from checker.input.configuration import Configuration
from checker.input.errors import InputError
from checker.input.exit_codes import ExitCode
from checker.input.files import check_writable
from checker.input.own_properties import OWN
from checker.text import counted
from checker.traces.trace import Trace
from model.designs import DIGITS, schema


@frozen(kw_only=True)
class CheckOptions:
    """How to check, as the command line says it.

    ``trace_file``: where the gravest violation's trace goes, if anywhere.
    ``asked``: own properties.  ``coverage``: whether to count what decides.
    """

    engine: str
    limits: Limits
    without: tuple[str, ...] = ()
    complete: bool = False
    expect: bool = False
    minimise: bool = False
    trace_file: Path | None = None
    asked: Asked = NOTHING
    coverage: bool = False


@frozen(kw_only=True)
class Checked:
    """One configuration, by the ``argument`` that named it, and its answer.

    ``trace``: the one to show.  ``whole``: all was looked at for it.
    ``kept``: what was done with the trace file, in words.
    """

    argument: str
    chosen: CheckOptions
    answer: Answer
    trace: Trace | None
    whole: bool
    kept: str = ""

    @property
    def exit_code(self) -> ExitCode:
        """What this configuration alone makes the process return."""
        return _code(self.answer, self.chosen.expect)


def run(argument: str, chosen: CheckOptions, as_json: bool) -> int:
    """Check, print, write the trace; returns the exit code."""
    found = checked(argument, configuration_of(argument, chosen), chosen)
    if as_json:
        page.as_json(to_json(found.answer, found.trace))
    else:
        print_text(found)
    return found.exit_code


def configuration_of(argument: str, chosen: CheckOptions) -> Configuration:
    """Load what is to be checked, and refuse what cannot be asked of it."""
    _check_combination(
        chosen.engine,
        chosen.limits,
        chosen.expect,
        chosen.minimise,
        chosen.coverage,
    )
    if chosen.expect and chosen.asked:
        raise InputError(
            "--expect: [expect] says nothing of --always and --reachable"
        )
    configuration = configured(
        argument, chosen.without, chosen.complete, chosen.asked
    )
    if chosen.trace_file is not None:
        check_writable(chosen.trace_file)
    return configuration


def checked(
    argument: str, configuration: Configuration, chosen: CheckOptions
) -> Checked:
    """Check one configuration and write the trace file, if one is wanted."""
    bounded = chosen.engine == BOUNDED
    with depths_shown() if bounded else shown() as report_for:
        answer = check(
            configuration,
            chosen.engine,
            chosen.limits,
            report_for(configuration.name),
            count=chosen.coverage,
        )
    trace, whole = gravest_trace(answer), not answer.coverage.stopped
    if trace is not None and chosen.minimise:
        smaller = minimised(trace, chosen.limits)
        trace, whole = smaller or trace, whole and smaller is not None
    kept = ""
    if chosen.trace_file is not None:
        from checker.traces.storage import keep

        kept = keep(trace, chosen.trace_file)
    return Checked(
        argument=argument,
        chosen=chosen,
        answer=answer,
        trace=trace,
        whole=whole,
        kept=kept,
    )


def print_text(found: Checked) -> None:
    """Print all that was found out about one configuration."""
    answer, chosen = found.answer, found.chosen
    _print(answer)
    if answer.counts is not None:
        from checker.cli.coverage_view import print_counts

        print_counts(answer.counts, answer.engine)
    if found.trace is not None:
        _print_trace(answer, found.trace)
        if chosen.minimise and not found.whole:
            page.paragraph(
                "interrupted: not all smaller configurations were tried"
            )
        verb = "explain" if is_met(answer, found.trace) else "cite"
        # with an own property, these commands show that and nothing else
        own = NOTHING if found.trace.own is None else chosen.asked
        again = command(
            verb,
            found.argument,
            chosen.without,
            chosen.complete,
            chosen.minimise,
            own,
        )
        _print_again(verb, again, found.whole, chosen.trace_file)
    _print_other_runs(
        answer,
        found.trace,
        found.argument,
        chosen.without,
        chosen.complete,
        chosen.asked,
    )
    for surprise in answer.surprises():
        page.line()
        page.paragraph(f"not as expected: {surprise}")
    if found.kept:
        page.paragraph(found.kept)


def _print_again(
    verb: str, again: str, whole: bool, trace_file: Path | None
) -> None:
    """How to get a mail, or an explanation, of just this trace.

    ``again`` looks at everything.  Who did not, with ``whole`` false, may have
    seen another violation than the gravest: only a file has it.
    """
    if trace_file is not None:
        again = f"dbmcheck {verb} {shlex.quote(str(trace_file))}"
    elif not whole:
        page.line(f"to {verb} it: check again with --trace t.json, then")
        again = f"dbmcheck {verb} t.json"
    page.command(f"to {verb} it: " if whole or trace_file else "", again)


def _print_other_runs(
    answer: Answer,
    shown_trace: Trace | None,
    argument: str,
    without: tuple[str, ...],
    complete: bool,
    asked: Asked,
) -> None:
    """How to see the runs to own properties that are not printed."""
    shown_name = shown_trace.property_name if shown_trace else ""
    show = command("show", argument, without, complete, asked=asked)
    for name, trace in answer.traces.items():
        if is_met(answer, trace) and name != shown_name:
            page.command(f"to see {name}: ", f"{show} --property {name}")


def _check_combination(
    engine: str,
    limits: Limits,
    expect: bool,
    minimise: bool,
    coverage: bool,
) -> None:
    """Refuse options that the engine would not look at."""
    if engine != BOUNDED and limits.depth is not None:
        raise InputError(f"--depth goes with --engine {BOUNDED} only")
    if engine == ORACLE and limits.threads > 1:
        raise InputError(
            f"--threads: the engine {ORACLE} has one; allowed is 1"
        )
    if engine != BOUNDED:
        return
    given = {
        "--max-states": limits.max_states > 0,
        "--threads": limits.threads > 1,
        "--expect": expect,
        "--minimise": minimise,
        "--coverage": coverage,
    }
    for option, is_given in given.items():
        if is_given:
            raise InputError(
                f"{option} needs an engine that explores states, "
                f"not --engine {BOUNDED}"
            )


def _code(answer: Answer, expect: bool) -> ExitCode:
    surprises = answer.surprises()
    if expect:
        unsaid = answer.configuration.expect.verdict is None
        bad = surprises or unsaid or answer.coverage.stopped
        return ExitCode.NOT_AS_EXPECTED if bad else ExitCode.AS_EXPECTED
    if answer.exit_code is ExitCode.AS_EXPECTED and surprises:
        return ExitCode.NOT_AS_EXPECTED
    return answer.exit_code


def headline(answer: Answer) -> str:
    """The verdict in one line."""
    name = answer.configuration.name
    worst = answer.gravest
    if worst is None:
        return f"{name}: HOLDS"
    if answer.verdict is Verdict.INCONCLUSIVE:
        bounded = answer.coverage.depth is not None
        stopped = "" if bounded else answer.coverage.stopped
        why = stopped or worst.reason
        return f"{name}: INCONCLUSIVE ({why})"
    return f"{name}: {word(worst)} ({worst.name})"


def word(finding: Finding) -> str:
    """The verdict; what was never put to the test is not violated."""
    if finding.exit_code is not ExitCode.UNREACHED:
        return finding.verdict.value
    missed = finding.kind == "reachable" and finding.reason != SAYS_NOTHING
    return "NOT REACHED" if missed else "VACUOUS"


def _print(answer: Answer) -> None:
    options, coverage = answer.configuration.options, answer.coverage
    page.line(headline(answer))
    if answer.configuration.title:
        page.paragraph(answer.configuration.title, indent="  ")
    page.line()
    page.fact("design", options.name)
    page.fact("model", schema(options).digest[:DIGITS])
    page.fact("bounds", size(options))
    page.fact("failures", failures(options))
    if coverage.depth is None:
        _print_counts(coverage)
    else:
        _print_depth(coverage)
    page.line()
    page.table(
        ["property", "for", "verdict", ""],
        [
            [f.name, f.guarantee or "-", word(f), remark(f)]
            for f in answer.findings
        ],
    )
    own = [p for p in answer.machine.properties if p.guarantee == OWN]
    if own:
        page.line()
    for prop in own:
        page.paragraph(f"{prop.name}: {prop.doc}")
    for guarantee, reason in answer.machine.not_promised.items():
        page.line()
        page.paragraph(f"{guarantee} is not promised: {reason}.")


def _print_counts(coverage: Coverage) -> None:
    page.fact(
        "explored",
        f"{counted(coverage.states, 'state')}, "
        f"{counted(coverage.transitions, 'transition')}, "
        f"{counted(coverage.levels, 'level')}",
    )
    page.fact(
        "at",
        f"{coverage.seconds:.2f} s, {page.rate(coverage.states_per_second)}, "
        f"{coverage.bytes_per_state:.0f} bytes a state",
    )


def _print_depth(coverage: Coverage) -> None:
    depth = coverage.depth or 0
    runs = (
        "no run"
        if depth == -1
        else f"all runs of up to {counted(depth, 'step')}"
    )
    page.fact("searched", runs)
    page.fact("stopped", coverage.stopped)
    page.fact(
        "at",
        f"{coverage.seconds:.2f} s, {coverage.memory / (1 << 20):.0f} MiB",
    )


def remark(finding: Finding) -> str:
    """Why, or after how many steps; '' if there is nothing to add."""
    if finding.reason:
        return finding.reason
    if finding.steps is None:
        return ""
    verb = "first met after" if finding.kind == "reachable" else "in"
    if finding.verdict is Verdict.HOLDS and finding.kind != "reachable":
        return ""
    return f"{verb} {counted(finding.steps, 'step')}"


def _print_trace(answer: Answer, trace: Trace) -> None:
    from checker.traces.table import render_table

    page.line()
    machine = trace.machine()
    if trace.options != answer.configuration.options:
        page.line("smallest configuration that still shows it:")
        page.paragraph(size(trace.options), indent="  ")
        page.paragraph(f"failures: {failures(trace.options)}", indent="  ")
        page.line()
    page.line(render_table(machine, trace).rstrip("\n"))
    page.line()
