# SPDX-License-Identifier: GPL-2.0-or-later
"""``dbmcheck qemu random``: random runs on real QEMU, and what they show."""

from __future__ import annotations

import secrets
import shlex
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

import attrs

from checker.cli import page
from checker.cli.progress import steps_shown
from checker.cli.qemu.chosen import worst
from checker.cli.qemu.pages import numbered, violation_mail
from checker.input.exit_codes import ExitCode
from checker.qemu.campaign.known import shipped
from checker.qemu.campaign.violation import GUARANTEES
from checker.qemu.harness.binary import Build
from checker.qemu.random.run import (
    LOOKED_FOR,
    NEEDED,
    SHRINK_LIMIT,
    Failure,
    Outcome,
    Plan,
    search,
)
from checker.text import command_lines, counted, plural

_MOST_SEED = 2**32


@attrs.frozen
class Asked:
    """The options as they were given; ``seed`` may be None."""

    seed: int | None
    examples: int
    steps: int

    def plan(self) -> Plan:
        """With a seed in any case."""
        seed = self.seed
        if seed is None:
            seed = secrets.randbelow(_MOST_SEED)
        return Plan(seed, self.examples, self.steps)


def run(
    builds: Sequence[Build], asked: Asked, *, mail: bool, as_json: bool
) -> int:
    """Search with each build, from the same seed; returns the exit code."""
    plan, codes, data = asked.plan(), [], []
    for number, build in enumerate(builds):
        with steps_shown() as report:
            outcome = search(build, plan, shipped(), report)
        codes.append(code_of(outcome))
        command = command_of(build, plan)
        if as_json:
            data.append(as_data(outcome, command))
        else:
            if number:
                page.line()
            (_mails if mail else _show)(outcome, command)
        if outcome.stopped:
            break
    if as_json:
        page.as_json(data[0] if len(data) == 1 else data)
    return worst(codes)


def command_of(build: Build, plan: Plan) -> str:
    """What repeats it."""
    words = ["dbmcheck qemu random"]
    if build.given:
        words.append(f"--qemu {shlex.quote(build.given)}")
    words += [
        f"--seed {plan.seed}",
        f"--examples {plan.examples}",
        f"--steps {plan.steps}",
    ]
    return " ".join(words)


def code_of(outcome: Outcome) -> ExitCode:
    """A new violation outweighs what was left undone."""
    if outcome.new is not None:
        return ExitCode.DIFFERS
    if outcome.stopped:
        return ExitCode.INCONCLUSIVE
    return ExitCode.UNREACHED if outcome.missing else ExitCode.AS_EXPECTED


def _verdict(outcome: Outcome) -> str:
    if outcome.new is not None:
        return "NEW VIOLATION"
    if outcome.stopped:
        return "INCOMPLETE"
    if outcome.missing:
        return "NOT ENOUGH WAS REACHED"
    return "ONLY KNOWN VIOLATIONS" if outcome.known else "NO VIOLATION"


# -- text --------------------------------------------------------------------


def _show(outcome: Outcome, command: str) -> None:
    plan, number = outcome.plan, page.number
    page.line(f"QEMU {outcome.builds.label}: {_verdict(outcome)}")
    page.line()
    page.fact(
        "runs",
        f"{number(outcome.runs)} of {number(plan.examples)}, of up to "
        f"{counted(plan.steps, 'step')}, seed {plan.seed}",
    )
    page.line(f"  at        {outcome.seconds:.1f} s")
    if outcome.stopped and outcome.new is None:
        page.fact("stopped", outcome.stopped)
    else:
        page.fact("digest", f"{outcome.digest}, the same for the same seed")
    page.line()
    page.table(
        ["event", "times"],
        [(name, number(outcome.seen[name])) for name in _events(outcome)],
        right=(1,),
    )
    if outcome.missing and outcome.new is None and not outcome.stopped:
        page.line()
        page.paragraph(
            f"Never reached: {', '.join(outcome.missing)}.  So nothing is "
            "said; more --examples, or more --steps."
        )
    for failure, count in outcome.known:
        page.line()
        _print_known(failure, count)
    if outcome.new is not None:
        page.line()
        _print_new(outcome, outcome.new)
    page.line()
    page.line("again:")
    for line in command_lines(command, prompt=""):
        page.line(line)


def _events(outcome: Outcome) -> list[str]:
    """First what has to be reached."""
    first = (*NEEDED, *LOOKED_FOR)
    return [*first, *sorted(outcome.seen.keys() - set(first))]


def _title(failure: Failure) -> str:
    guarantee = failure.violation.guarantee
    return f"{guarantee} {GUARANTEES[guarantee]}"


def _print_known(failure: Failure, count: int) -> None:
    assert failure.known is not None
    page.paragraph(
        f"{_title(failure)}: known as {failure.known.id}, in "
        f"{plural(count, 'run')}",
        indent="  ",
        first="",
    )


def _print_new(outcome: Outcome, failure: Failure) -> None:
    page.paragraph(f"{_title(failure)}: NEW", indent="  ", first="")
    page.paragraph(failure.violation.text, indent="  ", first="  ")
    page.line()
    for line in numbered(failure.steps):
        page.line(line)
    page.line()
    for side in failure.sides:
        page.paragraph(side, indent="    ", first="  ")
    page.paragraph(f"({_shrinking(outcome)})", indent="  ", first="  ")


def _shrinking(outcome: Outcome) -> str:
    """How short the run is, and whether it can be shorter."""
    assert outcome.first is not None
    words = (
        f"{counted(len(outcome.first.steps), 'step')} at first; "
        f"{page.number(outcome.tries)} more runs to shorten it"
    )
    if not outcome.again:
        return f"{words}; not seen again in a second look"
    if outcome.stopped:
        return f"{words}; {outcome.stopped}"
    if not outcome.shrunk:
        return f"{words} in {SHRINK_LIMIT:.0f} s, then given up"
    return f"{words}, it becomes no shorter"


# -- mail --------------------------------------------------------------------


def _mails(outcome: Outcome, command: str) -> None:
    shown = [failure for failure, _ in outcome.known]
    shown += [] if outcome.new is None else [outcome.new]
    for number, failure in enumerate(shown):
        if number:
            page.line()
        page.line(mail_block(outcome, failure, command).rstrip("\n"))


def mail_block(outcome: Outcome, failure: Failure, command: str) -> str:
    """Return a violation as text for a mail, at most 72 columns wide."""
    return violation_mail(
        f"QEMU {outcome.builds.label}: {_title(failure)}",
        failure.known,
        "",
        failure.steps,
        [failure.violation.text, *failure.sides],
        "Random runs, this one among them, again with:",
        command,
    )


# -- JSON --------------------------------------------------------------------


def as_data(outcome: Outcome, command: str) -> dict[str, Any]:
    """The same as data."""
    return {
        "qemu": outcome.builds.label,
        "hypothesis": version("hypothesis"),
        "verdict": _verdict(outcome),
        "complete": not outcome.stopped,
        "stopped": outcome.stopped,
        "seed": outcome.plan.seed,
        "examples": outcome.plan.examples,
        "steps": outcome.plan.steps,
        "runs": outcome.runs,
        "begun": outcome.begun,
        "tries": outcome.tries,
        "shrunk": outcome.shrunk,
        "digest": outcome.digest,
        "seconds": round(outcome.seconds, 1),
        "reached": {name: outcome.seen[name] for name in _events(outcome)},
        "missing": list(outcome.missing),
        "rules": dict(sorted(outcome.taken.items())),
        "violations": [
            *(_failure_data(each, n) for each, n in outcome.known),
            *(
                [_failure_data(outcome.new, 1, outcome.again)]
                if outcome.new is not None
                else []
            ),
        ],
        "command": command,
    }


def _failure_data(
    failure: Failure, count: int, again: bool | None = None
) -> dict[str, Any]:
    known = failure.known
    return {
        "guarantee": failure.violation.guarantee,
        "text": failure.violation.text,
        "known": known.id if known else None,
        "severity": known.severity if known else None,
        "runs": count,
        "seen_again": again,
        "steps": list(failure.steps),
        "sides": list(failure.sides),
    }
