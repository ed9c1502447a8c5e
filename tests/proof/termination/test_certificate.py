# SPDX-License-Identifier: GPL-2.0-or-later
"""Measures in files: written, read, verified, and refused when damaged."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from checker.input.errors import InputError
from checker.proof.termination.certificate import (
    as_text,
    checksum,
    claim,
    is_measure,
    read,
)
from checker.proof.termination.obligations import CLOSED, FALLS
from checker.proof.termination.terminates import termination
from checker.proof.termination.verify import verify
from model.options import Options
from tests.once import once

Table = dict[str, Any]


def written() -> str:
    return as_text(claim(termination(Options(design="drop"), sizes=())))


def table() -> Table:
    found: Table = json.loads(once("measures of drop", written))
    return found


def file_of(path: Path, made: Table, sealed: bool = True) -> Path:
    if sealed:
        made = {**made, "checksum": checksum(made)}
    path.write_text(json.dumps(made))
    return path


def test_it_is_verified_without_the_search(tmp_path: Path) -> None:
    path = file_of(tmp_path / "m.json", table())
    assert is_measure(path)
    claimed = read(path, Options(design="drop"))
    shown = verify(claimed, sizes=())
    assert all(o.proved for o in shown)
    assert {CLOSED, FALLS} <= {o.name for o in shown}
    assert as_text(claimed) == once("measures of drop", written)


def no_state(made: Table) -> None:
    form = made["forms"][0]
    form["states"].pop()
    for one in form["measures"]:
        one["of"].pop()


def no_value(made: Table) -> None:
    of = made["forms"][0]["measures"][0]["of"]
    of[next(i for i, n in enumerate(of) if n >= 0)] = -1


def other_helper(made: Table) -> None:
    values = made["forms"][0]["measures"][0]["values"]
    parts = values[0].split(" | ")
    values[0] = " | ".join([*parts[:-1], "channel_cut"])


def first_is_last(made: Table) -> None:
    """The largest value and the smallest change places."""
    values = made["forms"][0]["measures"][1]["values"]
    values[0], values[-1] = values[-1], values[0]


@pytest.mark.parametrize(
    "damage", [no_state, no_value, other_helper, first_is_last]
)
def test_what_was_changed_and_sealed_is_refuted(
    damage: Callable[[Table], None], tmp_path: Path
) -> None:
    made = table()
    damage(made)
    claimed = read(file_of(tmp_path / "m.json", made))
    shown = verify(claimed, sizes=())
    assert not all(o.proved for o in shown)


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("schema", "00", "another version of the model"),
        ("design", "postcopy", "another version of the model"),
        ("forms", [], "nothing is claimed"),
        ("program", "x", "the file was changed"),
        ("extra", 1, "extra"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    key: str, value: object, reason: str, tmp_path: Path
) -> None:
    made = {**table(), key: value}
    path = file_of(tmp_path / "m.json", made, sealed=key == "forms")
    with pytest.raises(InputError) as caught:
        read(path)
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


def test_another_design_is_refused(tmp_path: Path) -> None:
    path = file_of(tmp_path / "m.json", table())
    with pytest.raises(InputError, match="is about drop, not live"):
        read(path, Options(design="live"))
