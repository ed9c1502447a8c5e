# SPDX-License-Identifier: GPL-2.0-or-later
"""What ``check`` found out, as SARIF 2.1.0 (OASIS).

A rule is a property, as 'S1/NoLostDirtyBitOnSource', a result is a property
that does not hold, and its location is the configuration file.  A property
that the search did not decide is a result of the kind 'open', and the run
was then not successful.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import quote

from checker.cli.check_view import Checked
from checker.cli.report_cases import Case, Outcome, cases
from checker.engines.exploration import INTERRUPTED
from checker.input.configuration import find
from checker.input.exit_codes import ExitCode
from model.guarantees import GUARANTEES

VERSION = "2.1.0"
SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/"
    "sarif-schema-2.1.0.json"
)


def to_sarif(
    found: Sequence[Checked], unchecked: Sequence[str], code: ExitCode
) -> dict[str, Any]:
    """The report as plain data; ``code``: what the process returns."""
    told = [(one, case) for one in found for case in cases(one)]
    rules = {case.rule: _rule(case) for _, case in told}
    open_ends = unchecked or any(
        case.outcome is Outcome.OPEN for _, case in told
    )
    return {
        "$schema": SCHEMA,
        "version": VERSION,
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "dbmcheck",
                        "version": version("dbmcheck"),
                        "rules": list(rules.values()),
                    }
                },
                "invocations": [
                    {
                        "executionSuccessful": not open_ends,
                        "exitCode": int(code),
                        "exitCodeDescription": code.meaning,
                        "toolExecutionNotifications": [
                            _notification(argument) for argument in unchecked
                        ],
                    }
                ],
                "artifacts": [
                    {"location": _place(one.argument)} for one in found
                ],
                "results": [
                    _result(one, case, list(rules).index(case.rule))
                    for one, case in told
                    if case.outcome is not Outcome.PASSED
                ],
            }
        ],
    }


def _rule(case: Case) -> dict[str, Any]:
    guarantee, _, name = case.rule.rpartition("/")
    rule: dict[str, Any] = {
        "id": case.rule,
        "name": name,
        "shortDescription": {"text": case.what},
    }
    if guarantee in GUARANTEES:
        rule["help"] = {"text": f"{guarantee}: {GUARANTEES[guarantee]}"}
    return rule


def _result(found: Checked, case: Case, index: int) -> dict[str, Any]:
    failed = case.outcome is Outcome.FAILED
    name = found.answer.configuration.name
    head = f"{name}: {case.verdict} ({case.rule})"
    head += f", {case.message}" if case.message else ""
    result: dict[str, Any] = {
        "ruleId": case.rule,
        "ruleIndex": index,
        "kind": "fail" if failed else "open",
        "level": "error" if failed else "none",
        "message": {"text": "\n".join((head, *case.details))},
        "locations": [_location(found.argument)],
    }
    if case.trace:
        result["partialFingerprints"] = {"trace/v1": case.trace}
    return result


def _notification(argument: str) -> dict[str, Any]:
    return {
        "level": "error",
        "message": {
            "text": f"{argument}: {INTERRUPTED} before it was checked"
        },
        "locations": [_location(argument)],
    }


def _location(argument: str) -> dict[str, Any]:
    return {
        "physicalLocation": {
            "artifactLocation": _place(argument),
            "region": {"startLine": 1},
        }
    }


def _place(argument: str) -> dict[str, str]:
    """The configuration file; relative to where we are, if it is below."""
    path, here = find(argument).absolute(), Path.cwd()
    if path.is_relative_to(here):
        # names are bytes, not always text
        return {"uri": quote(os.fsencode(path.relative_to(here)))}
    return {"uri": path.as_uri()}
