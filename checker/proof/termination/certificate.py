# SPDX-License-Identifier: GPL-2.0-or-later
"""Measures in a file that can be checked without the search for them.

    {
      "dbmcheck-measure": 1,          the version of this form
      "checksum": "0123...",          SHA-256 of all that follows
      "program": "0.4.0",             who wrote it
      "design": "postcopy",
      "without": [],                  mechanisms that the design lacks
      "schema": "89ab...",            digest of the one term it is about
      "forms": [
        {
          "form": "",                 what is supposed of the numbers
          "count": "4567...",         digest of the count's machine
          "fields": ["source.vm"],    in the order of a state's digits
          "states": ["00100"],        closed under steps; one digit a field
          "measures": [
            {
              "property": "MigrationEnds",
              "values": ["3 | chunks ahead | 0 | send_bitmap_bits"],
              "of": [-1, 0]           for each state, the number of its value
            }
          ]
        }
      ]
    }

A value is numbers and ranks in turn, then the helpful action.  A state that
lies not between premise and goal has the number -1.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from attrs import field, frozen

from checker.input.errors import BadFileError, InputError
from checker.input.files import write_atomically
from checker.input.json_files import check_version, parsed, read_bytes
from checker.input.strict import KEY, keys_of, shown, structured
from checker.proof.certificate.certificate import program
from checker.proof.judgement import Provability
from checker.proof.termination.answers import InForm, Termination
from checker.proof.termination.forms import Form, forms
from checker.proof.termination.measure import Value
from checker.proof.termination.obligations import Values
from checker.proof.termination.success import with_success
from model.designs import schema
from model.language.counted_view import CountedView, counted_view
from model.language.errors import ModelError
from model.language.machine import State
from model.options import Options

VERSION_KEY: Final = "dbmcheck-measure"
VERSION: Final = 1
MAX_FILE: Final = 1 << 24
_DIGITS: Final = "0123456789abcdefghijklmnopqrstuvwxyz"
_BETWEEN: Final = " | "


@frozen
class _Measure:
    """The keys of one measure."""

    property: str
    values: tuple[str, ...]
    of: tuple[int, ...]


@frozen
class _Form:
    """The keys of one form."""

    form: str
    count: str
    fields: tuple[str, ...]
    states: tuple[str, ...]
    measures: tuple[_Measure, ...]


@frozen
class _File:
    """The keys of the file."""

    version: int = field(metadata={KEY: VERSION_KEY})
    checksum: str
    program: str
    design: str
    without: tuple[str, ...]
    schema: str
    forms: tuple[_Form, ...]


@frozen(kw_only=True)
class Claimed:
    """What a file claims of one form: states, and a measure by property.

    ``view`` is made of the model as it is now, not of the file.
    """

    form: Form
    view: CountedView
    states: tuple[State, ...]
    measures: dict[str, Values]


@frozen(kw_only=True)
class Claim:
    """What a file claims of a design."""

    options: Options
    forms: tuple[Claimed, ...]


def claim(found: Termination) -> Claim:
    """Return what is proved, to be written; forms without a proof are not."""
    made = [_claimed(one) for one in found.forms]
    return Claim(
        options=Options(
            design=found.options.design, without=found.options.without
        ),
        forms=tuple(one for one in made if one.measures),
    )


def _claimed(one: InForm) -> Claimed:
    measures = {
        ending.name: ending.values
        for ending in one.endings
        if ending.answer is Provability.PROVED
    }
    return Claimed(
        form=one.form,
        view=one.view,
        states=one.states() if measures else (),
        measures=measures,
    )


# -- writing -----------------------------------------------------------------


def as_text(made: Claim) -> str:
    """Return the content of the file."""
    body = {
        "program": program(),
        "design": made.options.design,
        "without": sorted(made.options.without),
        "schema": schema(made.options).digest,
        "forms": [_form(one) for one in made.forms],
    }
    table = {VERSION_KEY: VERSION, "checksum": checksum(body), **body}
    return json.dumps(table, indent=None, separators=(",", ":")) + "\n"


def _form(one: Claimed) -> dict[str, Any]:
    return {
        "form": one.form.name,
        "count": one.view.machine.digest,
        "fields": [f.name for f in one.view.machine.fields],
        "states": ["".join(_DIGITS[c] for c in s) for s in one.states],
        "measures": [
            _measure(name, values, len(one.states))
            for name, values in one.measures.items()
        ],
    }


def _measure(name: str, values: Values, states: int) -> dict[str, Any]:
    texts = {v: _BETWEEN.join(map(str, v)) for v in values.values()}
    numbers = {v: n for n, v in enumerate(sorted(texts, key=_in_order))}
    return {
        "property": name,
        "values": [texts[v] for v in numbers],
        "of": [
            numbers[values[s]] if s in values else -1 for s in range(states)
        ],
    }


def _in_order(value: Value) -> tuple[tuple[bool, int, str], ...]:
    """Return a key by which values are sorted, the largest first."""
    return tuple(
        (isinstance(part, str), -part, "")
        if isinstance(part, int)
        else (True, 0, part)
        for part in value
    )


def write(made: Claim, path: Path) -> None:
    """Write the file: all of it, or nothing is changed."""
    write_atomically(path, as_text(made))


def checksum(table: dict[str, Any]) -> str:
    """Return SHA-256 of what a file says, whatever its layout."""
    body = {key: table[key] for key in keys_of(_File)[2:]}
    text = json.dumps(body, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


# -- reading -----------------------------------------------------------------


def is_measure(path: Path) -> bool:
    """Return whether a file says of itself that it is of this kind.

    What is no regular file is not opened: a pipe would be waited for.
    """
    try:
        if not path.is_file():
            return False
        with path.open("rb") as file:
            return VERSION_KEY.encode() in file.read(64)
    except OSError:
        return False


def read(path: Path, expected: Options | None = None) -> Claim:
    """Return what the file claims; it is not verified here.

    ``expected``: the design that it must be about.  Raises InputError, in
    one line, if it is not a sound file of the model as it is now.
    """
    try:
        table = parsed(read_bytes(path, MAX_FILE, "measure"), "measure")
        return _claim(table, expected)
    except (BadFileError, InputError, ModelError) as error:
        said = str(error)
        where = "" if said.startswith(f"{path}:") else f"{path}: "
        raise InputError(f"{where}{said}") from None


def _claim(table: Any, expected: Options | None) -> Claim:
    check_version(table, VERSION_KEY, VERSION, "measure")
    given = structured(_File, table)
    options = Options(design=given.design, without=frozenset(given.without))
    if expected is not None and (
        (options.design, options.without)
        != (expected.design, expected.without)
    ):
        raise InputError(f"is about {options.name}, not {expected.name}")
    if given.schema != schema(options).digest:
        raise InputError(
            "is about another version of the model: the schema's digest is "
            f"{schema(options).digest[:12]}, not {shown(given.schema)[:13]}"
        )
    if given.checksum != checksum(table):
        raise InputError(
            "the checksum is not that of the content: the file was changed"
        )
    if not given.forms:
        raise InputError("forms is empty: nothing is claimed")
    names = [one.form for one in given.forms]
    if len(set(names)) < len(names):
        raise InputError("forms: a form is there twice")
    return Claim(
        options=options,
        forms=tuple(
            _read_form(f"forms[{n}]", options, one)
            for n, one in enumerate(given.forms)
        ),
    )


def _read_form(place: str, options: Options, given: _Form) -> Claimed:
    term = with_success(schema(options).term)
    known = {form.name: form for form in forms(term)}
    if given.form not in known:
        raise InputError(f"{place}: no form {shown(given.form)}")
    view = counted_view(term, known[given.form].numbers)
    if given.count != view.machine.digest:
        raise InputError(f"{place}: is about another count of the model")
    names = tuple(f.name for f in view.machine.fields)
    if given.fields != names:
        raise InputError(f"{place}: fields are not those of the count")
    asked = {p.name for p in view.machine.properties if p.kind == "eventually"}
    measures: dict[str, Values] = {}
    for number, one in enumerate(given.measures):
        here = f"{place}.measures[{number}]"
        if one.property not in asked or one.property in measures:
            raise InputError(
                f"{here}: property {shown(one.property)} is not asked, or is "
                "there twice"
            )
        measures[one.property] = dict(
            _read_values(here, one, len(given.states))
        )
    if not measures:
        raise InputError(f"{place}: measures is empty: nothing is claimed")
    return Claimed(
        form=known[given.form],
        view=view,
        states=tuple(_read_states(place, given.states, len(names))),
        measures=measures,
    )


def _read_states(
    place: str, given: Sequence[str], fields: int
) -> Iterable[State]:
    codes = {digit: code for code, digit in enumerate(_DIGITS)}
    if len(set(given)) < len(given):
        raise InputError(f"{place}.states: a state is there twice")
    for number, text in enumerate(given):
        if len(text) != fields or not set(text) <= set(_DIGITS):
            raise InputError(
                f"{place}.states[{number}]: {shown(text)} is not {fields} "
                "digits"
            )
        yield tuple(codes[digit] for digit in text)


def _read_values(
    place: str, given: _Measure, states: int
) -> Iterable[tuple[int, Value]]:
    if len(given.of) != states:
        raise InputError(f"{place}.of: has not a number for each state")
    values = [_value(text) for text in given.values]
    for state, number in enumerate(given.of):
        if not -1 <= number < len(values):
            raise InputError(f"{place}.of[{state}]: there is no such value")
        if number >= 0:
            yield state, values[number]


def _value(text: str) -> Value:
    """Return a value as it was written; its form is checked with its rule."""
    return tuple(
        int(part) if part.isdecimal() and len(part) < 10 else part
        for part in text.split(_BETWEEN)
    )
