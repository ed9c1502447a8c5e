# SPDX-License-Identifier: GPL-2.0-or-later
"""What two machines differ in: actions, properties, fields and words.

Of each that both have, but not alike, the lines that only one has: 'when' a
conjunct, 'then' a change.  The order of lines says nothing, so it is not
compared.
"""

from __future__ import annotations

from collections.abc import Iterable

from attrs import frozen

from checker.citing import design_text
from model.language import Machine

Lines = tuple[str, ...]


@frozen
class Changed:
    """One thing that both have: the lines of the first, of the second."""

    name: str
    first: Lines
    second: Lines


@frozen
class Difference:
    """Names that only one of two machines has, and what is not alike."""

    first: Lines
    second: Lines
    changed: tuple[Changed, ...]

    def __bool__(self) -> bool:
        return bool(self.first or self.second or self.changed)


def compared(one: Machine, other: Machine) -> dict[str, Difference]:
    """What differs, for each kind of thing that a machine is made of."""
    first, second = _things(one), _things(other)
    return {kind: _between(first[kind], second[kind]) for kind in first}


def _between(first: dict[str, Lines], second: dict[str, Lines]) -> Difference:
    return Difference(
        tuple(name for name in first if name not in second),
        tuple(name for name in second if name not in first),
        tuple(
            Changed(
                name,
                tuple(line for line in lines if line not in second[name]),
                tuple(line for line in second[name] if line not in lines),
            )
            for name, lines in first.items()
            if name in second and set(lines) != set(second[name])
        ),
    )


def _things(machine: Machine) -> dict[str, dict[str, Lines]]:
    """Kind, name and lines of all that a machine is made of."""
    return {
        "action": _by_name(
            (
                a.name,
                (
                    f"by {a.actor}",
                    *a.notes,
                    *_each("when", a.when),
                    *_each("then", a.then),
                ),
            )
            for a in design_text.actions(machine)
        ),
        "property": _by_name(
            (
                p.name,
                (
                    p.kind,
                    *((f"for {p.guarantee}",) if p.guarantee else ()),
                    *_each("when", p.when),
                    *_each("then", p.then),
                ),
            )
            for p in design_text.properties(machine)
        ),
        "field": _by_name(
            (f.name, (*(("ghost",) if f.ghost else ()), *f.values))
            for f in design_text.fields(machine)
        ),
        "word": _by_name(design_text.words(machine).items()),
    }


def _each(word: str, lines: Iterable[str]) -> Lines:
    return tuple(f"{word} {line}" for line in lines)


def _by_name(named: Iterable[tuple[str, Lines]]) -> dict[str, Lines]:
    """Name to lines; what has one name twice is one thing of more lines."""
    found: dict[str, Lines] = {}
    for name, lines in named:
        found[name] = (*found.get(name, ()), *lines)
    return found
