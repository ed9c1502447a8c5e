# SPDX-License-Identifier: GPL-2.0-or-later
"""``dbmcheck check`` over several configurations, and as a report.

All configurations are read before the first is checked.  After a Ctrl-C
what was found out is printed, and which configurations nothing is known of.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import Any

from checker.cli import page
from checker.cli.check_json import to_json
from checker.cli.check_view import (
    Checked,
    CheckOptions,
    checked,
    configuration_of,
    headline,
    print_text,
)
from checker.engines.verdict import gravest_code
from checker.input.errors import InputError
from checker.input.exit_codes import ExitCode
from checker.text import counted


def run(arguments: Sequence[str], chosen: CheckOptions, form: str) -> int:
    """Check all, print as ``form`` says; returns the gravest exit code.

    ``form``: text, json, junit or sarif.
    """
    _check_options(arguments, chosen, form)
    configurations = [configuration_of(a, chosen) for a in arguments]
    found: list[Checked] = []
    try:
        for argument, configuration in zip(
            arguments, configurations, strict=True
        ):
            one = checked(argument, configuration, chosen)
            found.append(one)
            if form == "text":
                print_text(one)
                page.line()
                sys.stdout.flush()
            if one.answer.interrupted:
                break
    except KeyboardInterrupt:
        if not found:
            raise
    unchecked = arguments[len(found) :]
    code = exit_code(found, unchecked, chosen.expect)
    if form == "text":
        _print_summary(found, unchecked)
    elif form == "json":
        page.as_json(_json(found, unchecked, code))
    elif form == "junit":
        from checker.cli.junit_report import to_junit

        sys.stdout.write(to_junit(found, unchecked))
    else:
        from checker.cli.sarif_report import to_sarif

        page.as_json(to_sarif(found, unchecked, code))
    return code


def exit_code(
    found: Sequence[Checked], unchecked: Sequence[str], expect: bool
) -> ExitCode:
    """The gravest of all; with ``expect`` 0 exactly if every one is as said.

    A configuration that was not come to is inconclusive.
    """
    codes = [one.exit_code for one in found]
    if unchecked:
        left = ExitCode.NOT_AS_EXPECTED if expect else ExitCode.INCONCLUSIVE
        codes.append(left)
    return gravest_code(codes)


def _check_options(
    arguments: Sequence[str], chosen: CheckOptions, form: str
) -> None:
    """Refuse what is for one configuration, or not for a report."""
    if chosen.trace_file is not None and len(arguments) > 1:
        raise InputError(
            f"--trace takes the trace of one CONFIG, not of {len(arguments)}"
        )
    if chosen.minimise and form in ("junit", "sarif"):
        raise InputError(
            f"--minimise: --format {form} has no place for what it finds; "
            "allowed are text and json"
        )


def _json(
    found: Sequence[Checked], unchecked: Sequence[str], code: ExitCode
) -> dict[str, Any]:
    return {
        "configurations": [to_json(one.answer, one.trace) for one in found],
        "not_checked": list(unchecked),
        "exit_code": int(code),
    }


def _print_summary(found: Sequence[Checked], unchecked: Sequence[str]) -> None:
    number = len(found) + len(unchecked)
    page.line(f"{counted(number, 'configuration')}:")
    for line in _summary(found, unchecked):
        page.paragraph(line, indent="      ", first="  ")


def _summary(
    found: Sequence[Checked], unchecked: Sequence[str]
) -> Iterator[str]:
    for one in found:
        differs = "; not as expected" if one.answer.surprises() else ""
        yield f"{headline(one.answer)}{differs}"
    for argument in unchecked:
        yield f"{argument}: not checked (interrupted)"
