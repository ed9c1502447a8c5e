# SPDX-License-Identifier: GPL-2.0-or-later
"""Certificates: written, read, and refused when anything is wrong."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from checker.input.errors import InputError, exit_code_of
from checker.input.exit_codes import ExitCode
from checker.proof.certificate.certificate import (
    MAX_FILE,
    Certificate,
    as_text,
    certificate,
    checksum,
    parse,
    read,
    verify,
    write,
)
from checker.proof.certificate.clause import Clause
from model.options import Bounds, Options
from tests.proof.claims import NOT_NEEDED, claim, each_design, without_clause

Table = dict[str, Any]


def table_of(one: Certificate) -> Table:
    found: Table = json.loads(as_text(one))
    return found


def reason(data: bytes, expected: Options | None = None) -> str:
    """Why ``data`` is refused: one line that names the file."""
    with pytest.raises(InputError) as caught:
        parse(data, "x.json", expected)
    assert exit_code_of(caught.value) is ExitCode.USAGE
    text = str(caught.value)
    assert "\n" not in text
    assert text.startswith("x.json: ")
    return text.removeprefix("x.json: ")


def sealed(table: Table) -> bytes:
    """The table with a new checksum."""
    return json.dumps({**table, "checksum": checksum(table)}).encode()


# -- what is right -----------------------------------------------------------


@each_design
def test_round_trip(design: str, tmp_path: Path) -> None:
    one, path = claim(design), tmp_path / "c.json"
    write(one, path)
    again = read(path, Options(design=design))
    assert again.clauses == one.clauses
    assert again.options == one.options
    assert again.machine.digest == one.machine.digest
    assert as_text(again) == as_text(one)
    assert all(o.proved for o in verify(again))


@each_design
def test_the_file_can_be_read_by_people(design: str) -> None:
    one = claim(design)
    text = as_text(one)
    assert len(text) < 64_000
    table = json.loads(text)
    assert [c["says"] for c in table["clauses"]] == list(one.sentences())
    assert table["properties"] == list(one.properties)
    assert max(len(c["any"]) for c in table["clauses"]) == one.literals
    # a literal is a line
    literals = sum(len(c) for c in one.clauses)
    assert text.count('"field":') == literals
    assert text.count("\n") < literals + 6 * len(one.clauses) + 20


@pytest.mark.full
def test_without_a_mechanism() -> None:
    one = claim("postcopy", NOT_NEEDED)
    again = parse(as_text(one).encode(), "x")
    assert again.options.without == {NOT_NEEDED}
    assert again.clauses == one.clauses


def test_the_size_of_the_disk_does_not_matter() -> None:
    bounds = Bounds(chunks=1, granules=3, channel=5, downtime=4)
    options = Options(design="stop-copy", bounds=bounds)
    same = certificate(options, claim("stop-copy").clauses)
    assert as_text(same) == as_text(claim("stop-copy"))


# -- what is refused ---------------------------------------------------------


def _changed(change: Callable[[Table], object]) -> bytes:
    table = table_of(claim("stop-copy"))
    change(table)
    return json.dumps(table).encode()


def _first(table: Table) -> Table:
    found: Table = table["clauses"][0]["any"][0]
    return found


def _flag(table: Table) -> tuple[Table, Table]:
    """The first clause whose first literal is of a flag, and that literal."""
    for clause in table["clauses"]:
        if set(clause["any"][0]["is"]) <= {"yes", "no"}:
            return clause, clause["any"][0]
    raise AssertionError("no clause begins with a flag")


def _set_flag(table: Table, *values: str) -> None:
    _flag(table)[1]["is"] = list(values)


def _flag_twice(table: Table) -> None:
    clause, literal = _flag(table)
    clause["any"].append(dict(literal))


CHANGES: list[tuple[Callable[[Table], object], str]] = [
    (lambda t: t.pop("dbmcheck-certificate"), "not a certificate file: key"),
    (
        lambda t: t.update({"dbmcheck-certificate": 1}),
        "dbmcheck-certificate is 1, this program reads version 2",
    ),
    (
        lambda t: t.update({"dbmcheck-certificate": True}),
        "dbmcheck-certificate is true, this",
    ),
    (lambda t: t.pop("model"), "key 'model' is missing at the top"),
    (lambda t: t.pop("schema"), "key 'schema' is missing at the top"),
    (lambda t: t.update(more=1), "unknown key 'more' at the top; allowed"),
    (lambda t: t.update(design=3), "design is 3, not a string"),
    (lambda t: t.update(design="nix"), "design is 'nix', allowed are"),
    (lambda t: t.update(without="x"), 'without is "x", not a list'),
    (lambda t: t.update(without=[1]), "without[0] is 1, not a string"),
    (lambda t: t.update(without=["nix"]), "without: stop-copy has no"),
    (
        lambda t: t.update(model="0" * 64),
        "is about another version of the model: the model's digest is",
    ),
    (
        lambda t: t.update(schema="0" * 64),
        "is about another version of the model: the schema's digest is",
    ),
    (lambda t: t.update(model=7), "model is 7, not a string"),
    (lambda t: t.update(without=["source-busy"]), "is about another version"),
    (lambda t: t["properties"].pop(), "property SlotsSuffice(stream) is miss"),
    (
        lambda t: t["properties"].append("MigrationEnds"),
        'no property "MigrationEnds" of this design',
    ),
    (lambda t: t.update(properties=None), "properties is null, not a list"),
    (lambda t: t.update(clauses={}), "clauses is {}, not a list"),
    (lambda t: t["clauses"].append(1), "is 1, not an object"),
    (
        lambda t: t["clauses"][0].update(why=""),
        "unknown key 'why' in clauses[0]; allowed are says, any",
    ),
    (
        lambda t: t["clauses"][0].update(any=1),
        "clauses[0].any is 1, not a list",
    ),
    (
        lambda t: _first(t).update(field="source.nix"),
        'clauses[0].any[0]: no field "source.nix"',
    ),
    (
        lambda t: _first(t).update(field=[]),
        "clauses[0].any[0].field is [], not a string",
    ),
    (
        lambda t: _first(t).update({"is": 3}),
        "clauses[0].any[0].is is 3, not a list of strings",
    ),
    (
        lambda t: _set_flag(t, "nix"),
        'any[0]: {} is never "nix"; allowed are',
    ),
    (_set_flag, "any[0]: {} is nothing, or it repeats"),
    (
        lambda t: _set_flag(t, "no", "no"),
        "any[0]: {} is nothing, or it repeats",
    ),
    (
        lambda t: _set_flag(t, "no", "yes"),
        "any[0]: {} is anything: that says nothing",
    ),
    (
        lambda t: t["clauses"][0].update(any=[]),
        "clauses[0]: any is empty: nothing meets it",
    ),
    (_flag_twice, ": field {} is there twice"),
    (
        lambda t: t["clauses"].pop(),
        "the checksum is not that of the content: the file was changed",
    ),
    (lambda t: t.update(program="9"), "the checksum is not that"),
    (lambda t: t.update(checksum=None), "checksum is null, not a string"),
    (lambda t: t["clauses"][1].update(says="all is well"), "the checksum is"),
]


@pytest.mark.parametrize(("change", "expected"), CHANGES)
def test_a_changed_file(
    change: Callable[[Table], object], expected: str
) -> None:
    flag = _flag(table_of(claim("stop-copy")))[1]["field"]
    assert expected.replace("{} ", f"{flag} ") in reason(_changed(change))


def test_no_words_but_those_of_the_literals() -> None:
    table = table_of(claim("stop-copy"))
    table["clauses"][0]["says"] = "all is well"
    found = reason(sealed(table))
    assert found.startswith('clauses[0] says "all is well", but its literals')


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.99])
def test_a_truncated_file(share: float) -> None:
    data = as_text(claim("stop-copy")).encode()
    assert "truncated, or not a" in reason(data[: int(share * len(data))])


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"\xff\xfe", "byte 0 is not UTF-8"),
        (b"[" * 100_000, "no JSON of a certificate: nested or long"),
        (b"[]", "not a certificate"),
        (b'{"a": 1, "a": 2}', "key 'a' is there twice"),
        (b"1" * 5000, "no JSON of a certificate: nested or long"),
    ],
)
def test_no_certificate_at_all(data: bytes, expected: str) -> None:
    assert expected in reason(data)


def test_of_another_design_than_expected() -> None:
    data = as_text(claim("stop-copy")).encode()
    found = reason(data, Options(design="live"))
    assert found == "is about stop-copy, not live"
    fewer = Options(design="stop-copy", without=frozenset({"source-busy"}))
    assert "not stop-copy without source-busy" in reason(data, fewer)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    for path, expected in (
        (tmp_path / "nix.json", "no such file"),
        (tmp_path, "is a directory, not a certificate file"),
    ):
        with pytest.raises(InputError, match=expected):
            read(path)
    large = tmp_path / "large.json"
    with large.open("wb") as file:
        os.truncate(file.fileno(), MAX_FILE + 1)
    with pytest.raises(InputError, match="larger than"):
        read(large)


# -- a change that somebody sealed -----------------------------------------


def test_every_change_of_a_clause_is_noticed() -> None:
    original = table_of(claim("stop-copy"))
    for number, clause in enumerate(original["clauses"]):
        # one literal of each: the first, the second and so on in turn
        place = number % len(clause["any"])
        for literal in clause["any"][place : place + 1]:
            table = deepcopy(original)
            changed = table["clauses"][number]["any"]
            if len(changed) > 1:
                del changed[place]
                expected = "the file was changed"
            else:
                changed.clear()
                expected = "any is empty"
            data = json.dumps(table).encode()
            assert expected in reason(data), literal


def _narrowed(one: Certificate, number: int) -> Certificate:
    """The certificate with a clause that lacks its last literal."""
    clauses = list(one.clauses)
    clauses[number] = Clause(clauses[number].literals[:-1])
    return evolve(one, clauses=tuple(clauses))


SPOIL = (without_clause, _narrowed)


@pytest.mark.parametrize("spoil", SPOIL)
def test_who_seals_a_change_fails_to_verify(
    spoil: Callable[[Certificate, int], Certificate],
) -> None:
    one = claim("stop-copy")
    number = len(one.clauses) // 2
    again = parse(as_text(spoil(one, number)).encode(), "x")
    assert not all(o.proved for o in verify(again))


@pytest.mark.slow
@each_design
def test_whoever_seals_any_change_fails_to_verify(design: str) -> None:
    # that no clause can be left out is a test of the invariant
    one = claim(design)
    for number in range(len(one.clauses)):
        assert not all(o.proved for o in verify(_narrowed(one, number)))
