# SPDX-License-Identifier: GPL-2.0-or-later
"""The part of a schema that decides whether its runs end.

What is supposed of the numbers decides which tallies are there.  Of the
fields those are kept on which some guard or an ``eventually`` property
depends; what a message carries counts as a field of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from attrs import evolve, frozen

from model.language import expression as ex
from model.language.budgets import counted
from model.language.errors import ModelError
from model.language.expression import Expression
from model.language.machine import (
    Action,
    Conjunct,
    Instance,
    Machine,
)
from model.language.schematic import Sort, asked
from model.language.tally import TallyType

#: the questions about a tally
OF_TALLY: Final = frozenset({"any_left", "is_full"})


@frozen(kw_only=True)
class Supposed:
    """What a count supposes of the numbers that the options give.

    ``kept``: limits on a set that are always kept, as D >= M is.
    ``limited``: tallies that have a limit, of any size; any other has none.
    ``absent``: budgets of which there is none at all.  ``properties``: names
    of those that are asked; all, if there are none.
    """

    kept: frozenset[str] = frozenset()
    limited: frozenset[str] = frozenset()
    absent: frozenset[str] = frozenset()
    properties: frozenset[str] = frozenset()


def reads(expression: Expression) -> frozenset[str]:
    """Return the fields that a term of a schema depends on.

    What a message carries is named CHANNEL.PART.
    """
    found = set(ex.fields_read([expression]))
    for node in ex.walk([expression]):
        operation, of = asked(node)
        is_part = operation.startswith("head_") and operation != "head_is"
        if node.operator == "ask" and is_part:
            found.add(f"{node.operands[0].name}.{of}")
    return frozenset(found)


def sliced(schema: Machine, names: frozenset[str] = frozenset()) -> Machine:
    """Return ``schema`` with the fields on which guards depend.

    And those on which its ``eventually`` properties do, which are the only
    ones that are left: those called ``names``, or all if there are none.
    """
    asked_of = tuple(
        p
        for p in schema.properties
        if p.kind == "eventually" and (not names or p.name in names)
    )
    needed: set[str] = set()
    for prop in asked_of:
        for conjunct in (*prop.when, *prop.then):
            needed |= reads(conjunct.expression)
    for one in schema.instances:
        for conjunct in one.guard:
            needed |= reads(conjunct.expression)
    while True:
        more = {
            name
            for one in schema.instances
            for field_, value in one.effect
            for name in _needs(schema, field_, value, needed)
        }
        if more <= needed:
            break
        needed |= more
    fields = tuple(f for f in schema.fields if f.name in needed)
    actions = tuple(
        evolve(
            action,
            instances=tuple(
                evolve(
                    one,
                    effect=tuple(
                        (name, value)
                        for name, value in one.effect
                        if name in needed
                    ),
                    said=(),
                )
                for one in action.instances
            ),
        )
        for action in schema.actions
    )
    places = [schema.position[f.name] for f in fields]
    return evolve(
        schema,
        fields=fields,
        variables=(),
        initials=tuple(
            dict.fromkeys(
                tuple(state[i] for i in places) for state in schema.initials
            )
        ),
        actions=actions,
        properties=asked_of,
        costs=(),
        notes={},
        may_end=ex.TRUE,
        channels=tuple(c for c in schema.channels if c.name in needed),
    )


def _needs(
    schema: Machine, name: str, value: Expression, needed: set[str]
) -> Iterator[str]:
    """Yield what an update of a field that is needed depends on."""
    if name not in needed:
        return
    operation, of = asked(value)
    if value.operator == "ask" and operation == "put":
        channel = {c.name: c for c in schema.channels}[name]
        parts = channel.payloads[channel.kinds.members[of]]
        for part, operand in zip(parts, value.operands[1:], strict=True):
            if f"{name}.{part}" in needed:
                yield from reads(operand)
    else:
        yield from reads(value)


def asked_of(schema: Machine, tally: str) -> str:
    """Return a question that is asked of a tally, or '' if it is none."""
    if not isinstance(schema.fields[schema.position[tally]].type, TallyType):
        return ""
    roots = [c.expression for one in schema.instances for c in one.guard]
    for node in ex.walk(roots):
        question = asked(node)[0]
        is_one = node.operator == "ask" and question in OF_TALLY
        if is_one and node.operands[0].name == tally:
            return question
    raise ModelError(f"tally {tally} is asked nothing")


def with_budgets(schema: Machine, numbers: Supposed) -> Machine:
    """Return the schema with what limited budgets ask, and without absent.

    A tally without a limit is not a field.
    """
    actions = []
    for action in schema.actions:
        if not _is_there(action, numbers.absent):
            continue
        name = counted(action.spends)
        instances = action.instances
        if action.spends and name in numbers.limited:
            instances = tuple(_spending(one, name) for one in instances)
        actions.append(evolve(action, instances=instances))
    fields = tuple(
        f
        for f in schema.fields
        if not isinstance(f.type, TallyType) or f.name in numbers.limited
    )
    places = [schema.position[f.name] for f in fields]
    return evolve(
        schema,
        fields=fields,
        actions=tuple(actions),
        initials=tuple(
            tuple(state[i] for i in places) for state in schema.initials
        ),
    )


def _is_there(action: Action, absent: frozenset[str]) -> bool:
    alternatives = [n.split("|") for n in (*action.needs, action.spends) if n]
    return all(
        any(name not in absent for name in names) for names in alternatives
    )


def _spending(one: Instance, name: str) -> Instance:
    """Return the instance, which takes one of a tally that has a limit."""
    now = ex.field_value(name, int(Sort.TALLY))
    left = ex.asked("any_left", 1, (now,))
    less = ex.asked("one_less", int(Sort.TALLY), (now,))
    return evolve(
        one,
        guard=(*one.guard, Conjunct(f"{name} > 0", left)),
        effect=(*one.effect, (name, less)),
    )
