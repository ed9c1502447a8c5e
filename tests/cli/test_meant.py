# SPDX-License-Identifier: GPL-2.0-or-later
"""A name that there is not: which one was meant, and where it belongs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from checker.input.configuration import ConfigurationError, load, shipped
from checker.input.nearest import meant
from model.design import DESIGNS
from model.lookup import mechanisms_of
from tests.command import Result

Command = Callable[..., Result]


def complaint(result: Result, code: int) -> str:
    assert result.code == code, result.err
    assert result.out == ""
    (line,) = result.err.splitlines()
    return line


def test_every_configuration_is_meant() -> None:
    for name in shipped():
        for wrong in (name + "x", name.upper(), f"{name}.toml"):
            with pytest.raises(ConfigurationError) as caught:
                load(wrong)
            said = str(caught.value)
            assert said.startswith(f"{wrong}: no such file")
            assert f"'{name}'" in said.partition("did you mean")[2]


@pytest.mark.parametrize("command", ["check", "cite", "step", "conform"])
def test_a_configuration(dbmcheck: Command, command: str) -> None:
    name = next(iter(shipped()))
    line = complaint(dbmcheck(command, name + "x"), 151)
    assert line.startswith(f"dbmcheck: {name}x: no such file")
    assert f"'{name}'" in line.partition("did you mean")[2]
    assert "did you mean" not in complaint(dbmcheck(command, "qqqq"), 151)


@pytest.mark.parametrize("command", ["ablate", "prove", "mutate"])
def test_a_design(dbmcheck: Command, command: str) -> None:
    line = complaint(dbmcheck(command, DESIGNS[0][:-1]), 2)
    assert f"did you mean '{DESIGNS[0]}'" in line


def test_a_mechanism_a_property_an_action(
    dbmcheck: Command, tmp_path: Path
) -> None:
    design = DESIGNS[0]
    name = mechanisms_of(design)[0].name
    line = complaint(
        dbmcheck("check", f"{design}-small", "--without", name[:-1]), 151
    )
    assert line.endswith(f"did you mean '{name}'?")
    path = tmp_path / "mine.toml"
    path.write_text(f'design = "{design}"\nproperties = ["alway"]\n')
    line = complaint(dbmcheck("check", str(path)), 151)
    assert line.endswith("did you mean 'always'?")
    path.write_text(f'design = "{design}"\nproperties = ["always"]\n')
    line = complaint(dbmcheck("cite", str(path), "--property", "Deadlok"), 2)
    assert "no property 'Deadlok'" in line


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("chunks = 1", "at the top; it belongs in [bounds]; allowed"),
        ("cut = 1", "at the top; it belongs in [failures]; allowed"),
        ("verdict = 'HOLDS'", "at the top; it belongs in [expect]; allowed"),
        ("[bounds]\ncut = 1", "in [bounds]; it belongs in [failures]"),
        ("[failures]\nchunks = 1", "in [failures]; it belongs in [bounds]"),
        ("[bounds]\nslow = true", "it belongs at the top, before any"),
        ("[bounds]\nchunk = 1", "did you mean 'chunks'?"),
        ("titel = ''", "did you mean 'title'?"),
    ],
)
def test_a_key(
    dbmcheck: Command, tmp_path: Path, text: str, said: str
) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(f'design = "{DESIGNS[0]}"\n{text}\n')
    line = complaint(dbmcheck("check", str(path)), 151)
    assert said in line
    assert "; allowed are " in line or said.startswith("did")


def test_no_name_at_all(dbmcheck: Command) -> None:
    for command in ("check", "cite", "graph", "simulate", "step"):
        for name in ("", " "):
            line = complaint(dbmcheck(command, name), 151)
            assert line.startswith(f"dbmcheck: '{name}' is no configuration")


def test_only_what_is_nearly_as_near_is_named() -> None:
    known = ("post", "postcopy", "postcopy-small", "live")
    assert meant("postcop", known) == "; did you mean 'postcopy'?"
    assert meant("ab", ("aa", "bb", "zz")) == ""
    assert meant("xy1", ("xy2", "xy3")) == "; did you mean 'xy2' or 'xy3'?"
