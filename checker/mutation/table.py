# SPDX-License-Identifier: GPL-2.0-or-later
"""Which surviving mutants are known to be no mistakes, and why.

The rule: an entry of the file beside this module gives one reason for
mutants of one or more designs.  Whoever adds an entry has understood why no
property can tell these mutants from the design.  A mutant that is not in the
file and survives shows a property that is missing.
"""

from __future__ import annotations

import functools
import tomllib
from importlib.resources import files
from typing import Any, Final

from attrs import frozen

from checker.errors import InputError
from model.mechanism import (
    DESIGNS,
)

FILE: Final = "equivalent.toml"
_KEYS: Final = frozenset({"designs", "why", "mutants"})


@frozen
class Entry:
    """Mutants that are equivalent in all of ``designs`` for one reason."""

    designs: tuple[str, ...]
    why: str
    mutants: tuple[str, ...]


def reasons(design: str, entries: tuple[Entry, ...]) -> dict[str, str]:
    """Why each mutant of ``design`` in the table is equivalent."""
    return {
        name: entry.why
        for entry in entries
        if design in entry.designs
        for name in entry.mutants
    }


@functools.cache
def shipped_table() -> tuple[Entry, ...]:
    """The entries of the file beside this module."""
    path = files("checker.mutation") / FILE
    return read(path.read_text("utf-8"))


def read(text: str) -> tuple[Entry, ...]:
    """The entries of a file's text.  Raises InputError."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{FILE}: {error}") from None
    for word in data.keys() - {"equivalent"}:
        raise InputError(f"{FILE}: {word} means nothing")
    found = tuple(map(_entry, data.get("equivalent", [])))
    met: set[tuple[str, str]] = set()
    for entry in found:
        for design in entry.designs:
            for name in entry.mutants:
                if (design, name) in met:
                    raise InputError(f"{FILE}: {design}: {name}: twice")
                met.add((design, name))
    return found


def _entry(table: dict[str, Any]) -> Entry:
    where = f"{FILE}: {table.get('why', '?')}"
    for word in sorted(_KEYS - table.keys()):
        raise InputError(f"{where}: has no {word}")
    for word in sorted(table.keys() - _KEYS):
        raise InputError(f"{where}: {word} means nothing")
    for word in ("designs", "mutants"):
        if not isinstance(table[word], list):
            raise InputError(f"{where}: {word} is no list")
    if not table["why"]:
        raise InputError(f"{where}: why is empty")
    for design in table["designs"]:
        if design not in DESIGNS:
            raise InputError(
                f"{where}: {design!r} is none of {', '.join(DESIGNS)}"
            )
    return Entry(
        tuple(table["designs"]), str(table["why"]), tuple(table["mutants"])
    )
