# SPDX-License-Identifier: GPL-2.0-or-later
"""Does every place that a document points to exist, and do ids agree?"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from checker.input.configuration import load, shipped
from model.design import DESIGNS
from model.lookup import mechanisms_of
from tests.command import ROOT
from tests.repo.documents import CODE, DOCUMENTS, ROOMS, label

#: all but the one that tells of files as they were
OF_TODAY = [path for path in DOCUMENTS if path.name != "CHANGELOG.md"]
HISTORY = ROOT / "model" / "docs" / "history.md"
DECISIONS = ROOT / "checker" / "decisions"
LINK = re.compile(r"\]\(([^)\s]+)\)")
BUG = re.compile(r"\b[BX]\d\d\b")
PATH = re.compile(rf"`((?:{'|'.join(ROOMS)})/[a-z0-9_./-]*)`")


def anchors(text: str) -> set[str]:
    """The headings of a document as its links name them."""
    heads = re.findall(r"^#+ (.+)$", CODE.sub("", text), re.M)
    words = (re.sub(r"[^\w\- ]", "", head.lower()) for head in heads)
    return {word.replace(" ", "-") for word in words}


def broken(path: Path, text: str) -> list[str]:
    """The relative links of ``text``, which is at ``path``, to nowhere."""
    found = []
    for link in LINK.findall(CODE.sub("", text)):
        if "://" in link:
            continue
        name, _, anchor = link.partition("#")
        target = path.parent / name if name else path
        known = target.exists() and (
            not anchor or anchor in anchors(target.read_text("utf-8"))
        )
        if not known:
            found.append(link)
    return found


def sections() -> dict[str, str]:
    """The text of each section of the history, by its heading."""
    parts = re.split(r"^## (.+)\n", HISTORY.read_text("utf-8"), flags=re.M)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def disagreements(titles: dict[str, str]) -> list[str]:
    """Configurations whose ``titles`` name a bug that does not name them."""
    told = sections()
    return [
        f"{name}: {bug}"
        for name, title in titles.items()
        for bug in BUG.findall(title)
        if f"`{name}`" not in told.get(bug, "")
    ]


@pytest.mark.parametrize("path", DOCUMENTS, ids=label)
def test_links_lead_somewhere(path: Path) -> None:
    assert broken(path, path.read_text("utf-8")) == []


@pytest.mark.parametrize("path", OF_TODAY, ids=label)
def test_paths_exist(path: Path) -> None:
    named = PATH.findall(path.read_text("utf-8"))
    assert [n for n in named if not (ROOT / n).exists()] == []


def test_a_link_that_leads_nowhere_is_found() -> None:
    text = "[a](nowhere.md) [b](#b99) [c](history.md#b01) [d](#b01)"
    assert broken(HISTORY, text) == ["nowhere.md", "#b99"]


def test_the_history_names_the_configurations_of_each_bug() -> None:
    assert disagreements({n: load(n).title for n in shipped()}) == []


def test_a_configuration_that_is_not_in_the_history_is_found() -> None:
    titles = {"postcopy": "B08: late.", "live": "B99.", "drop": "No bug."}
    assert disagreements(titles) == ["postcopy: B08", "live: B99"]


@pytest.mark.parametrize("path", OF_TODAY, ids=label)
def test_configurations_exist(path: Path) -> None:
    text = CODE.sub("", path.read_text("utf-8"))
    named = set(re.findall(rf"`((?:{'|'.join(DESIGNS)})-[a-z-]+)`", text))
    known = {m.name for design in DESIGNS for m in mechanisms_of(design)}
    assert named - known - set(shipped()) == set()


def test_every_bug_of_the_history_is_in_its_table() -> None:
    table = re.findall(r"^\| \[(\w+)\]", HISTORY.read_text("utf-8"), re.M)
    assert table == [name for name in sections() if BUG.fullmatch(name)]


def test_every_decision_has_a_status_and_a_row() -> None:
    index = (DECISIONS / "README.md").read_text("utf-8")
    rows = re.findall(r"^\| \[\d{4}\]\(([^)]+)\)", index, re.M)
    files = sorted(path.name for path in DECISIONS.glob("0*.md"))
    assert rows == files
    for name in files:
        lines = (DECISIONS / name).read_text("utf-8").splitlines()
        assert lines[2].startswith("Status: "), name
