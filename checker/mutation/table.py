# SPDX-License-Identifier: GPL-2.0-or-later
"""Which surviving mutants are known, and why they survive.

The rule: an entry of the file beside this module gives one reason for
mutants of one or more designs.  Whoever adds an entry 'equivalent' has
understood why no property can tell these mutants from the design.  An entry
'open' names the property that is missing; its mutants count as not noticed.
A mutant that is not in the file and survives shows a property that is
missing as well, and that was not looked into.
"""

from __future__ import annotations

import functools
import tomllib
from importlib.resources import files
from typing import Any, Final

from attrs import evolve, frozen

from checker.input.errors import InputError
from model.design import DESIGNS

FILE: Final = "equivalent.toml"
_KEYS: Final = frozenset({"designs", "why", "mutants"})


@frozen
class Entry:
    """Mutants that survive in all of ``designs`` for one reason.

    ``is_open``: they are mistakes that no property notices yet.
    """

    designs: tuple[str, ...]
    why: str
    mutants: tuple[str, ...]
    is_open: bool = False


def reasons(
    design: str, entries: tuple[Entry, ...], is_open: bool = False
) -> dict[str, str]:
    """Why each mutant of ``design`` in the table is equivalent.

    ``is_open``: instead, what would notice each that is no equivalent one.
    """
    return {
        name: entry.why
        for entry in entries
        if design in entry.designs and entry.is_open is is_open
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
    for word in data.keys() - {"equivalent", "open"}:
        raise InputError(f"{FILE}: {word} means nothing")
    found = tuple(
        evolve(_entry(table), is_open=section == "open")
        for section, tables in data.items()
        for table in tables
    )
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
            raise InputError(f"{where}: {word} is not a list")
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
