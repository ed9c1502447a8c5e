# SPDX-License-Identifier: GPL-2.0-or-later
"""``dbmcheck qemu faults`` and ``dbmcheck qemu scenario``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from checker.cli import page
from checker.cli.progress import steps_shown
from checker.cli.qemu.chosen import Chosen, worst
from checker.cli.qemu.pages import (
    distinct_json,
    headings,
    mail_block,
    print_comparison,
    print_result,
    print_summary,
    result_json,
    summary_json,
)
from checker.input.errors import BadFileError, InputError, UndecidedError
from checker.input.exit_codes import ExitCode
from checker.input.files import check_writable
from checker.qemu.campaign import matrix
from checker.qemu.campaign.campaign import Campaign
from checker.qemu.campaign.case import Case
from checker.qemu.campaign.known import Known, shipped
from checker.qemu.campaign.record import Record
from checker.qemu.campaign.shorten import shorten
from checker.qemu.campaign.summary import Summary, summarise
from checker.qemu.harness.builds import Builds


def faults(
    chosen: Chosen,
    mode: str,
    return_path: bool | None,
    storage: str,
    *,
    quick: bool,
    record: Path | None,
    workers: int,
    mail: bool,
    as_json: bool,
) -> int:
    """Run the matrix; returns the exit code."""
    pairs = chosen.pairs()
    _check_record(record)
    bases = [
        base
        for base in (matrix.quick_bases() if quick else matrix.bases())
        if mode in ("", base.mode.value)
        and return_path in (None, base.return_path)
        and storage in ("", base.storage.value)
    ]
    if not bases:
        raise InputError("--quick: has no shared storage; leave it out")
    codes, data = [], []
    found: dict[str, Summary] = {}
    for builds, heading in zip(pairs, headings(pairs), strict=True):
        with Record.opened(record, builds) as kept, steps_shown() as report:
            campaign = Campaign(builds, kept, report, workers)
            campaign.run_matrix(bases, quick)
            summary = summarise(campaign.results, Known(shipped(), builds))
            if campaign.complete:
                summary = shorten(campaign, summary)
        codes.append(_code(summary, campaign.complete))
        if as_json:
            data.append(summary_json(campaign, summary))
        elif mail:
            _mails(builds, summary, more=bool(found))
        else:
            print_summary(campaign, summary, more=bool(found))
        found[heading] = summary
        if campaign.interrupted:
            break
    if as_json:
        page.as_json(data[0] if len(pairs) == 1 else data)
    elif len(found) > 1 and not mail:
        page.line()
        print_comparison(found)
    return worst(codes)


def scenario(
    chosen: Chosen, data: Mapping[str, Any], mail: bool, as_json: bool
) -> int:
    """Run one scenario; returns the exit code."""
    try:
        case = Case.of(data)
        case.check()
    except BadFileError as error:
        raise InputError(str(error)) from None
    codes, shown = [], []
    for number, builds in enumerate(chosen.pairs()):
        with Record.opened(None, builds) as kept:
            campaign = Campaign(builds, kept, lambda step: None, 1)
            campaign.run_cases([case, case.twin])
        known = Known(shipped(), builds)
        result = kept.results.get(case.id)
        if result is None:
            raise UndecidedError("interrupted, before it was seen")
        if result.error:
            raise UndecidedError(result.error)
        summary = summarise(campaign.results, known)
        new = known.new(result)
        codes.append(
            ExitCode.DIFFERS
            if new
            else _code(summarise([result], known), not result.missed)
        )
        if as_json:
            shown.append(
                {
                    "source": builds.source.label,
                    "destination": builds.destination.label,
                    **result_json(builds, result, known),
                    "distinct": [
                        distinct_json(builds, each)
                        for each in summary.distinct
                    ],
                }
            )
        elif mail:
            _mails(builds, summary, more=bool(number))
        else:
            print_result(builds, result, known, more=bool(number))
    if as_json:
        page.as_json(shown[0] if len(shown) == 1 else shown)
    return worst(codes)


def _check_record(record: Path | None) -> None:
    if record is not None:
        if record.is_dir():
            raise InputError(f"{record}: is a directory, name a file")
        check_writable(record)


def _mails(builds: Builds, summary: Summary, more: bool) -> None:
    for number, each in enumerate(summary.distinct):
        if number or more:
            page.line()
        page.line(mail_block(builds, each).rstrip("\n"))


def _code(summary: Summary, complete: bool) -> ExitCode:
    if summary.any_new:
        return ExitCode.DIFFERS
    return ExitCode.AS_EXPECTED if complete else ExitCode.INCONCLUSIVE
