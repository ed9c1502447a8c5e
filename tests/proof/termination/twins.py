# SPDX-License-Identifier: GPL-2.0-or-later
"""Designs with one line changed, so that a migration may not end any more.

They are made of the schema: an instance of an action gets another guard or
another effect.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import evolve

from model.language import Machine
from model.language import expression as ex
from model.language.expression import Expression
from model.language.machine import Conjunct, Instance
from model.language.schematic import Sort
from model.language.types import EnumType

Change = Callable[[Machine, Instance], Instance]


def changed(schema: Machine, action: str, change: Change) -> Machine:
    """The schema with ``change`` done to each instance of ``action``."""
    return evolve(
        schema,
        actions=tuple(
            evolve(
                one,
                instances=tuple(change(schema, i) for i in one.instances),
            )
            if one.name == action
            else one
            for one in schema.actions
        ),
    )


def member(schema: Machine, field: str, name: str) -> Expression:
    """The member ``name`` of the enumeration that ``field`` holds."""
    kind = schema.fields[schema.position[field]].type
    assert isinstance(kind, EnumType)
    names = [m.name for m in kind.members]
    return ex.constant(names.index(name), kind.width)


def sets(field: str, value: Callable[[Machine], Expression]) -> Change:
    """The action sets ``field`` as well."""

    def change(schema: Machine, one: Instance) -> Instance:
        kept = [(n, e) for n, e in one.effect if n != field]
        return evolve(one, effect=(*kept, (field, value(schema))))

    return change


def leaves(field: str) -> Change:
    """The action does not change ``field``."""

    def change(_: Machine, one: Instance) -> Instance:
        kept = tuple((n, e) for n, e in one.effect if n != field)
        return evolve(one, effect=kept)

    return change


def waits_for(condition: Callable[[Machine], Expression]) -> Change:
    """The action waits for ``condition`` as well."""

    def change(schema: Machine, one: Instance) -> Instance:
        waits = Conjunct("one thing more", condition(schema))
        return evolve(one, guard=(*one.guard, waits))

    return change


def starts_over(_: Machine) -> Expression:
    """The cursor at the first chunk."""
    return ex.asked("position_start", int(Sort.POSITION), ())


def no_write_there(_: Machine) -> Expression:
    """No write is in flight on the destination."""
    members = ex.field_value("destination.in_flight", int(Sort.GRANULES))
    return ex.asked("is_empty", 1, (members,))


def source_runs(schema: Machine) -> Expression:
    """The source's VM runs."""
    running = member(schema, "source.vm", "RUNNING")
    return ex.equal(ex.field_value("source.vm", running.width), running)


def tries_again(schema: Machine, one: Instance) -> Instance:
    """A failed attempt begins anew at once, over a link that is up."""
    for field, name in (("source.migration", "SETUP"), ("link", "UP")):

        def value(found: Machine, f: str = field, n: str = name) -> Expression:
            return member(found, f, n)

        one = sets(field, value)(schema, one)
    return one


CURSOR = "source.cursor"
#: name: design, form, action, change, whether it still ends
TWINS: dict[str, tuple[str, str, str, Change, bool]] = {
    "tries again at once": (
        "postcopy",
        "",
        "migration_fails",
        tries_again,
        False,
    ),
    "leaves the message": (
        "postcopy",
        "",
        "dirty_bitmap_load_bits",
        leaves("stream"),
        False,
    ),
    "waits for writes there": (
        "postcopy",
        "",
        "send_bitmap_bits",
        waits_for(no_write_there),
        False,
    ),
    "a write there starts over": (
        "postcopy",
        "",
        "destination_set_dirty",
        sets(CURSOR, starts_over),
        False,
    ),
    "a chunk starts over": (
        "postcopy",
        "",
        "send_bitmap_bits",
        sets(CURSOR, starts_over),
        False,
    ),
    "COMPLETE waits for the guest": (
        "stop-copy",
        "D >= M",
        "send_bitmap_complete",
        waits_for(source_runs),
        False,
    ),
    "a write starts over, stopped": (
        "stop-copy",
        "D >= M",
        "source_set_dirty",
        sets(CURSOR, starts_over),
        True,
    ),
    "a write starts over, bounded": (
        "live",
        "bounded",
        "source_set_dirty",
        sets(CURSOR, starts_over),
        True,
    ),
    "a write starts over, it fits": (
        "live",
        "D >= M",
        "source_set_dirty",
        sets(CURSOR, starts_over),
        True,
    ),
    "a backup starts over": (
        "live",
        "bounded",
        "source_backup_begins",
        sets(CURSOR, starts_over),
        False,
    ),
}
