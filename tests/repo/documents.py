# SPDX-License-Identifier: GPL-2.0-or-later
"""The documents of the repository, and the parts of them that are made."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.command import ROOT

ROOMS = ("model", "reference", "checker", "tests")
DOCUMENTS = sorted(
    [*ROOT.glob("*.md"), *(p for r in ROOMS for p in (ROOT / r).rglob("*.md"))]
)
#: a fenced block, which is no prose
CODE = re.compile(r"^```.*?^```", re.M | re.S)


def label(path: Path) -> str:
    """``model/README.md``"""
    return str(path.relative_to(ROOT))


def block(path: Path, name: str) -> str:
    """The lines between ``<!-- name -->`` and ``<!-- end -->``."""
    _, _, rest = path.read_text("utf-8").partition(f"<!-- {name} -->\n")
    lines, end, _ = rest.partition("<!-- end -->")
    assert end, f"{label(path)} has no block '{name}'"
    return lines


def compare_block(
    path: Path, name: str, made: str, request: pytest.FixtureRequest
) -> None:
    """Compare a block with what it is made from; or write it."""
    shown = block(path, name)
    if request.config.getoption("--regenerate"):
        text = path.read_text("utf-8")
        mark = f"<!-- {name} -->\n"
        text = text.replace(f"{mark}{shown}<!--", f"{mark}{made}<!--", 1)
        path.write_text(text, "utf-8")
        return
    assert shown == made
