# SPDX-License-Identifier: GPL-2.0-or-later
"""Are a guarantee's words the same wherever it is named?

``model/guarantees.py`` has them; no other module may have words of its own.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from checker.answer.standing import ROWS_OF_ENDS
from checker.cli.compare_view import GLOSSES
from checker.qemu.campaign import violation
from model.design import DESIGNS
from model.designs import build
from model.guarantees import CONSEQUENCES, GUARANTEES, MODELLED
from model.options import Bounds, Options
from tests.command import ROOT

TABLE = ROOT / "model" / "guarantees.py"
GLOSS = re.compile(
    rf"({'|'.join(GUARANTEES)}) (?!(to|and|or|in|keeps) )[A-Za-z]"
)
FILES = [
    path
    for folder in ("checker", "model", "reference")
    for path in sorted((ROOT / folder).rglob("*.py"))
    if path != TABLE
]


def own_words(tree: ast.AST) -> Iterator[str]:
    """Words for a guarantee that are written here, not looked up."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if (
                    isinstance(key, ast.Constant)
                    and key.value in GUARANTEES
                    and isinstance(value, ast.Constant)
                    and " " in str(value.value)
                ):
                    yield str(value.value)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            if node.value in ROWS_OF_ENDS or node.value.count("\n"):
                continue  # a row's key, or a docstring
            if GLOSS.match(node.value):
                yield node.value


@pytest.mark.parametrize(
    "path", FILES, ids=lambda path: str(path.relative_to(ROOT))
)
def test_no_words_of_its_own(path: Path) -> None:
    assert list(own_words(ast.parse(path.read_text("utf-8")))) == []


@pytest.mark.parametrize(
    "text", ["X = {'S1': 'no bit missing'}", "print('S3 VM unharmed')"]
)
def test_words_are_found(text: str) -> None:
    assert list(own_words(ast.parse(text)))


def test_the_words_that_are_printed() -> None:
    short = {one.name: one.short for one in GUARANTEES.values()}
    assert short == violation.GUARANTEES
    for name in set(MODELLED) & set(GLOSSES) - set(ROWS_OF_ENDS):
        assert GLOSSES[name] == f"{name} {short[name]}"


@pytest.mark.parametrize("design", DESIGNS)
def test_every_property_has_a_consequence(design: str) -> None:
    """Each names one of the table, and each of the table is said somewhere."""
    for one in GUARANTEES.values():
        assert one.consequence in CONSEQUENCES
    for prop in build(Options(design=design)).properties:
        assert prop.consequence in ("", *CONSEQUENCES), prop.name
        assert prop.guarantee in ("", *MODELLED), prop.name


def test_every_consequence_names_fields() -> None:
    """Fields of some design, and values that they can have."""
    machines = [
        build(Options(design=design, bounds=Bounds(edits=1)))
        for design in DESIGNS
    ]
    for said in (said for case in CONSEQUENCES.values() for said in case):
        fields = [*(field for field, _ in said.where), *(said.granules or ())]
        for field in fields:
            assert all(field in m.position for m in machines), field
