# SPDX-License-Identifier: GPL-2.0-or-later
"""``dbmcheck prove``: what it says, what it returns, what it refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from model.designs import schema
from model.options import Options
from tests.command import Result, run_process, too_wide
from tests.designs import each_design
from tests.json_shapes import check_shape
from tests.once import once

Command = Callable[..., Result]
#: of these each run of the tests looks; ``compare`` proves all of them too
OFTEN = ("postcopy", "drop")


@pytest.fixture(scope="module")
def certificate(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Path, dict[str, Any]]:
    """A certificate of stop-copy, and what was said on the way."""
    path = tmp_path_factory.mktemp("proof") / "stop-copy.json"
    text, said = once("prove stop-copy --certificate", partial(prove, path))
    path.write_text(text)
    return path, said


def prove(path: Path) -> tuple[str, dict[str, Any]]:
    """The certificate as it is in its file, and what the command said."""
    arguments = ["prove", "stop-copy", "--certificate", str(path)]
    result = run_process([*arguments, "--format", "json"])
    assert result.code == 0
    return path.read_text(), json.loads(result.out)


@pytest.mark.usefixtures("worked_out_once")
@pytest.mark.parametrize("design", each_design(OFTEN))
def test_each_design_is_proved(design: str, dbmcheck: Command) -> None:
    result = dbmcheck("prove", design, "--format", "json")
    assert result.code == 0
    said = json.loads(result.out)
    assert said["verdict"] == "PROVED"
    assert said["abstract_states"] > 1000
    assert said["vacuous"] is None
    assert said["schema"] == schema(Options(design=design)).digest
    assert said["trusted"].startswith("Believed, not proved: ")
    assert said["exit_code"] == 0
    names = [o["name"] for o in said["obligations"]]
    assert len(set(names)) == len(names) == 9
    for obligation in said["obligations"]:
        assert obligation["verdict"] == "PROVED"
        assert obligation["seconds"] >= 0
    guarantees = {p["guarantee"] for p in said["properties"]}
    assert guarantees >= {"S1", "S2", "S5", "S6", "P1"}
    assert "RetrySucceeds" in said["not_covered"]
    endings = said["endings"]["rows"]
    assert {e["guarantee"] for e in endings} == {"L1", "S3", ""}
    assert any(
        e["guarantee"] == "L1" and e["verdict"] == "PROVED" for e in endings
    )
    assert {o["verdict"] for o in said["endings"]["obligations"]} == {"PROVED"}


@pytest.mark.usefixtures("worked_out_once")
def test_a_removal_is_shown_on_a_disk(
    dbmcheck: Command, tmp_path: Path
) -> None:
    trace = tmp_path / "trace.json"
    result = dbmcheck(
        *("prove", "postcopy", "--without", "successor"),
        *("--trace", str(trace)),
    )
    assert result.code == 12
    first, *_ = result.out.splitlines()
    assert first.startswith("postcopy without successor: VIOLATED (")
    said = " ".join(result.out.split())
    assert "confirmed on a disk of 1 chunk of 1 granule" in said
    assert too_wide(result.out.replace(str(trace), "FILE")) == []
    assert dbmcheck("replay", str(trace)).code == 0
    cited = dbmcheck("cite", str(trace))
    assert "without successor" in cited.out


@pytest.mark.usefixtures("worked_out_once")
def test_what_cannot_be_finished_is_inconclusive(dbmcheck: Command) -> None:
    result = dbmcheck("prove", "drop", "--max-states", "1000")
    assert result.code == 20
    assert result.out.startswith("drop: INCONCLUSIVE")
    assert "PROVED for every disk" not in result.out
    assert too_wide(result.out) == []


def test_a_certificate_says_what_was_found(
    certificate: tuple[Path, dict[str, Any]],
) -> None:
    path, said = certificate
    check_shape("prove", said)
    found = said["invariant"]
    assert len(found["clauses"]) == len(
        json.loads(path.read_text())["clauses"]
    )
    assert found["longest"] <= 8
    assert all(o["verdict"] == "PROVED" for o in found["obligations"])


def test_a_certificate_is_verified_without_a_search(
    certificate: tuple[Path, dict[str, Any]],
    dbmcheck: Command,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path, _ = certificate
    monkeypatch.setattr("checker.proof.certificate.lifted.SIZES", ())
    monkeypatch.setattr("checker.cli.certificate_view.SIZES", ())
    questions = tmp_path / "questions.smt2"
    result = dbmcheck(
        *("prove", "--verify", str(path), "--smtlib", str(questions)),
        *("--format", "json"),
    )
    assert result.code == 0
    said = json.loads(result.out)
    check_shape("verify", said)
    assert said["verdict"] == "PROVED"
    assert [o["verdict"] for o in said["obligations"]] == ["PROVED"] * 12
    assert questions.read_text().count("(check-sat)") >= 4


def test_a_certificate_of_another_design_is_refused(
    certificate: tuple[Path, dict[str, Any]], dbmcheck: Command
) -> None:
    path, _ = certificate
    result = dbmcheck("prove", "live", "--verify", str(path))
    assert result.code == 2
    assert "is about stop-copy, not live" in result.err


REFUSED = [
    (("nix",), "no design and no configuration 'nix'; designs are live"),
    ((), "prove needs a DESIGN or a CONFIG, or --verify FILE"),
    (("live", "--without", "successor"), "live has no mechanism 'successor'"),
    (("live", "--smtlib", "x"), "--smtlib goes with --verify only"),
    (("--verify", "x", "--invariant"), "--verify searches nothing"),
    (("--verify", "x", "--without", "successor"), "--without"),
    (("--verify", "/no/such/file"), "/no/such/file"),
    (("live", "--certificate", "/no/such/dir/x"), "/no/such/dir"),
]


@pytest.mark.parametrize(
    ("arguments", "reason"), REFUSED, ids=[" ".join(a) for a, _ in REFUSED]
)
def test_what_makes_no_sense_is_refused_in_one_line(
    arguments: tuple[str, ...], reason: str, dbmcheck: Command
) -> None:
    result = dbmcheck("prove", *arguments)
    assert result.code in (2, 151)
    assert result.out == ""
    assert reason in result.err
    assert result.err.count("\n") == 1


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "no JSON"),
        ("{", "no JSON"),
        ("[]", ""),
        ('{"dbmcheck-certificate": 99}', "99"),
    ],
)
def test_a_file_that_is_no_certificate_is_refused(
    content: str, reason: str, dbmcheck: Command, tmp_path: Path
) -> None:
    path = tmp_path / "bad.json"
    path.write_text(content)
    result = dbmcheck("prove", "--verify", str(path))
    assert result.code == 2
    assert str(path) in result.err
    assert result.err.count("\n") == 1
    assert reason in result.err


def test_a_clause_that_was_changed_is_noticed(
    certificate: tuple[Path, dict[str, Any]],
    dbmcheck: Command,
    tmp_path: Path,
) -> None:
    path, _ = certificate
    text = path.read_text()
    changed = tmp_path / "changed.json"
    changed.write_text(text.replace('"is": ["no"]', '"is": ["yes"]', 1))
    result = dbmcheck("prove", "--verify", str(changed))
    assert result.code == 2
    assert "checksum" in result.err


def test_a_certificate_of_another_model_is_refused(
    certificate: tuple[Path, dict[str, Any]],
    dbmcheck: Command,
    tmp_path: Path,
) -> None:
    from checker.proof.certificate.certificate import checksum

    path, _ = certificate
    table = json.loads(path.read_text())
    table["model"] = "0" * 64
    body = {
        k: v
        for k, v in table.items()
        if k not in ("dbmcheck-certificate", "checksum")
    }
    table["checksum"] = checksum(body)
    other = tmp_path / "other.json"
    other.write_text(json.dumps(table))
    result = dbmcheck("prove", "--verify", str(other))
    assert result.code == 2
    assert "model" in result.err
