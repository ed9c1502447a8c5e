# SPDX-License-Identifier: GPL-2.0-or-later
"""Does FINDINGS.md say what the files of known deviations say?

``--regenerate`` rewrites it.
"""

from __future__ import annotations

import textwrap

import pytest

from checker.cli.qemu.known_view import Entry, by_gravity
from checker.qemu.campaign.known import Deviation
from tests.command import ROOT

PAGE = ROOT / "checker" / "qemu" / "FINDINGS.md"
HEAD = """<!-- SPDX-License-Identifier: GPL-2.0-or-later -->
# Known deviations of real QEMU

Made from [`known.toml`](campaign/known.toml) and
[`known_streams.toml`](interop/known_streams.toml) by `pytest
tests/qemu/test_findings.py --regenerate`; `dbmcheck qemu known` prints the
same. The head of these files explains the severities, and [the
glossary](../../model/docs/glossary.md) the guarantees. "Seen on" are the
versions that were run; between them a deviation is expected.
"""
TABLE = """
| severity | breaks | QEMU | deviation |
| --- | --- | --- | --- |
"""


def row(entry: Entry) -> str:
    link = f"[{entry.id}](#{entry.id})"
    cells = entry.severity, entry.breaks, entry.versions, link
    return f"| {' | '.join(cells)} |\n"


def section(entry: Entry) -> str:
    facts = [
        f"Severity: {entry.severity}",
        f"breaks: {entry.breaks}",
        f"QEMU {entry.versions}, seen on {', '.join(entry.seen)}",
        f"conditions: {entry.conditions}",
    ]
    if isinstance(entry, Deviation):
        facts.append(f"bitmaps to blame: {entry.label}")
        again = f"    {entry.command}\n"
    else:
        again = f"`` {entry.signature} ``\n"
    # patterns of places are no emphasis
    said = "; ".join(facts).replace("*", "\\*")
    text = f"{wrapped(entry.what.strip())}\n\n{wrapped(f'{said}.')}"
    return f"\n### {entry.id}\n\n{text}\n\n{again}"


def wrapped(text: str) -> str:
    return textwrap.fill(
        text, 79, break_on_hyphens=False, break_long_words=False
    )


def findings() -> str:
    text = HEAD
    for heading, streams in (
        ("Violations", False),
        ("Malformed streams", True),
    ):
        some = [
            entry
            for entry in by_gravity()
            if isinstance(entry, Deviation) is not streams
        ]
        text += f"\n## {heading}\n{TABLE}"
        text += "".join(map(row, some)) + "".join(map(section, some))
    return text


def test_findings(request: pytest.FixtureRequest) -> None:
    if request.config.getoption("--regenerate"):
        PAGE.write_text(findings(), "utf-8")
        return
    assert PAGE.read_text("utf-8") == findings()
