# SPDX-License-Identifier: GPL-2.0-or-later
"""Do the documents, the help and the pages keep to plain words?

Each word has one to say instead.  Code, output and links are left out.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.repo.documents import CODE, DOCUMENTS, label

#: a pattern, and what to say instead
BANNED = {
    r"\bwhoever\b": "name the actor",
    r"\bnobody\b": "name the actor, or 'no one' of a set",
    r"(?<!there )(?<!it )\b(is|are|was|were) no (?!longer\b|more\b)": "is not",
    r"\b(pivot|hand-?over|takeover)\b": "RUN is sent, or the switchover",
    r"\btarget (host|side|VM)\b": "destination",
    r"\bthat which\b|\ball that\b|\beverything what\b": "name the thing",
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


def found(text: str) -> list[str]:
    """What is to be said otherwise, with the place and a proposal."""
    said = [
        f"...{text[max(0, m.start() - 30) : m.end() + 20]}... ({instead})"
        for pattern, instead in BANNED.items()
        for m in re.finditer(pattern, text, re.I)
    ]
    return said + [f"{m} (name the thing)" for m in CLAUSE.findall(text)]


@pytest.mark.parametrize("path", PLAIN, ids=label)
def test_a_document_is_in_plain_words(path: Path) -> None:
    assert found(prose(path.read_text("utf-8"))) == []
