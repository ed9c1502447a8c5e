# SPDX-License-Identifier: GPL-2.0-or-later
"""Own properties: what a user asks of a design beside what it promises.

always: no run reaches a state that breaks it.  reachable: some run reaches a
state that meets it.  They are properties of the machine like any other, for
the guarantee "own".
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal, cast

from attrs import evolve, frozen

from checker.input.condition import Statement, parts_of
from checker.input.condition_meaning import Meaning
from checker.input.condition_parser import ConditionError
from checker.input.errors import DbmcheckError
from checker.input.strict import shown
from model.designs import build, schema
from model.language.machine import Conjunct, Machine, Property
from model.options import Options

OwnKind = Literal["always", "reachable"]
KINDS: tuple[OwnKind, ...] = ("always", "reachable")
#: what own properties have in place of a guarantee
OWN = "own"
#: what a search calls what no machine lists as a property
TAKEN = ("NoDeadlock", "Conformance", "Run", "type invariant")
_IN = {"always": "In every state", "reachable": "In some state"}
MOST = 50
#: a conclusion of more conjuncts is one: a table has a column for each
MOST_CONJUNCTS = 12
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,39}")
_LIMIT = re.compile(r"<(\w+)>")


class OwnPropertyError(DbmcheckError):
    """An own property that cannot be asked; ``str()`` is one line."""


@frozen
class Own:
    """One own property, as the user has written it."""

    name: str
    kind: OwnKind
    text: str

    def table(self) -> dict[str, str]:
        """What identifies it beside its name, as plain data."""
        return {"kind": self.kind, "text": self.text}


def machine_with(options: Options, own: Sequence[Own]) -> Machine:
    """The machine of ``options``, asked the own properties as well.

    Raises OwnPropertyError if one of them cannot be asked of it.
    """
    return asked_of(build(options), options, own)


def asked_of(
    machine: Machine, options: Options, own: Sequence[Own]
) -> Machine:
    """``machine``, which is that of ``options``, with own properties.

    Raises OwnPropertyError if one of them cannot be asked of it.
    """
    if not own:
        return machine
    kept = {f.name for f in machine.fields}
    absent = [f.name for f in schema(options).term.fields]
    asked = properties(
        machine, own, aliases(options), [n for n in absent if n not in kept]
    )
    return evolve(machine, properties=(*machine.properties, *asked))


def properties(
    machine: Machine,
    own: Sequence[Own],
    aliases: Mapping[str, str] | None = None,
    absent: Collection[str] = (),
) -> tuple[Property, ...]:
    """The own properties, over all that ``machine`` has a name for.

    ``aliases``: other names of its conjuncts.  ``absent``: numbers that it
    does not count.  Raises OwnPropertyError.
    """
    if len(own) > MOST:
        raise OwnPropertyError(
            f"{len(own)} own properties, allowed are {MOST}"
        )
    meaning = Meaning(machine, aliases or {}, absent)
    found: dict[str, Property] = {}
    for one in own:
        try:
            if one.name in found:
                raise ConditionError("there are two of this name")
            _check_name(machine, one.name)
            found[one.name] = _property(meaning, one)
        except ConditionError as error:
            raise OwnPropertyError(
                f"{one.kind} {_printable(one.name)}: {error}"
            ) from None
    return tuple(found.values())


def _check_name(machine: Machine, name: str) -> None:
    if not _NAME.fullmatch(name):
        raise ConditionError(
            "a name is up to 40 letters, digits and underscores, a letter "
            "first"
        )
    taken = {*KINDS, "eventually", OWN, *TAKEN, *machine.not_promised}
    for prop in machine.properties:
        taken |= {prop.name, prop.guarantee}
    if name in taken:
        raise ConditionError(f"{machine.name} has this name already")


def _printable(name: str) -> str:
    return name if name.isprintable() else ascii(name)


def _property(meaning: Meaning, own: Own) -> Property:
    statement = meaning.statement(own.text)
    if own.kind == "reachable" and statement.when is not None:
        raise ConditionError(
            "'if A then B' is reached wherever A is false; write 'A and B'"
        )
    when: tuple[Conjunct, ...] = ()
    if statement.when is not None:
        when = _conjuncts(meaning, Statement(statement.when))
    return Property(
        own.name,
        own.kind,
        OWN,
        f"{_IN[own.kind]}, {statement}.",
        when=when,
        then=_conjuncts(meaning, Statement(statement.then)),
    )


def _conjuncts(meaning: Meaning, statement: Statement) -> tuple[Conjunct, ...]:
    parts = parts_of(statement.then)
    if len(parts) > MOST_CONJUNCTS:
        parts = (statement.then,)
    return tuple(map(meaning.conjunct, parts))


def aliases(options: Options) -> dict[str, str]:
    """Names of conjuncts as ``dbmcheck model`` prints them.

    It names a limit where the machine has its number.
    """
    term = schema(options).term
    asked = [c for p in term.properties for c in (*p.when, *p.then)]
    guards = [c for i in term.instances for c in i.guard]
    found = {}
    for text in dict.fromkeys(c.text for c in (*asked, *guards)):
        named = _LIMIT.findall(text)
        if named:
            numbers = _LIMIT.sub(lambda m: str(options.limit(m[1])), text)
            found[_LIMIT.sub(r"\1", text)] = numbers
    return found


# -- where they are written --------------------------------------------------


def from_command_line(
    always: Sequence[str], reachable: Sequence[str], other: Sequence[Own] = ()
) -> tuple[Own, ...]:
    """Own properties as options give them: Always1, Reachable1, ....

    ``other``: those that have a name already.
    """
    taken = {one.name for one in other}
    found = []
    for kind, texts in zip(KINDS, (always, reachable), strict=True):
        number = 0
        for text in texts:
            number += 1
            while f"{kind.capitalize()}{number}" in taken:
                number += 1
            name = f"{kind.capitalize()}{number}"
            found.append(Own(name, kind, " ".join(text.split())))
    return tuple(found)


def from_table(table: Mapping[str, Any]) -> tuple[Own, ...]:
    """Own properties of the tables [always] and [reachable] of a file.

    Raises OwnPropertyError if one of them is of no use.
    """
    found = []
    for kind in KINDS:
        section = table.get(kind, {})
        if not isinstance(section, Mapping):
            raise OwnPropertyError(
                f"{kind} is {shown(section)}, not a table; write [{kind}], "
                'and below it NAME = "CONDITION"'
            )
        for name, text in section.items():
            if not isinstance(text, str):
                raise OwnPropertyError(
                    f"{kind} {_printable(name)} is {shown(text)}, not a string"
                )
            found.append(Own(name, kind, " ".join(text.split())))
    return tuple(found)


def from_plain(name: str, table: Mapping[str, Any]) -> Own:
    """The own property that a trace has kept; inverse of ``Own.table``.

    Raises OwnPropertyError if it is none.
    """
    if set(table) != {"kind", "text"} or not isinstance(table["text"], str):
        raise OwnPropertyError(
            "own: allowed are just a kind, and a text that is a string"
        )
    if table["kind"] not in KINDS:
        raise OwnPropertyError(
            f"own: kind is {table['kind']!r}, allowed are {', '.join(KINDS)}"
        )
    return Own(name, cast(OwnKind, table["kind"]), table["text"])


def as_toml(own: Sequence[Own]) -> str:
    """The tables of a configuration file that ask these properties."""
    lines = []
    for kind in KINDS:
        asked = [one for one in own if one.kind == kind]
        lines += [f"[{kind}]"] if asked else []
        lines += [f"{one.name} = {_toml_string(one.text)}" for one in asked]
    return "\n".join(lines) + "\n" if lines else ""


def _toml_string(text: str) -> str:
    """``text``, which a machine has understood, as a string of TOML."""
    return '"' + text.replace('"', '\\"') + '"'
