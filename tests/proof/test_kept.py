# SPDX-License-Identifier: GPL-2.0-or-later
"""An obligation that was met is not met again, unless anything changed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from checker.proof import kept as keeping
from checker.proof import prove as proving
from checker.proof.kept import kept_for, program_digest
from checker.proof.obligation import Obligation, Outcome
from checker.proof.prove import prove
from model.design import DESIGNS
from model.designs import build
from model.language import Machine, Projected
from model.language import expression as ex
from model.options import Options

DESIGN = DESIGNS[-1]


class Work:
    """Something to be shown that counts how often it was."""

    def __init__(self, outcome: Outcome = Outcome.PROVED) -> None:
        self.outcome = outcome
        self.times = 0

    def __call__(self) -> Obligation:
        self.times += 1
        return Obligation(
            name="asked", outcome=self.outcome, seconds=1.5, queries=7
        )


@pytest.fixture
def work(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[..., Work]:
    """Has one thing to be shown, and an empty directory to keep it in."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    def asked(outcome: Outcome = Outcome.PROVED) -> Work:
        made = Work(outcome)
        monkeypatch.setattr(proving, "plan", lambda *_: [("asked", made)])
        return made

    return asked


def files(tmp_path: Path) -> list[Path]:
    return list((tmp_path / "dbmcheck").glob("*.proof"))


def test_what_was_met_is_kept(
    work: Callable[..., Work], tmp_path: Path
) -> None:
    asked = work()
    first = prove(Options(design=DESIGN), keep=True)
    again = prove(Options(design=DESIGN), keep=True)
    assert asked.times == 1
    assert (first.kept, again.kept) == (0, 1)
    assert again.obligations[1] == first.obligations[1]
    assert first.judgements == again.judgements
    assert len(files(tmp_path)) == 1


def test_prove_itself_uses_nothing_that_was_kept(
    work: Callable[..., Work], tmp_path: Path
) -> None:
    asked = work()
    prove(Options(design=DESIGN), keep=True)
    assert prove(Options(design=DESIGN)).kept == 0
    assert asked.times == 2


@pytest.mark.parametrize("outcome", [Outcome.REFUTED, Outcome.OPEN])
def test_what_was_not_met_is_not_kept(
    outcome: Outcome, work: Callable[..., Work], tmp_path: Path
) -> None:
    asked = work(outcome)
    for _ in range(2):
        assert prove(Options(design=DESIGN), keep=True).kept == 0
    assert asked.times == 2


def spoilt(data: bytes) -> list[bytes]:
    """A file that was damaged or changed, in several ways."""
    table = json.loads(data)
    other: list[Any] = [
        {**table, "program": "0" * 64},
        {**table, "met": [{**table["met"][0], "name": "another"}]},
        {**table, "met": table["met"] * 2},
        {**table, "more": 1},
        {"met": table["met"]},
        [table],
        None,
        3,
    ]
    return [
        b"",
        data[: len(data) // 2],
        data.replace(b"asked", b"asket"),
        b"\xff" + data,
        *(json.dumps(one).encode() for one in other),
    ]


def test_a_file_that_was_changed_is_not_used(
    work: Callable[..., Work], tmp_path: Path
) -> None:
    asked = work()
    prove(Options(design=DESIGN), keep=True)
    (path,) = files(tmp_path)
    for times, data in enumerate(spoilt(path.read_bytes()), 2):
        path.write_bytes(data)
        assert prove(Options(design=DESIGN), keep=True).kept == 0
        assert asked.times == times
        # and it is mended
        assert prove(Options(design=DESIGN), keep=True).kept == 1


def test_another_machine_or_program_has_another_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    machine = build(Options(design=DESIGN), Projected())
    here = kept_for(machine, DESIGN)
    changed: Machine = evolve(machine, may_end=ex.FALSE)
    assert kept_for(changed, DESIGN).digest != here.digest
    assert kept_for(machine, "another").digest != here.digest
    monkeypatch.setattr(keeping, "program_digest", lambda: "0")
    assert kept_for(machine, DESIGN).digest != here.digest


def test_the_program_is_all_of_its_text(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before = program_digest()
    read = Path.read_bytes

    def other(path: Path) -> bytes:
        data = read(path)
        return data + b"#" if path.name == "backup.py" else data

    monkeypatch.setattr(Path, "read_bytes", other)
    program_digest.cache_clear()
    assert program_digest() != before
    program_digest.cache_clear()


def test_a_directory_that_cannot_be_written_is_no_error(
    work: Callable[..., Work],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    asked = work()
    file = tmp_path / "file"
    file.write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(file))
    for _ in range(2):
        assert prove(Options(design=DESIGN), keep=True).kept == 0
    assert asked.times == 2
