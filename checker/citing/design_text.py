# SPDX-License-Identifier: GPL-2.0-or-later
"""A design as its machine has it: each action, property and field in words.

What is printed is the one term that every search and proof reads, so it
cannot say anything else than they do.  A name of a chunk or a granule stands
for any one of the disk; a limit stands by its name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from attrs import frozen

from model.language.machine import (
    Action,
    Field,
    Instance,
    Machine,
    Property,
)
from model.language.types import EnumType

_TOKEN = re.compile(r"<((?:chunk of )*)(chunk|granule) in \w+>")
_LIMIT = re.compile(r"<(\w+)>")
_ITSELF = re.compile(r"^(\S+) := ")


@frozen
class ActionText:
    """One action in words.

    ``name``: with its parameters.  ``notes``: 'fair', what it spends and
    needs.  ``what``: its first sentence.  ``qemu``: the functions
    that it stands for, or ''.
    """

    name: str
    actor: str
    notes: tuple[str, ...]
    what: str
    qemu: str
    when: tuple[str, ...]
    then: tuple[str, ...]


@frozen
class FieldText:
    """One field in words; a channel is one."""

    name: str
    ghost: bool
    what: str
    values: tuple[str, ...]


@frozen
class PropertyText:
    """One property in words."""

    name: str
    kind: str
    guarantee: str
    what: str
    when: tuple[str, ...]
    then: tuple[str, ...]


def actions(schema: Machine) -> tuple[ActionText, ...]:
    """The actions of a schema, in the order of the text."""
    return tuple(
        text for action in schema.actions for text in _action(schema, action)
    )


def properties(schema: Machine) -> tuple[PropertyText, ...]:
    """The properties of a schema, in the order of the text."""
    return tuple(map(_property, schema.properties))


def fields(schema: Machine) -> tuple[FieldText, ...]:
    """The fields of a schema but its budgets, in the order of the text.

    ``values``: of an enumeration its members, of a channel its messages.
    """
    counted = {f"{name}_left" for name in schema.budgets}
    return tuple(
        _field(schema, one) for one in schema.fields if one.name not in counted
    )


def words(schema: Machine) -> dict[str, tuple[str, ...]]:
    """What each name of a conjunct or of an effect stands for.

    One thing, or the same of each bitmap where there are two.
    """
    found: dict[str, dict[str, None]] = {}
    for name, means in _words(schema):
        found.setdefault(name, {})[means] = None
    return {name: tuple(means) for name, means in found.items()}


def _words(schema: Machine) -> Iterator[tuple[str, str]]:
    guards = (c for i in schema.instances for c in i.guard)
    asked = (c for p in schema.properties for c in (*p.when, *p.then))
    for conjunct in (*guards, *asked):
        if conjunct.means:
            yield conjunct.text, _plain(conjunct.means)
    for instance in schema.instances:
        named: dict[str, list[str]] = {}
        for line, name in dict.fromkeys(instance.said):
            if name:
                named.setdefault(name, []).append(_becomes(_plain(line)))
        for name, lines in named.items():
            yield name, "; ".join(lines)


def actors(schema: Machine) -> tuple[str, ...]:
    """Who acts, in the order of the text."""
    return tuple(dict.fromkeys(a.actor for a in schema.actions))


def _action(schema: Machine, action: Action) -> Iterator[ActionText]:
    what, qemu = _doc(action.doc)
    counted = {f"{name}_left" for name in schema.budgets}
    for instance in action.instances:
        yield ActionText(
            name=_name(instance),
            actor=action.actor,
            notes=tuple(_notes(action)),
            what=what,
            qemu=qemu,
            when=tuple(
                _plain(c.text)
                for c in instance.guard
                if not _speaks_of(c.text, counted)
            ),
            then=tuple(
                dict.fromkeys(
                    name or _becomes(_plain(line))
                    for line, name in instance.said
                    if not _speaks_of(line, counted)
                )
            ),
        )


def _speaks_of(text: str, names: Iterable[str]) -> bool:
    return any(text.startswith(f"{name} ") for name in names)


def _name(instance: Instance) -> str:
    told = [
        key if value.startswith("<") else f"{key}={value}"
        for key, value in instance.arguments
    ]
    return f"{instance.action}({', '.join(told)})" if told else instance.action


def _notes(action: Action) -> Iterator[str]:
    if action.fair:
        yield "fair"
    if action.spends:
        yield f"spends {action.spends}"
    for need in action.needs:
        yield f"needs {need.replace('|', ' or ')}"


def _doc(doc: str) -> tuple[str, str]:
    """The first sentence of a docstring, and its QEMU functions."""
    head, _, qemu = doc.partition("QEMU:")
    what = " ".join(head.split("\n\n", 1)[0].split())
    return what, " ".join(qemu.split()).rstrip(".")


def _property(prop: Property) -> PropertyText:
    then = [_plain(c.text) for c in prop.then]
    if prop.by:
        then = [f"a step of {' or '.join(prop.by)}"]
    return PropertyText(
        name=prop.name,
        kind=prop.kind,
        guarantee=prop.guarantee,
        what=" ".join(prop.doc.split()),
        when=tuple(_plain(c.text) for c in prop.when),
        then=tuple(then),
    )


def _field(schema: Machine, one: Field) -> FieldText:
    values: list[str] = []
    if isinstance(one.type, EnumType):
        values = [str(m.value) for m in one.type.members]
    for channel in schema.channels:
        if channel.name == one.name:
            values = [
                str(kind.value) + (f"({', '.join(parts)})" if parts else "")
                for kind, parts in channel.payloads.items()
            ]
    return FieldText(
        name=one.name, ghost=one.ghost, what=one.doc, values=tuple(values)
    )


def _plain(text: str) -> str:
    """``text`` with names in place of tokens."""
    text = _TOKEN.sub(r"\1\2", text)
    text = text.replace("chunk chunk", "chunk")
    return _LIMIT.sub(r"\1", text)


# -- an assignment that may leave the field as it is -------------------------


def _becomes(line: str) -> str:
    """``x := (x if C else y)`` as ``x := y if not C``."""
    found = _ITSELF.match(line)
    if found is None:
        return line
    name, value = found[1], line[found.end() :]
    return f"{name} := {' | '.join(_cases(name, value, ()))}"


def _cases(name: str, value: str, given: Sequence[str]) -> Iterator[str]:
    choice = _choice(value)
    if choice is None:
        if value != name:
            last = f" if {' and '.join(given)}" if given else ""
            yield value + last
        return
    then, condition, other = choice
    yield from _cases(name, then, (*given, condition))
    yield from _cases(name, other, (*given, _opposite(condition)))


def _choice(text: str) -> tuple[str, str, str] | None:
    """The parts of '(THEN if CONDITION else OTHER)'; None if it is none."""
    if not (text.startswith("(") and _closing(text) == len(text) - 1):
        return None
    inside = text[1:-1]
    first = _outside(inside, " if ")
    last = _outside(inside, " else ")
    if first < 0 or last < first:
        return None
    return (
        inside[:first],
        inside[first + len(" if ") : last],
        inside[last + len(" else ") :],
    )


def _opposite(condition: str) -> str:
    bare = condition.removeprefix("not ")
    if bare == condition:
        joined = " and " in condition or " or " in condition
        return f"not ({condition})" if joined else f"not {condition}"
    if bare.startswith("(") and _closing(bare) == len(bare) - 1:
        return bare[1:-1]
    return bare


def _closing(text: str) -> int:
    """Where the bracket closes with which ``text`` begins; -1: nowhere."""
    depth = 0
    for number, letter in enumerate(text):
        depth += (letter == "(") - (letter == ")")
        if depth == 0:
            return number
    return -1


def _outside(text: str, word: str) -> int:
    """Where ``word`` stands outside of all brackets; -1: nowhere."""
    depth = 0
    for number, letter in enumerate(text):
        depth += (letter == "(") - (letter == ")")
        if depth == 0 and text.startswith(word, number):
            return number
    return -1
