# SPDX-License-Identifier: GPL-2.0-or-later
"""What ``check`` found out, as a JUnit report.

A test suite is a configuration, a test case is a property (with ``--expect``
the configuration's [expect]).  A violation is a ``failure``.  A case that the
search did not decide is an ``error`` of type INCONCLUSIVE: ``skipped`` would
let a CI job pass that has shown nothing.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Sequence

from checker.cli.check_view import Checked
from checker.cli.report_cases import Case, Outcome, cases, explored
from checker.engines.exploration import INTERRUPTED
from model.designs import DIGITS, schema

_TAGS = {Outcome.FAILED: "failure", Outcome.OPEN: "error"}
#: characters that XML has no way to write
_UNFIT = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def to_junit(found: Iterable[Checked], unchecked: Sequence[str]) -> str:
    """The report as XML.  ``unchecked``: arguments that none came to."""
    top = ET.Element("testsuites", name="dbmcheck")
    for one in found:
        top.append(_suite(one))
    for argument in unchecked:
        suite = ET.SubElement(top, "testsuite", name=_fit(argument))
        missing = Case(
            rule="check",
            what="",
            outcome=Outcome.OPEN,
            verdict="INCONCLUSIVE",
            message=f"{INTERRUPTED} before it was checked",
        )
        _add(suite, argument, missing)
        _count(suite)
    _count(top)
    ET.indent(top)
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n'
        + ET.tostring(top, encoding="unicode")
        + "\n"
    )


def _suite(found: Checked) -> ET.Element:
    answer = found.answer
    options = answer.configuration.options
    suite = ET.Element(
        "testsuite",
        name=_fit(found.argument),
        time=f"{answer.coverage.seconds:.3f}",
    )
    facts = ET.SubElement(suite, "properties")
    for name, value in {
        "design": options.name,
        "model": schema(options).digest[:DIGITS],
        "engine": answer.engine,
        "explored": explored(found),
    }.items():
        ET.SubElement(facts, "property", name=name, value=value)
    for case in cases(found):
        _add(suite, found.argument, case)
    _count(suite)
    return suite


def _add(suite: ET.Element, argument: str, case: Case) -> None:
    made = ET.SubElement(
        suite,
        "testcase",
        classname=_fit(argument),
        name=_fit(case.rule),
    )
    if case.outcome in _TAGS:
        told = ET.SubElement(
            made,
            _TAGS[case.outcome],
            type=case.verdict,
            message=_fit(case.message),
        )
        told.text = _fit("\n".join(case.details))


def _count(element: ET.Element) -> None:
    """Note how many cases ``element`` has, and how they ended."""
    for attribute, tag in (
        ("tests", "testcase"),
        ("failures", "failure"),
        ("errors", "error"),
    ):
        element.set(attribute, str(sum(1 for _ in element.iter(tag))))


def _fit(text: str) -> str:
    return _UNFIT.sub("?", text)
