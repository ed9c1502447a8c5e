# SPDX-License-Identifier: GPL-2.0-or-later
"""Do the commands that we document run, and print what we say?

Every ``console`` block of a README that begins with ``$ dbmcheck`` or
``$ python -m reference`` is run and compared, timing replaced;
``--regenerate`` rewrites the blocks.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from checker.input.configuration import shipped
from model.correspondence import QEMU_TESTS
from model.designs import build
from model.language import Action
from model.mechanism import (
    DESIGNS,
)
from model.options import Failures, Options
from tests.command import ROOT, Result, without_timing

DOCUMENTS = (
    ROOT / "README.md",
    ROOT / "model" / "README.md",
    ROOT / "checker" / "docs" / "own-properties.md",
)
BLOCK = re.compile(
    r"```console\n(\$ (?:dbmcheck|python -m reference) [^\n]*)\n(.*?)```", re.S
)
COMMAND = re.compile(r"dbmcheck ([a-z]+)((?: [a-z][a-z0-9.-]*| --\S+)*)")


def blocks() -> list[tuple[Path, str]]:
    return [
        (path, match[1])
        for path in DOCUMENTS
        for match in BLOCK.finditer(path.read_text("utf-8"))
    ]


@pytest.mark.parametrize(
    ("path", "command"), blocks(), ids=lambda value: str(value)[-40:]
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


def test_there_is_sample_output() -> None:
    assert len(blocks()) >= 2


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
    text = path.read_text("utf-8")
    before, _, rest = text.partition("<!-- actions -->\n")
    table, _, after = rest.partition("<!-- end -->")
    if request.config.getoption("--regenerate"):
        made = correspondence_table()
        path.write_text(
            f"{before}<!-- actions -->\n{made}<!-- end -->{after}", "utf-8"
        )
        return
    assert table == correspondence_table()


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


def test_the_readme_knows_the_shipped_configurations() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    assert f"{len(shipped())} configurations" in text
