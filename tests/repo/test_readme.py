# SPDX-License-Identifier: GPL-2.0-or-later
"""Do the commands that we document run, and print what we say?

A ``console`` block of a document begins with ``$ dbmcheck`` or ``$ python -m
reference``, or is a session (``test_sessions``).  It is run and
compared, timing replaced; ``--regenerate`` rewrites the blocks.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from model.correspondence import QEMU_TESTS
from model.design import DESIGNS
from model.designs import build
from model.language import Action
from model.options import Failures, Options
from tests.command import ROOT, Result, without_timing
from tests.repo.documents import CODE, DOCUMENTS, compare_block, label
from tests.repo.test_sessions import sessions

BLOCK = re.compile(
    r"```console\n(\$ (?:dbmcheck|python -m reference) [^\n]*)\n(.*?)```", re.S
)


def blocks() -> list[tuple[Path, str]]:
    return [
        (path, match[1])
        for path in DOCUMENTS
        for match in BLOCK.finditer(path.read_text("utf-8"))
    ]


@pytest.mark.usefixtures("worked_out_once")
@pytest.mark.parametrize(
    ("path", "command"),
    blocks(),
    ids=lambda value: label(value) if isinstance(value, Path) else value[2:],
)
def test_sample_output(
    path: Path,
    command: str,
    dbmcheck: Callable[..., Result],
    request: pytest.FixtureRequest,
) -> None:
    text = path.read_text("utf-8")
    shown = next(m for m in BLOCK.finditer(text) if m[1] == command)[2]
    words = shlex.split(command)[1:]
    if words[0] == "python":
        printed = run_module(*words[1:])
    else:
        printed = dbmcheck(*words[1:]).out
    if request.config.getoption("--regenerate"):
        path.write_text(
            text.replace(f"{command}\n{shown}", f"{command}\n{printed}")
        )
        return
    assert without_timing(printed) == without_timing(shown)


def run_module(*arguments: str) -> str:
    """What ``python -m reference`` prints."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return done.stdout


def test_no_output_is_shown_that_is_not_compared() -> None:
    shown = [
        fence
        for path in DOCUMENTS
        for fence in CODE.findall(path.read_text("utf-8"))
        if fence.startswith("```console")
    ]
    assert len(shown) == len(blocks()) + len(sessions())


def everything(design: str) -> Options:
    """The design with every failure: all of its actions."""
    names = Failures.names()
    return Options(design=design, failures=Failures(**dict.fromkeys(names, 1)))


def correspondence_table() -> str:
    """The actions of all designs, from their docstrings."""
    found: dict[str, tuple[Action, list[str]]] = {}
    for design in DESIGNS:
        for action in build(everything(design)).actions:
            found.setdefault(action.name, (action, []))[1].append(design)
    lines = [
        "| action | actor | designs | QEMU function | QEMU test |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name, (action, designs) in found.items():
        _, mark, text = re.split("(QEMU: |Series of 2015: )", action.doc)
        stands_for = " ".join(text.split())
        if mark.startswith("Series"):
            stands_for = f"series of 2015: {stands_for}"
        where = "all" if len(designs) == len(DESIGNS) else ", ".join(designs)
        test = QEMU_TESTS.get(name, "-")
        lines.append(
            f"| `{name}` | {action.actor} | {where} | "
            f"{stands_for.rstrip('.')} | {test} |"
        )
    return "\n".join(lines) + "\n"


def test_the_correspondence_table(request: pytest.FixtureRequest) -> None:
    path = ROOT / "model" / "README.md"
    compare_block(path, "actions", correspondence_table(), request)


def test_every_test_of_qemu_belongs_to_an_action() -> None:
    names = {
        action.name
        for design in DESIGNS
        for action in build(everything(design)).actions
    }
    assert set(QEMU_TESTS) <= names


def test_every_action_names_its_counterpart() -> None:
    for design in DESIGNS:
        for action in build(everything(design)).actions:
            named = ("QEMU:", "Series of 2015:")
            assert any(n in action.doc for n in named), action.name
