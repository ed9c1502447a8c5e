# SPDX-License-Identifier: GPL-2.0-or-later
"""Is what a document says twice, or a program says too, made from one place?

A block between ``<!-- name -->`` and ``<!-- end -->`` is compared with what
it is made from; ``--regenerate`` writes it.
"""

from __future__ import annotations

import re
import textwrap

import pytest

from checker.input.exit_codes import as_table
from model.design import DESIGNS
from tests.command import ROOT
from tests.repo.documents import compare_block

README = ROOT / "README.md"
MANUAL = ROOT / "checker" / "docs" / "manual.md"
TWO_SERIES = ROOT / "model" / "docs" / "two-series.md"
LONGEST = 250
#: "postcopy as built in 10.0 ... breaks S1": what exists beside a design
BUILT = re.compile(rf"({'|'.join(DESIGNS)}) (with|as) [^|]* breaks ")
AS_ITEM = {"initial_indent": "* ", "subsequent_indent": "  "}
TEST_COMMAND = "<!-- test command -->"


def comparison() -> str:
    """What ``dbmcheck compare`` prints, which another test has run."""
    text = MANUAL.read_text("utf-8")
    found = re.search(r"```console\n\$ dbmcheck compare\n(.*?)```", text, re.S)
    assert found
    return found[1]


def answer(printed: str) -> str:
    """The last sentence of a comparison, one item for each design, and what
    it says of the designs as they exist.
    """
    paragraphs = [" ".join(p.split()) for p in printed.split("\n\n")]
    (verdict,) = [p for p in paragraphs if p.startswith("Answer: ")]
    said = verdict.removeprefix("Answer: ").rstrip(".").split("; ")
    assert len(said) == len(DESIGNS)
    built = [p for p in paragraphs if BUILT.match(p)]
    assert built
    plain = re.sub(r" \(for want of [^)]*\)", "", "; ".join(built))
    said.append(f"as they exist: {plain.replace('.;', ';').rstrip('.')}")
    ends = [";"] * (len(said) - 1) + ["."]
    return "".join(
        f"{textwrap.fill(one + end, 79, **AS_ITEM)}\n"
        for one, end in zip(said, ends, strict=True)
    )


def verdicts(printed: str) -> str:
    """The first table of a comparison, with what is said below it."""
    found = re.search(r"^ +\| .*?\|live .*?\n\n", printed, re.M | re.S)
    assert found
    return f"```\n{found[0].rstrip()}\n```\n"


def tables(printed: str, *heads: str) -> str:
    """The tables of a comparison whose first line begins like this."""
    found = []
    for head in heads:
        match = re.search(rf"^ +\|{head}.*?\n(?=\n|  )", printed, re.M | re.S)
        assert match, head
        found.append(match[0].rstrip())
    return "```\n" + "\n\n".join(found) + "\n```\n"


def test_the_answer(request: pytest.FixtureRequest) -> None:
    compare_block(README, "answer", answer(comparison()), request)


def test_the_verdicts(request: pytest.FixtureRequest) -> None:
    compare_block(README, "verdicts", verdicts(comparison()), request)


def test_the_tables_of_the_two_series(request: pytest.FixtureRequest) -> None:
    printed = comparison()
    _, limits = printed.split("The least downtime limit")
    for name, made in (
        ("verdicts", verdicts(printed)),
        ("costs", tables(printed, "chunks sent", "at risk")),
        ("limits", tables(limits, "1 Gbit/s")),
    ):
        compare_block(TWO_SERIES, name, made, request)


def test_another_answer_is_another_block() -> None:
    printed = comparison()
    other = printed.replace("is tenable", "is not tenable")
    assert answer(other) != answer(printed)
    other = printed.replace("VIOLATED|HOLDS", "HOLDS   |HOLDS")
    assert verdicts(other) != verdicts(printed)


def test_the_exit_codes(request: pytest.FixtureRequest) -> None:
    compare_block(MANUAL, "exit codes", as_table(), request)


def test_the_readme_is_short() -> None:
    assert len(README.read_text("utf-8").splitlines()) <= LONGEST


def test_the_test_command_is_one_line() -> None:
    lines = README.read_text("utf-8").splitlines()
    command = lines[lines.index(TEST_COMMAND) + 1]
    assert command.startswith("    python3 -m venv .venv && ")
    assert "pytest" in command
    # nothing that depends on which environment is active
    assert all(
        word.startswith((".venv/bin/", "python3"))
        for word in (part.split()[0] for part in command.split("&&"))
    )
