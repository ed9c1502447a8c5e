# SPDX-License-Identifier: GPL-2.0-or-later
"""What the commands ``dbmcheck qemu ...`` print: pages, mail, JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from checker.cli import page
from checker.qemu.campaign.campaign import Campaign
from checker.qemu.campaign.known import Deviation, Known
from checker.qemu.campaign.result import Result
from checker.qemu.campaign.summary import Distinct, Summary
from checker.qemu.campaign.violation import GUARANTEES
from checker.qemu.harness.builds import Builds
from checker.qemu.harness.faults import fault_text
from checker.qemu.harness.scenario import Then
from checker.text import (
    command_lines,
    counted,
    plural,
    text_of,
    wrapped,
)

_MOST_ERRORS = 5


def _verdict(summary: Summary, complete: bool) -> str:
    if summary.any_new:
        return "NEW VIOLATIONS"
    if not complete:
        return "INCOMPLETE"
    return "ONLY KNOWN VIOLATIONS" if summary.distinct else "NO VIOLATION"


def _command(text: str) -> None:
    for line in command_lines(text, prompt=""):
        page.line(line)


# -- a campaign --------------------------------------------------------------


def print_summary(campaign: Campaign, summary: Summary, more: bool) -> None:
    """The table, and every distinct violation; ``more``: after another."""
    if more:
        page.line()
    number = page.number
    verdict = _verdict(summary, campaign.complete)
    page.line(f"QEMU {campaign.builds.label}: {verdict}")
    page.line()
    wanted = len(campaign.wanted)
    left = wanted - summary.scenarios
    words = (
        f"{number(summary.scenarios)}, {number(summary.faultless)} of them "
        f"without a fault; {number(campaign.fresh)} run now"
    )
    if left or not campaign.complete:
        words += f"; {number(left)} not run, and maybe more not planned"
    page.fact("scenarios", words)
    if summary.scenarios and campaign.fresh and campaign.seconds:
        rate = campaign.fresh / campaign.seconds * 60
        page.fact(
            "at",
            f"{campaign.seconds:.0f} s, {rate:.0f} scenarios a minute, "
            f"{campaign.workers} at a time",
        )
    if summary.missed:
        page.fact(
            "missed",
            f"{number(summary.missed)} faults did not happen: the run took "
            "another way before",
        )
    for result in summary.errors[:_MOST_ERRORS]:
        page.fact("not run", f"{result.case.scenario}: {result.error}")
    if len(summary.errors) > _MOST_ERRORS:
        page.fact("not run", f"{number(len(summary.errors))} in all")
    if summary.runs:
        page.line()
        _table(summary)
    for each in summary.distinct:
        page.line()
        _print_distinct(campaign.builds, each)


def _table(summary: Summary) -> None:
    """Guarantee by fault by place; ``3+1``: three known, one new."""
    columns = summary.columns()
    rows = []
    for fault in summary.faults:
        runs = [summary.runs[fault, column] for column in columns]
        rows.append(["", fault, *map(str, runs)])
        for guarantee in GUARANTEES:
            cells = [
                _cell(
                    summary.known[guarantee, fault, column],
                    summary.new[guarantee, fault, column],
                )
                for column in columns
            ]
            if any(cells):
                rows.append([guarantee, "  violated", *cells])
    page.table(
        ["", "scenarios", *columns],
        rows,
        right=range(2, 2 + len(columns)),
    )
    page.paragraph("Violated: known, and + new ones, at that place.")


def _cell(known: int, new: int) -> str:
    return (str(known) if known else "") + (f"+{new}" if new else "")


def _print_distinct(builds: Builds, each: Distinct) -> None:
    violation = each.violation
    known = each.known
    state = f"known as {known.id}" if known else "NEW"
    page.paragraph(
        f"{violation.guarantee} {GUARANTEES[violation.guarantee]}: {state}, "
        f"in {counted(each.count, 'scenario')}, {each.label}",
        indent="  ",
        first="",
    )
    page.paragraph(
        f"{violation.where}: {violation.text}", indent="  ", first="  "
    )
    if each.again is False:
        page.line("  (not seen again in a second look)")
    _command(each.result.case.command_with(builds))


def summary_json(campaign: Campaign, summary: Summary) -> dict[str, Any]:
    """The same as data."""
    table = [
        {
            "guarantee": guarantee,
            "fault": fault,
            "place": place,
            "scenarios": summary.runs[fault, place],
            "known": summary.known[guarantee, fault, place],
            "new": summary.new[guarantee, fault, place],
        }
        for fault, place in summary.runs
        for guarantee in GUARANTEES
    ]
    return {
        "source": campaign.builds.source.label,
        "destination": campaign.builds.destination.label,
        "verdict": _verdict(summary, campaign.complete),
        "complete": campaign.complete,
        "scenarios": summary.scenarios,
        "planned": len(campaign.wanted),
        "run_now": campaign.fresh,
        "missed": summary.missed,
        "seconds": round(campaign.seconds, 1),
        "errors": [
            {
                "command": each.case.command_with(campaign.builds),
                "error": each.error,
            }
            for each in summary.errors
        ],
        "table": table,
        "distinct": [
            distinct_json(campaign.builds, each) for each in summary.distinct
        ],
    }


def distinct_json(builds: Builds, each: Distinct) -> dict[str, Any]:
    """One distinct violation as data."""
    return {
        "guarantee": each.violation.guarantee,
        "where": each.violation.where,
        "text": each.violation.text,
        "known": each.known.id if each.known else None,
        "severity": each.known.severity if each.known else None,
        "scenarios": each.count,
        "label": each.label,
        "seen_again": each.again,
        "id": each.result.case.id,
        "command": each.result.case.command_with(builds),
    }


# -- several builds ----------------------------------------------------------


def headings(pairs: Sequence[Builds]) -> list[str]:
    """The versions, and a number where they do not tell two pairs apart."""
    labels = [builds.label for builds in pairs]
    return [
        label
        if labels.count(label) == 1
        else f"{label} #{labels[: number + 1].count(label)}"
        for number, label in enumerate(labels)
    ]


def print_comparison(found: Mapping[str, Summary]) -> None:
    """How many scenarios show each violation; a column for each build."""
    counts: Counter[tuple[str, str, str]] = Counter()
    for heading, summary in found.items():
        for each in summary.distinct:
            new = f"NEW: {each.violation.text}"
            name = each.known.id if each.known else new
            counts[each.violation.guarantee, name, heading] += each.count
    names = {(guarantee, name) for guarantee, name, _ in counts}
    order = list(GUARANTEES)
    rows = []
    for guarantee, name in sorted(
        names, key=lambda one: (order.index(one[0]), one[1])
    ):
        cells = [counts[guarantee, name, heading] for heading in found]
        rows.append([guarantee, *(str(n or "-") for n in cells), name])
    page.line("Violated, in how many scenarios:")
    page.line()
    page.table(["", *found, ""], rows, right=range(1, 1 + len(found)))


# -- a single scenario -------------------------------------------------------


def print_result(
    builds: Builds, result: Result, known: Known, more: bool
) -> None:
    """What one scenario came to; ``more``: after another."""
    if more:
        page.line()
    case = result.case
    new = known.new(result)
    if new:
        verdict = "VIOLATED"
    elif result.violations:
        verdict = "VIOLATED, AS KNOWN"
    else:
        verdict = "NO SUCH PLACE" if result.missed else "HOLDS"
    page.line(f"QEMU {builds.label}: {verdict}")
    page.line()
    page.fact("scenario", str(case.scenario))
    page.fact("bitmaps", case.contents)
    if case.fault is not None:
        happened = "happened" if result.struck else "did not happen"
        page.fact("fault", f"{fault_text(case.fault)} {happened}")
    page.fact("source", f"migration {result.last[0]}")
    page.fact("destin.", f"migration {result.last[1]}")
    page.fact("recovery", result.recovery or "nothing to do")
    verb = "ran" if case.then is Then.AGAIN else "runs"
    page.fact("the VM", f"{verb} {result.outcome}")
    if case.then is Then.AGAIN:
        page.fact("then", result.sequel or "there was no VM to migrate again")
    elif case.persistent:
        end = "are killed" if case.then is Then.CRASH else "quit"
        page.fact("then", f"both {end}; it starts again from its images")
    page.line(f"  at        {result.seconds:.1f} s")
    for violation in result.violations:
        entry = known.of(result, violation)
        state = f"known as {entry.id}" if entry else "new"
        page.line()
        page.paragraph(f"{violation} ({state})", indent="  ", first="")


def result_json(
    builds: Builds, result: Result, known: Known
) -> dict[str, Any]:
    """The same as data."""
    data = result.data
    for shown, violation in zip(
        data["violations"], result.violations, strict=True
    ):
        entry = known.of(result, violation)
        shown["known"] = entry.id if entry else None
    return {**data, "command": result.case.command_with(builds)}


# -- mail --------------------------------------------------------------------


def mail_block(builds: Builds, each: Distinct) -> str:
    """Return a violation as text for a mail, at most 72 columns wide."""
    violation = each.violation
    return violation_mail(
        f"QEMU {builds.label}: {violation.guarantee}, "
        f"{GUARANTEES[violation.guarantee]}",
        each.known,
        f"Bitmaps to blame?  {each.label}.",
        _steps(each),
        [f"{violation.where}: {violation.text}"],
        f"Seen in {plural(each.count, 'scenario')}; this one again with:",
        each.result.case.command_with(builds),
    )


def violation_mail(
    title: str,
    known: Deviation | None,
    cause: str,
    steps: Sequence[str],
    breaks: Sequence[str],
    again: str,
    command: str,
) -> str:
    """Return the text of a mail: steps, what breaks, how to see it again.

    ``known``: what is known of it, if anything; ``cause``: a sentence about
    it, or ''; ``again``: what stands above ``command``.
    """
    lines = [title, ""]
    if known is not None:
        lines += [*wrapped(known.what), ""]
        lines += [f"Severity: {known.severity}.  Known: {known.id}."]
    else:
        lines += ["Severity: not judged yet.  New."]
    lines += [*(wrapped(cause) if cause else []), "", "Steps:", ""]
    lines += [*numbered(steps), "", "What breaks:", ""]
    for text in breaks:
        lines += wrapped(text, " " * 4, " " * 6)
    lines += ["", again, "", *command_lines(command, prompt="")]
    return text_of(lines)


def numbered(steps: Sequence[str]) -> list[str]:
    """Return the steps in lines of a mail; the same again is counted."""
    lines: list[str] = []
    for number, (step, same) in enumerate(groupby(steps), 1):
        count = len(list(same))
        text = step if count == 1 else f"{step} ({count} times)"
        lines += wrapped(text, f"{number:3}. ")
    return lines


def _steps(each: Distinct) -> list[str]:
    case, result = each.result.case, each.result
    path = "with" if case.return_path else "without"
    kept = "persistent" if case.persistent else "transient"
    what = f"{case.bitmaps * case.nodes} {kept} bitmap(s)"
    if not case.bitmaps:
        what = "no dirty bitmap"
    steps = [
        f"source and destination with {case.storage.value} storage, {what}",
        f"{case.mode.value} migration {path} return-path",
    ]
    if case.fault is not None:
        steps.append(f"{case.fault} of the stream")
    steps.append(
        f"the source says {result.last[0]}, the destination {result.last[1]}"
    )
    if result.recovery:
        steps.append(f"management: {result.recovery}")
    steps.append(f"the VM runs {result.outcome}")
    if case.then is Then.CRASH:
        steps.append("both processes are killed; the VM starts again there")
    if result.sequel:
        steps.append(result.sequel)
    return steps
