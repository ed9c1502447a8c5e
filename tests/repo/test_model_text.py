# SPDX-License-Identifier: GPL-2.0-or-later
"""Does the model text keep build time and run time apart?

What is fixed before anything runs is chosen in one way: ``with_`` for a value,
``only`` for an action or a property.  Python's ``if`` is left for options.
Text that designs share asks what a design says of itself, never its name.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import model
from model.design import DESIGNS

ROOT = Path(model.__file__).parent
SHARED = sorted((ROOT / "protocol").glob("*.py"))
TEXT = [*SHARED, *sorted((ROOT / "designs").glob("*.py"))]


def branches(tree: ast.AST) -> Iterator[ast.expr]:
    """What decides between two pieces of Python."""
    for node in ast.walk(tree):
        match node:
            case ast.If(test=test) | ast.IfExp(test=test):
                yield test
            case ast.comprehension(ifs=tests):
                yield from tests


def asks_a_mechanism(test: ast.expr) -> bool:
    return any(
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "has"
        for node in ast.walk(test)
    )


def names_a_design(tree: ast.AST) -> list[str]:
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and node.value in DESIGNS
    ]


# ``world`` is left out: it defines the way
@pytest.mark.parametrize(
    "path", [p for p in TEXT if p.stem != "world"], ids=lambda p: p.stem
)
def test_a_mechanism_is_asked_in_one_way(path: Path) -> None:
    tree = ast.parse(path.read_text("utf-8"))
    found = [ast.unparse(t) for t in branches(tree) if asks_a_mechanism(t)]
    assert not found


@pytest.mark.parametrize("path", SHARED, ids=lambda p: p.stem)
def test_shared_text_names_no_design(path: Path) -> None:
    tree = ast.parse(path.read_text("utf-8"))
    assert not names_a_design(tree)
    assert not [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and node.attr == "design"
        and ast.unparse(node) == "world.options.design"
    ]


def test_the_rules_find_what_they_forbid() -> None:
    wrong = ast.parse(
        "def build(world):\n"
        "    if not world.has(FENCING):\n"
        "        return 1\n"
        "    if world.options.design == 'live':\n"
        "        return [x for x in y if world.has(DRAIN)]\n"
    )
    assert sum(map(asks_a_mechanism, branches(wrong))) == 2
    assert names_a_design(wrong) == ["live"]


def test_a_design_is_one_file_that_ends_with_its_machine() -> None:
    for design in DESIGNS:
        path = ROOT / "designs" / f"{design.replace('-', '_')}.py"
        tree = ast.parse(path.read_text("utf-8"))
        (build,) = [
            node
            for node in tree.body
            if isinstance(node, ast.FunctionDef) and node.name == "build"
        ]
        assert ast.unparse(build.body[-1]) == "return world.build.machine()"
