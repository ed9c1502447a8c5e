# SPDX-License-Identifier: GPL-2.0-or-later
"""Does every file keep the rules of the house?"""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest

from tests.command import ROOT

SOURCES = sorted(
    path
    for room in ("model", "checker", "reference", "tests")
    for path in (ROOT / room).rglob("*.py")
)
SPDX = "# SPDX-License-Identifier: GPL-2.0-or-later"
LONGEST = 420


def label(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", SOURCES, ids=label)
def test_source_file(path: Path) -> None:
    text = path.read_text("utf-8")
    assert text.splitlines()[0] == SPDX
    if "tests" not in path.relative_to(ROOT).parts:
        assert text.count("\n") <= LONGEST
    if path.name != "__init__.py":
        assert ast.get_docstring(ast.parse(text))


@pytest.mark.parametrize(
    "path",
    [
        path
        for path in sorted((ROOT / "model").rglob("*.py"))
        if path.parent.name != "language"
    ],
    ids=label,
)
def test_the_model_neither_shifts_nor_masks(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        shifts = isinstance(node, ast.BinOp) and isinstance(
            node.op, (ast.LShift, ast.RShift, ast.BitXor)
        )
        assert not shifts, f"{label(path)}:{getattr(node, 'lineno', 0)}"


@pytest.mark.parametrize(
    "path", sorted((ROOT / "model" / "configs").glob("*.toml")), ids=label
)
def test_configuration_file(path: Path) -> None:
    assert path.read_text("utf-8").splitlines()[0] == SPDX


def test_the_model_is_pure() -> None:
    forbidden = re.compile(
        r"^\s*(import|from) (os|sys|io|time|random|pathlib|socket)\b|"
        r"\bprint\(|\bopen\(",
        re.M,
    )
    # this room runs the text, apart from everything, and is no part of it
    runs_it = ROOT / "model" / "texts"
    for path in (ROOT / "model").rglob("*.py"):
        if runs_it in path.parents:
            continue
        assert not forbidden.search(path.read_text("utf-8")), label(path)


def test_the_top_level_is_as_agreed() -> None:
    done = subprocess.run(
        ["git", "ls-files"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    tops = {name.split("/")[0] for name in done.stdout.splitlines()}
    if done.returncode != 0:  # unpacked from an archive, which has all of it
        tops = {path.name for path in ROOT.iterdir()} - {"PKG-INFO"}
    assert "model" in tops
    assert {t for t in tops if not t.startswith(".")} <= {
        *("pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md"),
        *("model", "reference", "checker", "tests"),
    }
