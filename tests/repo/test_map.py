# SPDX-License-Identifier: GPL-2.0-or-later
"""Does the map of the code lead to what it names?"""

from __future__ import annotations

import ast
import re
from pathlib import Path

from tests.command import ROOT

HOW_TO = ROOT / "checker" / "docs" / "contributing.md"
MAP = ROOT / "checker" / "docs" / "map.md"
#: `model/options.py`: `Options`
PLACE = re.compile(r"`([a-z][\w/.-]*/[\w.-]*)`(?:: `(\w+)`)?")
#: `AS_BUILT` of [`model/design.py`](../../model/design.py)
NAMED = re.compile(r"`(\w+)` of\s+\[`[^`]*`\]\(([^)]+\.py)\)")
ROOMS = ("model", "reference", "checker")


def defined(path: Path) -> set[str]:
    """The names that a module defines."""
    found = set()
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Assign):
            found |= {t.id for t in node.targets if isinstance(t, ast.Name)}
        elif isinstance(node, ast.AnnAssign):
            assert isinstance(node.target, ast.Name)
            found.add(node.target.id)
    return found


def astray(text: str) -> list[str]:
    """The places of ``text`` that do not exist."""
    found = []
    for place, name in PLACE.findall(text):
        path = ROOT / place
        if not path.exists():
            found.append(place)
        elif name and name not in defined(path):
            found.append(f"{place}: {name}")
    return found


def questions(text: str) -> list[str]:
    """The rows of the table of questions."""
    return re.findall(r"^\| \d+\. .*\? \| (.*) \|$", text, re.M)


def test_every_place_exists() -> None:
    assert astray(MAP.read_text("utf-8")) == []


def test_a_place_that_does_not_exist_is_found() -> None:
    text = "`model/nowhere.py` `model/options.py`: `Nothing` `model/docs/`"
    assert astray(text) == ["model/nowhere.py", "model/options.py: Nothing"]


def test_the_names_of_contributing_are_defined() -> None:
    named = NAMED.findall(HOW_TO.read_text("utf-8"))
    assert named
    assert [
        (name, link)
        for name, link in named
        if name not in defined(HOW_TO.parent / link)
    ] == []


def test_twenty_questions_each_with_a_place() -> None:
    answers = questions(MAP.read_text("utf-8"))
    assert len(answers) == 20
    assert [a for a in answers if not PLACE.search(a)] == []


def test_every_room_is_on_the_map() -> None:
    text = MAP.read_text("utf-8")
    rooms = {
        str(path.relative_to(ROOT))
        for top in ROOMS
        for path in (ROOT / top).iterdir()
        if (path / "__init__.py").exists()
    }
    assert [room for room in sorted(rooms) if f"`{room}/`" not in text] == []
