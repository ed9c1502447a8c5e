# SPDX-License-Identifier: GPL-2.0-or-later
"""How many places does an addition touch, and do they suffice?

A mechanism, a property, a design and a command are added to a copy of the
repository; a kind of fault in ``tests/qemu/test_new_kind.py``.  Each addition
is a list of edits by file, so its length is the number of places.  What the
copy then says shows that nothing else had to be told.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from attrs import frozen

from tests.command import ROOT

ROOMS = ("model", "checker", "reference", "tests")
MATRIX = "tests/variants/test_kill_matrix.py"
#: a file, and what of it is replaced by what; a new file has just a text
Edits = Mapping[str, tuple[tuple[str, str], ...] | str]

MECHANISM: Edits = {
    "model/mechanisms.py": (
        (
            "FULL_BACKUP_ON_LOSS = Mechanism(\n",
            "LINK_ASKED = Mechanism(\n"
            '    "link-asked",\n'
            "    (POSTCOPY,),\n"
            '    "L1",\n'
            '    "The VM stops only while the link stands.",\n'
            '    redundant=((POSTCOPY, "a source that stops resumes"),),\n'
            '    elsewhere="nothing hangs on it",\n'
            ")\n"
            "FULL_BACKUP_ON_LOSS = Mechanism(\n",
        ),
        (
            "    FULL_BACKUP_ON_LOSS,\n)",
            "    FULL_BACKUP_ON_LOSS,\n    LINK_ASKED,\n)",
        ),
    ),
    "model/designs/postcopy.py": (
        (
            "from model.mechanisms_sending import",
            "from model.mechanisms import LINK_ASKED\n"
            "from model.mechanisms_sending import",
        ),
        (
            "            world.link_up,\n"
            "        ).then(source.vm.becomes(SourceVm.PAUSED))",
            "            "
            "world.with_(LINK_ASKED, (world.link_up,), without=()),\n"
            "        ).then(source.vm.becomes(SourceVm.PAUSED))",
        ),
    ),
    MATRIX: (
        (
            '    "postcopy": POSTCOPY,\n',
            '    "postcopy": {**POSTCOPY, "link-asked": set()},\n',
        ),
    ),
}
PROPERTY: Edits = {
    "model/protocol/properties.py": (
        (
            "def _add_one_side(",
            "def _add_other_side(world: World) -> None:\n"
            "    source, here = world.source, world.destination\n"
            "    world.build.always(\n"
            '        "OtherSideWaits",\n'
            '        "S6",\n'
            '        "While the destination runs, the source does not.",\n'
            "        when=[here.vm.is_(DestinationVm.RUNNING)],\n"
            "        then=[source.vm.is_not(SourceVm.RUNNING)],\n"
            "    )\n\n\n"
            "def _add_one_side(",
        ),
        (
            "    _add_one_side(world)\n",
            "    _add_one_side(world)\n    _add_other_side(world)\n",
        ),
    ),
    MATRIX: (
        (
            "ONE_SIDE, EXTRA}",
            'ONE_SIDE, EXTRA, "OtherSideWaits"}',
        ),
    ),
}
COMMAND: Edits = {
    "checker/cli/greet_view.py": (
        "# SPDX-License-Identifier: GPL-2.0-or-later\n"
        '"""``dbmcheck greet``: a greeting."""\n\n'
        "from checker.cli import page\n\n\n"
        "def run(as_json: bool) -> int:\n"
        '    """Print the greeting; returns 0."""\n'
        "    if as_json:\n"
        '        page.as_json({"greeting": "good day"})\n'
        "    else:\n"
        '        page.line("good day")\n'
        "    return 0\n"
    ),
    "checker/cli/app.py": (
        (
            '@app.command("list")\n',
            "@app.command()\n"
            "def greet(format: FormatOption = Format.TEXT) -> None:\n"
            '    """Greet the user."""\n'
            "    from checker.cli import greet_view\n\n"
            "    raise typer.Exit(greet_view.run(format == Format.JSON))\n\n\n"
            '@app.command("list")\n',
        ),
    ),
    "tests/cli/test_greet.py": (
        "# SPDX-License-Identifier: GPL-2.0-or-later\n"
        '"""Does it greet?"""\n\n'
        "from tests.command import run\n\n\n"
        "def test_greet(capsys):\n"
        '    assert run(["greet"], capsys).out == "good day\\n"\n'
    ),
    "checker/docs/manual.md": (
        (
            "| a manual page",
            "| a greeting | `dbmcheck greet` |\n| a manual page",
        ),
    ),
}


def design() -> Edits:
    """``hasty``: ``drop`` under another name."""
    text = (ROOT / "model/designs/drop.py").read_text("utf-8")
    small = (ROOT / "model/configs/drop-small.toml").read_text("utf-8")
    whole = (ROOT / "model/configs/drop.toml").read_text("utf-8")
    mechanisms = (ROOT / "model/mechanisms.py").read_text("utf-8")
    every = mechanisms.replace("DROP,\n", "DROP,\n    HASTY,\n", 1)
    return {
        "model/design.py": (
            ('DROP = "drop"\n', 'DROP = "drop"\nHASTY = "hasty"\n'),
            (
                "    DROP: Described(",
                "    HASTY: Described(\n"
                '        words="the bitmap is not migrated, in haste",\n'
                '        stages=("setup", "active", "run-sent"),\n'
                "        migrates=False,\n"
                "    ),\n"
                "    DROP: Described(",
            ),
        ),
        "model/mechanisms.py": every.replace(", DROP)", ", DROP, HASTY)"),
        "model/designs/hasty.py": text,
        "model/configs/hasty-small.toml": small.replace('"drop"', '"hasty"'),
        "model/configs/hasty.toml": whole.replace('"drop"', '"hasty"'),
        MATRIX: (
            (
                '    "drop": {\n',
                '    "hasty": {\n        **IN_EVERY_DESIGN,\n'
                '        "own-resets-only": {SOURCE, CHAIN},\n'
                '        "source-busy": set(),\n'
                '        "full-backup-on-loss": LOST,\n    },\n'
                '    "drop": {\n',
            ),
            (
                '    "drop": {*FORM, BUSY},\n',
                '    "drop": {*FORM, BUSY},\n    "hasty": {*FORM, BUSY},\n',
            ),
            (
                '    "drop": {WHOLE, REASON},\n',
                '    "drop": {WHOLE, REASON},\n'
                '    "hasty": {WHOLE, REASON},\n',
            ),
        ),
    }


@frozen
class Scratch:
    """A copy of the repository that may be changed."""

    root: Path

    def apply(self, edits: Edits) -> None:
        """Make the edits; what is replaced has to be there once."""
        for name, changes in edits.items():
            path = self.root / name
            if isinstance(changes, str):
                path.write_text(changes, "utf-8")
                continue
            text = path.read_text("utf-8")
            for old, new in changes:
                assert text.count(old) == 1, (name, old)
                text = text.replace(old, new)
            path.write_text(text, "utf-8")

    def run(self, *words: str) -> str:
        """What ``python -m`` with these words prints; it has to succeed."""
        done = subprocess.run(
            [sys.executable, "-m", *words],
            cwd=self.root,
            env={**os.environ, "PYTHONPATH": str(self.root)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def tests(self, *words: str) -> None:
        """Run tests of the copy; at least one has to be there."""
        self.run("pytest", "-q", "-p", "no:cacheprovider", *words)


@pytest.fixture
def scratch(tmp_path: Path) -> Iterator[Scratch]:
    for room in ROOMS:
        shutil.copytree(
            ROOT / room,
            tmp_path / room,
            ignore=shutil.ignore_patterns("__pycache__"),
        )
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, tmp_path)
    yield Scratch(tmp_path)


@pytest.mark.slow
def test_a_mechanism_takes_three_places(scratch: Scratch) -> None:
    assert len(MECHANISM) <= 3
    scratch.apply(MECHANISM)
    words = ("model", "postcopy", "--without", "link-asked", "--diff")
    assert "link is up" in scratch.run("checker", *words)
    scratch.tests(MATRIX, "-k", "link-asked or has_a_row or no_removal")
    scratch.tests("tests/unit/test_model_options.py")


def test_a_property_takes_two_places(scratch: Scratch) -> None:
    assert len(PROPERTY) <= 2
    scratch.apply(PROPERTY)
    assert "OtherSideWaits" in scratch.run("checker", "check", "drop-small")
    row = "says_what_breaks and drop and no-resume-after-run"
    scratch.tests(MATRIX, "-k", f"({row}) or no_removal or no_guarantee")


def test_a_design_takes_six_places(scratch: Scratch) -> None:
    edits = design()
    assert len(edits) <= 6
    scratch.apply(edits)
    scratch.run("checker", "check", "hasty-small", "--expect")
    assert "hasty: the model" in scratch.run("checker", "model", "hasty")
    row = "says_what_breaks and hasty and no-resume-after-run"
    asked = "has_a_row or no_removal or has_no_guarantee or breaks_nothing"
    scratch.tests(MATRIX, "-k", f"(hasty and ({asked})) or ({row})")


def test_a_command_takes_four_places(scratch: Scratch) -> None:
    assert len(COMMAND) <= 4
    scratch.apply(COMMAND)
    assert "Greet the user." in scratch.run("checker", "greet", "--help")
    scratch.tests("tests/cli/test_greet.py")
    scratch.tests("tests/cli/test_every_command.py", "-k", "greet")


def test_an_edit_that_meets_nothing_is_noticed(scratch: Scratch) -> None:
    with pytest.raises(AssertionError, match="not there"):
        scratch.apply({"README.md": (("this is not there", ""),)})
