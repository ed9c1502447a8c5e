# SPDX-License-Identifier: GPL-2.0-or-later
"""Certificates: an invariant in a file that people and programs can check.

    {
      "dbmcheck-certificate": 2,      the version of this form
      "checksum": "0123...",          SHA-256 of all that follows
      "program": "0.2.0",             who wrote it
      "design": "postcopy",
      "without": [],                  mechanisms that the design lacks
      "schema": "89ab...",            digest of the one term it is about
      "model": "4567...",             digest of the machine made of it
      "properties": ["OneSideRuns"],  what the clauses imply
      "clauses": [
        {
          "says": "if source.busy, then source.has_bitmap",
          "any": [
            {"field": "source.has_bitmap", "is": ["yes"]},
            {"field": "source.busy", "is": ["no"]}
          ]
        }
      ]
    }

No other key is allowed.  Every change is noticed: the checksum tells a file
that was changed, and whoever makes a new checksum for it as well has to face
``verify``, which takes nothing from the file but the clauses.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from attrs import field, frozen

from checker.input.errors import BadFileError, InputError
from checker.input.files import write_atomically
from checker.input.json_files import check_version, parsed, read_bytes
from checker.input.strict import KEY, keys_of, structured
from checker.input.strict import shown as as_shown
from checker.proof.certificate.clause import (
    Clause,
    Words,
    clause_of,
    codes_in_use,
)
from checker.proof.certificate.induction import check
from checker.proof.obligation import Obligation
from checker.proof.prove import without_end
from model.designs import build, schema
from model.language import Machine, ModelError, Projected
from model.options import Options

VERSION_KEY = "dbmcheck-certificate"
VERSION = 2
MAX_FILE = 1 << 22


@frozen
class _Literal:
    """A field, and the values of which one is meant."""

    name: str = field(metadata={KEY: "field"})
    values: tuple[str, ...] = field(metadata={KEY: "is"})


@frozen
class _Clause:
    """A clause, in words and as literals of which one is true."""

    says: str
    any: tuple[_Literal, ...]


@frozen
class _File:
    """The keys of a certificate file."""

    version: int = field(metadata={KEY: VERSION_KEY})
    checksum: str
    program: str
    design: str
    without: tuple[str, ...]
    schema: str
    model: str
    properties: tuple[str, ...]
    clauses: tuple[_Clause, ...]


@frozen(kw_only=True)
class Certificate:
    """``clauses`` claim to be an invariant of ``machine``.

    ``machine`` is built from the model as it is now, not from the file.
    """

    options: Options
    machine: Machine
    clauses: tuple[Clause, ...]

    @property
    def properties(self) -> tuple[str, ...]:
        """Names of the properties that the clauses imply."""
        return _properties(self.machine)

    @property
    def literals(self) -> int:
        """How many literals the longest clause has."""
        return max(map(len, self.clauses), default=0)

    def sentences(self) -> tuple[str, ...]:
        """The clauses as people read them."""
        words = Words(self.machine)
        return tuple(words.sentence(clause) for clause in self.clauses)


def certificate(options: Options, clauses: Sequence[Clause]) -> Certificate:
    """The claim that ``clauses`` prove the design of ``options``.

    Only the design and what it lacks matter.
    """
    design = without_end(
        Options(design=options.design, without=options.without)
    )
    machine = build(design, Projected())
    return Certificate(options=design, machine=machine, clauses=tuple(clauses))


def verify(claim: Certificate) -> tuple[Obligation, ...]:
    """Whether the clauses prove the properties; see ``induction``."""
    return check(claim.machine, claim.clauses)


def as_text(claim: Certificate) -> str:
    """The content of a certificate file."""
    shown = _Shown(claim.machine)
    body = {
        "program": program(),
        "design": claim.options.design,
        "without": sorted(claim.options.without),
        "schema": schema(claim.options).digest,
        "model": claim.machine.digest,
        "properties": list(claim.properties),
        "clauses": [shown.table(clause) for clause in claim.clauses],
    }
    table = {VERSION_KEY: VERSION, "checksum": checksum(body), **body}
    return _laid_out(table) + "\n"


def _laid_out(table: dict[str, Any]) -> str:
    """JSON with a line for each literal."""
    parts = [
        f" {json.dumps(key)}: {json.dumps(value)}"
        for key, value in table.items()
        if key != "clauses"
    ]
    clauses = ",\n".join(
        f'  {{\n   "says": {json.dumps(clause["says"])},\n   "any": [\n'
        + ",\n".join(f"    {json.dumps(one)}" for one in clause["any"])
        + "\n   ]\n  }"
        for clause in table["clauses"]
    )
    parts.append(f' "clauses": [\n{clauses}\n ]')
    return "{\n" + ",\n".join(parts) + "\n}"


def write(claim: Certificate, path: Path) -> None:
    """Write ``claim`` to ``path``: all of it, or nothing is changed.

    Raises InputError if the file cannot be written.
    """
    write_atomically(path, as_text(claim))


def read(path: Path, expected: Options | None = None) -> Certificate:
    """The claim in the file ``path``; it is not verified here.

    ``expected``: the design that it must be about, if that matters.  Raises
    InputError, in one line, if it is no sound certificate of the model as it
    is now.
    """
    try:
        data = read_bytes(path, MAX_FILE, "certificate")
    except BadFileError as error:
        raise InputError(str(error)) from None
    return parse(data, str(path), expected)


def parse(
    data: bytes, where: str, expected: Options | None = None
) -> Certificate:
    """The claim that ``data``, the content of the file ``where``, makes."""
    try:
        return _claim(parsed(data, "certificate"), expected)
    except (BadFileError, InputError, ModelError) as error:
        raise InputError(f"{where}: {error}") from None


def checksum(table: dict[str, Any]) -> str:
    """SHA-256 of what a certificate says, whatever its layout."""
    body = {key: table[key] for key in keys_of(_File)[2:]}
    text = json.dumps(body, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def program() -> str:
    """The version of this program, or that it is not installed."""
    try:
        return version("dbmcheck")
    except PackageNotFoundError:
        return "not installed"


def _properties(machine: Machine) -> tuple[str, ...]:
    return tuple(p.name for p in machine.properties if p.kind == "always")


class _Shown:
    """Clauses of ``machine`` as tables, and back."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._words = Words(machine)
        fields = {f.name: f for f in machine.fields}
        self._values = {
            name: {fields[name].type.show(code): code for code in codes}
            for name, codes in codes_in_use(machine).items()
        }

    def table(self, clause: Clause) -> dict[str, Any]:
        """As it stands in the file."""
        literals = [
            {
                "field": literal.field,
                "is": [
                    shown
                    for shown, code in self._values[literal.field].items()
                    if code in literal.codes
                ],
            }
            for literal in clause.literals
        ]
        return {"says": self._words.sentence(clause), "any": literals}

    def clause(self, place: str, given: _Clause) -> Clause:
        """What stands in the file at ``place``."""
        if not given.any:
            raise InputError(f"{place}: any is empty: nothing meets it")
        allowed: dict[str, list[int]] = {}
        for number, literal in enumerate(given.any):
            here, name = f"{place}.any[{number}]", literal.name
            if name not in self._values:
                raise InputError(f"{here}: no field {as_shown(name)}")
            if name in allowed:
                raise InputError(f"{here}: field {name} is there twice")
            allowed[name] = self._codes(here, name, literal.values)
        return clause_of(self._machine, allowed)

    def _codes(
        self, place: str, name: str, given: tuple[str, ...]
    ) -> list[int]:
        known, codes = self._values[name], []
        for value in given:
            if value not in known:
                raise InputError(
                    f"{place}: {name} is never {as_shown(value)}; allowed are "
                    f"{', '.join(known)}"
                )
            codes.append(known[value])
        if not codes or len(set(codes)) < len(codes):
            raise InputError(f"{place}: {name} is nothing, or it repeats")
        if len(codes) == len(known):
            raise InputError(f"{place}: {name} is anything: that says nothing")
        return codes


def _claim(table: Any, expected: Options | None) -> Certificate:
    check_version(table, VERSION_KEY, VERSION, "certificate")
    given = structured(_File, table)
    options = Options(design=given.design, without=frozenset(given.without))
    empty = certificate(options, [])
    if expected is not None and (
        (empty.options.design, empty.options.without)
        != (expected.design, expected.without)
    ):
        raise InputError(f"is about {empty.options.name}, not {expected.name}")
    for key, found, digest in (
        ("schema", given.schema, schema(empty.options).digest),
        ("model", given.model, empty.machine.digest),
    ):
        if found != digest:
            raise InputError(
                f"is about another version of the model: the {key}'s digest "
                f"is {digest[:12]}, not {as_shown(found)[:13]}"
            )
    _check_properties(given.properties, empty.properties)
    shown = _Shown(empty.machine)
    clauses = [
        shown.clause(f"clauses[{number}]", clause)
        for number, clause in enumerate(given.clauses)
    ]
    if given.checksum != checksum(table):
        raise InputError(
            "the checksum is not that of the content: the file was changed"
        )
    _check_words(given.clauses, shown, clauses)
    return certificate(empty.options, clauses)


def _check_properties(found: Sequence[str], known: Sequence[str]) -> None:
    for name in known:
        if name not in found:
            raise InputError(f"property {name} is missing")
    for name in found:
        if name not in known:
            raise InputError(f"no property {as_shown(name)} of this design")


def _check_words(
    given: Sequence[_Clause], shown: _Shown, clauses: Sequence[Clause]
) -> None:
    """Raise if the sentences are not those of what is checked."""
    for number, clause in enumerate(clauses):
        says = shown.table(clause)["says"]
        if given[number].says != says:
            raise InputError(
                f"clauses[{number}] says {as_shown(given[number].says)}, "
                f"but its literals mean '{says}'"
            )
