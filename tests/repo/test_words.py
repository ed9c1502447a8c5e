# SPDX-License-Identifier: GPL-2.0-or-later
"""Do the documents, the help and the printed pages keep to plain words?

Each word has one to say instead.  In documents code, output and links are left
out; output is looked at in the golden files.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer

from checker.cli.app import app
from checker.input.configuration import shipped
from tests.command import ROOT
from tests.repo.documents import CODE, DOCUMENTS, label

#: a pattern, and what to say instead
BANNED = {
    r"\bwhoever\b": "name the actor",
    r"\bnobody\b": "name the actor, or 'no one' of a set",
    r"(?<!there )\b(is|are|was|were) no (?!longer\b|more\b)": "is not",
    r"\b(pivot|hand-?over|takeover)\b": "RUN is sent, or the switchover",
    r"\btarget (host|side|VM)\b": "destination",
    r"\bthat which\b|\beverything what\b": "name the thing",
    r"\bwhat is (in flight|new|there|sent|left|promised)\b": "name the thing",
    r"\b(reads|read) alike\b": "say what is the same",
    r"\bas well as\b": "and",
    r"\b(utilize|leverage|simply|just works|of course)\b": "leave it out",
}
#: a sentence whose subject is a clause: "What is sent is lost."
CLAUSE = re.compile(r"(?:^|[.:;] )((?:What|Who|Whatever) [^?.:]*\.)", re.M)
#: of other releases, or the words of other people
LEFT_OUT = ("CHANGELOG.md",)
PLAIN = [path for path in DOCUMENTS if label(path) not in LEFT_OUT]


def prose(text: str) -> str:
    """A document without its code, in paragraphs of one line each."""
    text = CODE.sub("", text)
    text = re.sub(r"^ {4,}.*$|^#.*$|^<!--.*$", "", text, flags=re.M)
    text = re.sub(r"`[^`]*`", "`", text)
    text = re.sub(r"\]\([^)]*\)", "]", text)
    parts = re.split(r"\n\s*\n|\n(?=\s*(?:[*-]|\d+\.) )|\n(?=\|)", text)
    return "\n".join(" ".join(part.split()) for part in parts)


def banned(text: str) -> list[str]:
    """Each banned word with its neighbours and what to say instead."""
    return [
        f"...{text[max(0, m.start() - 30) : m.end() + 20]}... ({instead})"
        for pattern, instead in BANNED.items()
        for m in re.finditer(pattern, text, re.I)
    ]


def found(text: str) -> list[str]:
    """What is to be said otherwise, with the place and a proposal."""
    clauses = [f"{m} (name the thing)" for m in CLAUSE.findall(text)]
    return [*banned(text), *clauses]


def helps(command: typer.core.TyperCommand, name: str) -> list[str]:
    """What ``--help`` says of a command and of the commands below it."""
    context = typer.Context(command, info_name=name)
    said = [command.get_help(context)]
    for inner in getattr(command, "commands", {}).values():
        said += helps(inner, f"{name} {inner.name}")
    return said


def printed() -> list[str]:
    """Every page of the help and of the golden files, as one line each."""
    golden = sorted((ROOT / "tests" / "golden").glob("*.txt"))
    pages = helps(typer.main.get_command(app), "dbmcheck")
    pages += [path.read_text("utf-8") for path in golden]
    # the names of configurations are no prose
    names = re.compile("|".join(sorted(shipped(), key=len, reverse=True)))
    return [" ".join(names.sub("", page).split()) for page in pages]


@pytest.mark.parametrize("path", PLAIN, ids=label)
def test_a_document_is_in_plain_words(path: Path) -> None:
    assert found(prose(path.read_text("utf-8"))) == []


def test_the_printed_pages_are_in_plain_words() -> None:
    said = sorted({each for page in printed() for each in banned(page)})
    assert said == []


def test_a_word_is_found() -> None:
    text = "Whoever waits is no host. What is sent is lost."
    assert [each.split("(")[-1] for each in found(text)] == [
        "name the actor)",
        "is not)",
        "name the thing)",
        "name the thing)",
    ]
