# SPDX-License-Identifier: GPL-2.0-or-later
"""Are the lists in the documents the ones that the program prints?

A document that wants a list has ``<!-- scope -->``, ``<!-- guarantees -->`` or
``<!-- order -->`` on a line of its own, and ``<!-- end -->`` below;
``--regenerate`` writes what stands in between.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import pytest

from checker.input.configuration import Configuration, listed
from checker.text import wrapped
from model.guarantees import GUARANTEES
from model.scope import ASSUMED, BELIEVED, NOT_MODELLED
from tests.command import ROOT

WIDTH = 79
#: what several connections need; see model/docs/order.md
DEVICES = (
    "chunks-after-start",
    "chunks-before-complete",
    "chunk-order",
    "chunks-before-run",
)
BLOCK = re.compile(r"<!-- (\w+) -->\n(.*?)<!-- end -->", re.DOTALL)


def bullets(texts: Iterable[str]) -> str:
    return "".join(
        f"{line}\n"
        for text in texts
        for line in wrapped(f"{text[0].upper()}{text[1:]}.", "* ", width=WIDTH)
    )


def scope() -> str:
    """What is assumed, believed and not modelled, as Markdown."""
    return "\n".join(
        [
            f"**Assumed** of the world:\n\n{bullets(ASSUMED)}",
            f"**Believed**, of a proof:\n\n{bullets(BELIEVED)}",
            f"**Not modelled**:\n\n{bullets(NOT_MODELLED)}",
        ]
    )


def guarantees() -> str:
    """The table of guarantees, as Markdown."""
    rows = [
        f"| {one.name} | {one.short} | {one.long}"
        f"{'' if one.modelled else ' (asked of real QEMU alone)'} |\n"
        for one in GUARANTEES.values()
    ]
    return (
        f"| id | in short | guarantee |\n| --- | --- | --- |\n{''.join(rows)}"
    )


def order() -> str:
    """Which designs survive another order of messages, as Markdown."""
    told: dict[str, dict[str, str]] = {}
    for one in listed():
        options = one.options
        lacks = options.without
        apart = options.connections == "several" and options.bitmaps == "one"
        if not apart or len(lacks) > 1 or not lacks <= {*DEVICES}:
            continue
        early = " from a bulk source" if options.source == "bulk" else ""
        row = told.setdefault(f"{options.design}{early}", {})
        row[min(lacks, default="")] = in_a_cell(one)
    heads = ["design", "all devices", *(f"without `{d}`" for d in DEVICES)]
    lines = [heads, ["---"] * len(heads)]
    for design, row in sorted(told.items()):
        cells = [row.get(device, "-") for device in ("", *DEVICES)]
        lines.append([design, *cells])
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def in_a_cell(one: Configuration) -> str:
    """What a configuration expects: that all holds, or what does not."""
    expect = one.expect
    if expect.verdict == "HOLDS":
        return "holds"
    assert expect.property
    broken = one.machine().property(expect.property)
    return f"{broken.guarantee}, {expect.steps}"


MADE: Mapping[str, Callable[[], str]] = {
    "scope": scope,
    "guarantees": guarantees,
    "order": order,
}


def blocks() -> list[tuple[Path, str]]:
    return [
        (path, match[1])
        for folder in ("checker", "model", "reference", "tests")
        for path in sorted((ROOT / folder).rglob("*.md"))
        for match in BLOCK.finditer(path.read_text("utf-8"))
        if match[1] in MADE
    ] + [
        (ROOT / "README.md", match[1])
        for match in BLOCK.finditer((ROOT / "README.md").read_text("utf-8"))
        if match[1] in MADE
    ]


def with_blocks(text: str) -> str:
    """A document with its blocks as they should be."""

    def made(match: re.Match[str]) -> str:
        make = MADE.get(match[1])
        if make is None:
            return match[0]
        return f"<!-- {match[1]} -->\n{make()}<!-- end -->"

    return BLOCK.sub(made, text)


@pytest.mark.parametrize(
    ("path", "name"), blocks(), ids=lambda value: str(value)[-40:]
)
def test_a_block(
    path: Path, name: str, request: pytest.FixtureRequest
) -> None:
    text = path.read_text("utf-8")
    if request.config.getoption("--regenerate"):
        path.write_text(with_blocks(text), "utf-8")
        return
    found = {m[1]: m[2] for m in BLOCK.finditer(text)}
    assert found[name] == MADE[name]()


def test_a_block_is_made_anew() -> None:
    old = "a\n<!-- scope -->\nold\n<!-- end -->\n<!-- other -->\nb<!-- end -->"
    new = with_blocks(old)
    assert NOT_MODELLED[-1].capitalize() in new and "old" not in new
    assert new.endswith("<!-- other -->\nb<!-- end -->")


def test_there_is_a_block() -> None:
    assert blocks()
